"""How fast devices become as wanted, and what the agent costs: runs the meters of reaction.c beside
the agent, the limit program, systemd-udevd with systemd-sysctl, and a shell loop."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from distributions import draw

CONF = Path("/proc/sys/net/ipv4/conf")
GROUP = "7"
# Before all ordinary processes: what else the machine does is not to be measured.
FIRST = ["chrt", "--fifo", "1"]
# Where udevd runs, everybody runs like this: real-time priority for udevd and all that it starts
# makes them wait for ordinary processes that hold locks of the kernel, and for nobody else it would be
# unfair.
AHEAD = ["nice", "-n", "-20"]
UDEVD_NICE = ["nice", "-n", "-10"]  # as far behind as it is behind the agent's unit
UDEVD = "/lib/systemd/systemd-udevd"
# Beside 99-systemd.rules, which starts systemd-sysctl: what a distribution has for network devices.
UDEV_RULES = ["50-udev-default.rules", "73-special-net-names.rules", "75-net-description.rules",
              "80-net-setup-link.rules", "81-net-dhcp.rules"]
SHELL = r"""
ip -o monitor link netconf | while read -r a b rest; do
    case "$a $b" in
    *": lxc"*) name=${b%%@*}; echo 0 >/proc/sys/net/ipv4/conf/"${name%:}"/rp_filter ;;
    "inet lxc"*) case $rest in *"rp_filter strict"* | *"rp_filter loose"*)
        echo 0 >/proc/sys/net/ipv4/conf/"$b"/rp_filter ;; esac ;;
    esac
