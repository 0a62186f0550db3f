#!/usr/bin/env python3
"""How the kernel combines `all` with a device, seen by what it does: for each pair of values one
packet or one lookup, held against the effective value that `rpfpolicy list` prints. Argument: the
program.

The veth pair host0-wire0 is all there is: wire0 has no address, and what stands on the wire is sent
and read there by a packet socket."""

import json
import socket
import struct
import subprocess
import sys

import sysctl_world as world

ETH_P_ARP = 0x0806
HOST_MAC = "02:00:00:00:01:01"
STRANGER = bytes.fromhex("020000000099")
BROADCAST = b"\xff" * 6


def ip(*words):
    subprocess.run(["ip"] + list(words), check=True, stdout=subprocess.DEVNULL)


def write(device, key, value):
    world.write(device.encode(), key, value)


def arp(operation, sender_mac, sender, target):
    return (BROADCAST + sender_mac + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, operation) +
            sender_mac + socket.inet_aton(sender) + sender_mac + socket.inet_aton(target))


class Wire:
    """What host0 sends, and a way to send to it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
        self.socket.bind(("wire0", 0))
        self.asked = 0
        self.host_mac = bytes.fromhex(HOST_MAC.replace(":", ""))

    def send(self, frame):
        self.socket.send(frame)

    def from_host(self):
        """(operation, sender, target) of each ARP packet of host0 so far. A request for the host's
        own address, which is always answered, marks the end: what came before it was handled. It is
        sent until then, since a link that came up just now may still lose it."""
        found = []
        self.asked += 1
        asker = "192.0.2.%d" % (100 + self.asked % 100)
        self.socket.settimeout(0.05)
        while True:
            try:
                frame = self.socket.recv(128)
            except TimeoutError:
                self.send(arp(1, STRANGER, asker, "192.0.2.1"))
                continue
            if frame[6:12] != self.host_mac:
                continue
            packet = (struct.unpack("!H", frame[20:22])[0], socket.inet_ntoa(frame[28:32]),
                      socket.inet_ntoa(frame[38:42]))
            if packet == (2, "192.0.2.1", asker):
                return found
            found.append(packet)


def proxies(wire):
    wire.send(arp(1, STRANGER, "192.0.2.99", "203.0.113.7"))
    return any(packet[:2] == (2, "203.0.113.7") for packet in wire.from_host())


def notifies(wire):
    ip("link", "set", "host0", "down")
    ip("link", "set", "host0", "up")
    return any(sender == target == "192.0.2.1" for _, sender, target in wire.from_host())


def ignores_linkdown(wire):
    answer = subprocess.run(["ip", "route", "get", "203.0.113.129"], stdout=subprocess.PIPE, text=True)
    return "dev dead0" not in answer.stdout


def drops_gratuitous(wire):
    ip("neigh", "replace", "192.0.2.50", "lladdr", "02:00:00:00:00:01", "dev", "host0", "nud", "stale")
    wire.send(arp(2, bytes.fromhex("020000000002"), "192.0.2.50", "192.0.2.50"))
    wire.from_host()
    known = subprocess.run(["ip", "neigh", "show", "192.0.2.50"], stdout=subprocess.PIPE, text=True)
    return "02:00:00:00:00:02" not in known.stdout


def forwards(wire):
    return subprocess.run(["ip", "route", "get", "203.0.113.7", "from", "192.0.2.99", "iif", "host0"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


CASES = [  # key, the device whose value it is, what the kernel does, values
    ("proxy_arp", "host0", proxies, (0, 1, -1)),
    ("arp_notify", "host0", notifies, (0, 1, -1, 3)),
    ("ignore_routes_with_linkdown", "dead0", ignores_linkdown, (0, 1, -1)),
    ("drop_gratuitous_arp", "host0", drops_gratuitous, (0, 1, -1)),
    ("forwarding", "host0", forwards, (0, 1)),
]


def effective(program, device, key):
    """As our program has it."""
    policy = "/run/policy.conf"
    with open(policy, "w") as f:
        f.write("[%s]\n%s = no\n" % (key, device))
    out = subprocess.run([program, "--policy=" + policy, "list", "--json", device], check=True,
                         stdout=subprocess.PIPE).stdout
    return next(k["effective"] for d in json.loads(out)["devices"] for k in d["keys"] if k["key"] == key)


def build():
    ip("link", "add", "host0", "address", HOST_MAC, "type", "veth", "peer", "name", "wire0")
    ip("link", "add", "dead0", "type", "veth", "peer", "name", "dead1")
    ip("link", "add", "out0", "type", "veth", "peer", "name", "out1")
    for device in "lo", "host0", "wire0", "out0", "out1", "dead0":
        ip("link", "set", device, "up")
    ip("addr", "add", "192.0.2.1/24", "dev", "host0")
    ip("route", "add", "203.0.113.0/25", "dev", "out0")
    ip("link", "set", "dead1", "up")
    ip("route", "add", "203.0.113.128/25", "dev", "dead0", "metric", "1")
    ip("route", "add", "203.0.113.128/25", "dev", "out0", "metric", "2")
    ip("link", "set", "dead1", "down")
    with open("/proc/sys/net/ipv4/neigh/host0/locktime", "w") as f:
        f.write("0\n")
    with open("/proc/sys/net/ipv4/neigh/host0/proxy_delay", "w") as f:
        f.write("0\n")
    write("host0", "forwarding", 1)  # proxy_arp asks for it


def main():
    program, failures = sys.argv[1], 0
    world.enter("ip")
    build()
    wire = Wire()
    for key, device, acts, values in CASES:
        seen = set()
        for all_value in values:
            for value in values:
                write("all", key, all_value)  # of forwarding it reaches the device, too
                write(device, key, value)
                does, says = acts(wire), effective(program, device, key) != 0
                seen.add(does)
                if does != says:
                    failures += 1
                    print("%s: all %d, device %d: the kernel %s it, we say %s" % (
                        key, all_value, value, "does" if does else "does not do", says))
        if len(seen) < 2:
            failures += 1
            print("%s: the kernel always does the same: the case shows nothing" % key)
        write("all", key, 1 if key == "forwarding" else 0)
        print("%s: %d pairs" % (key, len(values) ** 2), flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
