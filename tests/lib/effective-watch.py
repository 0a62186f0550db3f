"""Watches what rp_filter amounts to on every device, write by write.

Prints "ready" when it is listening. At SIGTERM it takes what is still queued and prints a line per
device (and for `default`, which means a device that is born then) with its name and the effective
values it went through, "eno1 2 1". The kernel queues a notification before the write() that caused
it returns, so that none is missed.
"""

import select
import signal
import socket
import struct

NEWNETCONF, DELNETCONF, GETNETCONF = 80, 81, 82
NETCONFA_IFINDEX, NETCONFA_RP_FILTER = 1, 3
ALL, DEFAULT = -1, -2
GROUP_IPV4_NETCONF = 1 << 23
NLM_F_REQUEST_DUMP, NLMSG_DONE = 0x301, 3
SO_RCVBUFFORCE = 33


def messages(data):
    """The netconf messages of one datagram as (type, ifindex, rp_filter or None)."""
    while len(data) >= 16:
        size, kind = struct.unpack_from("=IH", data)
        ifindex = rp_filter = None
        at = 16 + 4
        while kind in (NEWNETCONF, DELNETCONF) and at + 8 <= size:
            length, attribute = struct.unpack_from("=HH", data, at)
            if attribute == NETCONFA_IFINDEX:
                (ifindex,) = struct.unpack_from("=i", data, at + 4)
            elif attribute == NETCONFA_RP_FILTER:
                (rp_filter,) = struct.unpack_from("=i", data, at + 4)
            at += (length + 3) & ~3
        yield kind, ifindex, rp_filter
        data = data[(size + 3) & ~3 :]


class Watch:
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.socket.bind((0, GROUP_IPV4_NETCONF))
        self.stored = {}
        self.seen = {}
        self.names = {ALL: "all", DEFAULT: "default"}

    def start(self):
        request = struct.pack("=IHHIIB3x", 20, GETNETCONF, NLM_F_REQUEST_DUMP, 1, 0, socket.AF_INET)
        self.socket.send(request)
        while not self.take(self.socket.recv(1 << 20)):
            pass

    def effective(self, ifindex):
        value = max(self.stored.get(ALL, 0), self.stored[ifindex])
        return value if value in (0, 1) else 2

    def note(self, ifindex):
        if ifindex == ALL:
            return
        if ifindex not in self.names:
            try:
                self.names[ifindex] = socket.if_indextoname(ifindex)
            except OSError:
                self.names[ifindex] = f"#{ifindex}"
        values = self.seen.setdefault(ifindex, [])
        effective = self.effective(ifindex)
        if not values or values[-1] != effective:
            values.append(effective)

    def take(self, data):
        """True at the end of the dump that start() asked for; then everything is noted once."""
        for kind, ifindex, rp_filter in messages(data):
            if kind == NLMSG_DONE:
                for known in self.stored:
                    self.note(known)
                return True
            if kind == DELNETCONF:
                self.stored.pop(ifindex, None)
            elif kind == NEWNETCONF and rp_filter is not None:
                self.stored[ifindex] = rp_filter
                if not self.seen:
                    continue
                for moved in list(self.stored) if ifindex == ALL else [ifindex]:
                    self.note(moved)
        return False

    def report(self):
        for ifindex, values in sorted(self.seen.items()):
            print(self.names[ifindex].encode("ascii", "backslashreplace").decode(), *values)


def main():
    watch = Watch()
    watch.start()
    stop, stopped = socket.socketpair()
    stopped.setblocking(False)
    signal.set_wakeup_fd(stopped.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    print("ready", flush=True)
    while stop not in select.select([watch.socket, stop], [], [])[0]:
        watch.take(watch.socket.recv(1 << 20))
    watch.socket.setblocking(False)
    try:
        while True:
            watch.take(watch.socket.recv(1 << 20))
    except BlockingIOError:
        watch.report()


main()
