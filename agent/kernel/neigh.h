/* Who is where: the IPv4 addresses of the devices, and the neighbours that were heard on them.
 * Needs no privilege. */
#pragma once

#include "agent/kernel/messages.h"
#include "agent/kernel/netlink.h"

struct neighbour {
    int ifindex;
    struct ip address;
};

/* One RTM_NEWNEIGH. -ENOENT for one of another family than IPv4, and where nobody was heard: only a
 * host that answered or was stated counts. -EBADMSG when it is malformed. */
int neighbour_read_message(const struct nlmsghdr *message, struct neighbour *ret);

/* All of IPv4, in the kernel's order. Owned. */
int addresses_read(struct netlink *nl, struct route_address **ret, size_t *ret_count);
int neighbours_read(struct netlink *nl, struct neighbour **ret, size_t *ret_count);
