/* The ordered list of writes that brings every device to its target, never past a third value on
 * the way. What the targets are is target.c's matter. */
#include "policy/decide/target.h"

#include <net/if.h>
#include <stdio.h>

static int add_write(struct plan *plan, const struct write *write)
{
    int r = grow((void **)&plan->writes, &plan->capacity, plan->count, sizeof(*plan->writes));

    if (r < 0)
        return r;
    plan->writes[plan->count++] = *write;
    return 0;
}

static int add_held(struct plan *plan, const struct write *write)
{
    int r = grow((void **)&plan->held, &plan->held_capacity, plan->n_held, sizeof(*plan->held));

    if (r < 0)
        return r;
    plan->held[plan->n_held++] = *write;
    return 0;
}

static int add_casualty(struct plan *plan, enum key key, int ifindex, const char *name, int before,
                        int after)
{
    struct pin_casualty *c;
    int r = grow((void **)&plan->casualties, &plan->casualties_capacity, plan->n_casualties,
                 sizeof(*plan->casualties));

    if (r < 0)
        return r;
    c = &plan->casualties[plan->n_casualties++];
    *c = (struct pin_casualty){.key = key, .ifindex = ifindex, .before = before, .after = after};
    memcpy(c->name, name, strnlen(name, DEVICE_NAME_MAX));
    return 0;
}

/* A device that is born before step 1 copies the old `default` and is in no plan yet. */
static bool reads_again(const struct key_target *target)
{
    return target->mid_default != target->old_default && target->new_all != target->old_all;
}

static bool default_is_written(const struct key_target *target)
{
    return target->mid_default != target->old_default || target->new_default != target->mid_default;
}

/* Step 0. A follower that is written in step 2 needs it only where step 1 is not neutral to it, or
 * where the plan is made again after step 1: what it had before must not be lost from sight. */
static bool must_stop_following(const struct key_target *target, enum key key,
                                const struct device *device, const struct device_target *t,
                                unsigned step)
{
    if (!default_is_written(target) || !plan_may_follow(key, target->old_default, device))
        return false;
    if (!t->write || step != 2)
        return true;
    return reads_again(target) || key_effective(key, target->old_all, target->mid_default,
                                                device->forwarding) != t->before;
}

int plan_add_device(struct plan *plan, const struct key_target *target, enum key key,
                    const struct device *device, const struct device_target *t)
{
    int early = key_effective(key, target->old_all, t->write_value, device->forwarding);
    bool by_rule = t->by_rule && t->wanted != t->before;
    struct write write = {
        .key = key,
        .ifindex = device->ifindex,
        .step = early == t->before || early == t->wanted ? 2 : 4,
        .old_value = device->conf[key],
        .new_value = t->write_value,
        .former = plan_stored_before(target, key, device),
        .former_all = target->kept_all,
        .before = t->before,
        .after = t->wanted,
        .reason = by_rule ? WRITE_RULE : WRITE_KEEP,
        .rule = by_rule ? t->rule : NULL,
    };
    int r;

    memcpy(write.name, device->name, sizeof(write.name));
    if (must_stop_following(target, key, device, t, write.step)) {
        struct write equal = write;

        equal.step = 0;
        equal.new_value = equal.old_value;
        equal.after = equal.before;
        equal.reason = WRITE_STOP_FOLLOW;
        equal.rule = NULL;
        r = add_write(plan, &equal);
        if (r < 0)
            return r;
    }
    if (t->write) {
        r = add_write(plan, &write);
        if (r < 0)
            return r;
    }
    if (t->held) {
        write.new_value = t->held_value;
        write.after = t->held_wanted;
        write.reason = WRITE_RULE;
        write.rule = t->rule;
        r = add_held(plan, &write);
        if (r < 0)
            return r;
    }
    if (t->casualty) {
        r = add_casualty(plan, key, device->ifindex, device->name, t->before, t->wanted);
        if (r < 0)
            return r;
    }
    if ((device->flags & IFF_UP) && key_may_refuse(key, t->before, t->wanted))
        plan->stricter = true;
    return 0;
}

