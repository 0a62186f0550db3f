/* What a key, and what one device, is heading for: which value `all` and `default` get, which
 * effective value a device is to have and what must be stored for it. The order of the writes is
 * plan.c's matter. */
#include "policy/decide/target.h"

bool plan_rule_writes(const struct rule *rule)
{
    return rule && !rule->unmanaged && !rule->observe && rule->n_values > 0;
}

bool plan_may_follow(enum key key, int def, const struct device *device)
{
    if ((device->pinned & KEY_BIT(key)) || device->conf[key] != def)
        return false;
    return !(device->known & FACT_ADDRESSES) || !device->numbered;
}

/* Does the rule state a value, observed or not? */
static bool rule_speaks(const struct rule *rule)
{
    return rule && !rule->unmanaged && rule->n_values > 0;
}

/* A pin speaks of the stored value, not of what it amounts to: 3 is not the pin 2. */
static bool pin_states(const struct rule *pin, int stored)
{
    for (unsigned i = 0; i < pin->n_values; i++)
        if (pin->values[i] == stored)
            return true;
    return false;
}

/* The configured value that has this effect under the new `all`; `stored` itself where that already
 * has, and where nothing can. */
static int value_for(enum key key, const struct key_target *target, int stored, int effective,
                     bool forwarding)
{
    if (key_effective(key, target->new_all, stored, forwarding) == effective)
        return stored;
    return key_reachable(key, target->new_all, effective, forwarding) ? effective : stored;
}

/* The configured value that keeps what `stored`, which is or was there, amounts to. */
static int keep_value(enum key key, const struct key_target *target, int stored, bool forwarding)
{
    return value_for(key, target, stored, key_effective(key, target->kept_all, stored, forwarding),
                     forwarding);
}

static bool attainable(enum key key, int all, int stored, int effective, bool forwarding)
{
    return key_effective(key, all, stored, forwarding) == effective ||
           key_reachable(key, all, effective, forwarding);
}

/* The value that satisfies the rule under the new `all`: what is there if the rule accepts it, else
 * the first alternative that can be had. False when there is none. */
static bool choose(const struct rule *rule, const struct key_target *target, int stored, int before,
                   bool forwarding, int *ret)
{
    if (rule_accepts(rule, before) &&
        attainable(rule->key, target->new_all, stored, before, forwarding)) {
        *ret = before;
        return true;
    }
    for (unsigned i = 0; i < rule->n_values; i++)
        if (attainable(rule->key, target->new_all, stored, rule->values[i], forwarding)) {
            *ret = rule->values[i];
            return true;
        }
    return false;
}

/* Does a later line say something else of the very same devices? So people overrule a preset. */
static bool is_replaced(const struct policy *policy, const struct rule *rule)
{
    const struct rule *end = policy->rules + policy->n_rules;

    for (const struct rule *later = rule + 1; later < end; later++)
        if (later->key == rule->key && (later->exception < 0) == (rule->exception < 0) &&
            streq(later->pattern.text, rule->pattern.text))
            return true;
    return false;
}

static int smallest_value(const struct rule *rule)
{
    int smallest = rule->values[0];

    for (unsigned i = 1; i < rule->n_values; i++)
        if (rule->values[i] < smallest)
            smallest = rule->values[i];
    return smallest;
}

/* The smallest value any rule may want; in a policy that was read for one device nothing above it,
 * since what replaces a rule may not be there. The pins speak of what is stored there, not of
 * devices. */
static void find_minimum(const struct policy *policy, enum key key, struct key_target *target)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];
        int smallest;

        if (rule->key != key || !plan_rule_writes(rule) || pattern_is_pin(&rule->pattern))
            continue;
        smallest = smallest_value(rule);
        if ((target->has_minimum && smallest >= target->minimum) ||
            (!policy->device[0] && is_replaced(policy, rule)))
            continue;
        target->has_minimum = true;
        target->minimum = smallest;
        target->minimum_rule = rule;
    }
}

/* A negative `all` never wins the maximum over a value that a rule may want. */
static bool stands_above(enum key key, int all, const struct key_target *target)
{
    return target->has_minimum && all > 0 && key_effective(key, all, all, false) > target->minimum;
}

bool plan_is_enough(const struct policy *policy, const struct live *live)
{
    struct key_target target = {0};

    if (!policy->device[0])
        return true;
    for (size_t i = 0; i < live->count; i++)
        if (!streq(live->devices[i].name, policy->device))
            return false;
    /* Where `all` is at or below anything that might be the minimum, it does not matter which of
     * them is. */
    find_minimum(policy, KEY_RP_FILTER, &target);
    return !stands_above(KEY_RP_FILTER, live->all[KEY_RP_FILTER], &target);
}

static void target_all(const struct policy *policy, const struct live *live, enum key key,
                       struct key_target *target)
{
    const struct rule *pin = policy_pin(policy, key, PATTERN_ALL);
    bool above;

