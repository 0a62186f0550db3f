"""What a host complains of, what the command advises, and whether that is true. A miss is a dictionary with a
`kind` from KINDS, and what a person needs to see it."""

import ipaddress
import json
import subprocess
from collections import defaultdict
from pathlib import Path

import host_system
from host_model import MULTIPATH
from host_packets import Packets

KINDS = {
    "passes-lost": "explain says that it passes, and it is lost",
    "passes-elsewhere": "explain says that it passes, and the reply leaves elsewhere",
    "false-alarm": "explain says that it does not pass, and all of it does",
    "cure-refused": "what was printed is refused when it is pasted",
    "cure-drops": "after the cure the request is still lost",
    "cure-elsewhere": "after the cure the reply leaves elsewhere",
    "cure-unanswered": "after the cure the reply leaves by the device and is not received",
    "cut": "after the cure something is lost that passed before",
    "leak": "after the cure something leaves beside the tunnel",
    "ok-lost": "a routed device is said to be ok, and what comes in by it is lost",
    "ok-mute": "a routed device is said to be ok, and nobody answers when its address is asked for",
    "ok-elsewhere": "a routed device is said to be ok, and replies leave elsewhere",
    "agent-stale": "the agent says of a routed device what a fresh look does not",
    "crash": "the command ended by a signal or with an unreadable answer",
}

WIDEST = 7  # a longer prefix is a part of the internet

OF_CURES = {"cure-refused", "cure-drops", "cure-elsewhere", "cure-unanswered", "cut", "leak"}


def came_in(flow, outcome):
    """The device that the packet really came in by; where nobody even answered for the address, the one meant."""
    return outcome["came"][0] if outcome["came"] else flow.device


def trouble(flow, outcome, device):
    """"" where all is well."""
    if not outcome["passed"]:
        return "elsewhere" if set(outcome["answered_by"]) - {device} else "lost"
    return "elsewhere" if device not in outcome["answered_by"] else ""


def parse_json(done, misses, what):
    if done.returncode < 0:
        misses.append({"kind": "crash", "what": what, "printed": f"status {done.returncode}\n{done.stderr}"})
        return None
    try:
        return json.loads(done.stdout)
    except ValueError:
        misses.append({"kind": "crash", "what": what, "printed": done.stdout + done.stderr})
        return None


# --- what is printed

def explain(device, flow, misses):
    words = ["explain", device, f"--peer={flow.source}", f"--to={flow.inner or flow.destination}", "--json"]
    answer = parse_json(host_system.command(*words), misses, " ".join(words))
    return words, answer


# --- the host as it is

def visit(host):
    """Build, send, ask: {outcomes, complaints, misses}."""
    packets = build(host)
    incoming = send_alone(packets, [n for n, flow in enumerate(host.flows) if flow.kind in ("local", "forward")])
    packets.forget()
    outcomes = send_all(packets)
    packets.outcomes = outcomes = [incoming.get(n, outcome) for n, outcome in enumerate(outcomes)]
    misses, complaints = [], []
    groups = defaultdict(list)
    for n, flow in enumerate(host.flows):
        if flow.kind in ("local", "forward") and not goes_astray(host, flow, outcomes[n]):
            groups[came_in(flow, outcomes[n]), flow.source, flow.inner or flow.destination].append(n)
    for (device, *_), numbers in groups.items():
        troubles = {n: trouble(host.flows[n], outcomes[n], device) for n in numbers}
        words, answer = explain(device, host.flows[numbers[0]], misses)
        if answer is None:
            continue
        complaint = {"device": device, "flows": [n for n in numbers if troubles[n]],
                     "moved": any(host.flows[n].device != device for n in numbers),
                     "asked": "rpfpolicy " + " ".join(words), "culprit": answer["culprit"], "cures": answer["cures"]}
        compare(packets, complaint, answer, troubles, misses)
        if complaint["flows"]:
            complaints.append(complaint)
    look_at_ok(packets, misses, "before")
    return {"outcomes": outcomes, "complaints": complaints, "misses": misses}


