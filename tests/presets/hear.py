#!/usr/bin/env python3
"""What is heard on a wire, for 30 s at most; a line in READY says that it is listened to.

group READY DEVICE GROUP LAST: the sources of the datagrams to port 9 of this group that are accepted on
    DEVICE, in their order, up to LAST.
asks READY DEVICE TARGET: in whose name TARGET is asked for by ARP.
answers DEVICE SENDER TARGET LAST MAC: asks on the wire as SENDER for TARGET, then for LAST, and prints
    the hardware addresses that answer for TARGET before MAC answers for LAST.
"""
import socket
import struct
import sys
import time

IP_MULTICAST_ALL = 49
OURS = b"\x02\0\0\0\0\1"
LIMIT = 30


def ready(path):
    with open(path, "w") as file:
        file.write("yes\n")


def group(path, device, address, last):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    member = struct.pack("4s4si", socket.inet_aton(address), bytes(4), socket.if_nametoindex(device))
    listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    listener.bind((address, 9))
    listener.settimeout(LIMIT)
    ready(path)
    heard = []
    while last not in heard:
        heard.append(listener.recvfrom(100)[1][0])
    return heard


def open_wire(device):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
    wire.bind((device, 0))
    wire.settimeout(LIMIT)
    return wire


def arp_frames(wire, operation):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        frame = wire.recv(128)
        if frame[20:22] == struct.pack("!H", operation) and frame[6:12] != OURS:
            yield frame
    raise TimeoutError


def asks(path, device, target):
    wire = open_wire(device)
    ready(path)
    for frame in arp_frames(wire, 1):
        if frame[38:42] == socket.inet_aton(target):
            return [socket.inet_ntoa(frame[28:32])]


def ask(wire, sender, target):
    question = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + OURS + sender + bytes(6) + target
    wire.send(b"\xff" * 6 + OURS + b"\x08\x06" + question)


def answers(device, sender, target, last, mac):
    wire = open_wire(device)
    sender, target, last = map(socket.inet_aton, (sender, target, last))
    found = set()
    ask(wire, sender, target)
    ask(wire, sender, last)
    for frame in arp_frames(wire, 2):
        if frame[28:32] == target:
            found.add(frame[22:28].hex(":"))
        if frame[28:32] == last and frame[22:28].hex(":") == mac:
            return sorted(found)


print(*{"group": group, "asks": asks, "answers": answers}[sys.argv[1]](*sys.argv[2:]))
