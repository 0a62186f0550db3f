"""Stands in for the system log where no journal runs.

syslog-sink.py SOCKET FILE PIPE MARK: writes every datagram sent to SOCKET as one line to FILE. A
message that ends in MARK is not logged but answered with an empty line on PIPE: everything sent
before it is then in FILE. Returns when the socket is there and goes on in the background.
"""

import os
import socket
import sys


def serve(sink, file, pipe, mark):
    with open(file, "ab", buffering=0) as log:
        while True:
            message = sink.recv(65536).rstrip(b"\n\0")
            if not message.endswith(mark):
                log.write(message + b"\n")
                continue
            with open(pipe, "wb") as answer:
                answer.write(b"\n")


def main():
    path, file, pipe, mark = sys.argv[1:]
    sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sink.bind(path)
    os.chmod(path, 0o666)
    if os.fork() == 0:
        os.setsid()
        serve(sink, file, pipe, os.fsencode(mark))


main()
