/* Addresses, routes and rules of IPv4 and IPv6 by netlink, as policy/routes/routes.h wants them,
 * and the messages that change them. Needs no privilege to read. No logging. */
#pragma once

#include "agent/kernel/messages.h"
#include "agent/kernel/netlink.h"
#include "policy/routes/routes.h"

/* Addresses, rules, and of the routes what route_facts keeps: however many there are, the rest
 * costs no memory. Does not fill leases and meddlers. Errors as the kernel gives them; *ret is then
 * untouched. */
int routes_read(struct netlink *nl, struct route_facts *ret);

/* Read again a part of it into facts that were read before. Only the foreign routes take long where
 * there are many: the kernel itself passes over them where ours are asked for (since 4.20). On an
 * error the part is incomplete. */
enum {
    ROUTES_READ_ADDRESSES = 1 << 0,
    ROUTES_READ_RULES = 1 << 1,
    ROUTES_READ_OURS = 1 << 2,    /* routes with our protocol */
    ROUTES_READ_FOREIGN = 1 << 3, /* all others */
    ROUTES_READ_ALL = (1 << 4) - 1,
};
int routes_read_again(struct netlink *nl, unsigned what, struct route_facts *facts);

/* The same for the addresses of one device. */
int routes_read_addresses_of(struct netlink *nl, int ifindex, struct route_facts *facts);

/* Carry out one change, by RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWRULE, RTM_DELRULE with our protocol.
 * What is there already when it is to be added, or gone when it is to be deleted, is success. What
 * is not ours is neither replaced nor deleted: where a foreign route of the same table, destination
 * and metric stands in the way of a new one, -EEXIST.
 *
 * IPv6: the kernel takes metric 0 as 1024 and knows no scope, so that is what is read back. */
int routes_change(struct netlink *nl, const struct routes_change *change);
