"""Random hosts as data: what is typed to build one, its policy, and the packets that are to be sent.

Nothing here touches the machine. A host has a few cards, each in a segment of which the namespace `core`
is the other end: gateway, neighbour, and all who are far away. Containers and tunnels come on top,
with routes, rules and marks as VPNs, clouds and plugins leave them."""

import random
from dataclasses import dataclass, field

FAR = ["172.16.0.4", "203.0.113.9", "8.8.4.4"]
CLASS_E = "240.9.9.9"
ENDPOINT = "198.51.100.20"
PUBLISHED = 8080
SERVED = 7
GROUP = "239.1.1.1"
MULTIPATH = "default with two next hops"


@dataclass
class Flow:
    """A request and its answer. `device`: the one by which the network brings it, "" where it does not come in."""
    kind: str  # local, forward, node, container, outer; group: heard is enough
    where: str  # the namespace that asks
    source: str  # "" leaves it to the kernel
    destination: str
    protocol: str  # icmp, udp, tcp; of a group multicast, dhcp
    device: str = ""
    port: int = SERVED
    mark: int = 0
    inner: str = ""  # where the host sends on what comes to a published port

    def __str__(self):
        return (f"{self.kind} {self.protocol} {self.source or self.where} -> {self.destination}"
                + (f":{self.port}" if self.port != SERVED else "")
                + (f" by {self.device}" if self.device else "")
                + (f" mark {self.mark:#x}" if self.mark else ""))


@dataclass
class Card:
    name: str
    address: str
    segment: int
    gateway: str
    neighbour: str
    prefix: str  # of the segment
    single: bool  # /32, gateway on the link
    guarded: bool  # the network takes from this card only its own addresses


@dataclass
class Host:
    seed: int
    namespaces: list = field(default_factory=lambda: ["core"])
    steps: list = field(default_factory=list)  # (namespace or "", tool, text)
    policy: str = ""
    cards: list = field(default_factory=list)
    containers: list = field(default_factory=list)  # (namespace, address, device)
    far: list = field(default_factory=list)
    vips: list = field(default_factory=list)  # (address, device)
    tunnels: list = field(default_factory=list)
    features: list = field(default_factory=list)
    flows: list = field(default_factory=list)
    table: int = 100

    def ip(self, text, where=""):
        self.steps.append((where, "ip", text))

    def nft(self, text, where=""):
        self.steps.append((where, "nft", text))

    def sysctl(self, name, value, where=""):
        self.steps.append((where, "sysctl", f"net.ipv4.{name} = {value}"))

    def new_table(self):
        self.table += 1
        return self.table

    def pasteable(self):
        """As lines for a shell, in a network namespace of its own."""
        lines = [f"ip netns add {name}; ip -n {name} link set lo up; ip netns exec {name} sysctl -qw "
                 "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.arp_ignore=1 "
                 "net.ipv4.conf.all.arp_announce=1 net.ipv4.ip_forward=1" for name in self.namespaces]
        for where, tool, text in self.steps:
            enter = f"ip netns exec {where} " if where else ""
            if tool == "ip":
                lines.append(f"ip {f'-n {where} ' if where else ''}{text}")
            elif tool == "nft":
                lines.append(f"{enter}nft '{text}'")
            else:
                lines.append(f"{enter}sysctl -qw '{text.replace(' = ', '=')}'")
        if self.policy:
            lines.append(f"cat >/etc/rpfpolicy.d/10-host.conf <<'X'\n{self.policy}X\nrpfpolicy apply")
        return "\n".join(lines)


def value(rng):
    return rng.choice([0, 1, 1, 1, 2])


# --- cards

