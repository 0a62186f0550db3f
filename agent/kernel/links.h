/* Reading devices, addresses, default routes and settings out of netlink messages, and the whole
 * live picture. The message readers are pure functions over one message, so that the agent can feed
 * them notifications and the fuzzer anything. */
#pragma once

#include "agent/kernel/netlink.h"
#include "policy/facts/facts.h"

/* One RTM_NEWLINK: every fact that comes with a link and, where the AF_INET block is present
 * (device.ipv4), all managed keys (IFLA_INET_CONF) and forwarding; where it is not, they are 0.
 * facts: of FACT_MAC and FACT_ALTNAMES those to keep. The result is to be freed by device_done().
 * -EBADMSG when the message is malformed, -ENOMEM. */
int link_read_message(const struct nlmsghdr *message, uint32_t facts, struct device *ret);

/* One RTM_NEWNETCONF or RTM_DELNETCONF: ifindex and, where present, rp_filter and forwarding. */
struct netconf_values {
    int ifindex;
    bool has_rp_filter, has_forwarding;
    int rp_filter, forwarding;
};
int netconf_read_message(const struct nlmsghdr *message, struct netconf_values *ret);

/* One RTM_NEWADDR or RTM_DELADDR: the device it is on; 0 where it is not of AF_INET. */
int address_read_message(const struct nlmsghdr *message, int *ret_ifindex);

/* One RTM_NEWROUTE or RTM_DELROUTE: the devices of an IPv4 unicast default route of the main table
 * (multipath: all of them), at most `size`. *ret_count is how many there are, which may be more
 * than `size`, and 0 when it is another route. */
int default_route_read_message(const struct nlmsghdr *message, int *ret_ifindexes, size_t size,
                               size_t *ret_count);

struct picture_options {
    key_mask keys;            /* which of `all` and `default` to read; rp_filter always is, and
                                 devices come with every key */
    uint32_t facts;           /* mask of enum fact to collect; FACT_UDEV is ignored: udevdb.h */
    int ifindex;              /* 0: all devices; else only that one (all and default always) */
    const char *proc_sys_net; /* where /proc/sys/net is mounted */
    struct procsys *procsys;  /* what is open of it already; NULL: is opened for the time */
};

/* The live picture of this network namespace. Needs no privilege. -ENODEV when options.ifindex is
 * not there. Devices that vanish meanwhile are simply absent. For one device
 * net.core.devconf_inherit_init_net is not looked up (-1). */
int picture_read(struct netlink *nl, const struct picture_options *options, struct live *ret);
