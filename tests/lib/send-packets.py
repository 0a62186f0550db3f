#!/usr/bin/env python3
"""send-packets.py DEVICE MAC COUNT SOURCE[+N] DESTINATION: write IPv4 packets onto the wire.

UDP datagrams to port 9 at the Ethernet address MAC, COUNT of them, with any source: nothing here
asks whether the address is ours. With +N the source goes round N addresses from SOURCE on.
Prints how many packets per second it sent.
"""
import ipaddress
import socket
import struct
import sys
import time


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def frame(mac, source, destination):
    udp = struct.pack("!4H", 9, 9, 8, 0)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    addresses = source.packed + destination.packed
    ip = ip[:10] + struct.pack("!H", checksum(ip + addresses)) + addresses
    # a source address of its own, since a bridge or a filter may look at it
    return bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\1" + b"\x08\0" + ip + udp


def main():
    device, mac, count, source, destination = sys.argv[1:]
    first, _, span = source.partition("+")
    first, destination = ipaddress.IPv4Address(first), ipaddress.IPv4Address(destination)
    frames = [frame(mac, first + i, destination) for i in range(int(span or 1))]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((device, 0))
    start = time.monotonic()
    for i in range(int(count)):
        while True:
            try:
                wire.send(frames[i % len(frames)])
                break
            except OSError as error:  # the queue is full for a moment
                if error.errno != 105:
                    raise
    print(int(int(count) / max(time.monotonic() - start, 1e-6)))


main()
