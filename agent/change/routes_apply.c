/* Reading, planning and changing under one lock. */
#include "agent/change/routes_apply.h"

#include "agent/change/apply.h"
#include "agent/store/lock.h"
#include "agent/store/pause.h"

static int read_live(const struct routes_apply_options *options, struct netlink *nl,
                     struct live *ret)
{
    struct picture_options picture = {
        .keys = KEY_BIT(KEY_RP_FILTER),
        .facts = options->policy ? options->policy->facts | FACT_ADDRESSES : 0,
        .proc_sys_net = options->paths->proc_sys_net,
    };
    _cleanup_(live_done) struct live live = {0};
    _cleanup_pauses_ struct pauses pauses = {0};
    int r = picture_read(nl, &picture, &live);

    if (r >= 0 && !options->ignore_pauses)
        r = pauses_read(options->paths, &pauses);
    if (r >= 0 && !options->ignore_pauses)
        pauses_mark(&pauses, &live, pauses_now());
    if (r >= 0 && options->amend)
        r = options->amend(&live, options->data);
    if (r < 0)
        return r;
    *ret = live;
    live = (struct live){0};
    return 0;
}

static int apply_locked(const struct routes_apply_options *options, struct netlink *nl,
                        struct routes_plan *ret_plan, struct routes_outcome *ret)
{
    _cleanup_(live_done) struct live live = {0};
    _cleanup_(route_facts_done) struct route_facts facts = {0};
    size_t n;
    int r;

    r = read_live(options, nl, &live);
    if (r >= 0)
        r = routes_gather(nl, options->paths, options->policy, &live, &facts);
    if (r >= 0)
        r = routes_plan(options->policy, &live, &facts, options->forced, ret_plan);
    if (r < 0)
        return r;
    n = options->additions_only ? routes_plan_additions(ret_plan) : ret_plan->n_changes;
    routes_carry_out(nl, ret_plan->changes, n, &live, options->report, options->data, ret);
    return 0;
}

int routes_apply(const struct routes_apply_options *options, struct routes_plan *ret_plan,
                 struct routes_outcome *ret)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct routes_plan plan = {0};
    int lock, r;

    *ret = (struct routes_outcome){0};
    r = netlink_open(&nl);
    if (r < 0)
        return r;
    lock = options->locked ? -1 : lock_acquire(options->paths, options->lock_timeout_ms);
    if (lock < 0 && !options->locked)
        return lock;
    r = apply_locked(options, &nl, &plan, ret);
    lock_release(lock);
    if (r >= 0 && ret_plan)
        *ret_plan = plan;
    else
        routes_plan_done(&plan);
    return r;
}
