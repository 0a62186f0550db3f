#!/usr/bin/env python3
"""keep-asking-arp.py DEVICE TARGET SENDER [VLAN]: ask for TARGET on the wire every 0.2 s until this is
ended, whatever the answer. SENDER may be many, as 10.0.0.1..40; with VLAN the frames have its tag."""
import socket
import struct
import sys
import time

MAC = b"\x02\0\0\0\0\1"
ETH_P_8021Q, ETH_P_ARP = 0x8100, 0x0806


def senders(text):
    first, _, last = text.partition("..")
    network, low = first.rsplit(".", 1)
    return [socket.inet_aton(f"{network}.{i}") for i in range(int(low), int(last or low) + 1)]


def main():
    device, target, who = sys.argv[1], socket.inet_aton(sys.argv[2]), senders(sys.argv[3])
    tag = struct.pack("!HH", ETH_P_8021Q, int(sys.argv[4])) if len(sys.argv) > 4 else b""
    head = b"\xff" * 6 + MAC + tag + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, 1) + MAC
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((device, 0))
    while True:
        for sender in who:
            wire.send(head + sender + bytes(6) + target)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