def add_card(host, rng, n):
    name = f"eth{n}"
    shared = n > 0 and rng.random() < 0.2 and not host.cards[-1].single
    segment = host.cards[-1].segment if shared else n
    network = f"240.{segment + 1}.0" if segment == host_class_e(host) else f"10.{segment + 1}.0"
    single = not shared and rng.random() < 0.15
    length = 32 if single else 24
    card = Card(name, f"{network}.{4 + n}", segment, f"{network}.1", f"{network}.77", f"{network}.0/24",
                single, host.cards[-1].guarded if shared else rng.random() < 0.5)
    host.cards.append(card)
    if not shared:
        host.ip(f"link add s{segment} type bridge", "core")
        host.ip(f"link set s{segment} up", "core")
        for address in card.gateway, card.neighbour:
            host.ip(f"address add {address}/24 dev s{segment}", "core")
    host.ip(f"link add {name} type veth peer name p{n} netns core")
    host.ip(f"link set p{n} master s{segment} up", "core")
    host.ip(f"address add {card.address}/{length} dev {name}")
    host.ip(f"link set {name} up")
    if single:
        host.ip(f"route add {card.gateway} dev {name}")
        host.sysctl(f"conf.s{segment}.arp_announce", 2, "core")  # nobody but the gateway is on the link
        host.features.append("address /32")
    if shared:
        host.features.append("two cards in one subnet")
        if rng.random() < 0.5:
            host.sysctl("conf.all.arp_ignore", 1)
            host.sysctl("conf.all.arp_announce", 2)


def host_class_e(host):
    return 1 if host.seed % 11 == 0 else -1


def add_defaults(host, rng):
    kind = rng.random()
    first, others = host.cards[0], [c for c in host.cards[1:] if c.segment != host.cards[0].segment]
    if kind < 0.05:
        host.features.append("no default route")
        return
    if others and kind < 0.2:
        second = rng.choice(others)
        host.ip(f"route add default nexthop via {first.gateway} dev {first.name} "
                f"nexthop via {second.gateway} dev {second.name}")
        host.features.append(MULTIPATH)
        return
    host.ip(f"route add default via {first.gateway} dev {first.name}")
    if others and kind < 0.6:
        second = rng.choice(others)
        host.ip(f"route add default via {second.gateway} dev {second.name} metric 200")
        host.features.append("a second default, metric 200")


def add_specific(host, rng):
    """Routes of main that are longer than the default: of a cloud, a relay, an administrator."""
    if rng.random() < 0.3:
        card = rng.choice(host.cards)
        to = rng.choice(["172.16.0.0/16", "172.16.0.4", "203.0.113.0/24", "203.0.113.9"])
        host.ip(f"route add {to} via {card.gateway} dev {card.name}")
        host.features.append(f"route to {'one host' if '/' not in to else 'a prefix'}")
    if rng.random() < 0.05:
        host.ip(f"route add {rng.choice(['unreachable', 'blackhole'])} 203.0.113.0/24 metric 50")
        host.features.append("unreachable route")


# --- rules

def add_rules(host, rng):
    if rng.random() < 0.25:  # as dhcp hooks, cloud agents and hands write them
        card, out = rng.choice(host.cards), rng.choice(host.cards)
        table = host.new_table()
        host.ip(f"route add {card.prefix} dev {out.name} table {table}" if rng.random() < 0.3 and card == out
                else f"route add default via {out.gateway} dev {out.name} table {table}")
        host.ip(f"rule add priority {rng.choice([100, 600, 20150, 30000])} from {card.address} lookup {table}")
        host.features.append("rule from an address")
    if rng.random() < 0.12:
        card = rng.choice(host.cards)
        table = host.new_table()
        host.ip(f"route add default via {card.gateway} dev {card.name} table {table}")
        host.ip(f"rule add priority {rng.choice([500, 25000])} to {rng.choice(['172.16.0.0/16', '203.0.113.0/24'])} "
                f"lookup {table}")
        host.features.append("rule to a prefix")
    if rng.random() < 0.12:
        add_marks(host, rng)


def add_marks(host, rng):
    """Connections are answered by the card that they came in by."""
    card = rng.choice(host.cards)
    table, mark = host.new_table(), 0x65
    host.ip(f"route add default via {card.gateway} dev {card.name} table {table}")
    host.ip(f"rule add priority 900 fwmark {mark:#x} lookup {table}")
    host.nft("table ip marks { chain pre { type filter hook prerouting priority mangle; "
             f'iifname "{card.name}" ct state new ct mark set {mark:#x}; ct mark {mark:#x} meta mark set ct mark; }}; '
             f"chain out {{ type route hook output priority mangle; ct mark {mark:#x} meta mark set ct mark; }}; }}")
    if rng.random() < 0.5:
        host.sysctl(f"conf.{card.name}.src_valid_mark", 1)
    host.features.append("marked connections")


