"""What happens to a host with policy routing in its life: a route goes, a router is replaced, an address moves, a
card is plugged in, somebody adds rules. Afterwards `routes show` tells the truth, and an agent says the same."""

import json
import os
import random
import subprocess
import time

import host_judge
import host_system
from host_model import Flow, make_host
from host_packets import Packets

POLICY = "[agent]\nmode = enforce\n[rp_filter]\n* = strict\n[routing]\n{cards}\n"


def make_routed(seed):
    """Two cards at least, no filters in the network, and routing for all of them."""
    host = next(h for h in (make_host(seed + n * 1000003) for n in range(1000)) if len(h.cards) > 1)
    host.steps = [step for step in host.steps if "table ip guard" not in step[2]]
    host.policy = POLICY.format(cards="\n".join(f"{card.name} = auto" for card in host.cards))
    if seed % 2:
        host.policy += "[routing eth*]\ngateway = first\n"
    return host


def withdraw(host, rng):
    return [("", "ip", f"route del {rng.choice(defaults_of(host))}")]


def defaults_of(host):
    return [text[len("route add "):] for where, tool, text in host.steps
            if where == "" and tool == "ip" and text.startswith("route add default") and " table " not in text]


def another_router(host, rng):
    """Which every route of the host names from then on. The neighbour's address is a second one of that network,
    which goes with the first."""
    card = rng.choice([c for c in host.cards if not c.single])
    old, new = card.gateway, card.gateway.rsplit(".", 1)[0] + ".254"
    for flow in host.flows:
        flow.source = new if flow.source == old else flow.source
        flow.destination = new if flow.destination == old else flow.destination
    via = [text for where, tool, text in host.steps
           if where == "" and tool == "ip" and text.startswith("route add ") and f"via {old} " in text]
    return ([("core", "ip", f"address del {old}/24 dev s{card.segment}"),
             ("core", "ip", f"address add {new}/24 dev s{card.segment}"),
             ("core", "ip", f"address replace {card.neighbour}/24 dev s{card.segment}")]
            + [("", "ip", text.replace("route add", "route replace").replace(f"via {old} ", f"via {new} "))
               for text in via])


def another_address(host, rng):
    card = rng.choice([c for c in host.cards if not c.single])
    old, new = card.address, card.address.rsplit(".", 1)[0] + ".123"
    for flow in host.flows:
        flow.source = new if flow.source == old else flow.source
        flow.destination = new if flow.destination == old else flow.destination
    again = [("", "ip", "route replace " + text) for text in defaults_of(host) if f"dev {card.name}" in text]
    return [("", "ip", f"address del {old}/24 dev {card.name}"),
            ("", "ip", f"address add {new}/24 dev {card.name}")] + again


def address_moves(host, rng):
    """A VIP, from lo or from nowhere, to a card."""
    card = rng.choice(host.cards)
    steps = [("", "ip", f"address del {vip}/32 dev lo") for vip, _ in host.vips if vip == "192.0.2.10"]
    steps += [("", "ip", f"address add 192.0.2.10/32 dev {card.name}"),
              ("core", "ip", f"route replace 192.0.2.10 via {card.address} dev s{card.segment}")]
    host.flows = [f for f in host.flows if f.destination != "192.0.2.10"]
    host.flows += [Flow("local", "core", peer, "192.0.2.10", "udp", card.name) for peer in (host.far[0], card.gateway)]
    return steps


def card_plugged_in(host, rng):
    steps = [("core", "ip", "link add s9 type bridge"), ("core", "ip", "link set s9 up"),
             ("core", "ip", "address add 10.90.0.1/24 dev s9"),
             ("", "ip", "link add eth9 type veth peer name p9 netns core"), ("core", "ip", "link set p9 master s9 up"),
             ("", "ip", "address add 10.90.0.9/24 dev eth9"), ("", "ip", "link set eth9 up")]
    if rng.random() < 0.7:
        steps.append(("", "ip", "route add default via 10.90.0.1 dev eth9 metric 300"))
    host.flows += [Flow("local", "core", peer, "10.90.0.9", "udp", "eth9") for peer in (host.far[0], "10.90.0.1")]
    return steps


def somebody_adds_rules(host, rng):
    card, out = rng.sample(host.cards, 2)
    rule = rng.choice([f"priority 100 from {card.address} lookup 77", "priority 5270 lookup 77",
                       "priority 5270 to 172.16.0.0/16 lookup 77", "priority 32000 lookup 77"])
    return [("", "ip", f"route add {rng.choice(['default', '172.16.0.0/16', card.prefix])} via {out.gateway} "
             f"dev {out.name} table 77"), ("", "ip", "rule add " + rule)]


CHANGES = [another_router, another_address, address_moves, card_plugged_in, somebody_adds_rules]


def choose(host, rng):
    possible = list(CHANGES)
    if all(card.single for card in host.cards):
        possible = possible[2:]
    elif "first" in host.policy:  # which is then asked for by name, wherever it may be
        possible = possible[1:]
    if defaults_of(host):
        possible.append(withdraw)
    kind = rng.choice(possible)
    return kind.__name__.replace("_", " "), kind(host, rng)


def start_agent():
    """Until it keeps a status."""
    agent = subprocess.Popen([os.environ["RPFPOLICY_AGENT"]], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while time.monotonic() < end and agent.poll() is None:
        if states_of_agent() is not None:
            return agent
        time.sleep(0.02)
    raise RuntimeError("the agent does not start")


def states_of_agent():
    try:
        status = json.loads(host_system.command("status", "--json").stdout)
        return {d["device"]: d["state"] for d in status["routing"]["devices"]}
    except (ValueError, KeyError, TypeError):
        return None


def states_shown():
    answer = json.loads(host_system.command("routes", "show", "--json").stdout)
    return {d["name"]: d["state"] for d in answer["devices"]}


def wait_for_agent(misses, what):
    """It says what a fresh look says, and has nothing left to do."""
    end = time.monotonic() + 20
    while (said := states_of_agent()) != (shown := states_shown()) or "drift" in shown.values():
        if time.monotonic() > end:
            misses.append({"kind": "agent-stale", "what": what, "printed": f"agent: {said}\nroutes show: {shown}"})
            return
        time.sleep(0.05)


def live(seed):
    """One change, without and with an agent: misses."""
    host, rng = make_routed(seed), random.Random(seed)
    with_agent = rng.random() < 0.5
    system = host_system.System(host)
    host_system.add_policy(host.policy)
    agent = start_agent() if with_agent else None
    what, steps = choose(host, rng)
    system.take(steps)
    misses = []
    what = f"{what}, {'with' if agent else 'without'} an agent: " + "; ".join(step[2] for step in steps)
    if agent:
        wait_for_agent(misses, what)
    elif rng.random() < 0.5:
        host_system.command("apply", "--once")
    packets = Packets(system)
    outcomes = packets.probe(range(len(host.flows)), tries=2, wait=0.15)
    packets.probe([n for n, o in enumerate(outcomes) if not o["passed"]], tries=2, wait=0.3)
    host_judge.look_at_ok(packets, misses, what)
    if agent:
        agent.kill()
        agent.wait()
    for miss in misses:
        miss["after"] = {n: outcomes[n] for n in miss.get("flows", [])}
        miss["flow words"] = [str(host.flows[n]) for n in miss.get("flows", [])]
    return misses