    target->old_all = target->new_all = live->all[key];
    target->kept_all = target->old_all;
    if (live->kept & KEY_BIT(key))
        target->kept_all = live->kept_all[key];
    if (key == KEY_RP_FILTER)
        find_minimum(policy, key, target);
    above = stands_above(key, target->old_all, target);
    if (live->all_paused) {
        target->all_rule = pin ? pin : above ? target->minimum_rule : NULL;
        target->all_paused = true;
        target->all_blocked = above;
    } else if (pin) {
        target->all_rule = pin;
        target->all_drift = rule_speaks(pin) && !pin_states(pin, target->old_all);
        if (target->all_drift && plan_rule_writes(pin))
            target->new_all = pin_states(pin, target->kept_all) ? target->kept_all : pin->values[0];
        else
            target->all_blocked = above;
    } else if (above) {
        target->all_rule = target->minimum_rule;
        target->all_drift = true;
        target->new_all =
            stands_above(key, target->kept_all, target) ? target->minimum : target->kept_all;
    }
    if (target->new_all != target->old_all && !live->all_writable) {
        target->new_all = target->old_all;
        target->all_blocked = true;
    }
}

bool plan_key_drifts(const struct key_target *target)
{
    return target->managed &&
           (target->new_all != target->old_all || target->new_default != target->old_default);
}

/* The value `default` has while `all` moves. A device born then must not see a third value, under
 * the old `all` nor under the new one; the fewest writes serve, so what is there comes first. */
int plan_middle_default(enum key key, const struct key_target *target, bool forwarding)
{
    const int candidates[] = {
        target->old_default,
        target->default_back ? target->new_default : target->old_default,
        value_for(key, target, target->old_default, target->default_before, forwarding),
        target->new_default,
    };

    for (size_t i = 0; i < ELEMENTSOF(candidates); i++) {
        int early = key_effective(key, target->old_all, candidates[i], forwarding);
        int late = key_effective(key, target->new_all, candidates[i], forwarding);

        if ((early == target->default_before || early == target->default_after) &&
            (late == target->default_before || late == target->default_after))
            return candidates[i];
    }
    return target->old_default;
}

/* The configured value `default` ends with. */
static int final_default(enum key key, struct key_target *target, bool forwarding)
{
    const struct rule *rule = target->default_rule;
    int kept = keep_value(key, target, target->kept_default, forwarding);
    int wanted;

    if (!rule)
        return kept;
    if (rule->pattern.kind == PATTERN_DEFAULT) {
        target->default_drift = !pin_states(rule, target->old_default);
        if (!plan_rule_writes(rule))
            return kept;
        return pin_states(rule, target->kept_default) ? target->kept_default : rule->values[0];
    }
    target->default_drift = !rule_accepts(rule, target->default_before);
    if (!plan_rule_writes(rule))
        return kept;
    if (!choose(rule, target, target->kept_default, target->default_kept, forwarding, &wanted)) {
        target->default_impossible = true;
        return kept;
    }
    if (key_effective(key, target->new_all, target->kept_default, forwarding) == wanted)
        return target->kept_default;
    return wanted;
}

/* Is `default` put back to what it was, or was already, by the first part of a plan? Only where a
 * rule says that it cannot stay as it is, and `all` is not to blame; else whoever wrote it wrote
 * what devices born from now on have. */
static bool default_goes_back(const struct live *live, enum key key,
                              const struct key_target *target)
{
    const struct rule *rule = target->default_rule;

    if (!(live->kept & KEY_BIT(key)) || live->default_paused || !live->all_writable ||
        !plan_rule_writes(rule))
        return false;
    if (live->def[key] == live->kept_def[key])
        return true;
    if (rule->pattern.kind == PATTERN_DEFAULT)
        return !pin_states(rule, target->old_default);
    return !rule_accepts(
        rule, key_effective(key, target->kept_all, target->old_default, live->def_forwarding));
}

static void target_default(const struct policy *policy, const struct live *live, enum key key,
                           struct key_target *target)
{
    const struct rule *pin = policy_pin(policy, key, PATTERN_DEFAULT);
    const struct rule *any = policy_any(policy, key);
    bool forwarding = live->def_forwarding;

    target->default_before = key_effective(key, target->old_all, target->old_default, forwarding);
    if (pin)
        target->default_rule = rule_speaks(pin) ? pin : NULL;
    else
        target->default_rule = rule_speaks(any) ? any : NULL;
    target->default_paused = live->default_paused;
    target->default_back = default_goes_back(live, key, target);
    if (target->default_back)
        target->kept_default = live->kept_def[key];
    target->default_kept = key_effective(key, target->kept_all, target->kept_default, forwarding);
    if (pin && pin->unmanaged) {
        /* never written, paused or not */
    } else if (live->default_paused) {
        target->new_default = keep_value(key, target, target->old_default, forwarding);
    } else {
        target->new_default = final_default(key, target, forwarding);
    }
    if (target->new_default != target->old_default && !live->all_writable) {
        target->new_default = target->old_default;
        target->default_impossible = target->default_drift;
    }
    target->default_after = key_effective(key, target->new_all, target->new_default, forwarding);
    target->mid_default = plan_middle_default(key, target, forwarding);
}

