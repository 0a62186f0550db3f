/* A model of how the kernel keeps one key of net.ipv4.conf: `all`, `default`, devices, and which
 * devices follow `default`. It knows nothing of policies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policy/facts/facts.h"

#define SIM_DEVICES_MAX 160

struct sim_device {
    struct device facts; /* conf[key] is the stored value */
    bool follows;        /* writes of default reach it */
    bool known;          /* a picture was taken since it is there */
    size_t
        born_before; /* 0: was there from the start; else number of the write it precedes, from 1 */
};

struct sim {
    enum key key;
    int all, def;
    bool def_forwarding;
    bool all_paused, def_paused; /* a person told to leave them alone */
    bool def_written; /* default was written in this namespace: who is born now does not follow */
    struct sim_device devices[SIM_DEVICES_MAX];
    size_t count;
};

/* The stored value copies default; the device follows it unless default was ever written. */
struct sim_device *sim_birth(struct sim *sim, const char *name);

/* A write through /proc/sys or netlink; ifindex as in NETCONFA_IFINDEX. */
void sim_write(struct sim *sim, int ifindex, int value);

int sim_effective(const struct sim *sim, const struct sim_device *device);

/* Fill a live picture that borrows `devices` (SIM_DEVICES_MAX of them). */
void sim_picture(const struct sim *sim, struct device *devices, struct live *ret);
