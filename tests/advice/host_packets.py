"""Packets by real sockets, and what became of each: where it came in, where its answer left, and whether that
was received. A flow is known by its port or ICMP identifier everywhere on its way."""

import errno
import glob
import select
import socket
import struct
import time

from host_model import GROUP, SERVED

IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
SO_MARK = 36
SO_RCVBUFFORCE = 33
PACKET_HOST, PACKET_OUTGOING = 0, 4
FIRST_PORT = 20000


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def echo_request(identifier):
    rest = struct.pack("!HH8s", identifier, 1, b"advice  ")
    return struct.pack("!BBH", 8, 0, checksum(b"\x08\0\0\0" + rest)) + rest


def discover(source_port, port):
    """IP and UDP of a datagram from 0.0.0.0 to everybody, as a DHCP client sends it: no socket of UDP can."""
    data = b"advice"
    udp = struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, bytes(4), b"\xff" * 4)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


class Outcome(dict):
    """came: devices it came in by; left: devices by which the request left; answered_by, answer_came:
    the same of the answer; passed: who asked was answered."""

    def __init__(self):
        super().__init__(came=[], left=[], answered_by=[], answer_came=[], passed=False)

    def note(self, member, device):
        if device not in self[member]:
            self[member].append(device)


class Packets:
    """Sends the flows of a host, and watches them on it."""

    def __init__(self, system):
        self.system = system
        self.flows = system.host.flows
        self.outcomes = [Outcome() for _ in self.flows]
        self.clients, self.raw = {}, {}
        self.servers = {}
        self.tries = 0
        for name in system.spaces:
            system.enter(name)
            self.serve()
        system.enter("")
        self.join_groups()
        self.watcher = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.watcher.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self.watcher.setblocking(False)
        self.ports = ports_of_bridges()

    def serve(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        udp.bind(("", SERVED))
        udp.setblocking(False)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind(("", SERVED))
        tcp.listen(1000)
        self.servers[udp] = tcp

    def join_groups(self):
        """By the cards whose flows are for one; the host's server is the first."""
        udp = next(iter(self.servers))
        for device in {flow.device for flow in self.flows if flow.protocol == "multicast"}:
            request = socket.inet_aton(GROUP) + struct.pack("=4si", bytes(4), socket.if_nametoindex(device))
            udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)

    # -- asking

    def send(self, n):
        flow = self.flows[n]
        self.system.enter(flow.where)
        try:
            self.send_one(n, flow)
        except OSError as error:  # no route, refused by a rule: the same as lost
            if error.errno not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.EINVAL,
                                   errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.ECONNREFUSED):
                raise
        self.system.enter("")

    def send_to_group(self, n, flow):
        card = next(card for card in self.system.host.cards if card.name == flow.device)
        if n in self.clients:
            self.clients.pop(n).close()
        if flow.protocol == "dhcp":
            self.clients[n] = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            self.clients[n].sendto(discover(FIRST_PORT + n, flow.port), (f"s{card.segment}", 0x800, 0, 0, b"\xff" * 6))
            return
        self.clients[n] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        request = bytes(8) + struct.pack("=i", socket.if_nametoindex(f"s{card.segment}"))
        self.clients[n].setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
        self.clients[n].bind((flow.source, FIRST_PORT + n))
        self.clients[n].sendto(b"advice", (flow.destination, flow.port))

    def send_one(self, n, flow):
        if flow.kind == "group":
            self.send_to_group(n, flow)
            return
        kind = {"icmp": socket.SOCK_RAW, "udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}[flow.protocol]
        if n in self.clients:
            if flow.protocol != "udp":
                self.clients.pop(n).close()
        if n not in self.clients:
            sock = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP if flow.protocol == "icmp" else 0)
            self.clients[n] = sock
            sock.setblocking(False)
            if flow.mark:
                sock.setsockopt(socket.SOL_SOCKET, SO_MARK, flow.mark)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if flow.source or flow.protocol != "icmp":
                sock.bind((flow.source, 0 if flow.protocol == "icmp" else FIRST_PORT + n))
            if flow.protocol == "tcp":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.connect_ex((flow.destination, flow.port))
                return
        if flow.protocol == "icmp":
            self.clients[n].sendto(echo_request(FIRST_PORT + n), (flow.destination, 0))
        else:
            self.clients[n].sendto(b"advice", (flow.destination, flow.port))

    # -- looking

    def read(self, wait):
        sockets = [self.watcher, *self.servers, *(s for n, s in self.clients.items()
                                                  if self.flows[n].protocol != "tcp")]
        connecting = [s for n, s in self.clients.items()
                      if self.flows[n].protocol == "tcp" and not self.outcomes[n]["passed"]]
        ready, writable, _ = select.select(sockets, connecting, [], wait)
        for sock in ready:
            if sock is self.watcher:
                self.watch()
            elif sock in self.servers:
                self.answer(sock)
        for n, sock in list(self.clients.items()):
            if sock in writable:
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    self.outcomes[n]["passed"] = connected(sock)
            elif sock in ready:
                self.receive(n, sock)
        return bool(ready)

    def receive(self, n, sock):
        try:
            while True:
                data = sock.recv(2000)
                if self.flows[n].protocol == "udp":
                    self.outcomes[n]["passed"] = True
                elif len(data) >= 28 and data[20] == 0 and struct.unpack("!H", data[24:26])[0] == FIRST_PORT + n:
                    self.outcomes[n]["passed"] = True
        except OSError:
            return

    def answer(self, sock):
        """From the address that was asked, as servers do."""
        try:
            while True:
                data, ancillary, _, peer = sock.recvmsg(2000, 200)
                n = peer[1] - FIRST_PORT
                if 0 <= n < len(self.flows) and self.flows[n].kind == "group":
                    self.outcomes[n]["passed"] = True
                    continue
                for level, kind, info in ancillary:
                    if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
                        local = struct.pack("i", 0) + info[8:12] + bytes(4)
                        sock.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, local)], 0, peer)
        except OSError:
            return

    def watch(self):
        try:
            while True:
                data, (device, protocol, kind, _, _) = self.watcher.recvfrom(200)
                if protocol == 0x800 and kind in (PACKET_HOST, PACKET_OUTGOING) and device not in self.ports:
                    self.note(data, device, kind)
        except BlockingIOError:
            return

    def note(self, data, device, kind):
        start = (data[0] & 15) * 4
        if data[9] == 1:
            if data[start] not in (0, 8):
                return
            request = data[start] == 8
            number = struct.unpack("!H", data[start + 4:start + 6])[0]
        else:
            source, destination = struct.unpack("!HH", data[start:start + 4])
            request = FIRST_PORT <= source
            number = source if request else destination
        n = number - FIRST_PORT
        if device != "lo" and 0 <= n < len(self.outcomes):
            members = ("came", "left") if request else ("answer_came", "answered_by")
            self.outcomes[n].note(members[kind == PACKET_OUTGOING], device)

    # -- all of it

    def probe(self, numbers, tries=3, wait=0.3):
        """Ask, and again what is not answered; what is lost is lost each time."""
        missing = list(numbers)
        for attempt in range(tries):
            for n in missing:
                self.send(n)
            end = time.monotonic() + wait * (attempt + 1)
            while missing and time.monotonic() < end:
                self.read(max(0, end - time.monotonic()))
                missing = [n for n in missing if not self.outcomes[n]["passed"]]
            if not missing:
                break
        while self.read(0):
            pass
        return self.outcomes

    def forget(self):
        """Nothing of what was learned helps the next time."""
        for sock in self.clients.values():
            sock.close()
        self.clients.clear()
        while self.read(0):
            pass
        self.outcomes = [Outcome() for _ in self.flows]
        for name in self.system.spaces:
            self.system.run(name, ["ip", "-batch", "-"], "neigh flush all\nroute flush cache\n")


def connected(sock):
    try:
        sock.getpeername()
        return True
    except OSError:
        return False


def ports_of_bridges():
    """What comes in by them comes in by the bridge. macvlan's lower device is none of them."""
    return {path.split("/")[4] for path in glob.glob("/sys/class/net/*/brport")}