/* Would `all`, where it is heading for, make a device stricter that is held, and nothing stored
 * there prevent it? */
static bool is_held_by_device(const struct live *live, enum key key,
                              const struct key_target *target)
{
    for (size_t i = 0; key == KEY_RP_FILTER && i < live->count; i++) {
        const struct device *device = &live->devices[i];
        struct device_target t = {0};

        if (!device->held || !device->ipv4 || device_is_port(device))
            continue;
        plan_device_keep(target, key, device, &t);
        if (key_may_refuse(key, t.before, t.wanted))
            return true;
    }
    return false;
}

static void hold_all(const struct live *live, enum key key, struct key_target *target)
{
    if (target->new_all == target->old_all || !is_held_by_device(live, key, target))
        return;
    target->all_held = true;
    target->held_all = target->new_all;
    target->new_all = target->old_all;
}

void plan_key_target(const struct policy *policy, const struct live *live, enum key key,
                     struct key_target *ret)
{
    struct key_target target = {.managed = policy->keys & KEY_BIT(key)};

    target.old_default = target.kept_default = target.new_default = live->def[key];
    if (target.managed) {
        target_all(policy, live, key, &target);
        hold_all(live, key, &target);
        if (target.new_all == target.old_all)
            target.kept_all = target.old_all; /* nothing is undone */
        target_default(policy, live, key, &target);
    } else {
        target.old_all = target.kept_all = target.new_all = live->all[key];
        target.mid_default = target.new_default;
        target.default_before = target.default_kept = target.default_after =
            key_effective(key, target.old_all, target.old_default, live->def_forwarding);
    }
    *ret = target;
}

void plan_key_hold_default(const struct policy *policy, const struct live *live, enum key key,
                           struct key_target *target)
{
    const struct rule *pin = policy_pin(policy, key, PATTERN_DEFAULT);

    target->new_default = target->kept_default = target->old_default;
    target->default_back = false;
    if (!(pin && pin->unmanaged))
        target->new_default = keep_value(key, target, target->old_default, live->def_forwarding);
    target->default_after =
        key_effective(key, target->new_all, target->new_default, live->def_forwarding);
    target->default_kept =
        key_effective(key, target->kept_all, target->old_default, live->def_forwarding);
    target->mid_default = plan_middle_default(key, target, live->def_forwarding);
    target->default_rule = NULL;
}

int plan_stored_before(const struct key_target *target, enum key key, const struct device *device)
{
    bool followed = device->followed & KEY_BIT(key) && !device->paused && target->default_back;

    return followed ? target->kept_default : device->conf[key];
}

void plan_device_keep(const struct key_target *target, enum key key, const struct device *device,
                      struct device_target *ret)
{
    int stored = plan_stored_before(target, key, device);

    ret->before = key_effective(key, target->old_all, device->conf[key], device->forwarding);
    ret->kept = key_effective(key, target->kept_all, stored, device->forwarding);
    ret->write_value = keep_value(key, target, stored, device->forwarding);
    ret->write = ret->write_value != device->conf[key];
    ret->wanted = key_effective(key, target->new_all, ret->write_value, device->forwarding);
    ret->casualty = ret->wanted != ret->kept;
    ret->by_rule = false;
}

static bool may_not_have(enum key key, const struct device *device, const struct device_target *t)
{
    return device->held && key == KEY_RP_FILTER && !t->moot &&
           key_may_refuse(key, t->before, t->wanted);
}

static void hold_device(const struct key_target *target, enum key key, const struct device *device,
                        struct device_target *t)
{
    struct key_target as_now = *target;

    if (!may_not_have(key, device, t))
        return;
    if (t->by_rule) {
        t->held = true;
        t->held_wanted = t->wanted;
        t->held_value = t->write_value;
        plan_device_keep(target, key, device, t);
    }
    if (!may_not_have(key, device, t))
        return;
    as_now.kept_all = as_now.old_all;
    as_now.default_back = false;
    plan_device_keep(&as_now, key, device, t);
}

void plan_device_target(const struct policy *policy, const struct key_target *target, enum key key,
                        const struct device *device, struct device_target *ret)
{
    const struct rule *undecided = NULL;
    struct device_target t = {.moot = device_is_port(device)};
    int stored = device->conf[key];

    plan_device_keep(target, key, device, &t);
    if (target->managed)
        t.rule = policy_match(policy, key, device, &undecided);
    t.undecided = undecided != NULL;
    t.paused = device->paused;
    if (rule_speaks(t.rule) && !t.moot && !t.undecided && !t.paused) {
        t.drift = !rule_accepts(t.rule, t.before);
        if (plan_rule_writes(t.rule)) {
            t.impossible = !choose(t.rule, target, stored, t.kept, device->forwarding, &t.wanted);
            if (!t.impossible) {
                t.by_rule = true;
                t.write =
                    key_effective(key, target->new_all, stored, device->forwarding) != t.wanted;
                t.write_value = t.write ? t.wanted : stored;
                t.casualty = false;
            }
        }
    }
    hold_device(target, key, device, &t);
    *ret = t;
}