def goes_astray(host, flow, outcome):
    """The host sends it on to somewhere else than the container: a fault that no reply has a part in."""
    devices = {device for _, address, device in host.containers if address == (flow.inner or flow.destination)}
    return flow.kind == "forward" and bool(set(outcome["left"]) - devices)


def compare(packets, complaint, answer, troubles, misses):
    found, kind = set(troubles.values()), None
    if answer["passes"] is True and found != {""}:
        if not all(still_is(packets, n, complaint["device"]) for n in complaint["flows"]):
            return
        if any(not packets.outcomes[n]["passed"] for n in troubles):
            kind = "passes-lost"
        elif MULTIPATH not in packets.system.host.features:  # one of its ways is as good as the other
            kind = "passes-elsewhere"
    elif answer["passes"] is False and found == {""} and not complaint["moved"]:
        kind = "false-alarm"
    if kind:
        misses.append({"kind": kind, "what": complaint["asked"], "flows": list(troubles),
                       "printed": json.dumps({key: answer[key] for key in ("passes", "culprit", "cures")}, indent=1)})


def addresses_of(device):
    done = subprocess.run(["ip", "-j", "-4", "address", "show", "dev", device], capture_output=True, text=True,
                          check=False)
    return {a["local"] for link in json.loads(done.stdout or "[]") for a in link.get("addr_info", [])}


def still_is(packets, n, device):
    """In trouble, also when it is given more time: then no busy machine is to blame."""
    outcome = send_alone(packets, [n], wait=0.3)[n]
    return bool(trouble(packets.flows[n], outcome, device))


def look_at_ok(packets, misses, when):
    """`ok` stands for gateway, subnet and what the default route of the device would reach, but for networks in there
    that somebody routes elsewhere."""
    if "[routing]" not in host_system.policy_text():
        return
    answer = parse_json(host_system.command("routes", "show", "--json"), misses, "routes show")
    for device in (answer or {}).get("devices", []):
        if device["state"] != "ok":
            continue
        own = addresses_of(device["name"])
        covered = [ipaddress.ip_network(route["to"].replace("default", "0.0.0.0/0")) for route in device["routes"]
                   if route["family"] == 4]
        for n, flow in enumerate(packets.flows):
            outcome = packets.outcomes[n]
            if (flow.kind != "local" or flow.destination not in own or came_in(flow, outcome) != device["name"]
                    or not any(ipaddress.ip_address(flow.source) in network for network in covered)):
                continue
            found = trouble(flow, outcome, device["name"])
            if found and not belongs_elsewhere(flow, device["name"], covered) and still_is(packets, n, device["name"]):
                kind = f"ok-{found}" if outcome["came"] else "ok-mute"
                misses.append({"kind": kind, "what": f"{when}: rpfpolicy routes show: {device['name']} ok",
                               "flows": [n], "printed": json.dumps(device)})


def belongs_elsewhere(flow, device, covered):
    """Does a route or a rule for the peer's network alone, a part of what `ok` stands for, lead there by another device
    or refuse it? Halves of the internet, and what is as wide as the device's own route, are no part."""
    peer = ipaddress.ip_address(flow.source)
    found = read_ip("route", "get", "fibmatch", flow.source, "from", flow.destination)
    if found and found[0].get("dev") == device:
        return False
    table = found[0].get("table", "main") if found else "main"
    prefixes = [route["dst"] for route in found or read_ip("route", "show", "table", "main", "match", flow.source)]
    prefixes += [f"{rule['dst']}/{rule.get('dstlen', 32)}" for rule in read_ip("rule", "show")
                 if "dst" in rule and rule.get("table") == table]
    lengths = [network.prefixlen for network in map(ipaddress.ip_network, (p.replace("default", "0.0.0.0/0")
                                                                           for p in prefixes)) if peer in network]
    return max(lengths, default=0) > max(WIDEST, *(network.prefixlen for network in covered if peer in network))


def read_ip(*words):
    """[] where it is refused."""
    done = subprocess.run(["ip", "-j", "-4", *words], capture_output=True, text=True, check=False)
    return json.loads(done.stdout.strip() or "[]")


