/* The packet that options of `explain` and `verdict` describe: where it goes to, its mark, its
 * protocol and ports. */
#pragma once

#include <netinet/in.h>

#include "agent/cli/frame/cli.h"

struct asked_packet {
    struct in_addr to; /* 0: not told */
    bool marked;       /* the mark is known: */
    uint32_t mark;
    uint8_t proto;         /* 0: not told */
    uint16_t sport, dport; /* likewise */
    /* --to=PORT@ADDRESS: a published port. `to` and dport are what netfilter makes of it. */
    struct published {
        struct in_addr address;
        uint16_t port;      /* 0: it was not asked for so */
        unsigned n_targets; /* places that tracked flows were sent to; the first one counts */
    } published;
};
#define OPTIONS_OF_PACKET                                                                          \
    (OPTION_BIT(OPTION_TO) | OPTION_BIT(OPTION_MARK) | OPTION_BIT(OPTION_PROTO) |                  \
     OPTION_BIT(OPTION_SPORT) | OPTION_BIT(OPTION_DPORT))

/* -EINVAL after saying so. Of a published port the address, and nothing of what is behind it. */
int asked_packet_read(const struct cli *cli, struct asked_packet *ret);

/* Where a published port was asked for: looks up in tracked flows, which only root sees, where
 * netfilter sends it. A negative errno after saying why. */
int asked_packet_look_up(const struct cli *cli, struct asked_packet *packet);

/* "Sent to port 2222 of 192.0.2.1, which netfilter changes, …", or nothing. */
void published_print(struct output *out, const struct published *published);
json_t *published_json(const struct published *published); /* {address, port, targets}, or null */
