#!/usr/bin/env python3
"""Advice on random hosts, held against packets: every cure that `explain` prints is pasted as printed into the
same host built anew, and all packets are sent again.

Usage: hosts.py [--changes] [--hosts=N] [--seed=N] [--jobs=N] [--at-least=PERCENT] [--known=KIND,…]
       [--show] [--topology]
With --changes: what happens to hosts with policy routing, and whether `routes show` and the agent keep up.
Host N of seed S is host 0 of seed S+N. RPFPOLICY_BUILD names the build directory."""

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import host_changes
import host_judge
import host_system
from host_model import make_host

SOURCE = Path(__file__).resolve().parents[2]


def skip(why):
    print(f"skipped: {why}")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


def enter():
    if os.getuid() != 0:
        skip("needs root")
    build = Path(os.environ.get("RPFPOLICY_BUILD", SOURCE / "build"))
    os.environ["RPFPOLICY_AGENT"] = f"{build}/agent/daemon/rpfpolicy-agent"
    os.environ.update(PATH=f"{build}/agent/cli:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C")
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"],
                           capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        skip("namespaces cannot be made here: " + tried.stderr.strip())
    host_system.prepare_etc()


def key_of(cure):
    return json.dumps([cure["kind"], cure["text"]])


def keep_steady(host, misses, again, before):
    """Where two cards hear one ARP request, which of them is answered by differs: what is not the same each time
    that the host is built, as it was and with the cure, says nothing of the cure."""
    seen = {(miss["kind"], str(miss.get("flows"))) for miss in again}
    misses = [miss for miss in misses if (miss["kind"], str(miss.get("flows"))) in seen]
    numbers = sorted({n for miss in misses if "cure" in miss for n in miss.get("flows", [])})
    unsteady, error = [], None
    if numbers:
        unsteady, error = host_system.in_system(host_judge.differs_alone, host, numbers, before)
    if error:
        return misses + [{"kind": "crash", "what": "the same host again", "printed": error}]
    return [miss for miss in misses if "cure" not in miss or not set(unsteady) & set(miss.get("flows", []))]


def examine(seed):
    """All about one host, as plain data."""
    host = make_host(seed)
    found, error = host_system.in_system(host_judge.visit, host)
    if error:
        return {"seed": seed, "error": error}
    cures = {}
    for complaint in found["complaints"]:
        for cure in complaint["cures"]:
            if cure["kind"] in ("policy", "commands"):
                cures.setdefault(key_of(cure), (cure, []))[1].append(complaint)
    result = {"seed": seed, "complaints": found["complaints"], "misses": found["misses"], "cures": len(cures),
              "wrong": [], "unsteady": 0, "flows": len(host.flows)}
    for key, (cure, complaints) in cures.items():
        misses, again = [], []
        for pasted in misses, again:
            if pasted is misses or misses:
                told, error = host_system.in_system(host_judge.try_cure, host, cure, complaints, found["outcomes"])
                if error:
                    return {"seed": seed, "error": error}
                pasted += told
        steady = keep_steady(host, misses, again, found["outcomes"])
        result["misses"] += steady
        result["unsteady"] += len(misses) - len(steady)
        if any(miss["kind"] in host_judge.OF_CURES for miss in steady):
            result["wrong"].append(key)
    return result


def examine_change(seed):
    misses, error = host_system.in_system(host_changes.live, seed)
    return {"seed": seed, "error": error} if error else {"seed": seed, "misses": misses, "changed": True}


# --- telling

def tell(result, arguments):
    host = host_changes.make_routed(result["seed"]) if arguments.changes else make_host(result["seed"])
    if "error" in result:
        print(f"--- seed {result['seed']}: {result['error']}\n{host.pasteable()}")
        return
    for miss in result["misses"]:
        print(f"--- seed {host.seed}: {miss['kind']}: {host_judge.KINDS[miss['kind']]}\n"
              f"    {', '.join(host.features)}\n"
              f"    {miss['what']}")
        for position, n in enumerate(miss.get("flows", [])):
            words = miss["flow words"][position] if "flow words" in miss else host.flows[n]
            print(f"    {words}  {miss.get('after', {}).get(str(n), '')}")
        if miss.get("cure"):
            print("    " + json.dumps(miss["cure"]))
        if miss.get("printed"):
            print("    " + miss["printed"].replace("\n", "\n    "))
    if arguments.topology and result["misses"]:
        print(host.pasteable())
    if arguments.show and "complaints" in result:
        for complaint in result["complaints"]:
            print(f"seed {host.seed}: {complaint['asked']}: {len(complaint['cures'])} cures; "
                  f"{complaint['culprit']}; " + "; ".join(str(host.flows[n]) for n in complaint["flows"]))


def count_misses(results, arguments):
    kinds = Counter(m["kind"] for r in results for m in r.get("misses", []))
    errors = sum("error" in r for r in results)
    for kind, count in sorted(kinds.items()):
        print(f"{count:6} {kind}: {host_judge.KINDS[kind]}{' (known)' if kind in arguments.known else ''}")
    if errors:
        print(f"{errors:6} hosts that could not be examined")
    return sum(count for kind, count in kinds.items() if kind not in arguments.known) + errors


def summarize(results, arguments, seconds):
    if arguments.changes:
        print(f"\n{len(results)} hosts from seed {arguments.seed} on, each changed once, in {seconds:.0f} s")
        return 0, 0
    complaints = [c for r in results for c in r.get("complaints", [])]
    wrong = {(r["seed"], key) for r in results for key in r.get("wrong", [])}
    cured = [c for r in results for c in r.get("complaints", [])
             if any(cure["kind"] in ("policy", "commands") and (r["seed"], key_of(cure)) not in wrong
                    for cure in c["cures"])]
    print(f"\n{len(results)} hosts from seed {arguments.seed} on, {sum(r.get('flows', 0) for r in results)} flows, "
          f"{len(complaints)} complaints, {sum(r.get('cures', 0) for r in results)} cures pasted, "
          f"{len(wrong)} of them wrong, in {seconds:.0f} s")
    share = 100 * len(cured) // max(1, len(complaints))
    print(f"a cure that cures: {len(cured)} of {len(complaints)} complaints ({share} %)")
    print(f"not the same each time, and left out: {sum(r.get('unsteady', 0) for r in results)}")
    return len(cured), len(complaints)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", action="store_true")
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--at-least", type=int, default=0, help="percent of complaints for which there is a cure")
    parser.add_argument("--known", type=lambda text: text.split(","), default=[],
                        help="kinds of misses that are printed and do not fail")
    parser.add_argument("--show", action="store_true", help="complaints, too")
    parser.add_argument("--topology", action="store_true", help="of each host with a miss, to be pasted")
    arguments = parser.parse_args()
    enter()
    print(f"{arguments.hosts} hosts from seed {arguments.seed} on", flush=True)
    start = time.monotonic()
    results = []
    with multiprocessing.Pool(arguments.jobs) as pool:
        work = examine_change if arguments.changes else examine
        for result in pool.imap(work, range(arguments.seed, arguments.seed + arguments.hosts)):
            results.append(result)
            tell(result, arguments)
    cured, complaints = summarize(results, arguments, time.monotonic() - start)
    misses = count_misses(results, arguments)
    if 100 * cured < arguments.at_least * complaints:
        print(f"cures for fewer than {arguments.at_least} % of the complaints")
        misses += 1
    sys.exit(1 if misses else 0)


main()
