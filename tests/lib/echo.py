"""Servers that give back what they are sent, and clients that say whether it comes back.

serve READY NAME ADDRESS PORT [OPTION]: calls itself NAME, writes a line to READY, serves for ever.
    An IPv6 address such as :: serves mapped IPv4 addresses too. OPTION: device=DEVICE, mark=N, udp.
connect SOURCE ADDRESS PORT COUNT|udp: prints the port of the first connection, then, for each line
    of standard input, whether an echo came back on it: "passes", "dropped", "closed".
"""
import socket
import sys
import threading

SO_BINDTODEVICE = 25
SO_MARK = 36


def serve(ready, name, address, port, option=""):
    with open("/proc/self/comm", "w") as comm:
        comm.write(name)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if option == "udp" else socket.SOCK_STREAM
    server = socket.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if option.startswith("device="):
        server.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, option[7:].encode())
    if option.startswith("mark="):
        server.setsockopt(socket.SOL_SOCKET, SO_MARK, int(option[5:]))
    server.bind((address, int(port)))
    if option != "udp":
        server.listen(2000)
    with open(ready, "w") as file:
        file.write("yes\n")
    if option == "udp":
        data, peer = server.recvfrom(100)
        server.connect(peer)
        server.send(data)
        echo(server)
    while True:
        threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()


def echo(connection):
    while True:
        try:
            data = connection.recv(100)
        except OSError:
            return
        if not data:
            return
        connection.sendall(data)


def dial(source, address, port, udp):
    if not udp:
        return socket.create_connection((address, port), 60, (source, 0))
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connection.bind((source, 0))
    connection.connect((address, port))
    return connection


def connect(source, address, port, count):
    udp = count == "udp"
    connections = [
        dial(source, address, int(port), udp) for _ in range(1 if udp else int(count))
    ]
    connections[-1].settimeout(60)
    connections[-1].send(b"x")
    connections[-1].recv(1)  # accepted, and so are those before it
    connections[0].settimeout(2)
    print(connections[0].getsockname()[1], flush=True)
    for _ in sys.stdin:
        try:
            connections[0].send(b"x")
            print("passes" if connections[0].recv(1) else "closed", flush=True)
        except socket.timeout:
            print("dropped", flush=True)


{"serve": serve, "connect": connect}[sys.argv[1]](*sys.argv[2:])
