"""Random changes of addresses, routes, rules and links beside the agent: after each few of them what is
installed is what a fresh look by the command asks for, and what belongs to others is byte for byte
what the same changes make of it where no agent is.

Usage: routing_random.py SEQUENCES SEED AGENT-LOG. Runs where eth1..eth3 and a running agent are, with a
namespace `twin` that has the same devices and no agent. AGENT_PID in the environment; with KILL=1 the
agent is killed by SIGKILL now and then, and started again by the command in AGENT_START."""

import json
import os
import random
import select
import signal
import subprocess
import sys
import time

PROTOCOL = 182
DEVICES = ["eth1", "eth2", "eth3"]


def ip(*words, twin=False, check=False):
    prefix = ["ip", "-n", "twin"] if twin else ["ip"]
    return subprocess.run(prefix + list(words), capture_output=True, text=True, check=check)


def both(*words):
    """The change here and there; what is refused here is refused there."""
    here, there = ip(*words), ip(*words, twin=True)
    if here.returncode != there.returncode:
        # the agent's tables may hold a route in the way: then neither has it
        if here.returncode == 0:
            sys.exit(f"{words}: refused only without an agent: {there.stderr}")
        undo = [{"add": "del", "append": "del"}.get(word, word) for word in words]
        ip(*undo, twin=True)


def dump(twin=False):
    """Everything of others, as ip tells it."""
    result = []
    for family in "-4", "-6":
        for what in (["rule", "show"], ["route", "show", "table", "all"], ["address", "show"]):
            text = ip("-N", "-j", "-d", family, *what, twin=twin, check=True).stdout
            for item in json.loads(text or "[]"):
                if item.get("protocol") in (PROTOCOL, str(PROTOCOL), "rpfpolicy"):
                    continue
                for member in "ifindex", "link_index", "link", "link_netnsid", "address", "expires", "metrics":
                    item.pop(member, None)
                for info in item.get("addr_info", []):
                    for member in "valid_life_time", "preferred_life_time":
                        info.pop(member, None)
                result.append(json.dumps(item, sort_keys=True))
    return sorted(result)


def address(rng):
    device = rng.choice(DEVICES)
    third = rng.choice([5, 5, 6, 7, 50 + DEVICES.index(device)])
    if rng.random() < 0.3:
        return device, ["-6", f"fd00:{third}::{rng.randrange(2, 9)}/64", ["nodad"]]
    return device, ["-4", f"172.16.{third}.{rng.randrange(2, 30)}/{rng.choice([24, 24, 25, 32])}", []]


def change(rng):
    kind = rng.randrange(12)
    if kind < 5:
        device, (family, text, more) = address(rng)
        both(family, "address", rng.choice(["add", "add", "del"]), text, "dev", device, *more)
    elif kind < 7:
        device = rng.choice(DEVICES)
        table = rng.choice(["main", "100", "300"])
        both("route", rng.choice(["add", "append", "del"]),
             rng.choice(["default", "10.1.0.0/16", "10.2.0.0/24"]), "dev", device, "table", table,
             "metric", str(rng.randrange(400, 403)))
    elif kind < 9:
        both("rule", rng.choice(["add", "add", "del"]), "from", f"172.16.5.{rng.randrange(2, 30)}",
             "lookup", rng.choice(["main", "100"]), "priority", str(rng.choice([300, 301, 20200, 21000])))
    elif kind < 10:
        device = rng.choice(DEVICES)
        both("link", "set", device, "down")
        both("link", "set", device, "up")
    elif kind < 11:  # somebody who does not know us
        for line in ip("-N", "-j", "rule", "show").stdout and json.loads(ip("-N", "-j", "rule", "show").stdout):
            if str(line.get("protocol")) == str(PROTOCOL) and rng.random() < 0.5:
                ip("rule", "del", "priority", str(line["priority"]), "from", line.get("src", "all"),
                   "protocol", str(PROTOCOL))
    else:
        ip("route", "flush", "table", str(21000 + rng.randrange(1, 12)), "proto", str(PROTOCOL))


class Agent:
    def __init__(self):
        self.pid = int(os.environ["AGENT_PID"])
        self.child = None

    def kill(self):
        """Until it has ended, or the next one finds its lock still held."""
        process = os.pidfd_open(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        select.select([process], [], [])
        os.close(process)
        if self.child:
            self.child.wait()

    def start(self):
        self.child = subprocess.Popen(os.environ["AGENT_START"].split(),
                                      stderr=open(sys.argv[3], "a", encoding="ascii"))
        self.pid = self.child.pid


def wait_for_order(what):
    """Until the command has nothing to do; what it says about conflicts is not our matter. What was
    undone again and again is repaired after a minute at most."""
    end = time.monotonic() + 90
    while True:
        plan = subprocess.run(["rpfpolicy", "routes", "plan", "--json"], capture_output=True, text=True,
                              check=False)
        if plan.stdout and not json.loads(plan.stdout)["changes"]:
            return
        if time.monotonic() > end:
            sys.exit(f"{what}: not in order: {plan.stdout[:4000]}{plan.stderr}")


def expect_same_of_others(what):
    """The kernel makes the local route of an IPv6 address some time after the address."""
    end = time.monotonic() + 10
    while (here := dump()) != (there := dump(twin=True)):
        if time.monotonic() > end:
            sys.exit(f"{what}: others' state differs:\nonly here: {sorted(set(here) - set(there))}\n"
                     f"only there: {sorted(set(there) - set(here))}")


def main():
    sequences, seed = int(sys.argv[1]), int(sys.argv[2])
    agent = Agent()
    kills = 0
    for number in range(sequences):
        rng = random.Random(seed * 100000 + number)
        killing = os.environ.get("KILL") and number % 5 == 0
        for step in range(rng.randrange(1, 8)):
            if killing and step == 1:
                agent.kill()
                kills += 1
            change(rng)
        if killing:
            if agent.child is None or agent.child.poll() is not None:
                agent.start()
        wait_for_order(f"seed {seed}, sequence {number}")
        expect_same_of_others(f"seed {seed}, sequence {number}")
    if agent.child:
        agent.child.terminate()
        agent.child.wait()
    print(f"{sequences} sequences, {kills} kills")


main()
