/* The IPv4 flows that netfilter tracks, by ctnetlink. Looks only where connection tracking is in
 * use already: asking must not load it. Needs CAP_NET_ADMIN. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_tuple {
    struct in_addr source, destination;
    uint16_t sport, dport; /* host order; 0 where the protocol has none */
};

struct tracked_flow {
    uint8_t proto;
    struct flow_tuple original, reply; /* as packets of each direction look on the wire */
    uint32_t mark;                     /* of the connection */
    bool half_open;                    /* TCP: not established yet, or one side has closed it */
    bool answered;                     /* packets of the reply direction were seen */
};

/* How much of the flows was seen. */
enum tracking {
    TRACKING_READ,     /* all */
    TRACKING_OFF,      /* nothing is tracked in this namespace, or nothing just now */
    TRACKING_DENIED,   /* it may not be asked for */
    TRACKING_TOO_MANY, /* there are more than are to be read, or they never stood still */
    TRACKING_COUNT,
};
const char *tracking_name(enum tracking tracking); /* "read", "off" … */
const char *tracking_text(enum tracking tracking); /* why none was seen, part of a sentence */

/* Owned. None (and 0) where *ret_tracking is not TRACKING_READ. proc_sys_net: where /proc/sys/net
 * is mounted. max: where more flows are tracked none is read; 0: no limit. */
int conntrack_read(const char *proc_sys_net, size_t max, struct tracked_flow **ret,
                   size_t *ret_count, enum tracking *ret_tracking);

/* One message of the dump. *ret_is: it is a flow over IPv4. -EBADMSG when it is malformed. */
struct nlmsghdr;
int conntrack_read_message(const struct nlmsghdr *message, struct tracked_flow *ret, bool *ret_is);
