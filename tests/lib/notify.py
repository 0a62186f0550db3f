"""Stands in for a service manager that is told how a service fares.

notify.py SOCKET FILE QUEUED: binds SOCKET, in the abstract namespace where it begins with @, and
puts QUEUED messages of its own into it; returns, and goes on in the background. With a line on
standard input it begins to read, and writes each message to FILE, its lines separated by spaces.
"""

import os
import socket
import sys

name, path, queued = sys.argv[1:]
address = "\0" + name[1:] if name.startswith("@") else name
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(address)
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(int(queued)):
    sender.sendto(b"queued", address)
if os.fork() == 0:
    sys.stdin.readline()
    with open(path, "a") as log:
        while True:
            print(" ".join(receiver.recv(65536).decode().split("\n")), file=log, flush=True)
