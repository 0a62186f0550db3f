#!/usr/bin/env python3
"""A server and a client over UDP whose packets carry a mark, as those of a tunnel's program do.

serve READY ADDRESS PORT: writes a line to READY, gives back to everybody what it is sent, for ever.
ask MARK ADDRESS PORT: prints "answered" when an answer comes, or "dropped" when instead the kernel
    counts a packet that is dropped by reverse path. The socket is not connected: the kernel then
    checks every packet that it gets.
"""
import socket
import sys
import time

SO_MARK = 36


def serve(ready, address, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, int(port)))
    with open(ready, "w") as file:
        file.write("yes\n")
    while True:
        data, peer = server.recvfrom(100)
        server.sendto(data, peer)


def dropped():
    with open("/proc/net/netstat") as file:
        lines = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(lines[1][lines[0].index("IPReversePathFilter")])


def ask(mark, address, port):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, SO_MARK, int(mark, 0))
    client.settimeout(0.1)
    before, end = dropped(), time.monotonic() + 30
    client.sendto(b"x", (address, int(port)))
    while time.monotonic() < end:
        try:
            client.recvfrom(100)
            return "answered"
        except TimeoutError:
            if dropped() > before:
                return "dropped"
    return "lost elsewhere"


if sys.argv[1] == "serve":
    serve(*sys.argv[2:])
else:
    print(ask(*sys.argv[2:]))
