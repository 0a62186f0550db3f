#!/usr/bin/env python3
"""ask-arp.py DEVICE SENDER TARGET: ask for TARGET on the wire, as SENDER, until it is answered; exit
status 1 when it is not within five seconds. Nothing here asks whether SENDER is an address of ours."""
import socket
import struct
import sys
import time

MAC = b"\x02\0\0\0\0\1"


def main():
    device, sender, target = sys.argv[1], *map(socket.inet_aton, sys.argv[2:])
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
    wire.bind((device, 0))
    wire.settimeout(0.1)
    end = time.monotonic() + 5
    question = b"\xff" * 6 + MAC + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
    question += MAC + sender + bytes(6) + target
    wire.send(question)
    while time.monotonic() < end:
        try:
            frame = wire.recv(128)
        except TimeoutError:
            wire.send(question)
            continue
        if frame[20:22] == b"\0\2" and frame[28:32] == target:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
