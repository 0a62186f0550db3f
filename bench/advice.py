"""How long `explain --peer` takes to find cures and to try them: on a host with 100 devices and 1,000 routes,
and on one with the routes of the whole Internet and 10,000 peers."""

import json
import resource
import socket
import subprocess
import sys
from pathlib import Path

PEERS = 10000
ASKED = "203.0.113.9"  # its replies leave by eth0, and it comes in by eth1, which is strict
DEVICES = 98  # besides eth0 and eth1
FILE = Path("/run/test/advice.conf")


def run(*command, text=None):
    subprocess.run(command, check=True, input=text, text=True, stdout=subprocess.DEVNULL)


def batch(lines, *options):
    run("ip", *options, "-batch", "-", text="\n".join(lines) + "\n")


def make_host():
    run("ip", "netns", "add", "peer")
    for n in range(2):
        batch([f"link add eth{n} type veth peer name link{n} netns peer", f"link set eth{n} up",
               f"address add 192.0.{2 + n}.10/24 dev eth{n}"])
        batch([f"address add 192.0.{2 + n}.1/24 dev link{n}", f"link set link{n} up"], "-n", "peer")
    batch(["link set lo up", "route add local 172.20.0.0/16 dev lo"], "-n", "peer")
    batch(["link set lo up", "route add default via 192.0.2.1"])
    for d in range(0, DEVICES, 2):
        batch([f"link add nic{d} type veth peer name nic{d + 1}"])
        batch(line for i in (d, d + 1) for line in [f"address add 10.{i}.0.1/24 dev nic{i}", f"link set nic{i} up"])
    for key, value in (("all", 0), ("eth1", 1)):
        Path(f"/proc/sys/net/ipv4/conf/{key}/rp_filter").write_text(str(value))
    FILE.write_text("[rp_filter]\nlo = off\n")


def add_routes(first, last):
    batch(f"route add {100 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24 via 192.0.2.{1 + i % 5} dev eth0 proto bird"
          for i in range(first, last))


def connect_peers():
    """Each from an address of its own; what has to be kept open."""
    Path("/proc/sys/net/core/somaxconn").write_text(str(2 * PEERS))
    listener = socket.create_server(("192.0.2.10", 80), backlog=2 * PEERS)
    peers = subprocess.Popen(["ip", "netns", "exec", "peer", sys.executable, __file__],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if peers.stdout.readline() != "connected\n":
        sys.exit("not all peers are connected")
    return listener, peers


def be_peers():
    connections = [socket.create_connection(("192.0.2.10", 80), 60, (f"172.20.{i >> 8}.{i & 255}", 0))
                   for i in range(1, PEERS + 1)]
    print("connected", flush=True)
    sys.stdin.readline()
    for connection in connections:
        connection.close()


def compare(report, build, meter, ms, times, rounds, heading, target):
    explain = [str(build / "agent/cli/rpfpolicy"), "explain", "eth1", f"--peer={ASKED}", f"--policy={FILE}"]
    limit, shown = "limit program: the same dumps, once", "`ip route show table all`"
    answer = json.loads(subprocess.run([*explain, "--json"], stdout=subprocess.PIPE, check=False).stdout)
    if answer["passes"] is not False or not answer["cures"]:
        sys.exit(f"not what was set up: {answer['finding']}, {answer['note']}")
    figures = meter(rounds, {
        "explain --peer, table": explain,
        "explain --peer, json": [*explain, "--json"],
        limit: [str(build / "bench/limit"), "link", "address", "netconf", "route"],
        shown: ["ip", "route", "show", "table", "all"],
    })
    report.heading(heading, "program", "median", "target", "times the limit", "times `ip`", "largest RSS")
    for name, figure in figures.items():
        report.row(name, ms(figure), target if name.startswith("explain") else "", times(figure, figures[limit]),
                   times(figure, figures[shown]), f"{figure['rss'] / 1024:.1f} MiB")
    report.lines += ["", f"The first of {len(answer['cures'])} cures: {answer['cures'][0]['tried']}"]


def measure(report, build, meter, ms, times):
    """`meter`, `ms` and `times` as in measure.py."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(3 * PEERS, limits[1]), limits[1]))
    make_host()
    add_routes(0, 1000)
    compare(report, build, meter, ms, times, 51, "Cures, tried with 100 devices and 1,000 routes", "< 50 ms")
    listener, peers = connect_peers()
    add_routes(1000, 1000000)
    compare(report, build, meter, ms, times, 5,
            f"Cures, tried with 1,000,000 routes and {PEERS:,} peers", "< 5 s")
    peers.communicate("\n")
    listener.close()
    run("ip", "netns", "del", "peer")
    for device in ["eth0", "eth1"] + [f"nic{d}" for d in range(DEVICES)]:
        subprocess.run(["ip", "link", "del", device], check=False, stderr=subprocess.DEVNULL)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


if __name__ == "__main__":
    be_peers()
