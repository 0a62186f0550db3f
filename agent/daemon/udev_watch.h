/* udev at work on devices: it gives names, and has systemd-sysctl write values. Its own events say
 * when it is finished with one. Should that have been missed it is asked, seldom and not while it
 * still speaks of others: a question looks into /sys, where the agent would wait for all that udev
 * runs. After the time that udev has for an event nothing waits for it any more. */
#pragma once

#include "agent/daemon/loop.h"
#include "policy/facts/facts.h"

struct udev_device;

struct udev_watch_options {
    struct loop *loop;  /* lives longer */
    bool foreign;       /* udev and /sys speak of another network namespace */
    int receive_buffer; /* bytes */
    /* All that is run for an event of a device is through; also for one that nobody waits for. */
    void (*finished)(int ifindex, struct udev_device *device, void *data);
    void (*lost)(void *data); /* events were: what is waited for may be over */
    void *data;
};

struct udev_watch;

int udev_watch_new(const struct udev_watch_options *options, struct udev_watch **ret);
struct udev_watch *udev_watch_free(struct udev_watch *watch);

/* Asked of the device itself. True, too, where udevd does not manage this namespace. */
bool udev_watch_is_initialized(const struct udev_watch *watch, int ifindex);

/* Of a device whose RTM_NEWLINK is still to come: true, too, where that cannot be told. */
bool udev_watch_may_be_on_bus(const struct udev_watch *watch, const char *name);

/* The wait for udev to finish with one device; kept with the device. */
struct udev_wait {
    uint64_t until;  /* at the longest; 0: it is not waited for, or has finished */
    uint64_t ask_at; /* when udev_wait_ended() is to be called next, while `until` is set */
};

/* The device has just appeared. Returns ask_at; UINT64_MAX where udev will not work on it. */
uint64_t udev_wait_begin(const struct udev_watch *watch, struct udev_wait *wait);

/* True once: udev was asked and is finished, or its time is up. */
bool udev_wait_ended(struct udev_watch *watch, struct udev_wait *wait, int ifindex);

/* A physical device is judged by its name once udev has finished with it. wait: NULL where the
 * device is not known yet. */
bool udev_watch_may_rename(const struct udev_watch *watch, const struct device *device,
                           const struct udev_wait *wait);
