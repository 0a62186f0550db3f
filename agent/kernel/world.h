/* The world as the kernel has it: the devices of a network namespace with their settings, and,
 * where they are asked for, addresses, rules and the routes of interest. Read from dumps and kept
 * up by notifications: both give the same world. What no notification tells (the way of a route
 * whose address went, the settings that follow `default`) is stale, and read again by its owner
 * when it sees fit. No logging, and no decisions. */
#pragma once

#include "agent/kernel/links.h"
#include "agent/kernel/routes_io.h"

/* Parts of it, beside ROUTES_READ_…. What the kernel never tells differs from a fresh reading:
 * other settings than rp_filter and forwarding, drivers, the altnames of a device that is down, an
 * IPv6 address that is still looked for; and of the foreign routes beside default ones the last
 * reading keeps one for each table. */
enum {
    WORLD_DEVICES = ROUTES_READ_ALL + 1, /* devices, `all` and `default` */
    WORLD_UPLINKS = WORLD_DEVICES << 1,  /* device.uplink */
    WORLD_ALL = ROUTES_READ_ALL | WORLD_DEVICES | WORLD_UPLINKS,
};

struct world {
    struct picture_options picture; /* of all devices; the procsys, if any, is borrowed */
    unsigned parts;                 /* which are kept; with FACT_ADDRESSES the addresses are */
    struct live live;
    size_t capacity;            /* of its devices */
    struct route_facts network; /* of the addresses each device's are in no order that matters */
    int without;                /* ifindex of a device whose settings were told to go; 0: none */
};

/* Read it all. routing: rules and routes, too. Errors as the kernel gives them. */
int world_read(struct netlink *nl, const struct picture_options *picture, bool routing,
               struct world *ret);
void world_done(struct world *world);

/* Read parts of it again. What only its owner knows of devices (device.paused, udev's properties …)
 * is lost with WORLD_DEVICES. On an error the parts are incomplete. */
int world_read_again(struct netlink *nl, unsigned parts, struct world *world);

enum world_event {
    WORLD_NOTHING, /* of devices; stale may tell more */
    WORLD_NEW_DEVICE,
    WORLD_LINK,
    WORLD_RENAMED,
    WORLD_GONE,
    WORLD_VALUES,  /* settings of a device */
    WORLD_UNKNOWN, /* of one whose RTM_NEWLINK is to come: see world_add_unseen() */
    WORLD_SPECIAL, /* of `all` or `default` */
};

/* What a message changed. */
struct world_change {
    enum world_event event;
    int ifindex;                /* or IFINDEX_ALL, IFINDEX_DEFAULT */
    struct device before;       /* owned; of a device that was there: it before the message. Of a
                                   new one that was unseen, too. */
    struct netconf_values told; /* of a message about settings, whatever came of it */
    int32_t special[KEY_COUNT]; /* of `all` or `default`: the values before the message */
    unsigned stale;             /* parts that are kept and have to be read again */
};
void world_change_done(struct world_change *change);

/* One notification, of any of the groups that watch.h knows. Links and settings must come through
 * one socket: two have no common order. What only the owner knows of a device stays with it. Others
 * than those messages, and malformed ones, change nothing. */
void world_update(struct world *world, const struct nlmsghdr *message, struct world_change *ret);

/* A device that told of its settings, but has not been announced yet: device.unseen. Its
 * RTM_NEWLINK makes it a new one, only the end of its settings may come instead: then it is gone.
 * NULL where memory is short. */
struct device *world_add_unseen(struct world *world, const char *name,
                                const struct netconf_values *values);

/* To be called when no message waits any more: the parts that are stale because of what did not
 * follow. */
unsigned world_settle(struct world *world);
