/* Addresses, routes and rules of IPv4 and IPv6 by netlink, as policy/routes.h wants them, and the
 * messages that change them. Needs no privilege to read. No logging. */
#pragma once

#include "netlink.h"
#include "routes.h"

/* Addresses, rules, and of the routes what route_facts keeps; each dump is filtered by the kernel
 * where it can (NETLINK_GET_STRICT_CHK), so that a full routing table costs little. Does not fill
 * leases and meddlers. Errors as the kernel gives them; *ret is then empty. */
int routes_read(struct netlink *nl, struct route_facts *ret);

/* The readers of one message each, for notifications and the fuzzer. -EBADMSG when it is malformed;
 * -ENOENT when it is of no interest here (another family, a cached route). */
int route_address_read_message(const struct nlmsghdr *message, struct route_address *ret);
int route_read_message(const struct nlmsghdr *message, struct route *ret);
int route_rule_read_message(const struct nlmsghdr *message, struct route_rule *ret);

/* Carry out one change, by RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWRULE, RTM_DELRULE with our protocol.
 * What is there already when it is to be added, or gone when it is to be deleted, is success. */
int routes_change(struct netlink *nl, const struct routes_change *change);