done
"""
NAMES = {
    "limit": "limit program",
    "ahead": "limit program, ahead of RTM_NEWLINK",
    "agent": "agent",
    "udev": "udevd with systemd-sysctl",
    "shell": "shell loop over `ip monitor`",
}


class Bench:
    def __init__(self, build, report, quick):
        self.build = Path(build)
        self.report = report
        self.quick = quick
        self.first = FIRST
        self.next = 0  # number of the next device
        self.udevd = None
        self.samples = {}  # (situation, who) -> {"samples", "never"}

    # --- who reacts

    def policy(self, *lines, sweep="60s"):
        Path("/etc/rpfpolicy.d/10-bench.conf").write_text(
            "\n".join(
                ["[agent]", "mode = enforce", f"sweep = {sweep}", "[rp_filter]", "lxc* = off",
                 "default = unmanaged", *lines]
            )
            + "\n"
        )
        subprocess.run(
            [self.build / "agent/cli/rpfpolicy", "accept"], check=True, stdout=subprocess.DEVNULL
        )

    def start_agent(self):
        """The process, and the seconds from its start to READY=1."""
        path = Path("/run/test/notify")
        # Closed after READY=1: a socket that nobody reads would stop the agent.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            notify.settimeout(60)
            begin = time.monotonic()
            process = subprocess.Popen(
                [*self.first, self.build / "agent/daemon/rpfpolicy-agent"],
                env={**os.environ, "NOTIFY_SOCKET": str(path)},
                stderr=subprocess.DEVNULL,
            )
            while b"READY=1" not in notify.recv(4096):
                pass
            took = time.monotonic() - begin
        path.unlink()
        return process, took

    def start(self, who):
        if who == "agent":
            return self.start_agent()[0]
        if who in ("limit", "ahead"):
            program = [self.build / "bench/react-limit"] + (["ahead"] if who == "ahead" else [])
            process = subprocess.Popen([*self.first, *program], stdout=subprocess.PIPE)
            process.stdout.readline()
            return process
        if who == "shell":
            process = subprocess.Popen([*self.first, "bash", "-c", SHELL], start_new_session=True)
            self.wait_for_shell()
            return process
        Path("/etc/sysctl.d/90-lxc.conf").write_text("net.ipv4.conf.lxc*.rp_filter = 0\n")
        return None

    def wait_for_shell(self):
        for i in range(100):
            name = f"lxcprobe{i}"
            ip("link", "add", name, "type", "bridge")
            time.sleep(0.1)
            right = (CONF / name / "rp_filter").read_text() == "0\n"
            ip("link", "del", name)
            if right:
                return
        raise SystemExit("the shell loop does not react")

    def stop(self, who, process):
        if who == "shell":
            os.killpg(process.pid, signal.SIGKILL)
        elif process:
            process.terminate()
        else:
            Path("/etc/sysctl.d/90-lxc.conf").unlink()
        if process:
            process.wait()

    # --- udevd

    def start_udevd(self, first=False):
        if first:
            subprocess.run(
                [*UDEVD_NICE, "bash", "-c", '. "$0"; system_start_udev_without_rule "$@"',
                 Path(__file__).parent.parent / "tests/lib/system.sh", *UDEV_RULES],
                check=True,
            )
        else:
            subprocess.run([*UDEVD_NICE, UDEVD, "--daemon", "--resolve-names=never"], check=True)
        self.udevd = True
        for pid in udevds():
            set_autogroup(pid, -10)

    def stop_udevd(self):
        """At once, whatever it still has to do; it is the only one in this namespace of processes."""
        pids = udevds()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(is_udevd(Path("/proc", str(pid))) for pid in pids):
            time.sleep(0.01)
        for left in ("control", "queue"):
            Path("/run/udev", left).unlink(missing_ok=True)
        self.udevd = None

    # --- measuring

    def meter(self, what, n, first=None):
        if first is None:
            first, self.next = self.next, self.next + n
        done = subprocess.run(
            [self.build / "bench/reaction", what, str(first), str(n)],
            check=True, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "REACTION_FIFO": "1" if self.first == FIRST else "0"},
        )
        return json.loads(done.stdout)

    def make(self, n):
        """Devices without anybody who reacts; their value is wrong."""
        first, self.next = self.next, self.next + n
        lines = [f"link add lxc{i} group {GROUP} type veth peer name pod{i}"
                 for i in range(first, first + n)]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
        return first

    def clear(self):
        """Delete all devices and wait until the machine is at rest."""
        udevd = self.udevd
        if udevd:
            self.stop_udevd()
        ip("link", "del", "group", GROUP)
        if udevd:
            self.start_udevd()

    def situation(self, title, what, n, rounds, who):
        for _ in range(rounds):
            for one in who:
                process = self.start(one)
                first = self.make(n) if what == "repair" else None
                if what == "repair":
                    self.settle(first, n)
                result = self.meter(what, n, first)
                self.stop(one, process)
                self.clear()
                kept = self.samples.setdefault((title, one), {"samples": [], "never": 0})
                kept["samples"] += result["samples"]
                kept["never"] += result["never"]
                print(time.strftime("%H:%M:%S"), title, one, summary(kept["samples"]), kept["never"], flush=True)

    def settle(self, first, n):
        """Until whoever reacts has put right what was made."""
        end = time.monotonic() + 60
        for i in range(first, first + n):
            while (CONF / f"lxc{i}" / "rp_filter").read_text() != "0\n":
                if time.monotonic() > end:
                    raise SystemExit("new devices are not put right")
                time.sleep(0.01)


def udevds():
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and is_udevd(p)]


def set_autogroup(process, nice):
    """Where the scheduler makes every session a group, nice counts only within one, and udevd has a
    session of its own. On a host the weights of the units decide."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text(str(nice))


def is_udevd(process):
    try:
        return (process / "comm").read_text().strip() in ("systemd-udevd", "(udev-worker)") and (
            process / "stat"
        ).read_text().split(")")[-1].split()[0] != "Z"
    except OSError:
        return False


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def quantile(samples, q):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * q))]


def summary(samples):
    if not samples:
        return None
    return quantile(samples, 0.5), quantile(samples, 0.99), max(samples)


def text(usec):
    if usec < 1000:
        return f"{usec:.0f} µs"
    return f"{usec / 1e3:.1f} ms" if usec < 1e6 else f"{usec / 1e6:.1f} s"


# --- from the device's appearance


SINGLE, B1000, B5000, REPAIR = "one device at a time", "burst of 1,000", "burst of 5,000", "repair"
WITH = ", udevd running"


def measure_reaction(bench):
    small = bench.quick
    singles, burst, large, repairs = (50, 200, 500, 50) if small else (100, 1000, 5000, 100)
    few, rounds = (1, 1) if small else (5, 3)
    ours = ["limit", "ahead", "agent", "shell"]
    bench.policy()
    bench.situation(SINGLE, "single", singles, few, ours)
    bench.situation(B1000, "burst", burst, rounds, ours)
    bench.situation(B5000, "burst", large, rounds, ours)
    bench.situation(REPAIR, "repair", repairs, few, [who for who in ours if who != "ahead"])