int plan_add_all(struct plan *plan, const struct key_target *target, enum key key)
{
    bool pinned = target->all_rule && target->all_rule->pattern.kind == PATTERN_ALL;
    struct write write = {
        .key = key,
        .ifindex = IFINDEX_ALL,
        .name = "all",
        .step = 3,
        .old_value = target->old_all,
        .former = target->kept_all,
        .former_all = target->kept_all,
        .new_value = target->all_held ? target->held_all : target->new_all,
        .before = key_effective(key, target->old_all, 0, false),
        .reason = pinned ? WRITE_PIN : WRITE_MAKE_ROOM,
        .rule = target->all_rule,
    };

    if (write.new_value == write.old_value)
        return 0;
    write.after = key_effective(key, write.new_value, 0, false);
    return target->all_held ? add_held(plan, &write) : add_write(plan, &write);
}

int plan_add_default(struct plan *plan, const struct key_target *target, enum key key)
{
    const struct rule *rule = target->default_rule;
    bool pinned = rule && rule->pattern.kind == PATTERN_DEFAULT;
    bool asked = plan_rule_writes(rule) && !target->default_impossible &&
                 target->default_after != target->default_before;
    struct write final = {
        .key = key,
        .ifindex = IFINDEX_DEFAULT,
        .name = "default",
        .step = 5,
        .old_value = target->mid_default,
        .new_value = target->new_default,
        .former = target->kept_default,
        .former_all = target->kept_all,
        .before = target->default_before,
        .after = target->default_after,
        .reason = pinned  ? WRITE_PIN
                  : asked ? WRITE_NEW_DEVICES
                          : WRITE_KEEP,
        .rule = pinned || asked ? rule : NULL,
    };
    struct write first = final;
    int r;

    first.step = 1;
    first.old_value = target->old_default;
    first.new_value = target->mid_default;
    if (target->mid_default != target->new_default) {
        first.after = first.before;
        first.reason = WRITE_KEEP;
        first.rule = NULL;
    }
    if (target->mid_default != target->old_default) {
        r = add_write(plan, &first);
        if (r < 0)
            return r;
    }
    if (target->new_default != target->mid_default) {
        r = add_write(plan, &final);
        if (r < 0)
            return r;
    }
    if (!plan_rule_writes(rule) && target->default_after != target->default_kept)
        return add_casualty(plan, key, IFINDEX_DEFAULT, "default", target->default_before,
                            target->default_after);
    return 0;
}

