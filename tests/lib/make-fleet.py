#!/usr/bin/env python3
"""Write what `rpfpolicy check --json` would print on many hosts, laid out as it does it.

make-fleet.py DIRECTORY HOSTS DEVICES DRIFT [TIME]

One file per host, DIRECTORY/NNN/node….json. On each host whose number is below DRIFT of its hundred
all container devices drift; some are latent, paused, or of another policy. With DRIFT above 100, too,
and no two devices are described by the same words. TIME is seconds since 1970 (now) that the reports
are of.
"""

import json
import sys
import time
from pathlib import Path

RULES = '{"file": "/etc/rpfpolicy.d/10-node.conf", "line": %d, "pattern": "%s"}'
KEY = (
    '{"key": "rp_filter", "configured": %d, "effective": %d, "wanted": %d, "accepted": [%d], '
    '"enforced": true, "inherited": %d, "state": "%s", "guard": null, "rule": %s, "cause": %s, '
    '"origin": %s, "obstacle": %s, "message": "%s"}'
)
DEFAULT = "/usr/lib/sysctl.d/50-default.conf"
CILIUM = "/etc/sysctl.d/99-zzz-override_cilium.conf"


def cause(file, line, text):
    return json.dumps({"file": file, "line": line, "text": text})


def keys(rule, wanted, value, state, why, message, origin=None, obstacle=None):
    return KEY % (value, value, wanted, wanted, value, state, rule, why,
                  json.dumps(origin or ("sysctl.d" if why != "null" else None)), json.dumps(obstacle), message)


OFF = RULES % (2, "lxc*")
STRICT = RULES % (4, "*")
OK_OFF = keys(OFF, 0, 0, "ok", "null", "")
OK_STRICT = keys(STRICT, 1, 1, "ok", "null", "")
DRIFT = [
    keys(OFF, 0, 2, "drift", cause(DEFAULT, 1, "net.ipv4.conf.*.rp_filter = 2"),
         f"loose, wanted off: 2 is stored, set by {DEFAULT}:1"),
    keys(OFF, 0, 1, "drift", "null",
         "strict, wanted off: 1 is stored, which no line of sysctl.d gives", "run-time"),
]
DRIFT_NIC = keys(STRICT, 1, 0, "drift", cause(CILIUM, 3, "net.ipv4.conf.all.rp_filter = 0"),
                 f"off, wanted strict: 0 is stored, set by {CILIUM}:3")
LATENT = keys(STRICT, 1, 1, "latent", cause(DEFAULT, 1, "net.ipv4.conf.*.rp_filter = 2"),
              f"strict now, but the next full run of systemd-sysctl makes it loose: {DEFAULT}:1")
IMPOSSIBLE = keys(OFF, 0, 2, "impossible", "null",
                  "cannot be off: `all` is 2 and cannot be written (/proc/sys/net is read-only)",
                  "run-time", {"reason": "read-only", "all": 2, "rule": None})
PAUSED = keys(STRICT, 1, 2, "paused", "null", "wanted strict, but left alone: ticket 4711")


def verdicts(number, drift):
    """What the container devices and the network cards of a host are like."""
    at = number % 100
    if at < drift:
        return DRIFT[number % 2], OK_STRICT if number % 3 else DRIFT_NIC
    return OK_OFF, {95: LATENT, 96: IMPOSSIBLE, 97: PAUSED}.get(at, OK_STRICT)


def devices(number, count, drift):
    lxc, nic = verdicts(number, drift)
    yield ('lo', OK_STRICT)
    for i in range(1, count):
        if i <= 4:
            yield (f"eno{i}", nic if i == 1 else OK_STRICT)
        else:
            yield (f"lxc{(number * 2654435761 + i * 40503) & 0xffffffff:08x}", lxc)


def state_of(text):
    return text.split('"state": "', 1)[1].split('"', 1)[0]


def report(number, count, drift, when):
    states = dict.fromkeys(
        ["impossible", "drift", "latent", "ok", "paused", "moot", "unmanaged"], 0)
    lines = []
    for i, (name, text) in enumerate(devices(number, count, drift), 1):
        states[state_of(text)] += 1
        if drift > 100:
            text = text.replace('"message": "', f'"message": "{number}.{i}: ')
        lines.append(f'  {{"ifindex": {i}, "name": "{name}", "keys": [{text}]}}')
    head = {
        "schema": 1,
        "version": "0.1.0" if number % 9 else "0.0.9",
        "host": f"node{number}",
        "machine_id": f"{number:032x}",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when - number % 600)),
        "policy": {"hash": "7da0d62f377161a2" if number % 20 else "0fd1c1aa8c3ad2b0",
                   "files": ["/etc/rpfpolicy.d/10-node.conf"], "mode": "enforce",
                   "valid": True, "accepted": True},
        "agent": {"state": "enforcing", "since": None},
        "all": {"rp_filter": {"configured": 0, "wanted": 0, "state": "ok"}},
        "default": {"rp_filter": {"configured": 1, "wanted": 1, "state": "ok"}},
        "pauses": [],
    }
    exceptions = [] if number % 7 else [
        {"name": "lab", "reason": "asymmetric routes while the lab moves", "ref": "NET-1204",
         "until": "2031-03-31", "expired": False, "devices": ["eno7", "ens*"]}]
    if number % 50 == 0:
        exceptions.append({"name": "old", "reason": "the former uplink", "ref": None,
                           "until": "2020-01-31", "expired": True, "devices": ["eth9"]})
    text = "{\n" + "".join(f' "{name}": {json.dumps(value)},\n' for name, value in head.items())
    text += ' "devices": [\n' + ",\n".join(lines) + "\n ],\n"
    text += ' "rules": [\n  {"file": "/etc/rpfpolicy.d/10-node.conf", "line": 2, "key": "rp_filter", '
    text += f'"pattern": "lxc*", "value": "off", "matches": {max(0, count - 5)}}}\n ],\n'
    text += f' "exceptions": {json.dumps(exceptions)},\n "warnings": [],\n'
    return text + f' "summary": {json.dumps({"devices": count, **states, "warnings": 0, "unmatched": 0})}\n}}\n'


def main(directory, hosts, count, drift, when=None):
    when = int(when or time.time())
    for number in range(1, int(hosts) + 1):
        path = Path(directory, f"{number // 1000:03}")
        if number == 1 or number % 1000 == 0:
            path.mkdir(parents=True, exist_ok=True)
        (path / f"node{number}.json").write_text(report(number, int(count), int(drift), when))


main(*sys.argv[1:])
