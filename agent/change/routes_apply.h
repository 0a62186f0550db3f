/* Carrying out policy routing: facts are read, planned with and changed under the lock that all
 * writers of this program share. Logs nothing: every result goes to a callback. */
#pragma once

#include "agent/base/paths.h"
#include "agent/kernel/links.h"
#include "agent/kernel/routes_io.h"

/* All that a plan wants to know: addresses, rules, routes, leases, other programs at work. For
 * route_facts_done(). */
int routes_gather(struct netlink *nl, const struct paths *paths, const struct policy *policy,
                  const struct live *live, struct route_facts *ret);

enum routes_result {
    ROUTES_DONE,
    ROUTES_GONE, /* the device vanished: success */
    ROUTES_FAILED,
    ROUTES_LEFT, /* not tried: something before it failed for the same family of the device, which
                    keeps what it has rather than lose it */
};

/* name: of the device, "" where it is not known any more or it is the rule for main. */
typedef void (*routes_report_t)(const struct routes_change *change, const char *name,
                                enum routes_result result, int error, void *data);

struct routes_outcome {
    unsigned done, gone, failed, left;
    int first_error; /* negative errno of the first failure, 0 for none */
};

/* The changes of a plan, in order; a failure stops only what comes after it for the same family
 * of the same device. live: for the names. The caller holds the lock. */
void routes_carry_out(struct netlink *nl, const struct routes_change *changes, size_t n,
                      const struct live *live, routes_report_t report, void *data,
                      struct routes_outcome *ret);

struct routes_apply_options {
    const struct paths *paths;
    const struct policy *policy; /* NULL: take away all that carries our protocol */
    bool forced;                 /* conflicts do not hold a device back */
    bool additions_only;         /* what is to go stays for now */
    bool ignore_pauses;
    bool locked; /* the caller holds the lock */
    int lock_timeout_ms;
    /* NULL, or called after the picture was read, before it is planned with (udev properties). A
     * negative errno ends the work. */
    int (*amend)(struct live *live, void *data);
    routes_report_t report; /* may be NULL */
    void *data;
};

/* Lock, read, plan, change. A negative errno: nothing was changed. 0: the plan was carried out to
 * its end, ret->first_error tells of failures in it. ret_plan may be NULL; else for
 * routes_plan_done(). */
int routes_apply(const struct routes_apply_options *options, struct routes_plan *ret_plan,
                 struct routes_outcome *ret);

/* What is ours (rules and routes) at one moment, and the way back to it: for an apply that is not
 * confirmed. */
struct routes_snapshot {
    struct route_facts facts;
};
int routes_snapshot_take(struct routes_snapshot *ret);
void routes_snapshot_done(struct routes_snapshot *snapshot);

/* The caller holds the lock. What cannot be put back since its device is gone is passed over.
 * only_add: what is missing, and nothing is taken away yet. */
int routes_snapshot_put_back(const struct routes_snapshot *snapshot, bool only_add,
                             struct routes_outcome *ret);
