"""How long `plan --impact` takes to say who would be cut, where a server has many connections."""

import resource
import subprocess
import sys
from pathlib import Path

CONNECTIONS = 1000
LIB = Path(__file__).resolve().parent.parent / "tests/lib"
ECHO = [sys.executable, str(LIB / "echo.py")]
PEER = ["ip", "netns", "exec", "peer"]
POLICY = "/run/test/impact.conf"


def start(*command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def make_world():
    """The peer sends in by eth0, and is answered by eth1."""
    subprocess.run(["bash", "-c", f". {LIB}/peers.sh; peers_world"], check=True)
    Path(POLICY).write_text("[rp_filter]\neth0 = strict\n")


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
    for command in ["link del eth0", "link del eth1", "netns del peer"]:
        subprocess.run(["ip", *command.split()], check=True)
