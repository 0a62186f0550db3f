"""How long `plan --impact` takes to say who would be cut, where a server has many connections."""

import resource
import subprocess
import sys
from pathlib import Path

CONNECTIONS = 1000
ECHO = [sys.executable, str(Path(__file__).resolve().parent.parent / "tests/lib/echo.py")]
PEER = ["ip", "netns", "exec", "peer"]
POLICY = "/run/test/impact.conf"
# The peer sends in by cut0 and is answered by cut1.
WORLD = """\
netns add peer
link add cut0 type veth peer name peer0 netns peer
link add cut1 type veth peer name peer1 netns peer
address add 192.0.2.1/24 dev cut0
address add 198.51.100.1/24 dev cut1
link set cut0 up
link set cut1 up
-n peer address add 192.0.2.2/24 dev peer0
-n peer address add 198.51.100.2/24 dev peer1
-n peer address add 203.0.113.1/32 dev lo
-n peer link set lo up
-n peer link set peer0 up
-n peer link set peer1 up
route add 203.0.113.1 via 198.51.100.2
"""


def start(*command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def make_world():
    for line in WORLD.splitlines():
        subprocess.run(["ip", *line.split()], check=True)
    loose = "for one in /proc/sys/net/ipv4/conf/{all,default,cut*,peer*}/rp_filter; do echo 0 >$one; done"
    for place in [], PEER:
        subprocess.run([*place, "bash", "-c", f"shopt -s nullglob; {loose}"], check=True)
    Path(POLICY).write_text("[rp_filter]\ncut0 = strict\n")


def list_them(report, build, meter, ms, times):
    plan = [str(build / "agent/cli/rpfpolicy"), "plan", "--impact", f"--policy={POLICY}"]
    ss = "`ss -Htnp`, which lists them"
    done = subprocess.run([*plan, "--json"], stdout=subprocess.PIPE, check=False)
    if done.stdout.count(b'"webserver"') < CONNECTIONS:
        sys.exit("not all connections are listed")
    figures = meter(21, {
        "plan --impact, table": plan,
        "plan --impact, json": [*plan, "--json"],
        ss: ["ss", "-Htnp"],
    })
    report.heading(f"Who would be cut, of {CONNECTIONS:,} connections", "program", "median", "times ss")
    for name, figure in figures.items():
        report.row(name, ms(figure), times(figure, figures[ss]))


def measure(report, build, meter, ms, times):
    """`meter`, `ms` and `times` as in measure.py."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    running = []
    make_world()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))
    try:
        for command in (
            [*ECHO, "serve", "/dev/fd/1", "webserver", "0.0.0.0", "80"],
            [*PEER, *ECHO, "connect", "203.0.113.1", "192.0.2.1", "80", str(CONNECTIONS)],
        ):
            running.append(start(*command))
            running[-1].stdout.readline()
        list_them(report, build, meter, ms, times)
    finally:
        for process in running:
            process.kill()
            process.wait()
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    for command in ["link del cut0", "link del cut1", "netns del peer"]:
        subprocess.run(["ip", *command.split()], check=True)
