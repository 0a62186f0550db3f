/* Who is where: the IPv4 addresses of the devices, and the neighbours that were heard on them.
 * Needs no privilege. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/kernel/netlink.h"

struct address {
    int ifindex;
    struct in_addr local;
    unsigned prefix_length;
};

struct neighbour {
    int ifindex;
    struct in_addr address;
};

/* One RTM_NEWADDR, RTM_NEWNEIGH. *ret_is: it is one of IPv4 and, of a neighbour, of a host that
 * answered or was stated. -EBADMSG when it is malformed. */
int address_read(const struct nlmsghdr *message, struct address *ret, bool *ret_is);
int neighbour_read(const struct nlmsghdr *message, struct neighbour *ret, bool *ret_is);

/* All of them, in the kernel's order. Owned. */
int addresses_read(struct netlink *nl, struct address **ret, size_t *ret_count);
int neighbours_read(struct netlink *nl, struct neighbour **ret, size_t *ret_count);
