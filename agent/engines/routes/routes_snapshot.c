/* Going back to the routes and rules that were ours at an earlier moment. */
#include "agent/engines/routes/routes_snapshot.h"

void routes_snapshot_done(struct routes_snapshot *snapshot)
{
    route_facts_done(&snapshot->facts);
}

/* Without what belongs to others; of the routes only ours were read. */
static void keep_ours(struct route_facts *facts)
{
    size_t kept = 0;

    for (size_t i = 0; i < facts->n_rules; i++)
        if (facts->rules[i].protocol == ROUTING_PROTOCOL)
            facts->rules[kept++] = facts->rules[i];
    facts->n_rules = kept;
}

int routes_snapshot_take(struct routes_snapshot *ret)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct routes_snapshot snapshot = {0};
    int r = netlink_open(&nl);

    if (r >= 0)
        r = routes_read_again(&nl, ROUTES_READ_OURS | ROUTES_READ_RULES, &snapshot.facts);
    if (r < 0) {
        routes_snapshot_done(&snapshot);
        return r;
    }
    keep_ours(&snapshot.facts);
    *ret = snapshot;
    return 0;
}

/* What cannot be told to the kernel in all its parts is not made again. */
static void leave_out(struct routes_plan *plan, bool only_add)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->n_changes; i++) {
        const struct routes_change *change = &plan->changes[i];
        bool adds = routes_change_adds(change);

        if ((change->op == ROUTES_ADD_ROUTE && change->route.special) ||
            (change->op == ROUTES_ADD_RULE && change->rule.special) || (only_add && !adds))
            continue;
        plan->changes[kept++] = *change;
    }
    plan->n_changes = kept;
}

int routes_snapshot_plan(const struct routes_snapshot *snapshot, bool only_add,
                         struct routes_plan *ret)
{
    _cleanup_(routes_snapshot_done) struct routes_snapshot now = {0};
    struct routes_plan plan = {
        .routes = snapshot->facts.routes,
        .n_routes = snapshot->facts.n_routes,
        .rules = snapshot->facts.rules,
        .n_rules = snapshot->facts.n_rules,
    };
    int r = routes_snapshot_take(&now);

    if (r >= 0)
        r = routes_plan_changes(&now.facts, &plan);
    if (r < 0) {
        free(plan.changes); /* the rest is borrowed from the snapshot */
        return r;
    }
    leave_out(&plan, only_add);
    *ret = (struct routes_plan){.changes = plan.changes, .n_changes = plan.n_changes};
    return 0;
}
