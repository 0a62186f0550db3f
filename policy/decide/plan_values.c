/* A plan without a policy: configured values that were there before are put back, in the safe order
 * of every plan. */
#include "policy/decide/target.h"

static int compare(const void *a, const void *b)
{
    const struct wanted_value *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

/* They are sorted. */
static const struct wanted_value *find(const struct wanted_value *values, size_t n, enum key key,
                                       int ifindex)
{
    struct wanted_value wanted = {.key = key, .ifindex = ifindex};

    return bsearch(&wanted, values, n, sizeof(*values), compare);
}

static void target_of(const struct wanted_value *values, size_t n, const struct live *live,
                      enum key key, struct key_target *ret)
{
    const struct wanted_value *all = find(values, n, key, IFINDEX_ALL);
    const struct wanted_value *def = find(values, n, key, IFINDEX_DEFAULT);
    struct key_target target = {
        .managed = true,
        .old_all = live->all[key],
        .new_all = all ? all->value : live->all[key],
        .kept_all = live->all[key],
        .old_default = live->def[key],
        .kept_default = live->def[key],
        .new_default = def ? def->value : live->def[key],
    };

    if (!live->all_writable) {
        target.new_all = target.old_all;
        target.new_default = target.old_default;
    }
    target.default_before =
        key_effective(key, target.old_all, target.old_default, live->def_forwarding);
    target.default_kept = target.default_before;
    target.default_after =
        key_effective(key, target.new_all, target.new_default, live->def_forwarding);
    target.mid_default = plan_middle_default(key, &target, live->def_forwarding);
    *ret = target;
}

static int add_devices(const struct wanted_value *values, size_t n, const struct live *live,
                       enum key key, const struct key_target *target, struct plan *plan)
{
    for (size_t i = 0; i < live->count; i++) {
        const struct device *device = &live->devices[i];
        const struct wanted_value *wanted = find(values, n, key, device->ifindex);
        int stored = device->conf[key], value = wanted ? wanted->value : stored, r;
        struct device_target t = {
            .before = key_effective(key, target->old_all, stored, device->forwarding),
            .wanted = key_effective(key, target->new_all, value, device->forwarding),
            .write_value = value,
            .write = value != stored,
        };

        if (!device->ipv4)
            continue;
        t.casualty = !wanted && t.wanted != t.before;
        r = plan_add_device(plan, target, key, device, &t);
        if (r < 0)
            return r;
    }
    return 0;
}

/* None of these writes has a rule. */
static void set_reasons(struct plan *plan, size_t first)
{
    for (size_t i = first; i < plan->count; i++)
        if (plan->writes[i].reason != WRITE_STOP_FOLLOW)
            plan->writes[i].reason = WRITE_RESTORE;
}

static int plan_key(const struct wanted_value *values, size_t n, const struct live *live,
                    enum key key, struct plan *plan, size_t *until_reread)
{
    size_t first = plan->count, casualties;
    struct key_target target;
    int r;

    target_of(values, n, live, key, &target);
    r = add_devices(values, n, live, key, &target, plan);
    if (r >= 0)
        r = plan_add_all(plan, &target, key);
    casualties = plan->n_casualties;
    if (r >= 0)
        r = plan_add_default(plan, &target, key);
    if (find(values, n, key, IFINDEX_DEFAULT))
        plan->n_casualties = casualties; /* it was asked for */
    if (r < 0)
        return r;
    set_reasons(plan, first);
    plan_sort_steps(plan, first, &target, until_reread);
    return 0;
}

int plan_values(const struct wanted_value *values, size_t n, const struct live *live,
                struct plan *ret)
{
    _cleanup_free_ struct wanted_value *sorted = calloc(n + 1, sizeof(*sorted));
    _cleanup_plan_ struct plan plan = {0};
    size_t until_reread = SIZE_MAX;
    key_mask keys = 0;
    int r;

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = values[i];
    qsort(sorted, n, sizeof(*sorted), compare);
    for (size_t i = 0; i < n; i++)
        keys |= KEY_BIT(values[i].key);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        r = keys & KEY_BIT(key) ? plan_key(sorted, n, live, key, &plan, &until_reread) : 0;
        if (r < 0)
            return r;
    }
    plan.until_reread = until_reread == SIZE_MAX ? plan.count : until_reread;
    *ret = plan;
    plan = (struct plan){0};
    return 0;
}