# --- tunnels

def add_tunnel(host, rng):
    kind = rng.choice(["openvpn", "wireguard", "tailscale", "tailscale", "plain"])
    name = {"openvpn": "tun0", "wireguard": "wg0", "tailscale": "tailscale0", "plain": "tun0"}[kind]
    own, there = ("100.64.0.2", "100.64.0.1") if kind == "tailscale" else ("10.99.0.2", "10.99.0.1")
    mac = "02:00:00:00:99:01"
    host.ip(f"link add {name} address {mac} type veth peer name t0 address {mac} netns core")
    host.ip(f"link set {name} arp off up")
    host.ip("link set t0 arp off up", "core")
    host.ip(f"address add {there}/24 dev t0", "core")
    host.ip(f"address add {own}/{32 if kind != 'openvpn' else 24} dev {name}")
    host.tunnels.append((name, own, there))
    host.features.append(kind)
    card = host.cards[0]
    if kind == "openvpn":
        host.ip(f"route add 0.0.0.0/1 via {there} dev {name}")
        host.ip(f"route add 128.0.0.0/1 via {there} dev {name}")
        host.ip(f"route add {ENDPOINT} via {card.gateway} dev {card.name}")
        host.flows.append(Flow("outer", "", "", ENDPOINT, "udp"))
    elif kind == "wireguard":
        add_wg_quick(host, rng, name)
    elif kind == "tailscale":
        add_tailscale(host, rng, name)
    else:
        host.ip(f"route add {there} dev {name}")
        host.ip(f"route add 172.16.0.0/24 dev {name} metric 7")


def add_wg_quick(host, rng, name):
    host.ip(f"route add default dev {name} table 51820")
    host.ip("rule add priority 32764 not fwmark 51820 lookup 51820")
    host.ip("rule add priority 32763 lookup main suppress_prefixlength 0")
    host.nft("table ip wg { chain premangle { type filter hook prerouting priority mangle; "
             "meta l4proto udp meta mark set ct mark; }; "
             "chain postmangle { type filter hook postrouting priority mangle; "
             "meta l4proto udp meta mark 51820 ct mark set meta mark; }; }")
    if rng.random() < 0.7:
        host.sysctl("conf.all.src_valid_mark", 1)
    host.flows.append(Flow("outer", "", "", ENDPOINT, "udp", mark=51820))


def add_tailscale(host, rng, name):
    for priority, what in (5210, "main"), (5230, "default"):
        host.ip(f"rule add priority {priority} fwmark 0x80000/0xff0000 lookup {what}")
    host.ip("rule add priority 5250 fwmark 0x80000/0xff0000 unreachable")
    host.ip("rule add priority 5270 lookup 52")
    host.ip(f"route add 100.64.0.0/10 dev {name} table 52")
    routed = rng.choice(["", "default", "172.16.0.0/16", rng.choice(host.cards).prefix])
    if routed:
        host.ip(f"route add {routed} dev {name} table 52")
        host.features.append("exit node" if routed == "default" else "subnet router")
        if routed == "default":
            for prefix in sorted({card.prefix for card in host.cards}):
                if rng.random() < 0.5:
                    host.ip(f"route add throw {prefix} table 52")
    host.flows.append(Flow("outer", "", "", ENDPOINT, "udp", mark=0x80000))


# --- containers, addresses of services

