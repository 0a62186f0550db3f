/* The readers of single rtnetlink messages, one for each thing that the kernel tells of: dumps,
 * notifications and the fuzzer all go through them. Pure functions that never look outside the
 * message. -EBADMSG when it is malformed; -ENOENT when it is of no interest here (another family, a
 * cached route). Outputs are untouched on failure. */
#pragma once

#include <libmnl/libmnl.h>

#include "policy/base/util.h"
#include "policy/facts/facts.h"
#include "policy/facts/network.h"

/* One RTM_NEWLINK: every fact that comes with a link and, where the AF_INET block is present
 * (device.ipv4), all managed keys (IFLA_INET_CONF) and forwarding; where it is not, they are 0.
 * facts: of FACT_MAC and FACT_ALTNAMES those to keep. The result is to be freed by device_done().
 * -EBADMSG, -ENOMEM. */
int link_read_message(const struct nlmsghdr *message, uint32_t facts, struct device *ret);

/* One RTM_NEWNETCONF or RTM_DELNETCONF: ifindex and, where present, rp_filter and forwarding. */
struct netconf_values {
    int ifindex;
    bool has_rp_filter, has_forwarding;
    int rp_filter, forwarding;
};
int netconf_read_message(const struct nlmsghdr *message, struct netconf_values *ret);

/* One RTM_NEWADDR or RTM_DELADDR, of IPv4 or IPv6. */
int route_address_read_message(const struct nlmsghdr *message, struct route_address *ret);

/* One RTM_NEWROUTE or RTM_DELROUTE. A route of ours with a metric, preference or end that we never
 * set is `special`, too; of a foreign one these are not looked at. */
int route_read_message(const struct nlmsghdr *message, struct route *ret);

/* The next hops in the same message, each given to fn until that fails: of several all, else the
 * one of the route; none where only the number of a nexthop object is stated. */
typedef int (*route_hop_t)(const struct route_hop *hop, void *data);
int route_read_hops(const struct nlmsghdr *message, route_hop_t fn, void *data);

/* Is it an IPv4 unicast default route of the main table? */
bool route_is_uplink(const struct route *route);

/* One RTM_NEWRULE or RTM_DELRULE. */
int route_rule_read_message(const struct nlmsghdr *message, struct route_rule *ret);
