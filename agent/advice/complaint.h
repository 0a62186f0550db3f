/* One complaint, and what becomes of it in one state of the world: do the packets of a peer pass,
 * do the replies leave by the device that the network expects, is the neighbour's ARP answered. */
#pragma once

#include "agent/kernel/fib.h"

/* Rules, routes and addresses on one side, values on the other. */
struct world {
    struct fib *fib;
    const struct live *live;
};

struct complaint {
    int ifindex;
    struct in_addr peer, destination;
    uint32_t mark;         /* of the packets, and of the replies to them */
    uint8_t proto;         /* IPPROTO_…, 0: not told */
    uint16_t sport, dport; /* of the packets; in replies they change places */
    struct in_addr asked;  /* the address that a neighbour asks for by ARP; 0: none is needed */
    bool one_way; /* multicast, broadcast, or the peer is an own address: no reply leaves */
};

enum complaint_end {
    COMPLAINT_CURED,
    COMPLAINT_DROPPED,       /* the packet is dropped on the device */
    COMPLAINT_ASTRAY,        /* it passes, and the reply leaves elsewhere, or nowhere */
    COMPLAINT_REPLY_DROPPED, /* forwarded: the reply is dropped by the device it comes in by */
    COMPLAINT_DEAF,          /* ARP requests are not answered */
    COMPLAINT_UNKNOWN,       /* a rule looks at something that is not known here */
};

struct complaint_result {
    enum complaint_end end;
    int mode; /* effective rp_filter of the device */
    struct verdict verdict;
    struct receiver receiver;
    struct fib_way back;  /* the way that decided: reverse lookup of the packet, or of ARP … */
    struct fib_way reply; /* … and of the reply */
    int reply_in;         /* forwarded: the device that the reply comes in by; 0: it is ours */
    struct in_addr asker; /* who asks by ARP */
};

/* -ENOMEM and what reading gives; that something is not known is an end. */
int complaint_judge(const struct world *world, const struct complaint *complaint,
                    struct complaint_result *ret);

/* Where the reply leaves, and whether by the device; true where none leaves (one_way). Errors as
 * fib_lookup(). */
int complaint_reply(const struct world *world, const struct complaint *complaint, bool *ret_leaves,
                    struct fib_way *ret);

/* Is there no reply: to a group, to everybody, or of the host itself? there: what the lookup to the
 * destination found. */
bool complaint_is_one_way(const struct fib *fib, const struct packet *packet,
                          enum route_kind there);

/* Does it lead to one host by the device? A port of a VRF counts. */
bool way_leaves_by(const struct live *live, const struct fib_way *way, const struct device *device);
