"""Policy routing: how long a new address waits for its rule, what a plan and an apply cost with 64
network cards of 16 addresses each, and what a full routing table of others adds. Used by measure.py."""

import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

SOCKET_GROUPS = [5, 8]  # RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_RULE
RTM_NEWADDR, RTM_DELADDR, RTM_NEWRULE, RTM_DELRULE = 20, 21, 32, 33
ROUNDS = 200
FIRST = ["chrt", "--fifo", "1"]


def sh(script, **more):
    return subprocess.run(["sh", "-c", script], check=True, stdout=subprocess.DEVNULL, **more)


def batch(lines, *options):
    subprocess.run(["ip", *options, "-batch", "-"], check=True, text=True, input="\n".join(lines) + "\n")


class Watch:
    """Receives what the kernel tells of addresses and rules, and changes addresses itself."""

    def __init__(self, device):
        self.ifindex = socket.if_nametoindex(device)
        self.listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.listener.bind((0, 0))
        for group in SOCKET_GROUPS:
            self.listener.setsockopt(270, 1, group)
        self.listener.settimeout(5)
        self.sender = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.sender.bind((0, 0))

    def change(self, kind, address):
        body = struct.pack("=BBBBi", 2, 24, 0, 0, self.ifindex)
        for attribute in (2, 1):
            body += struct.pack("=HH4s", 8, attribute, socket.inet_aton(address))
        flags = 0x5 | (0x600 if kind == RTM_NEWADDR else 0)
        self.sender.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        self.sender.recv(4096)

    def until_rule(self, kind, address):
        """Seconds between the message about the address and that about its rule."""
        wanted, start = socket.inet_aton(address), None
        while True:
            message = self.listener.recv(65536)
            now = time.perf_counter()
            found = struct.unpack("=H", message[4:6])[0]
            if found in (RTM_NEWADDR, RTM_DELADDR) and start is None:
                start = now
            elif found == kind and wanted in message[28:]:
                return now - (start or now)


def react(address):
    watch = Watch("eth1")
    took = []
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
    for _ in range(ROUNDS):
        watch.change(RTM_NEWADDR, address)
        took.append(watch.until_rule(RTM_NEWRULE, address))
        watch.change(RTM_DELADDR, address)
        watch.until_rule(RTM_DELRULE, address)
        time.sleep(0.005)  # what follows the last rule ends, too
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return took


