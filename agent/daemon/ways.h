/* Policy routing in the agent: facts that follow the kernel's messages, a plan when they change,
 * the changes, and who keeps undoing them. What is wanted the core decides (routes.h).
 *
 * Messages only tell that something is to be read again, unless they agree with what is known, as
 * the echoes of our own changes do. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/base/paths.h"
#include "agent/daemon/in_force.h"
#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "agent/daemon/paused.h"
#include "agent/daemon/writing.h"
#include "agent/engines/routes/routes_carry.h"
#include "agent/kernel/watch.h"
#include "policy/decide/plan.h"

/* How the kernel is read and changed: routes_io.h, effects.h and routes_carry.h, or what a test
 * puts in their place. */
struct ways_kernel {
    int (*read_again)(struct netlink *nl, unsigned what, struct route_facts *facts);
    int (*read_addresses_of)(struct netlink *nl, int ifindex, struct route_facts *facts);
    int (*find_effects)(struct netlink *nl, const struct route_facts *facts, bool written,
                        struct route_effects *effects);
    void (*carry_out)(struct netlink *nl, const struct routes_change *changes, size_t n,
                      const struct live *live, routes_report_t report, void *data);
};

struct ways_options {
    const struct paths *paths; /* these live longer */
    struct netlink *nl;
    const struct ways_kernel *kernel; /* NULL: the real one */
    struct loop *loop;
    const struct logger *logger;
    const struct in_force *in_force;
    struct paused *paused;
    const struct writing *writing;
    /* `all`, `default` and the devices as they are now: borrowed, and marked where paused. */
    struct live *(*devices)(void *data);
    /* From now on the kernel is to tell of these routes of others; borrowed until the next call. */
    void (*follow)(const struct watch_routes *routes, void *data);
    /* Everything is to be read again: values that waited may be written, or nothing may be, by what
     * is known. reason: static text. */
    void (*read_again)(const char *reason, void *data);
    void (*changed)(void *data); /* what ways_json() tells */
    void *data;
};

struct ways;

int ways_new(const struct ways_options *options, struct ways **ret);
struct ways *ways_free(struct ways *ways);

/* The policy in force changed. */
void ways_begin(struct ways *ways);
bool ways_are_asked(const struct ways *ways);   /* by the policy */
bool ways_are_planned(const struct ways *ways); /* by the policy, at least once */

/* Pauses changed: leftovers may have been kept for one alone. */
void ways_pauses_changed(struct ways *ways);

/* Everything is read and planned with, now. New ways are made, before a device becomes strict that
 * needs them; those that go do so with ways_finish(), when no device is strict any more that needed
 * them. */
void ways_resync(struct ways *ways);
void ways_finish(struct ways *ways);

/* Messages. on_link: what was known of the device before; NULL for a new one. */
void ways_on_link(struct ways *ways, const struct device *before, const struct device *device);
void ways_on_gone(struct ways *ways, int ifindex);
void ways_on_address(struct ways *ways, const struct nlmsghdr *message);
void ways_on_route(struct ways *ways, const struct nlmsghdr *message);
void ways_on_rule(struct ways *ways, const struct nlmsghdr *message);
void ways_on_lost(struct ways *ways); /* some message; everything is to be read again */

/* After messages were taken: plan, or set the timer for it. */
void ways_work(struct ways *ways);

/* May it not become stricter, since an IPv4 route or rule that it needs is not in place, or nothing
 * is known of them yet? ways_mark() says so to devices of a picture. */
bool ways_are_missing(const struct ways *ways, const struct device *device);
void ways_mark(const struct ways *ways, struct live *live);

/* A value of the device was held back, maybe for that; NULL: `all`. As soon as that need not be,
 * everything is read, and written, again. True where it is to be said, once: it failed already. */
bool ways_await(struct ways *ways, const struct device *device);

/* The engine that it follows. */
const struct engine *ways_engine(void);

json_t *ways_json(const struct ways *ways); /* null where nothing is asked for */
void ways_metrics(FILE *out, const struct ways *ways);
