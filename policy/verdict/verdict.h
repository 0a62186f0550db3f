/* Would the kernel accept a packet from this source on this device? The decision tree of
 * ip_route_input_slow(), ip_mc_validate_source(), fib_validate_source() and __fib_validate_source()
 * of the kernel (net/ipv4/route.c, fib_frontend.c), for each mode of rp_filter. Pure: what the
 * routing tables say comes in as data. What it cannot see: packets of established flows (early
 * demux), IPsec, marks that netfilter sets. Addresses are in network byte order. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a FIB lookup found; the RTN_… types of linux/rtnetlink.h that matter here. */
enum route_kind {
    ROUTE_NONE, /* no route at all */
    ROUTE_UNICAST,
    ROUTE_LOCAL, /* one of the host's own addresses */
    ROUTE_BROADCAST,
    ROUTE_MULTICAST,
    ROUTE_BLACKHOLE,
    ROUTE_UNREACHABLE,
    ROUTE_PROHIBIT,
    ROUTE_KIND_COUNT,
};

/* "unicast" … as ip-route(8) says it; "none". */
const char *route_kind_name(enum route_kind kind);

#define ROUTE_HOPS_MAX 128

struct route_found {
    enum route_kind kind;
    int hops[ROUTE_HOPS_MAX]; /* devices of all next hops (ECMP) */
    size_t n_hops;
};

struct packet {
    struct in_addr source, destination;
};

/* What the device and the host are, as far as the check asks; effective values of the keys. */
struct receiver {
    int ifindex;
    bool loopback; /* the namespace's own `lo` */
    bool numbered; /* has an IPv4 address */
    bool forwards; /* conf/DEV/forwarding */
    bool accept_local;
    bool route_localnet;
    bool own_source;   /* the source is an address of some device, up or down */
    bool custom_rules; /* any ip rule was ever added, or a local route by hand: with rp_filter off
                          and without accept_local the full check runs all the same */
    bool turns_around; /* forwarded out of the device it came in by, which sends redirects: the
                          full check runs also with rp_filter off */
    enum route_kind there;      /* the lookup to the destination */
    size_t there_hops;          /* its next hops: of several the kernel takes one by a hash of the
                                   flow, and which one leads back out can decide; the first counts */
    struct route_found reverse; /* the lookup to the source, from the destination (from 0.0.0.0
                                   where verdict_asks_from_nobody()) */
};

enum verdict_step {
    VERDICT_SOURCE_INVALID,       /* multicast, limited broadcast or 0.0.0.0 as source */
    VERDICT_SOURCE_UNSPECIFIED,   /* 0.0.0.0 where that is allowed: DHCP, IGMP */
    VERDICT_DESTINATION_INVALID,  /* 0.0.0.0 as destination, or a route to it that is no
                                     host's */
    VERDICT_SOURCE_LOOPBACK,      /* 127/8 without route_localnet */
    VERDICT_DESTINATION_LOOPBACK, /* likewise */
    VERDICT_UNREACHABLE,          /* not ours, and there is no route to it */
    VERDICT_NOT_FORWARDED,        /* the destination is not ours and the device does not forward */
    VERDICT_OFF,                  /* rp_filter is off and nothing else speaks against it */
    VERDICT_OWN_SOURCE,           /* the source is one of the host's own addresses */
    VERDICT_ACCEPT_LOCAL,         /* … which accept_local allows */
    VERDICT_NO_ROUTE,             /* there is no route back */
    VERDICT_NOT_UNICAST,          /* the way back ends at a broadcast or multicast address */
    VERDICT_REVERSE_MATCH,        /* a next hop of the way back uses the device */
    VERDICT_UNNUMBERED,           /* the way back is another and the device has no IPv4 address */
    VERDICT_STRICT,               /* the way back leaves through another device */
    VERDICT_LOOSE,                /* … which loose accepts */
    VERDICT_STEP_COUNT,
};

/* "reverse-match" …: stable, for scripts. And the same in a sentence for people. */
const char *verdict_step_name(enum verdict_step step);
const char *verdict_step_text(enum verdict_step step);

/* How the kernel counts and names a drop: SKB_DROP_REASON_IP_RPFILTER and its neighbours. */
enum drop_kind {
    DROP_NONE,
    DROP_RPFILTER,
    DROP_LOCAL_SOURCE,
    DROP_INVALID_SOURCE,
    DROP_LOCALNET,
    DROP_OTHER
};
const char *drop_kind_name(enum drop_kind kind);

struct verdict {
    bool accept;
    enum verdict_step step;
    enum drop_kind drop;
};

/* The destination is multicast or a broadcast address (there: what the lookup to it found): the
 * kernel then asks for the way back without an own address. */
bool verdict_asks_from_nobody(struct in_addr destination, enum route_kind there);

/* mode: the effective rp_filter, 0 off, 1 strict, 2 loose. The packet is taken as one that the
 * host listens for, where it is multicast. */
struct verdict verdict_decide(const struct packet *packet, const struct receiver *receiver,
                              int mode);