def add_containers(host, rng):
    host.sysctl("ip_forward", 1)
    if rng.random() < 0.6:
        host.namespaces.append("c0")
        host.ip("link add docker0 type bridge")
        host.ip("address add 10.88.0.1/24 dev docker0")
        host.ip("link add v0 type veth peer name e0 netns c0")
        host.ip("link set v0 master docker0 up")
        host.ip("link set docker0 up")
        host.ip("address add 10.88.0.2/24 dev e0", "c0")
        host.ip("link set e0 up", "c0")
        host.ip("route add default via 10.88.0.1", "c0")
        host.containers.append(("c0", "10.88.0.2", "docker0"))
        host.features.append("container behind a bridge")
    if not host.containers or rng.random() < 0.4:
        host.namespaces.append("c1")
        mac = "02:00:00:00:44:01"
        host.ip(f"link add lxc1 address {mac} type veth peer name e0 netns c1")
        host.ip("link set lxc1 up")
        host.ip("route add 10.244.0.5 dev lxc1")
        host.ip("address add 10.244.0.5/32 dev e0", "c1")
        host.ip("link set e0 up", "c1")
        host.ip("route add 169.254.1.1 dev e0", "c1")
        host.ip(f"neigh add 169.254.1.1 lladdr {mac} dev e0 nud permanent", "c1")
        host.ip("route add default via 169.254.1.1 dev e0", "c1")
        host.containers.append(("c1", "10.244.0.5", "lxc1"))
        host.features.append("container behind a veth")


def add_reaching(host, rng):
    """How the network and the world reach the containers."""
    for namespace, address, device in host.containers:
        card = rng.choice(host.cards)
        if rng.random() < 0.5:
            host.ip(f"route add {address} via {card.address} dev s{card.segment}", "core")
            for source in rng.sample(host.far, 1) + [card.neighbour]:
                host.flows.append(Flow("forward", "core", source, address, rng.choice(["udp", "tcp"]), card.name))
        else:
            host.nft(f"table ip nat{namespace} {{ chain post {{ type nat hook postrouting priority srcnat; "
                     f'ip saddr {address} oifname != "{device}" masquerade; }}; '
                     f"chain pre {{ type nat hook prerouting priority dstnat; ip daddr {card.address} "
                     f"meta l4proto {{ tcp, udp }} th dport {PUBLISHED} dnat to {address}:{SERVED}; }}; }}")
            for source in rng.sample(host.far, 1) + [card.neighbour]:
                host.flows.append(Flow("forward", "core", source, card.address, rng.choice(["udp", "tcp"]),
                                       card.name, PUBLISHED, inner=address))
            host.features.append("published port")


def add_vips(host, rng):
    card = rng.choice(host.cards)
    address = "192.0.2.10"
    host.ip(f"address add {address}/32 dev lo")
    host.ip(f"route add {address} via {card.address} dev s{card.segment}", "core")
    host.vips.append((address, card.name))
    host.features.append("address on lo")


def add_macvlan(host, rng):
    card = rng.choice([c for c in host.cards if not c.single] or [None])
    if card:
        host.ip(f"link add mv0 link {card.name} type macvlan mode bridge")
        address = card.address.rsplit(".", 1)[0] + ".40"
        host.ip(f"address add {address}/24 dev mv0")
        host.ip("link set mv0 up")
        host.vips.append((address, "mv0"))
        host.features.append("macvlan")


# --- the network's own filters

def add_guards(host):
    """As clouds have it: from a card the network takes only its own addresses. All that the host has behind
    it may leave by any card but those with such a filter."""
    for segment in sorted({card.segment for card in host.cards if card.guarded}):
        own = [card.address for card in host.cards if card.segment == segment]
        own += [a for a, device in host.vips if device in [c.name for c in host.cards if c.segment == segment]
                or device == "mv0"]
        own += [step[2].split()[2] for step in host.steps
                if step[0] == "core" and step[2].endswith(f"dev s{segment}") and " via " in step[2]]
        host.nft(f"table ip guard{segment} {{ chain input {{ type filter hook input priority 0; "
                 f'iifname "s{segment}" ip saddr != {{ {", ".join(sorted(set(own)))} }} drop; }}; }}', "core")


# --- what is asked