def react_by_ip(address):
    took = []
    subnet, gateway = address.rsplit(".", 1)[0] + ".0/24", address.rsplit(".", 1)[0] + ".1"
    for _ in range(ROUNDS // 10):
        sh(f"ip address add {address}/24 dev eth1")
        start = time.perf_counter()
        sh(f"chrt --fifo -p 1 $$; ip route add {subnet} dev eth1 table 31999 && "
           f"ip route add default via {gateway} dev eth1 table 31999 && "
           f"ip rule add from {address} lookup 31999 priority 20300")
        took.append(time.perf_counter() - start)
        sh(f"ip rule del from {address} lookup 31999 && ip route flush table 31999 && "
           f"ip address del {address}/24 dev eth1")
    return took


def start(*command, ready):
    process = subprocess.Popen([*FIRST, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    while ready not in (line := process.stdout.readline()):
        if not line:
            sys.exit(f"{command[0]} ended")
    return process


def stop(process):
    process.terminate()
    process.wait()


def accept(rpfpolicy, devices):
    Path("/etc/rpfpolicy.d/10-bench.conf").write_text(
        f"[agent]\nmode = enforce\n[routing]\n{devices} = auto\n[routing {devices[:3]}*]\ngateway = first\n",
        encoding="ascii")
    sh(f"{rpfpolicy} accept")


def ms(values):
    return f"{statistics.median(values) * 1e3:.2f} ms"


def measure_reaction(report, build, rpfpolicy):
    for n in (1, 2):
        sh(f"ip link add eth{n} type veth peer name p{n} && ip link set p{n} up && ip link set eth{n} up")
    sh("ip address add 172.16.6.4/24 dev eth2")
    accept(rpfpolicy, "eth1..2")
    took = {"agent": [], "limit": []}
    for _ in range(3):
        for name, command, ready in (
            ("agent", [str(build / "agent/daemon/rpfpolicy-agent")], "Started"),
            ("limit", [str(build / "bench/route-limit"), "react", "eth1"], "ready"),
        ):
            process = start(*command, ready=ready)
            took[name] += react("172.16.5.4")
            stop(process)
    took["ip"] = react_by_ip("172.16.5.4")
    sh(f"{rpfpolicy} routes flush; ip link del eth1; ip link del eth2")
    limit = statistics.median(took["limit"])
    report.heading(
        "From a new address to its table and rule",
        "program", "median", "times the limit", "target", "99 of 100 within",
    )
    for name, title, target in (
        ("agent", "agent", "≤ 2"),
        ("limit", "limit program: only sends the messages", ""),
        ("ip", "`ip route add`, `ip route add`, `ip rule add`", ""),
    ):
        worst = sorted(took[name])[int(len(took[name]) * 0.99) - (name == "ip")]
        report.row(title, ms(took[name]), f"{statistics.median(took[name]) / limit:.2f}", target,
                   f"{worst * 1e3:.2f} ms")


def once(command, undo=None):
    begin = time.perf_counter()
    done = subprocess.run([*FIRST, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          check=False)
    took = time.perf_counter() - begin
    if done.returncode not in (0, 2):
        sys.exit(f"{command}: {done.returncode}: {done.stderr.decode()}")
    if undo:
        subprocess.run(undo, check=True, stdout=subprocess.DEVNULL)
    return took


def timed(command, rounds=11):
    return [once(command) for _ in range(rounds)]


def in_turns(commands, rounds=21):
    """{name: (command, how to undo it)} gives {name: seconds}."""
    took = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (command, undo) in commands.items():
            took[name].append(once(command, undo))
    return took


def measure_many(report, build, rpfpolicy):
    lines = []
    for d in range(64):
        lines += [f"link add nic{d} type veth peer name p{d}", f"link set nic{d} up", f"link set p{d} up"]
        lines += [f"address add 10.{d}.0.{a}/16 dev nic{d}" for a in range(2, 18)]
    batch(lines)
    accept(rpfpolicy, "nic0..63")
    limit = str(build / "bench/route-limit")
    commands = []
    for d in range(64):
        commands += [f"route add 10.{d}.0.0/16 dev nic{d} scope link table {32000 + d}",
                     f"route add default via 10.{d}.0.1 dev nic{d} table {32000 + d}"]
        commands += [f"rule add from 10.{d}.0.{a} lookup {32000 + d} priority 20300" for a in range(2, 18)]
    file = Path("/run/test/batch")
    file.write_text("\n".join(commands) + "\n", encoding="ascii")
    undo = Path("/run/test/undo")
    undo.write_text("\n".join(line.replace(" add ", " del ") for line in reversed(commands)) + "\n",
                    encoding="ascii")
    took = in_turns({
        "`routes apply`, nothing there yet": ([rpfpolicy, "routes", "apply"],
                                              [rpfpolicy, "routes", "flush"]),
        "limit program: only sends the messages": ([limit, "add", "64", "16"],
                                                   [limit, "remove", "64", "16"]),
        "the same by `ip -batch`": (["ip", "-batch", str(file)], ["ip", "-batch", str(undo)]),
    })
    took["`routes plan`, everything to do"] = timed([rpfpolicy, "routes", "plan"])
    sh(f"{rpfpolicy} routes apply")
    took["`routes plan`, nothing to do"] = timed([rpfpolicy, "routes", "plan"])
    base = statistics.median(took["limit program: only sends the messages"])
    report.heading("64 network cards of 16 addresses", "program", "median", "times the limit", "target")
    for name, values in took.items():
        report.row(name, ms(values), f"{statistics.median(values) / base:.2f}",
                   "≤ 2" if "apply" in name else "")


def measure_full_table(report, rpfpolicy):
    batch((f"route add {100 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24 dev nic0 proto bird"
           for i in range(300000)))
    plan = timed([rpfpolicy, "routes", "plan"], rounds=5)
    shown = timed(["ip", "route", "show", "table", "all"], rounds=3)
    memory = subprocess.run(["python3", "-c", "import resource, subprocess, sys; subprocess.run(sys.argv[1:], "
                             "stdout=subprocess.DEVNULL); print(resource.getrusage("
                             "resource.RUSAGE_CHILDREN).ru_maxrss)", rpfpolicy, "routes", "plan"],
                            check=True, stdout=subprocess.PIPE, text=True)
    report.heading("The same beside 300,000 routes of others", "program", "median", "largest RSS")
    report.row("`routes plan`, nothing to do", ms(plan), f"{int(memory.stdout) / 1024:.1f} MiB")
    report.row("`ip route show table all`", ms(shown), "")
    sh(f"{rpfpolicy} routes flush")
    for d in range(64):
        sh(f"ip link del nic{d}")


def measure(report, build):
    rpfpolicy = str(build / "agent/cli/rpfpolicy")
    measure_reaction(report, build, rpfpolicy)
    measure_many(report, build, rpfpolicy)
    measure_full_table(report, rpfpolicy)
