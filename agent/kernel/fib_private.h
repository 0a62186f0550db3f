/* Shared by the files of fib: one message at a time, and the rules as they are applied here. */
#pragma once

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/fib.h"

#define LOOPBACK_IFINDEX 1 /* of lo, in every namespace */

/* One RTM_NEWROUTE. -EBADMSG when it is malformed, -E2BIG for too many hops, -ENOENT when it is no
 * route of a table. */
int fib_read_way(const struct nlmsghdr *message, struct fib_way *ret);

/* Fill the hops of a route through a nexthop object. */
int fib_resolve_nexthop(struct netlink *nl, struct fib_way *way);

/* enum route_kind for an RTN_… type. */
enum route_kind fib_kind_of(uint8_t type);

/* How a lookup that ends in nothing is answered (fib_props[], fib4_rule_action(), and the same of
 * IPv6). Other errors are given back, and *ret is then untouched. */
int fib_ends_in_nothing(int error, enum route_kind *ret);

/* fib_receiver() that also tells where the packet would go; either way may be NULL. */
int fib_receive(struct fib *fib, const struct live *live, const struct device *device,
                const struct fib_packet *packet, struct receiver *ret, struct fib_way *ret_there,
                struct fib_way *ret_back);

/* Ask the kernel, as for an output route; with or without the source, which it refuses where that
 * is not the host's own. */
int fib_ask(struct netlink *nl, const struct fib_flow *flow, bool with_source, struct fib_way *ret);

/* What kinds of rules there are: fills the flags of *fib. */
void fib_look_at_rules(struct fib *fib);

/* What is asked of one table, and the routes that fib_hold() read. */
struct fib_search {
    struct ip to;
    uint8_t tos;
    uint32_t table;
    bool not_ours; /* those of our protocol are pretended */
};
bool fib_tables_search(const struct fib_tables *tables, const struct fib_search *search,
                       struct fib_way *ret);
struct fib_tables *fib_tables_free(struct fib_tables *tables); /* returns NULL */

/* Is what there is of our protocol in the table to be passed over? Not where a route of it is kept
 * that is not all held here: then all of the table is. */
bool fib_pretends_in(const struct fib *fib, uint32_t table);

/* Of the routes that will be there instead, or too, put the best one that leads there into *best,
 * where it is better than what that holds: *found tells whether it holds anything, before and
 * after. */
void fib_find_pretended(const struct fib *fib, const struct fib_search *search,
                        struct fib_way *best, bool *found);

/* Does the rule apply (fib_rule_match(), fib4_rule_match())? A VRF as the device that a packet
 * comes in by stands for all its ports, as that which it leaves by for what is sent in it, as in
 * Linux 6.15 (l3mdev_fib_rule_iif_match(), l3mdev_fib_rule_oif_match()). */
bool fib_rule_matches(const struct route_rule *rule, const struct fib_flow *flow);

/* In a VRF: does it apply there in some versions of the kernel and not in others? A rule that names
 * the VRF as its device does not from 5.18 until 6.15, unless that was patched. A rule that names
 * another incoming device does since 5.18: until then the VRF took its place. */
bool fib_rule_is_unsure(const struct route_rule *rule, const struct fib_flow *flow,
                        unsigned kernel);
#define KERNEL(major, minor) ((major)*1000u + (minor))

/* The table that a rule which applies leads to. */
uint32_t fib_rule_table(const struct route_rule *rule, const struct fib_flow *flow);
