#!/usr/bin/env python3
"""A TCP connection that talks all the time and tells whether anything was lost on its way.

serve ADDRESS: listens, prints the port, echoes what it gets.
talk ADDRESS PORT STOP: connects, prints "open", sends a number every millisecond and waits for its
echo until the file STOP exists, and some more; then prints "N messages, N sent again".
"""

import os
import socket
import struct
import sys
import time

MESSAGES_AFTER = 50  # what was changed last must not have cut it either
TCP_INFO_TOTAL_RETRANS = 100  # offset in struct tcp_info


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(address):
    with socket.socket(family(address), socket.SOCK_STREAM) as listener:
        listener.bind((address, 0))
        listener.listen()
        print(listener.getsockname()[1], flush=True)
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := connection.recv(4096):
                connection.sendall(data)


def retransmitted(connection):
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("=I", info, TCP_INFO_TOTAL_RETRANS)[0]


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("closed by the other side")
        data += part
    return data


def talk(address, port, stop):
    with socket.create_connection((address, port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("open", flush=True)
        count = 0
        left = MESSAGES_AFTER
        while left > 0:
            left -= os.path.exists(stop)
            message = struct.pack("!Q", count)
            connection.sendall(message)
            if receive(connection, len(message)) != message:
                raise ConnectionError("another message came back")
            count += 1
            time.sleep(0.001)
        print(f"{count} messages, {retransmitted(connection)} sent again", flush=True)


def main():
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
        return
    try:
        talk(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    except OSError as error:
        print(f"the connection died: {error}", flush=True)


main()
