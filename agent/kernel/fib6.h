/* Where something leaves by the IPv6 routing tables: without privilege, and nothing is logged. IPv6
 * has no check of sources, so that this is all there is to ask. */
#pragma once

#include "agent/kernel/netlink.h"
#include "policy/base/ip.h"
#include "policy/verdict/verdict.h"

struct fib_way {
    struct route_found found;
    struct ip gateways[ROUTE_HOPS_MAX]; /* per hop; family 0: none, or not known */
};

/* The way of what the host sends from one address to another, with no mark, protocol or port. vrf:
 * ifindex of the VRF device whose table is meant; 0 for none. A way that ends in nothing is
 * success, with found.kind saying so. Errors as the kernel gives them.
 *
 * The kernel is asked, as for an output route, whatever the rules are: unlike IPv4 it takes any
 * source, and validates none. It can have one effect, that of every packet sent there: where the
 * host does not forward and has not heard from the gateway lately, the kernel may ask for it with a
 * neighbour solicitation, at most once a minute (rt6_probe(), router_probe_interval). */
int fib6_lookup(struct netlink *nl, const struct ip *from, const struct ip *to, int vrf,
                struct fib_way *ret);

/* The reader of the answer, for the fuzzer. *ret_nexthop is the id of a nexthop object whose hops
 * the message does not have, else 0. -EBADMSG when it is malformed, -E2BIG for too many hops. */
int fib6_read_way(const struct nlmsghdr *message, struct fib_way *ret, uint32_t *ret_nexthop);
