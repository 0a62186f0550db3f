/* What is known of the devices of one network namespace at one moment: plain data, filled by the
 * readers of agent/kernel and by tests, judged by the core. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/base/name.h"
#include "policy/facts/keys.h"

/* Facts that cost a look at the system or memory per device; a bit in device.known says that it was
 * taken. A policy's sets ask for them in policy.facts. Name, ifindex, flags, type, kind,
 * slave_kind, master (ifindex) and bus_parent come with every RTM_NEWLINK and are always known, but
 * for a device of which none was read yet (device.unseen); the altnames and MACs come with it too,
 * but are only kept where they are asked for. */
enum fact {
    FACT_ADDRESSES = 1 << 0,   /* device.numbered */
    FACT_ROUTES = 1 << 1,      /* device.uplink */
    FACT_MASTER_NAME = 1 << 2, /* device.master_name */
    FACT_DRIVER = 1 << 3,      /* device.driver */
    FACT_UDEV = 1 << 4,        /* device.properties */
    FACT_MAC = 1 << 5,         /* device.mac and device.permanent_mac */
    FACT_ALTNAMES = 1 << 6,    /* device.altnames */
};

/* What the udev hook does not judge: it is not in the event, and changes without one. */
#define FACTS_HOOK_BLIND (FACT_ADDRESSES | FACT_ROUTES | FACT_MASTER_NAME)

struct device {
    int ifindex;
    char name[DEVICE_NAME_MAX + 1];
    uint32_t known;  /* mask of enum fact */
    uint32_t flags;  /* IFF_… */
    uint16_t type;   /* ARPHRD_… */
    bool unseen;     /* only ifindex, name, forwarding and rp_filter are known, and maybe that it
                        has no parent */
    bool bus_parent; /* IFLA_PARENT_DEV_NAME is present; of an unseen one: may be */
    bool numbered;   /* has an IPv4 address */
    bool uplink;     /* carries an IPv4 default route of the main table */
    bool forwarding; /* configured conf/DEV/forwarding */
    key_mask pinned; /* keys that are known not to follow `default` any more */
    bool ipv4;       /* has IPv4 settings at all (absent below MTU 68) */
    bool paused;     /* not to be written for now: pauses.h */
    bool held;       /* a way that replies need could not be put in place, or is not to be had: its
                        rp_filter is not to become stricter for now */
    int master;      /* ifindex, 0 for none */
    char master_name[DEVICE_NAME_MAX + 1];
    char kind[16];       /* IFLA_INFO_KIND, "" for none */
    char slave_kind[16]; /* IFLA_INFO_SLAVE_KIND, "" for none */
    uint32_t vrf_table;  /* of a VRF and of its ports: where their routes are; else 0 */
    char driver[32];     /* "" for none */
    char **altnames;     /* owned, NULL-terminated; NULL for none */
    char *mac;           /* owned, "aa:bb:…" lower case; NULL for none */
    char *permanent_mac; /* likewise */
    char **properties;   /* owned, NULL-terminated "KEY=VALUE"; NULL for none */
    int32_t conf[KEY_COUNT];
    key_mask followed; /* keys in which that is what somebody moved `default` to, and went with it
                          from live.kept_def */
};

/* What stands for `all` and `default` where a device is named by its ifindex. */
#define IFINDEX_ALL (-1)     /* NETCONFA_IFINDEX_ALL */
#define IFINDEX_DEFAULT (-2) /* NETCONFA_IFINDEX_DEFAULT */

/* The live picture. Devices are ordered by ifindex. */
struct live {
    struct device *devices;
    size_t count;
    int32_t all[KEY_COUNT];
    int32_t def[KEY_COUNT];
    /* Keys of which it is known what `all` and `default` were before somebody else moved them, and
     * what that was; equal to all and def where nobody did. Where a plan undoes such a move, what
     * it keeps are the values of then. */
    key_mask kept;
    int32_t kept_all[KEY_COUNT];
    int32_t kept_def[KEY_COUNT];
    bool def_forwarding; /* configured conf/default/forwarding: what a device born now gets */
    bool all_writable;   /* /proc/sys/net is not mounted read-only */
    bool all_paused, default_paused; /* not to be written for now */
    int devconf_inherit; /* net.core.devconf_inherit_init_net; -1 where it cannot be read */
};

/* Free what the device owns, not the struct. */
void device_done(struct device *device);
void live_done(struct live *live);

/* NULL when there is none. By ifindex is a binary search, by name a linear one. */
struct device *live_by_ifindex(const struct live *live, int ifindex);
struct device *live_by_name(const struct live *live, const char *name);

/* What is configured for a device, or for `all` or `default` by IFINDEX_ALL, IFINDEX_DEFAULT. NULL
 * where the device is not there, or has no IPv4 settings. */
const int32_t *live_configured(const struct live *live, enum key key, int ifindex);

/* True for a port of a bridge, bond or team: the IPv4 settings of its master decide. Not for one of
 * a VRF, whose own settings do. */
bool device_is_port(const struct device *device);

/* Is it a VRF? Nothing comes in by it: packets come in by its ports. */
bool device_is_vrf(const struct device *device);

/* The VRF in whose table is looked up what comes in by the device, by ifindex: that of a port, and
 * a VRF itself; 0 for none (l3mdev_master_ifindex_rcu()). */
int device_vrf(const struct device *device);
