/* The whole live picture, by dumps. */
#pragma once

#include "agent/kernel/messages.h"
#include "agent/kernel/netlink.h"

struct picture_options {
    key_mask keys;            /* which of `all` and `default` to read; rp_filter always is, and
                                 devices come with every key */
    uint32_t facts;           /* mask of enum fact to collect; FACT_UDEV is ignored: udevdb.h */
    int ifindex;              /* 0: all devices; else only that one (all and default always) */
    const char *proc_sys_net; /* where /proc/sys/net is mounted */
    struct procsys *procsys;  /* what is open of it already; NULL: is opened for the time */
};

/* The live picture of this network namespace; nl NULL: a socket is opened for the time. Needs no
 * privilege. -ENODEV when options.ifindex is
 * not there. Devices that vanish meanwhile are simply absent. For one device
 * net.core.devconf_inherit_init_net is not looked up (-1). */
int picture_read(struct netlink *nl, const struct picture_options *options, struct live *ret);

/* device.uplink of all devices anew. On an error it is incomplete. */
int picture_read_uplinks(struct netlink *nl, struct live *live);
