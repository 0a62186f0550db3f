/* Carrying out policy routing: facts are read, planned with and changed under the lock that all
 * writers of this program share. Logs nothing: every result goes to a callback. */
#pragma once

#include "agent/engines/routes/routes_carry.h"

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