static int by_step(const void *a, const void *b)
{
    const struct write *x = a, *y = b;

    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

/* Put the writes of one key, from index `first` on, into their order. */
void plan_sort_steps(struct plan *plan, size_t first, const struct key_target *target,
                     size_t *until_reread)
{
    if (first == plan->count)
        return;
    qsort(plan->writes + first, plan->count - first, sizeof(*plan->writes), by_step);
    if (*until_reread != SIZE_MAX || !reads_again(target))
        return;
    for (size_t i = first; i < plan->count; i++)
        if (plan->writes[i].step <= 1)
            *until_reread = i + 1;
}

/* The place of a value among a rule's alternatives: the first is the one it asks for. */
static unsigned place_of(const struct rule *rule, int value)
{
    unsigned i = 0;

    while (i < rule->n_values && rule->values[i] != value)
        i++;
    return i;
}

/* Does this one device need `all` moved: does its rule get nothing without, or only something that
 * it asks for less? */
static bool needs_move(const struct device_target *with, const struct device_target *without)
{
    if (!plan_rule_writes(with->rule) || !with->drift || with->impossible || with->held)
        return false;
    return without->impossible ||
           place_of(with->rule, without->wanted) > place_of(with->rule, with->wanted);
}

/* One device alone: leave `all` where it is unless the device needs it moved, and keep default. */
static void narrow(const struct policy *policy, const struct live *live, enum key key,
                   const struct device *only, struct key_target *target)
{
    struct key_target held = *target;
    struct device_target with, without;

    held.new_all = held.kept_all = held.old_all;
    plan_device_target(policy, target, key, only, &with);
    plan_device_target(policy, &held, key, only, &without);
    if (!needs_move(&with, &without))
        *target = held;
    plan_key_hold_default(policy, live, key, target);
}

static int plan_key(const struct policy *policy, const struct live *live, enum key key,
                    const struct device *only, struct plan *plan, size_t *until_reread)
{
    struct key_target target;
    size_t first = plan->count;
    int r;

    plan_key_target(policy, live, key, &target);
    if (only)
        narrow(policy, live, key, only, &target);
    for (size_t i = 0; i < live->count; i++) {
        const struct device *device = &live->devices[i];
        struct device_target t = {0};

        if (!device->ipv4)
            continue;
        if (!only || device == only)
            plan_device_target(policy, &target, key, device, &t);
        else
            plan_device_keep(&target, key, device, &t);
        r = plan_add_device(plan, &target, key, device, &t);
        if (r < 0)
            return r;
    }
    r = plan_add_all(plan, &target, key);
    if (r < 0)
        return r;
    r = plan_add_default(plan, &target, key);
    if (r < 0)
        return r;
    plan_sort_steps(plan, first, &target, until_reread);
    return 0;
}

int plan_make(const struct policy *policy, const struct live *live, int only_ifindex,
              struct plan *ret)
{
    _cleanup_plan_ struct plan plan = {0};
    const struct device *only = NULL;
    size_t until_reread = SIZE_MAX;
    int r;

    if (only_ifindex != 0) {
        only = live_by_ifindex(live, only_ifindex);
        if (!only || !only->ipv4) {
            *ret = (struct plan){0};
            return 0;
        }
    }
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!(policy->keys & KEY_BIT(key)))
            continue;
        r = plan_key(policy, live, key, only, &plan, &until_reread);
        if (r < 0)
            return r;
    }
    plan.until_reread = until_reread == SIZE_MAX ? plan.count : until_reread;
    *ret = plan;
    plan = (struct plan){0};
    return 0;
}

void plan_done(struct plan *plan)
{
    free(plan->writes);
    free(plan->casualties);
    free(plan->held);
    *plan = (struct plan){0};
}

static char *rule_text(const char *before, const struct rule *rule)
{
    _cleanup_free_ char *pattern = name_escape(rule->pattern.text);
    _cleanup_free_ char *value = name_escape(rule->value_text);
    _cleanup_free_ char *file = name_escape(rule->origin.file);
    char *text;

    if (!pattern || !value || !file ||
        asprintf(&text, "%s%s=%s (%s:%u)", before, pattern, value, file, rule->origin.line) < 0)
        return NULL;
    return text;
}

char *write_reason_text(const struct write *write)
{
    char number[12], *text;
    const char *word = key_value_format(write->key, write->after, number, sizeof(number));

    switch (write->reason) {
    case WRITE_RULE:
        return rule_text("", write->rule);
    case WRITE_PIN:
        return rule_text("pinned by ", write->rule);
    case WRITE_MAKE_ROOM:
        return rule_text("makes room for ", write->rule);
    case WRITE_NEW_DEVICES:
        return rule_text("new devices start with ", write->rule);
    case WRITE_STOP_FOLLOW:
        return strdup("stays as it is when default changes");
    case WRITE_RESTORE:
        return strdup("as it was before the first write since boot");
    case WRITE_UNPLANNED:
        return strdup("not by this policy");
    case WRITE_KEEP:
        break;
    }
    if (asprintf(&text,
                 write->before == write->after ? "keeps %s effectively %s"
                                               : "makes %s effectively %s again",
                 write->ifindex == IFINDEX_DEFAULT ? "new devices" : "it", word) < 0)
        return NULL;
    return text;
}
