/* Where something leaves by the IPv6 routing tables: without privilege, and nothing is logged. IPv6
 * has no check of sources, so that this is all there is to ask. */
#pragma once

#include "agent/kernel/fib.h"

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
