/* Addresses, routes and rules of IPv4 and IPv6, each as one message of the kernel tells it: plain
 * data, filled by the readers of agent/kernel and by tests. */
#pragma once

#include "policy/base/ip.h"
#include "policy/base/name.h"

struct route_address {
    int ifindex;
    struct ip_prefix local; /* IFA_LOCAL (IPv4), IFA_ADDRESS (IPv6), with the prefix length */
    struct ip peer;         /* point to point: the other end; else family 0 */
    uint8_t scope;          /* RT_SCOPE_… */
    uint32_t flags;         /* IFA_F_…: tentative, dadfailed, deprecated, noprefixroute … */
};

struct route {
    uint8_t family, type, protocol, scope, tos; /* RTN_…, RTPROT_…, RT_SCOPE_… */
    uint32_t table, metric;                     /* RTA_TABLE, RTA_PRIORITY */
    struct ip_prefix to;                        /* length 0: default; family always set */
    struct ip via;                              /* family 0: none */
    int oif;                                    /* 0: none, or several next hops */
    struct ip prefsrc;                          /* family 0: none */
    uint32_t mtu;                               /* RTAX_MTU, 0: none */
    uint32_t nexthop;                           /* id of a nexthop object, 0: none */
    bool onlink;                                /* RTNH_F_ONLINK */
    bool dead;                                  /* no hop can be used now */
    bool special; /* has several next hops, a nexthop object, encapsulation or attributes that are
                     not held here: never wanted, never copied */
    bool way;     /* of a special one: via, oif and onlink tell where it leads all the same */
    bool hop;     /* one next hop of a foreign default route that stands here as a whole, too */
};

/* One next hop of a route. */
struct route_hop {
    int ifindex;
    struct ip via; /* family 0: none, or of another family than the route */
    bool onlink, dead;
};

struct route_ports {
    uint16_t first, last; /* 0: any */
    uint16_t mask;        /* 0: first to last; else those that agree with first in it */
};

/* One `ip rule`. Selectors that are not set match everything. */
struct route_rule {
    uint8_t family, protocol, action; /* FR_ACT_… */
    uint8_t tos, tos_mask, proto;
    uint32_t priority, table;
    uint32_t target;           /* FR_ACT_GOTO: the priority of the rule it leads to */
    struct ip_prefix from, to; /* length 0: any */
    int suppress_prefixlength; /* -1: none */
    bool suppresses_group;     /* routes through a group of devices */
    bool invert, l3mdev;
    bool has_uid;
    uint32_t uid[2];
    uint32_t mark, mask;
    struct route_ports sport, dport;
    char iif_name[DEVICE_NAME_MAX + 1], oif_name[DEVICE_NAME_MAX + 1]; /* "": any */
    int iif, oif;  /* the same by ifindex, where that was looked up: fib_open() */
    bool detached; /* a device that it names is not there: it matches nothing until that comes */
    bool unknown;  /* it has a selector that is not held here */
    bool special; /* looks at more than addresses: mark, device, tos, ports, l3mdev, uid, not … */
};
