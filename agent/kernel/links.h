/* Reading devices, addresses, default routes and settings out of netlink messages, and the whole
 * live picture. The message readers are pure functions over one message, so that the agent can feed
 * them notifications and the fuzzer anything. */
#pragma once

#include "facts.h"
#include "netlink.h"

/* One RTM_NEWLINK: every fact that comes with a link and, where the AF_INET block is present, all
 * managed keys (IFLA_INET_CONF) and forwarding. -EBADMSG when the message is malformed. */
int link_read_message(const struct nlmsghdr *message, struct device *ret);

/* One RTM_NEWNETCONF: ifindex and, when present (else untouched), rp_filter and forwarding. */
struct netconf_values {
    int ifindex;
    bool has_rp_filter, has_forwarding;
    int rp_filter, forwarding;
};
int netconf_read_message(const struct nlmsghdr *message, struct netconf_values *ret);

/* One RTM_NEWADDR / RTM_DELADDR of AF_INET: the device it is on. 0 with *ret_ifindex 0 when other.
 */
int address_read_message(const struct nlmsghdr *message, int *ret_ifindex);

/* One IPv4 route: the devices of a default route of the main table (multipath: all of them), at
 * most `size`; *ret_count is 0 when it is not one. */
int default_route_read_message(const struct nlmsghdr *message, int *ret_ifindexes, size_t size,
                               size_t *ret_count);

struct picture_options {
    key_mask keys;            /* rp_filter is always read */
    uint32_t facts;           /* mask of enum fact to collect */
    int ifindex;              /* 0: all devices; else only that one (all and default always) */
    const char *proc_sys_net; /* where /proc/sys/net is mounted */
};

/* The live picture of this network namespace. Needs no privilege. -ENODEV when options.ifindex is
 * not there. Devices that vanish meanwhile are simply absent. */
int picture_read(struct netlink *nl, const struct picture_options *options, struct live *ret);
