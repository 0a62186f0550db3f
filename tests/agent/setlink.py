"""Writes rp_filter of devices by RTM_SETLINK, which ip(8) has no command for.

setlink.py VALUE DEVICE...
"""

import socket
import struct
import sys

RTM_SETLINK, NLMSG_ERROR = 19, 2
NLM_F_REQUEST_ACK = 0x5
IFLA_AF_SPEC, IFLA_INET_CONF, RP_FILTER = 26, 1, 8


def attribute(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload


def main():
    value = int(sys.argv[1])
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    for name in sys.argv[2:]:
        conf = attribute(IFLA_INET_CONF, attribute(RP_FILTER, struct.pack("=i", value)))
        spec = attribute(IFLA_AF_SPEC, attribute(socket.AF_INET, conf))
        link = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(name), 0, 0)
        header = struct.pack(
            "=IHHII", 16 + len(link) + len(spec), RTM_SETLINK, NLM_F_REQUEST_ACK, 1, 0
        )
        netlink.send(header + link + spec)
        kind, error = struct.unpack_from("=4xH10xi", netlink.recv(4096))
        if kind != NLMSG_ERROR or error != 0:
            sys.exit(f"{name}: {error}")


main()
