/* The values of devices, of `all` and of `default`: a picture that follows the kernel's messages,
 * and what is put right in it, unless something speaks against that: mode, a pause, udev still at
 * work, a way that is missing, another writer, the lock. The only part of the agent that writes
 * them. What is wanted the core decides (plan.h). */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/change/change.h"
#include "agent/daemon/counters.h"
#include "agent/daemon/in_force.h"
#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "agent/daemon/others.h"
#include "agent/daemon/paused.h"
#include "agent/daemon/udev_watch.h"
#include "agent/daemon/ways.h"
#include "agent/daemon/writing.h"
#include "agent/kernel/links.h"
#include "agent/kernel/netlink.h"
#include "agent/kernel/procsys.h"
#include "policy/decide/judge.h"

/* How the kernel is asked, and everything changed: links.h, netlink.h, procsys.h and change.h, or
 * what a test puts in their place. */
struct keeper_kernel {
    int (*read)(struct netlink *nl, const struct picture_options *options, struct live *ret);
    int (*dump)(struct netlink *nl, struct nlmsghdr *request, netlink_message_t fn,
                void (*reset)(void *data), void *data);
    int (*carry_out)(const struct change_request *request, struct change_outcome *ret);
    int (*current_name)(struct netlink *nl, int ifindex, char *ret);
    int (*read_special)(struct procsys *p, const char *name, enum key key, int *ret);
    int (*read_device)(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                       enum key key, int *ret);
    int (*open_key)(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                    enum key key);
};

struct keeper_options {
    const struct paths *paths; /* these live longer */
    struct netlink *nl;
    const struct keeper_kernel *kernel; /* NULL: the real one */
    struct loop *loop;
    const struct logger *logger;
    const struct in_force *in_force;
    struct paused *paused;
    const struct writing *writing;
    struct udev_watch *udev;
    struct ways *ways;
    struct others *others; /* NULL: none */
    /* Everything is to be read again, soon. reason: static text; NULL: routine. */
    void (*read_again)(const char *reason, void *data);
    /* The same since somebody moved `all` or `default`; waits: it is put right later, at a time
     * that is known. */
    void (*special_moved)(const char *reason, bool waits, void *data);
    /* Somebody wrote a device: a whole run of systemd-sysctl, maybe, which writes keys, too, that
     * the kernel does not announce. */
    void (*written)(void *data);
    void (*changed)(void *data); /* what there is to tell */
    void *data;
};

struct keeper;

/* On an error *ret_where is the path of what could not be had, borrowed from the paths; untouched
 * where memory is short. */
int keeper_new(const struct keeper_options *options, struct keeper **ret, const char **ret_where);
struct keeper *keeper_free(struct keeper *keeper);

/* Another policy is in force; the one before is still there. */
void keeper_begin(struct keeper *keeper);

/* One message, of links, settings, addresses or routes; others are no concern of this part. */
void keeper_on_message(struct keeper *keeper, const struct nlmsghdr *message);

/* udev has finished with the device. */
void keeper_on_udev(struct keeper *keeper, int ifindex, struct udev_device *device);

/* The steps of reading everything, for reader.h: read it and see where `all` and `default` are
 * heading for (ways: mark the devices whose ways are missing); … */
int keeper_read(struct keeper *keeper, struct live *ret);
void keeper_aim(struct keeper *keeper, struct live *live, bool ways);
/* … put those right by a whole plan, where they drift: 1 when it was carried out, so that all is to
 * be read again; 0: not now, or it failed, which is said; … */
int keeper_put_specials_right(struct keeper *keeper);
bool keeper_specials_drift(const struct keeper *keeper);
/* … make it the picture, which takes over what it owns; … */
int keeper_take(struct keeper *keeper, struct live *live);
/* … and put devices right. event: what showed the wrong values. */
void keeper_enforce_all(struct keeper *keeper, const char *event);

/* Where only rp_filter is managed one dump without names tells all: ten times cheaper. What it
 * shows is put right; true where it raises questions that only keeper_read() answers. */
bool keeper_sweep(struct keeper *keeper);

/* The record of former values; not now where the lock is held. */
void keeper_tidy_record(struct keeper *keeper);

/* Add to a picture what is known of devices beside it: sets with time conditions, udev at work. */
void keeper_amend(const struct keeper *keeper, struct live *live);

/* The picture; its devices until the next call that may change it. What is paused may be marked. */
struct live *keeper_live(struct keeper *keeper);

/* What there is to tell. Of the counters all but `resyncs`. */
struct counters keeper_counters(const struct keeper *keeper);
size_t keeper_in_state(const struct keeper *keeper, enum state state); /* devices */
json_t *keeper_devices_json(const struct keeper *keeper);              /* by state */
json_t *keeper_conflicts_json(const struct keeper *keeper);            /* who writes back */
void keeper_devices_metrics(FILE *out, const struct keeper *keeper);
void keeper_conflicts_metrics(FILE *out, const struct keeper *keeper);
