/* What is not one device's alone: the rules for main, and what stays as it is with devices that are
 * to be left alone, since they are paused or somebody is in their way. */
#include <linux/rtnetlink.h>

#include "policy/decide/plan.h"
#include "policy/routes/routes_private.h"

/* `lookup main suppress_prefixlength 0`, once per family */

int routes_want_main(struct routes_work *work)
{
    for (unsigned f = 0; f < IP_FAMILIES; f++) {
        struct route_rule *rule;
        bool wanted = false;
        int r;

        for (size_t i = 0; i < work->n_wishes && !wanted; i++)
            wanted = work->wishes[i].behind_main[f];
        if (!wanted)
            continue;
        r = routes_add_rule(work->plan, IP_FAMILY(f), &rule);
        if (r < 0)
            return r;
        rule->table = RT_TABLE_MAIN;
        rule->suppress_prefixlength = 0;
        rule->priority = work->wishes[0].settings.priority_main; /* the same for all */
    }
    return 0;
}

/* What devices keep that are to be left alone */

struct frozen {
    uint32_t *tables; /* sorted */
    size_t n, capacity;
};

static int table_compare(const void *a, const void *b)
{
    return COMPARE(*(const uint32_t *)a, *(const uint32_t *)b);
}

static int add_table(struct frozen *frozen, uint32_t table)
{
    int r = grow((void **)&frozen->tables, &frozen->capacity, frozen->n, sizeof(table));

    if (r >= 0)
        frozen->tables[frozen->n++] = table;
    return r;
}

static bool device_is_frozen(const struct routes_work *work, int ifindex)
{
    const struct device *device = live_by_ifindex(work->live, ifindex);
    const struct routes_wish *wish = routes_wish_of(work, ifindex);

    return work->all_frozen || (device && device->paused) || (wish && wish->frozen);
}

/* A frozen device's tables: the one it is to have, and those that its routes are in. */
static int find_frozen(const struct routes_work *work, struct frozen *ret)
{
    int r = 0;

    for (size_t i = 0; i < work->live->count && r >= 0; i++) {
        const struct device *device = &work->live->devices[i];
        struct routing_settings settings;

        if (!device_is_frozen(work, device->ifindex))
            continue;
        routing_for(work->policy, device, &settings);
        r = add_table(ret, settings.table);
    }
    for (size_t i = 0; i < work->facts->n_routes && r >= 0; i++) {
        const struct route *route = &work->facts->routes[i];

        if (routes_is_ours(route->protocol) && device_is_frozen(work, route->oif))
            r = add_table(ret, route->table);
    }
    if (r >= 0 && ret->n > 0)
        qsort(ret->tables, ret->n, sizeof(*ret->tables), table_compare);
    return r;
}

static bool is_frozen_rule(const struct routes_work *work, const struct frozen *frozen,
                           const struct route_rule *rule)
{
    return routes_is_ours(rule->protocol) &&
           (work->all_frozen || (frozen->n > 0 && bsearch(&rule->table, frozen->tables, frozen->n,
                                                          sizeof(*frozen->tables), table_compare)));
}

static int keep_rule(struct routes_work *work, const struct route_rule *kept)
{
    struct route_rule *rule;
    int r = routes_add_rule(work->plan, kept->family, &rule);

    if (r >= 0)
        *rule = *kept;
    return r;
}

/* The rules for main that stand before a kept rule stay with it. */
static int keep_main(struct routes_work *work, const uint32_t last[IP_FAMILIES], size_t n_wanted)
{
    int r = 0;

    for (size_t i = 0; i < work->facts->n_rules && r >= 0; i++) {
        const struct route_rule *rule = &work->facts->rules[i];
        bool wanted = false;

        if (!routes_is_ours(rule->protocol) || !routes_is_main_rule(rule) || work->all_frozen ||
            rule->priority >= last[IP_INDEX(rule->family)])
            continue;
        for (size_t k = 0; k < n_wanted && !wanted; k++)
            wanted = routes_is_main_rule(&work->plan->rules[k]) &&
                     route_rule_compare(rule, &work->plan->rules[k]) == 0;
        if (!wanted)
            r = keep_rule(work, rule);
    }
    return r;
}

int routes_keep_frozen(struct routes_work *work)
{
    size_t n_wanted = work->plan->n_rules;
    uint32_t last[IP_FAMILIES] = {0}; /* the highest priority of a kept rule */
    struct frozen frozen = {0};
    int r = find_frozen(work, &frozen);

    for (size_t i = 0; i < work->facts->n_routes && r >= 0; i++) {
        const struct route *route = &work->facts->routes[i];
        struct route *kept;

        if (!routes_is_ours(route->protocol) || !device_is_frozen(work, route->oif))
            continue;
        r = routes_add_route(work->plan, route->family, &kept);
        if (r >= 0)
            *kept = *route;
    }
    for (size_t i = 0; i < work->facts->n_rules && r >= 0; i++) {
        const struct route_rule *rule = &work->facts->rules[i];
        uint32_t *highest = &last[IP_INDEX(rule->family)];

        if (!is_frozen_rule(work, &frozen, rule))
            continue;
        r = keep_rule(work, rule);
        *highest = rule->priority > *highest ? rule->priority : *highest;
    }
    if (r >= 0)
        r = keep_main(work, last, n_wanted);
    free(frozen.tables);
    return r;
}

/* Values that do not become stricter */

void routes_find_held(const struct policy *policy, const struct live *live,
                      struct routes_plan *plan)
{
    struct key_target target;
    bool known = false;

    if (!policy || !(policy->keys & KEY_BIT(KEY_RP_FILTER)))
        return;
    for (size_t i = 0; i < plan->n_devices; i++) {
        struct routes_device *out = &plan->devices[i];
        const struct device *found = live_by_ifindex(live, out->ifindex);
        struct device_target value;
        struct device device;

        if (!out->holds_value || !found)
            continue;
        if (!known)
            plan_key_target(policy, live, KEY_RP_FILTER, &target);
        known = true;
        device = *found;
        device.held = true;
        plan_device_target(policy, &target, KEY_RP_FILTER, &device, &value);
        out->held = value.held;
    }
}

const char *routes_hold_reason(const struct routes_device *device)
{
    return (device->state == ROUTES_CONFLICT ? device->conflict : device->message) ?: "";
}
