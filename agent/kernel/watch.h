/* One multicast socket of rtnetlink per kind of event, so that a flood in one does not blind
 * another; or of two kinds whose order counts, of which one cannot be left without the other.
 * Reads, filters and counts; decides nothing. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/base/ip.h"

enum watch_kind {
    WATCH_LINK,
    WATCH_NETCONF,
    WATCH_ADDRESS,
    WATCH_ROUTE, /* only some, see struct watch_routes: others may be very many */
    WATCH_ADDRESS6,
    WATCH_ROUTE6,
    WATCH_RULE,
    WATCH_RULE6,
    WATCH_COUNT,
};
const char *watch_name(enum watch_kind kind);

/* What is told of beside default routes and those of our protocol: all routes in these tables, and
 * in every table those that lead to one of these peers; of IPv6 maybe more of them, since no more
 * than 32 bits of a peer are compared. Where there are too many of either, all are told of. */
struct watch_routes {
    uint32_t *tables;
    size_t n_tables;
    struct ip *peers; /* of both families */
    size_t n_peers;
};

struct watch {
    enum watch_kind kind;
    int receive_buffer;                /* bytes asked for */
    bool paused;                       /* closed for a while because of a flood */
    struct mnl_socket *socket;         /* NULL: closed, or beside another one */
    struct watch *beside;              /* borrowed; NULL for none: see watch_join() */
    char *buffer;                      /* owned */
    const struct watch_routes *routes; /* borrowed; NULL: see watch_follow_routes() */
    uint64_t window_start, window_messages;
    uint64_t messages, overruns, pauses;
};

#define WATCH_RECEIVE_BUFFER (16 * 1024 * 1024)
#define WATCH_FLOOD_PER_SECOND 20000

/* Opens and joins the group. The receive buffer is forced where the capability allows it. */
int watch_open(struct watch *watch, enum watch_kind kind, int receive_buffer);
void watch_close(struct watch *watch);

/* Let another kind come through the socket of this one: in the order in which things happened. It
 * is counted and paused apart: `beside`, which lives as long as the socket, has none of its own. */
int watch_join(struct watch *watch, struct watch *beside, enum watch_kind kind);
void watch_leave(struct watch *watch);

/* From now on these routes are told of, too. Borrowed: they are asked for again when the socket is
 * opened again. */
int watch_follow_routes(struct watch *watch, const struct watch_routes *routes);

/* -1 while closed. */
int watch_fd(const struct watch *watch);

typedef void (*watch_message_t)(const struct nlmsghdr *message, void *data);

/* Throw away what waits to be read, because everything is about to be read anew. After messages
 * were lost, what is still queued is older than that: taken after the full read it would put wrong
 * facts in the place of right ones, and what corrects them may be what was lost. */
int watch_discard(struct watch *watch);

#define WATCH_OVERRUN 1      /* messages were lost: read everything again */
#define WATCH_FLOOD 2        /* over WATCH_FLOOD_PER_SECOND: pause, then read everything again */
#define WATCH_FLOOD_BESIDE 4 /* of the kind that comes beside */

/* Read what is there, bounded, and hand over each message of the kernel. Returns a mask of the bits
 * above, or a negative errno when the socket is broken. */
int watch_drain(struct watch *watch, uint64_t now, watch_message_t fn, void *data);
