"""Runs the meters in the system of its own that bench/run made, and writes the table of results."""

import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import advice
import fleet
import peers
import reaction
import routing

BUILD = Path(sys.argv[1])
RESULT = Path(sys.argv[2])
CHECK = [str(BUILD / "agent/cli/rpfpolicy"), "check"]
HELPER = str(BUILD / "agent/helper/rpfpolicy-helper")
OUTPUT = "/run/test/output"
CONF = Path("/proc/sys/net/ipv4/conf")
# Before all ordinary processes: what else the machine does is not to be measured.
FIRST = ["chrt", "--fifo", "1"]
FORMATS = ["table", "json", "ndjson", "csv", "nagios", "prometheus"]


def run(*command, text=None):
    subprocess.run(command, check=True, input=text, text=True, stdout=subprocess.DEVNULL)


def meter(rounds, commands, environment=None):
    """Measure named commands in turns: {name: [argument, …]} gives {name: figures}."""
    arguments = []
    for command in commands.values():
        arguments += command + ["--"]
    done = subprocess.run(
        [*FIRST, BUILD / "bench/meter", str(rounds), OUTPUT, *arguments[:-1]],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    figures = dict(zip(commands, map(json.loads, done.stdout.splitlines())))
    for name, figure in figures.items():
        if figure["status"] not in (0, 2):
            sys.exit(f"{name} failed with status {figure['status']}")
    return figures


def make_devices(first, last):
    """Pairs of veth, as container hosts have them."""
    lines = [f"link add lxc{i} group 7 type veth peer name pod{i}" for i in range(first, last)]
    lines += [f"address add 10.{i >> 8 & 255}.{i & 255}.1/32 dev pod{i}" for i in range(first, last, 5)]
    run("ip", "-batch", "-", text="\n".join(lines) + "\n")


def write_policy():
    """100 rules, of which two speak of the devices that are there."""
    lines = ["[agent]", "mode = enforce", "[rp_filter]", "* = strict", "lxc* = off", "pod* = off"]
    for i in range(97):
        pattern = [f"ens{i}f0..3", f"tenant{i}-*", f"uplink{i}", f"bond{i}.100..199"][i % 4]
        lines.append(f"{pattern} = {['loose', 'off', 'strict|loose'][i % 3]}")
    Path("/etc/rpfpolicy.d/10-bench.conf").write_text("\n".join(lines) + "\n")
    run(CHECK[0], "apply")


# As on a node of a cluster: Ubuntu Server's files, what systemd ships since 245, and Kubernetes' own.
SYSCTL_D = {
    "10-bufferbloat.conf": ["net.core.default_qdisc = fq_codel"],
    "10-console-messages.conf": ["kernel.printk = 4 4 1 7"],
    "10-ipv6-privacy.conf": [
        "net.ipv6.conf.all.use_tempaddr = 2",
        "net.ipv6.conf.default.use_tempaddr = 2",
    ],
    "10-kernel-hardening.conf": ["kernel.kptr_restrict = 1"],
    "10-magic-sysrq.conf": ["kernel.sysrq = 176"],
    "10-network-security.conf": ["net.ipv4.conf.default.rp_filter=2"],
    "10-ptrace.conf": ["kernel.yama.ptrace_scope = 1"],
    "10-zeropage.conf": ["vm.mmap_min_addr = 65536"],
    "50-default.conf": [
        "kernel.sysrq = 16",
        "kernel.core_uses_pid = 1",
        *(
            line.format(*setting)
            for setting in [("rp_filter", 2), ("accept_source_route", 0), ("promote_secondaries", 1)]
            for line in [
                "net.ipv4.conf.default.{} = {}",
                "net.ipv4.conf.*.{} = {}",
                "-net.ipv4.conf.all.{}",
            ]
        ),
        "-net.ipv4.ping_group_range = 0 2147483647",
        "-net.core.default_qdisc = fq_codel",
        "fs.protected_hardlinks = 1",
        "fs.protected_symlinks = 1",
        "fs.protected_regular = 1",
        "fs.protected_fifos = 1",
    ],
    "50-pid-max.conf": ["kernel.pid_max = 4194304"],
    "99-kubernetes-cri.conf": [
        "net.bridge.bridge-nf-call-iptables = 1",
        "net.bridge.bridge-nf-call-ip6tables = 1",
        "net.ipv4.ip_forward = 1",
    ],
    "99-sysctl.conf": ["# Nothing is set here as it comes; comments only."],
}


def write_sysctl_d():
    for name, lines in SYSCTL_D.items():
        Path("/etc/sysctl.d", name).write_text("\n".join(lines) + "\n")


def write_drift(devices):
    """Ten devices are wrong; what is measured then is known to be the whole work."""
    for i in range(10):
        (CONF / f"lxc{i}" / "rp_filter").write_text("2")
    done = subprocess.run([*CHECK, "--json"], stdout=subprocess.PIPE)
    summary = json.loads(done.stdout)["summary"]
    if summary["drift"] != 10 or summary["devices"] != devices + 1:
        sys.exit(f"not what was set up: {summary}")


def systemd_sysctl():
    for path in ("/lib/systemd/systemd-sysctl", "/usr/lib/systemd/systemd-sysctl"):
        if os.access(path, os.X_OK):
            return path
    sys.exit("no systemd-sysctl here")


class Report:
    def __init__(self):
        self.lines = []

    def heading(self, text, *columns):
        self.lines += ["", f"## {text}", "", "| " + " | ".join(columns) + " |"]
        self.lines.append("|" + "|".join(["---"] + ["---:"] * (len(columns) - 1)) + "|")

    def row(self, *cells):
        self.lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
        print("  ".join(str(cell) for cell in cells), flush=True)


def ms(figures):
    return f"{figures['median']:.2f} ms"


def times(figures, base):
    return f"{figures['median'] / base['median']:.2f}"


def measure_helper(report):
    device = "lxc100"
    value = f"@{CONF}/{device}/rp_filter="
    figures = meter(
        301,
        {
            "`/bin/true`": ["/bin/true"],
            "helper, nothing to write": [value + "0", HELPER],
            "helper, one value to put right": [value + "2", HELPER],
            "`systemd-sysctl --prefix=/net/ipv4/conf/DEV`": [
                systemd_sysctl(),
                f"--prefix=/net/ipv4/conf/{device}",
            ],
        },
        {
            "ACTION": "add",
            "SUBSYSTEM": "net",
            "INTERFACE": device,
            "IFINDEX": Path(f"/sys/class/net/{device}/ifindex").read_text().strip(),
        },
    )
    run(systemd_sysctl(), f"--prefix=/net/ipv4/conf/{device}")
    if (CONF / device / "rp_filter").read_text() != "2\n":
        sys.exit("systemd-sysctl does not do its work")
    true, *_, sysctl = figures.values()
    report.heading(
        "The helper as a whole process, 100 rules, 1,000 devices",
        "program", "median", "times `/bin/true`", "target", "times systemd-sysctl", "target",
    )
    for name, figure in figures.items():
        ours = name.startswith("helper")
        report.row(name, ms(figure), times(figure, true), "≤ 2" if ours else "",
                   times(figure, sysctl), "≤ 0.33" if ours else "")


def measure_check(report):
    commands = {f"check, {name}": CHECK + [f"--format={name}"] for name in FORMATS}
    limit = "limit program: the same dumps"
    grep = "`grep . /proc/sys/net/ipv4/conf/*/rp_filter`"
    commands[limit] = [str(BUILD / "bench/limit"), "link", "address"]
    commands[grep] = ["sh", "-c", "grep . /proc/sys/net/ipv4/conf/*/rp_filter"]
    figures = meter(51, commands)
    report.heading(
        "`check` with 1,000 devices and 100 rules",
        "program", "median", "times the limit", "target", "times grep", "target",
    )
    targets = {"check, table": "≤ 2", "check, json": "≤ 4"}
    for name, figure in figures.items():
        report.row(name, ms(figure), times(figure, figures[limit]), targets.get(name, ""),
                   times(figure, figures[grep]), "< 1" if name.startswith("check") else "")

    sysctl = "`sysctl -a -r rp_filter`"
    table = "check, table"
    figures = meter(5, {table: commands[table], sysctl: ["sysctl", "-a", "-r", "rp_filter"]})
    report.heading("Against `sysctl`, the same devices", "program", "median", "ratio", "target")
    report.row(table, ms(figures[table]), "", "")
    report.row(sysctl, ms(figures[sysctl]), times(figures[sysctl], figures[table]), "≥ 100")


def measure_match(report):
    done = subprocess.run(
        [*FIRST, BUILD / "bench/match", "10000", "1000"], check=True, stdout=subprocess.PIPE, text=True
    )
    report.heading("Matching in process", "work", "median", "target")
    report.row("10,000 devices, 1,000 rules", ms(json.loads(done.stdout)), "< 20 ms")


def measure_memory(report):
    figures = meter(5, {f"check, {name}": CHECK + [f"--format={name}"] for name in FORMATS})
    report.heading(
        "`check` at 10,000 devices, one managed key", "program", "largest RSS", "target", "median"
    )
    for name, figure in figures.items():
        report.row(name, f"{figure['rss'] / 1024:.1f} MiB", "< 32 MiB", ms(figure))


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def measure_commands(report):
    write_sysctl_d()
    make_devices(0, 500)
    write_policy()
    write_drift(1000)
    measure_helper(report)
    measure_check(report)
    measure_match(report)
    make_devices(500, 5000)
    run(CHECK[0], "apply")
    write_drift(10000)
    measure_memory(report)
    run("ip", "link", "del", "group", "7")


def main():
    report = Report()
    quick = os.environ.get("BENCH_QUICK") == "1"
    load = os.getloadavg()[0]
    if not quick:
        measure_commands(report)
        peers.measure(report, BUILD, meter, ms, times)
        advice.measure(report, BUILD, meter, ms, times)
        fleet.measure(report, BUILD, meter, ms)
        routing.measure(report, BUILD)
    reaction.measure(report, BUILD, RESULT.with_name("reaction.svg"), quick)
    head = [
        "# How fast it is",
        "",
        "Written by `sudo ./quickstart bench`, which measures in namespaces of its own. Programs that are",
        "compared take turns, round by round and each time in another order, before all ordinary",
        "processes, and the middle of the rounds counts: the ratios say more than the times. The limit",
        "program sends the same netlink dumps through bare libmnl and keeps nothing. None of this is a",
        "test: nothing fails by being slow.",
        "",
        "Reaction times are taken by a process of higher real-time priority that receives the same messages.",
        "The limit program there waits for RTM_NEWLINK, opens, writes and closes one file per device and",
        "decides nothing. A device tells of its settings, by RTM_NEWNETCONF, a little before that; the agent",
        "acts by then, and so does a second limit program, which shows what can be had at all. What is right",
        "when the RTM_NEWLINK arrives counts as 0 µs; \"before it\" is the share of such devices. With udevd",
        "running, and against a process that writes without a pause, all run as ordinary processes instead, at",
        "nice -20, udevd at -10, their sessions too: as far apart as the units of agent and udevd are. Agent",
        "and limit program ask the scheduler for short slices then, as the agent does everywhere. udevd has",
        "the rules that the distribution has for network devices.",
        "",
        f"- date: {datetime.date.today().isoformat()}",
        f"- machine: {processor()}, {os.cpu_count()} processors",
        f"- kernel: Linux {platform.release()}",
        f"- load by others when it began: {load:.1f}",
        "",
        "![how long devices wait for the right value](reaction.svg)",
    ]
    RESULT.write_text("\n".join(head + report.lines) + "\n")


main()