def build(host):
    system = host_system.System(host)
    if host.policy:
        host_system.add_policy(host.policy)
    return Packets(system)


def send_all(packets):
    outcomes = packets.probe(range(len(packets.flows)), tries=2, wait=0.06)
    return packets.probe([n for n, o in enumerate(outcomes) if not o["passed"]], tries=1, wait=0.2)


def send_alone(packets, numbers, wait=0.03):
    """Each by itself, with nothing learned by ARP from the others: {number: outcome}. What became of all
    before that stays."""
    before, outcomes = packets.outcomes, {}
    for n in numbers:
        packets.forget()
        outcomes[n] = packets.probe([n], tries=3, wait=wait)[n]
    packets.outcomes = before
    return outcomes


def differs_alone(host, numbers, before):
    """Of these, what another fate has when nothing else is sent."""
    outcomes = send_alone(build(host), numbers)
    return [n for n in numbers if any(outcomes[n][member] != before[n][member] for member in ("passed", "answered_by"))]


# --- with a cure

def unfiltered():
    """The devices whose effective value is off."""
    values = {path.parent.name: int(path.read_text()) for path in Path("/proc/sys/net/ipv4/conf").glob("*/rp_filter")}
    return {name for name, value in values.items() if max(value, values["all"]) == 0}


def try_cure(host, cure, complaints, before):
    """Paste it into the same host, and send all again: misses."""
    packets = build(host)
    off = unfiltered()
    refused = paste(cure)
    misses = []
    if refused:
        return [{"kind": "cure-refused", "what": complaints[0]["asked"], "cure": cure, "printed": refused}]
    outcomes = send_all(packets)
    # Where nothing was filtered, and now the policy's own value is in force, groups hear what it lets pass.
    changed = off - unfiltered()
    passed = [n for n, o in enumerate(before)
              if o["passed"] and not (host.flows[n].kind == "group" and host.flows[n].device in changed)]
    numbers = {n for complaint in complaints for n in complaint["flows"]}
    alone = send_alone(packets, numbers | {n for n in passed if not outcomes[n]["passed"]})
    packets.outcomes = outcomes = [alone.get(n, outcome) for n, outcome in enumerate(outcomes)]
    for complaint in complaints:
        look_at_cure(host, cure, complaint, outcomes, misses)
    for n in passed:
        if not outcomes[n]["passed"]:
            misses.append({"kind": "cut", "what": complaints[0]["asked"], "flows": [n], "cure": cure})
    tunnels = {name for name, _, _ in host.tunnels}
    for n, flow in enumerate(host.flows):
        asks_anyhow = flow.kind == "container" or (flow.kind == "node" and not flow.source)
        if (asks_anyhow and before[n]["passed"] and set(before[n]["left"]) & tunnels
                and set(outcomes[n]["left"]) - tunnels):
            misses.append({"kind": "leak", "what": complaints[0]["asked"], "flows": [n], "cure": cure})
    look_at_ok(packets, misses, "after " + complaints[0]["asked"])
    for miss in misses:
        miss["cure"] = cure
        miss["after"] = {n: outcomes[n] for n in miss.get("flows", [])}
    return misses


def paste(cure):
    if cure["kind"] == "policy":
        done = host_system.add_policy(cure["text"])
        if done.returncode in (2, 4):  # something else that was so before; the packets tell
            return ""
    else:
        done = subprocess.run(["sh", "-e", "-c", cure["text"]], capture_output=True, text=True, check=False)
    return f"status {done.returncode}\n{done.stdout}{done.stderr}" if done.returncode != 0 else ""


def look_at_cure(host, cure, complaint, outcomes, misses):
    for n in complaint["flows"]:
        flow, outcome = host.flows[n], outcomes[n]
        device = came_in(flow, outcome)
        found = trouble(flow, outcome, device)
        if not found or goes_astray(host, flow, outcome):
            continue
        if found == "lost":
            kind = "cure-unanswered" if outcome["answered_by"] else "cure-drops"
        else:
            kind = "cure-elsewhere"
        misses.append({"kind": kind, "what": complaint["asked"], "flows": [n], "cure": cure})