def measure_with_udevd(bench):
    small = bench.quick
    singles, burst, large = (30, 100, 200) if small else (50, 1000, 5000)
    few = 1 if small else 5
    bench.first = AHEAD
    set_autogroup("self", -20)
    everybody = ["limit", "ahead", "agent", "shell", "udev"]
    bench.start_udevd(first=True)
    bench.situation(SINGLE + WITH, "single", singles, few, everybody)
    bench.situation(B1000 + WITH, "burst", burst, 1, everybody)
    bench.situation(B5000 + WITH, "burst", large, 1, everybody)
    bench.stop_udevd()
    set_autogroup("self", 0)
    bench.first = FIRST


def ratio(a, b):
    return f"{a / b:.2f}" if a / b < 10 else f"{a / b:,.0f}"


def times_faster(a, b):
    return f"{a / b:,.0f}" if b > 0 else "there before the device is announced"


def ahead(samples):
    """Those that were right before their RTM_NEWLINK."""
    return f"{sum(sample == 0 for sample in samples) / len(samples):.0%}"


def met(yes):
    return "met" if yes else "**missed**"


def targets(bench, title, who):
    """What was asked for, and whether it is so."""
    if who != "agent":
        return ""
    median, p99, most = summary(bench.samples[title, "agent"]["samples"])
    limit = summary(bench.samples[title, "limit"]["samples"])
    udev = bench.samples.get((title, "udev"))
    udev = summary(udev["samples"]) if udev else None
    burst = title.startswith("burst")
    checks = []
    if title.startswith(SINGLE):
        checks += [("median ≤ 1.5 × limit", median <= 1.5 * limit[0]), ("99 % < 1 ms", p99 < 1000)]
        if udev:
            checks += [(f"≥ 100 × faster than udevd ({times_faster(udev[0], median)}, where the limit "
                        f"program is {times_faster(udev[0], limit[0])})", udev[0] >= 100 * median)]
    if burst:
        checks += [("largest ≤ 2 × limit", most <= 2 * limit[2])]
        if udev:
            checks += [("≥ 200 × faster than udevd", udev[0] >= 200 * median)]
        else:
            checks += [("largest < 20 ms", most < 20000)]
    if title == REPAIR:
        checks += [("median ≤ 2 × limit", median <= 2 * limit[0])]
    return "; ".join(f"{name}: {met(yes)}" for name, yes in checks)


def report_reaction(bench):
    bench.report.heading(
        "From the device's RTM_NEWLINK to the right value",
        "who", "before it", "median", "99 %", "largest", "never", "times the limit: median", "largest",
    )
    lines = bench.report.lines
    lines[-1] = "|---|---:|---:|---:|---:|---:|---:|---:|"
    titles = list(dict.fromkeys(title for title, _ in bench.samples))
    notes = []
    for title in titles:
        limit = summary(bench.samples[title, "limit"]["samples"])
        lines.append(f"| **{title}** | | | | | | | |")
        for (other, who), kept in bench.samples.items():
            if other != title:
                continue
            figures = summary(kept["samples"])
            if not figures:
                bench.report.row(NAMES[who], "", "", "", "", kept["never"], "", "")
                continue
            bench.report.row(
                NAMES[who], "" if title == REPAIR else ahead(kept["samples"]), *map(text, figures),
                kept["never"] or "",
                ratio(figures[0], limit[0]), ratio(figures[2], limit[2]),
            )
            wanted = targets(bench, title, who)
            if wanted:
                notes.append(f"- {title}: {wanted}")
    lines += ["", "What was asked of the agent:", "", *notes]


# --- what it costs


def cpu_seconds(pid):
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def cpu_share(pid, seconds):
    before, begin = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - begin)


def hostile_share(bench, process, seconds):
    writer = subprocess.Popen([*bench.first, bench.build / "bench/reaction", "hold", "lxc0"])
    time.sleep(1)
    share = cpu_share(process.pid, seconds)
    return writer, share