def add_flows(host, rng):
    addresses = [(c.address, c.name) for c in host.cards] + host.vips
    addresses += [(own, name) for name, own, _ in host.tunnels]
    for address, device in addresses:
        card = next((c for c in host.cards if c.name == device), host.cards[0])
        peers = {rng.choice(host.far), rng.choice(host.far), rng.choice(host.cards).neighbour}
        if device in (c.name for c in host.cards):
            peers |= {card.gateway, card.neighbour}
        for _, _, there in [t for t in host.tunnels if t[0] == device]:
            peers = {there}
        for peer in sorted(peers):
            host.flows.append(Flow("local", "core", peer, address, rng.choice(["udp", "tcp", "icmp"]), device))
    targets = sorted({c.gateway for c in host.cards} | {c.neighbour for c in host.cards}) + host.far
    for target in targets:
        host.flows.append(Flow("node", "", "", target, rng.choice(["udp", "tcp", "icmp"])))
    for namespace, address, _ in host.containers:
        host.flows.append(Flow("node", "", "", address, "udp"))
        for card in host.cards:
            host.flows.append(Flow("node", "", card.address, address, rng.choice(["udp", "tcp"])))
            host.flows.append(Flow("container", namespace, address, card.address, rng.choice(["udp", "tcp"])))
        host.flows.append(Flow("container", namespace, address, rng.choice(host.far), rng.choice(["udp", "icmp"])))
    for name, own, there in host.tunnels:
        host.flows.append(Flow("node", "", own, there, "udp"))


def add_groups(host, rng):
    """What is sent to a group or to everybody on a card: from a neighbour, from far away, from a host without an
    address, as one that asks for a lease. Drawn apart, so that all else of a host is as it was without."""
    for card in host.cards:
        for source in card.neighbour, rng.choice(host.far):
            host.flows.append(Flow("group", "core", source, GROUP, "multicast", card.name))
        host.flows.append(Flow("group", "core", "0.0.0.0", "255.255.255.255", "dhcp", card.name))


def add_values(host, rng):
    host.sysctl("conf.all.rp_filter", rng.choice([0, 0, 0, 0, 1, 1, 2]))
    devices = [c.name for c in host.cards] + [t[0] for t in host.tunnels] + [c[2] for c in host.containers]
    devices += ["mv0"] if "macvlan" in host.features else []
    for device in devices:
        host.sysctl(f"conf.{device}.rp_filter", value(rng))


def choose_policy(host, rng):
    kind = rng.random()
    if kind < 0.4:
        return ""
    lines = ["[rp_filter]"]
    if rng.random() < 0.3:
        lines.append(f"{rng.choice(host.cards).name} = {rng.choice(['off', 'strict', 'loose'])}")
    lines.append("* = strict" if rng.random() < 0.6 else f"eth* = {rng.choice(['strict', 'loose'])}")
    if kind > 0.75:
        routed = rng.sample(host.cards, rng.randrange(1, len(host.cards) + 1))
        lines += ["[routing]"] + [f"{card.name} = auto" for card in routed]
        if rng.random() < 0.5:
            lines += ["[routing eth*]", "gateway = first"]
        host.features.append("policy with routing")
    return "\n".join(lines) + "\n"


def make_host(seed):
    rng = random.Random(seed)
    host = Host(seed)
    host.far = FAR + ([CLASS_E] if rng.random() < 0.3 else [])
    host.sysctl("conf.default.rp_filter", value(rng))
    for address in host.far + [ENDPOINT]:
        host.ip(f"address add {address}/32 dev lo", "core")
    for n in range(rng.choice([1, 2, 2, 2, 3, 3, 4])):
        add_card(host, rng, n)
    add_defaults(host, rng)
    add_specific(host, rng)
    if rng.random() < 0.5:
        add_tunnel(host, rng)
    add_rules(host, rng)
    if rng.random() < 0.35:
        add_containers(host, rng)
        add_reaching(host, rng)
    if rng.random() < 0.2:
        add_vips(host, rng)
    if rng.random() < 0.1:
        add_macvlan(host, rng)
    add_guards(host)
    add_values(host, rng)
    add_flows(host, rng)
    host.policy = choose_policy(host, rng)
    add_groups(host, random.Random(f"groups {seed}"))
    return host
