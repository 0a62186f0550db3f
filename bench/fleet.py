"""How long `report` takes over the reports of 10,000 hosts with 200 devices each, and what memory."""

import shutil
import subprocess
from pathlib import Path

HOSTS = 10000
DEVICES = 200
MAKE = Path(__file__).resolve().parent.parent / "tests/lib/make-fleet.py"


def size(directory):
    return sum(path.stat().st_size for path in directory.rglob("*.json"))


def measure(report, build, meter, ms):
    """`meter` and `ms` as in measure.py. The files lie beside the build and were just written. What
    is said of devices in the same words is parsed once: the last row shows what that saves."""
    directory = build / "bench/fleet"
    program = str(build / "agent/report/rpfpolicy-report")
    report.heading(
        "`report` over 10,000 reports of 200 devices each",
        "program", "read", "median", "target", "largest RSS", "target",
    )
    try:
        for what, drift, rounds, formats in (
            ("5 % of the hosts drift", 5, 3, ("table", "json", "html")),
            ("every host drifts", 100, 3, ("table", "json", "html")),
            ("no two devices are alike", 101, 1, ("table",)),
        ):
            shutil.rmtree(directory, ignore_errors=True)
            subprocess.run([MAKE, directory, str(HOSTS), str(DEVICES), str(drift)], check=True)
            mib = size(directory) / 2**20
            figures = meter(rounds, {name: [program, f"--format={name}", str(directory)]
                                     for name in formats})
            for name, figure in figures.items():
                report.row(f"report, {name}: {what}", f"{mib:.0f} MiB", ms(figure),
                           "≤ 5000 ms" if rounds > 1 else "",
                           f"{figure['rss'] / 1024:.1f} MiB", "≤ 200 MiB")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