def measure_hostile(bench):
    seconds = 3 if bench.quick else 15
    bench.first = AHEAD  # for so long, nobody else would get a processor
    bench.next = 0
    first = bench.make(60)
    assert first == 0
    drain = subprocess.Popen([*bench.first, bench.build / "bench/react-limit", "drain"], stdout=subprocess.PIPE)
    drain.stdout.readline()
    writer, drain_share = hostile_share(bench, drain, seconds)
    writer.kill()
    writer.wait()
    drain.kill()
    drain.wait()

    process = bench.start("agent")
    bench.settle(1, 59)
    writer, share = hostile_share(bench, process, seconds)
    others = bench.meter("look", 5 if bench.quick else 40, first=1)
    writer.kill()
    writer.wait()
    bench.stop("agent", process)
    bench.clear()
    bench.first = FIRST
    slowest = max(others["samples"], default=float("inf"))
    bench.report.heading("A process that writes two wrong values in turn, without a pause",
                         "what", "figure", "target")
    row = bench.report.row
    row("only reading the messages, of one core", f"{100 * drain_share:.1f} %", "")
    row("agent, of one core", f"{100 * share:.1f} %",
        f"≤ reading + 5 %: {met(share <= drain_share + 0.05)}")
    row("another device repaired, median", text(quantile(others["samples"], 0.5)), "")
    row("another device repaired, largest", text(slowest),
        f"< 1 s: {met(slowest < 1e6 and not others['never'])}")


def sweep_cost(bench, seconds):
    """CPU of one sweep, at one sweep a second."""
    process, _ = bench.start_agent()
    time.sleep(2.5)
    share = cpu_share(process.pid, seconds)
    bench.stop("agent", process)
    return share


def measure_many(bench):
    pairs, seconds = (500, 5) if bench.quick else (5000, 12)
    row = bench.report.row
    bench.policy(sweep="1d")
    first = bench.make(pairs)
    process, dirty = bench.start_agent()
    bench.settle(first, pairs)
    bench.stop("agent", process)
    starts = []
    for _ in range(5):
        process, clean = bench.start_agent()
        starts.append(clean)
        bench.stop("agent", process)
    clean = sorted(starts)[2]
    process, _ = bench.start_agent()
    time.sleep(2)
    resident = memory(process.pid, "VmRSS")
    private = memory(process.pid, "RssAnon")
    time.sleep(3)
    idle = cpu_share(process.pid, 5 if bench.quick else 60) * 60
    after = memory(process.pid, "VmRSS")
    bench.stop("agent", process)
    bench.policy(sweep="1s")
    narrow = sweep_cost(bench, seconds)
    bench.policy("[log_martians]", "lxc* = no", sweep="1s")
    wide = sweep_cost(bench, seconds)
    bench.policy()
    bench.clear()
    bench.report.heading(f"The agent at {2 * pairs:,} devices", "what", "figure", "target")
    mib = max(resident, after) / 1024
    row("resident", f"{mib:.1f} MiB, {private / 1024:.1f} MiB of it its own",
        f"< 12 MiB: {met(mib < 12)}")
    row("from start to reconciled, nothing to write", text(clean * 1e6),
        f"< 300 ms: {met(clean < 0.3)}")
    row(f"from start to reconciled, {pairs:,} devices to write", text(dirty * 1e6), "")
    row("sweep, only rp_filter managed, CPU", text(narrow * 1e6),
        f"< 15 ms: {met(narrow < 0.015)}")
    row("sweep, another key managed too, CPU", text(wide * 1e6), f"< 100 ms: {met(wide < 0.1)}")
    row("CPU in an idle minute, without sweeps", text(idle * 1e6), f"< 5 ms: {met(idle < 0.005)}")


def memory(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise SystemExit(f"no {field}")


def measure(report, build, picture, quick):
    (CONF / "all/rp_filter").write_text("0")
    (CONF / "default/rp_filter").write_text("2")
    for file in Path("/etc/sysctl.d").iterdir():
        file.unlink()
    bench = Bench(build, report, quick)
    measure_reaction(bench)
    measure_with_udevd(bench)
    report_reaction(bench)
    measure_hostile(bench)
    measure_many(bench)
    draw(picture, {
        title: {NAMES[who].replace("`", ""): (kept["samples"], kept["never"])
                for (other, who), kept in bench.samples.items() if other == title}
        for title in dict.fromkeys(title for title, _ in bench.samples)
    })
