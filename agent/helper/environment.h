/* What udev tells a program that it runs: in the environment, never in arguments, since a device's
 * name could add some. */
#pragma once

#include "policy/facts/facts.h"

struct event {
    int ifindex;
    const char *name;          /* as it was called then; NULL: not told */
    bool wanted;               /* the device was added or renamed: something to do */
    uint64_t initialized_usec; /* CLOCK_MONOTONIC, when udev first saw the device; 0: not told */
};

/* environment: NULL-terminated, as environ. -EINVAL without a valid IFINDEX and ACTION. */
int event_read(char *const *environment, struct event *ret);

/* Was the device first seen less than five seconds before now (CLOCK_MONOTONIC)? */
bool event_is_young(const struct event *event, uint64_t now_usec);

/* Give the device its udev properties: they are the environment. -ENOMEM. */
int device_take_environment(struct device *device, char *const *environment);
