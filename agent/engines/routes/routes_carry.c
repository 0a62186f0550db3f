/* Gathering facts, the proof of a plan, and changes in their order. Decides nothing but whether to
 * go on after a failure. */
#include "agent/engines/routes/routes_carry.h"

#include "agent/kernel/effects.h"
#include "agent/kernel/procsys.h"
#include "agent/system/leases.h"
#include "agent/system/meddlers.h"

int routes_gather(struct netlink *nl, const struct paths *paths, const struct policy *policy,
                  const struct live *live, struct route_facts *ret)
{
    bool asked = routing_in_policy(policy); /* else ours are to go, whatever others have */
    struct route_facts facts = {0};
    int r = asked ? routes_read(nl, &facts)
                  : routes_read_again(nl, ROUTES_READ_RULES | ROUTES_READ_OURS, &facts);

    if (r >= 0 && asked)
        r = leases_read(paths, policy, live, NULL, &facts);
    if (r >= 0 && asked)
        r = meddlers_read(paths, policy, live, &facts);
    if (r < 0) {
        route_facts_done(&facts);
        return r;
    }
    *ret = facts;
    return 0;
}

int routes_prove(struct netlink *nl, const struct policy *policy, const struct live *live,
                 const struct route_facts *facts, bool forced, bool written,
                 struct routes_plan *plan)
{
    _cleanup_(route_effects_done) struct route_effects effects = {0};
    int r = routes_effects(live, facts, plan, &effects);

    if (r >= 0)
        r = effects_find(nl, facts, written, &effects);
    if (r >= 0)
        r = routes_judge(policy, live, &effects, forced, plan);
    return r;
}

int routes_plan_proven(struct netlink *nl, const struct policy *policy, const struct live *live,
                       const struct route_facts *facts, bool forced, struct routes_plan *ret)
{
    struct routes_plan plan = {0};
    int r = routes_plan(policy, live, facts, forced, &plan);

    if (r >= 0)
        r = routes_prove(nl, policy, live, facts, forced, false, &plan);
    if (r < 0)
        routes_plan_done(&plan);
    else
        *ret = plan;
    return r;
}

/* Where something failed, each family of a device by itself; few, if any. */
struct failures {
    struct failure {
        int ifindex;
        uint8_t family;
    } * items; /* owned */
    size_t count, capacity;
    bool all; /* memory ran out: nothing more is tried */
};

static bool has_failed(const struct failures *failures, const struct routes_change *change)
{
    if (failures->all)
        return true;
    for (size_t i = 0; i < failures->count; i++)
        if (failures->items[i].ifindex == change->ifindex &&
            failures->items[i].family == routes_change_family(change))
            return true;
    return false;
}

static void add_failure(struct failures *failures, const struct routes_change *change)
{
    if (change->ifindex == 0)
        return;
    if (grow((void **)&failures->items, &failures->capacity, failures->count,
             sizeof(*failures->items)) < 0)
        failures->all = true;
    else
        failures->items[failures->count++] =
            (struct failure){change->ifindex, routes_change_family(change)};
}

static bool is_gone(struct netlink *nl, int ifindex)
{
    char name[DEVICE_NAME_MAX + 1];

    return ifindex != 0 && device_current_name(nl, ifindex, name) == -ENODEV;
}

static enum change_result carry_out(struct netlink *nl, const struct routes_change *change,
                                    struct failures *failures, int *ret_error)
{
    if (has_failed(failures, change))
        return CHANGE_LEFT;
    *ret_error = routes_change(nl, change);
    if (*ret_error >= 0)
        return CHANGE_DONE;
    if (is_gone(nl, change->ifindex))
        return CHANGE_GONE;
    add_failure(failures, change);
    return CHANGE_FAILED;
}

void routes_carry_out(struct netlink *nl, const struct routes_change *changes, size_t n,
                      const struct live *live, routes_report_t report, void *data)
{
    struct failures failures = {0};

    for (size_t i = 0; i < n; i++) {
        const struct device *device = live ? live_by_ifindex(live, changes[i].ifindex) : NULL;
        int error = 0;
        enum change_result result = carry_out(nl, &changes[i], &failures, &error);

        report(&changes[i], device ? device->name : "", result, error, data);
    }
    free(failures.items);
}
