/* Warnings beside the states: things that are as the policy says, or not its business, and still
 * surprise people. Counted per rule, with up to three examples. */
#include "policy/decide/judge_private.h"

#include <net/if.h>
#include <stdio.h>

#include "policy/lang/routing.h"

static char *expired_text(const struct judge *judge, enum key key, const struct rule *rule,
                          struct origin *ret_named)
{
    const struct exception *exception = &judge->policy->exceptions[rule->exception];
    _cleanup_free_ char *name = name_escape(exception->name);
    _cleanup_free_ char *file = name_escape(exception->origin.file);
    int until = exception->until;
    char *text;

    if (!name || !file ||
        asprintf(&text, "exception %s ended on %04d-%02d-%02d: remove it or renew it (%s:%u)", name,
                 until / 10000, until / 100 % 100, until % 100, file, exception->origin.line) < 0)
        return NULL;
    *ret_named = exception->origin;
    return text;
}

/* A pin is meant as it stands, and what `all` must be for a rule no pin of `default` changes. */
static bool is_pin_of_use(const struct judge *judge, enum key key, const struct rule *rule)
{
    return !pattern_is_pin(&rule->pattern) && !policy_pin(judge->policy, key, PATTERN_DEFAULT);
}

/* "lxc*=off (FILE:3)": the rule, and what follows from it. */
static char *rule_text(const char *before, const struct rule *rule, const char *after,
                       struct origin *ret_named)
{
    _cleanup_free_ char *pattern = name_escape(rule->pattern.text);
    _cleanup_free_ char *value = name_escape(rule->value_text);
    _cleanup_free_ char *file = name_escape(rule->origin.file);
    char *text;

    if (!pattern || !value || !file ||
        asprintf(&text, "%s%s=%s (%s:%u)%s", before, pattern, value, file, rule->origin.line,
                 after) < 0)
        return NULL;
    *ret_named = rule->origin;
    return text;
}

static char *floor_text(const struct judge *judge, enum key key, const struct rule *rule,
                        struct origin *ret_named)
{
    return rule_text("`all` is lowered for ", rule,
                     " and no * rule says what the other devices shall be: add one, such as * = "
                     "strict",
                     ret_named);
}

static char *scanner_text(const struct judge *judge, enum key key, const struct rule *rule,
                          struct origin *ret_named)
{
    return rule_text("", rule,
                     " keeps `all` at 0, which audits that read only `all` report: what counts is "
                     "each device, as check shows it",
                     ret_named);
}

static char *containers_text(const struct judge *judge, enum key key, const struct rule *rule,
                             struct origin *ret_named)
{
    char after[160];

    snprintf(after, sizeof(after), " changes what new network namespaces copy of %s%s",
             key_info(key)->name,
             is_pin_of_use(judge, key, rule) ? ": on container hosts pin default = unmanaged" : "");
    return rule_text("", rule, after, ret_named);
}

static char *range_text(const struct judge *judge, enum key key, const struct rule *rule,
                        struct origin *ret_named)
{
    char *text;

    if (key == KEY_RP_FILTER)
        return strdup("a stored value other than 0, 1, 2 acts as loose: write 0, 1 or 2 instead");
    return asprintf(&text, "a stored value of %s is outside what the kernel documents",
                    key_info(key)->name) < 0
               ? NULL
               : text;
}

/* One row per code: its name, and its sentence or what makes it. One that tells of a rule is empty
 * where there is none. */
static const struct {
    const char *name, *text;
    char *(*make)(const struct judge *judge, enum key key, const struct rule *rule,
                  struct origin *ret_named);
    bool of_rule;
} kinds[WARN_COUNT] = {
    [WARN_LOOSE_UNNUMBERED] = {"loose-unnumbered",
                               "loose drops like strict on a device without IPv4 address when the "
                               "source is routed elsewhere: such devices need off"},
    [WARN_OUT_OF_RANGE] = {"out-of-range", .make = range_text},
    [WARN_WRITER] = {"writer", "something keeps writing this back, and the agent puts it right "
                               "again: 'rpfpolicy status' tells how often, 'rpfpolicy explain "
                               "DEVICE' names suspects"},
    [WARN_FLOOR] = {"floor", .make = floor_text, .of_rule = true},
    [WARN_SCANNER] = {"scanner", .make = scanner_text, .of_rule = true},
    [WARN_CONTAINERS] = {"containers", .make = containers_text, .of_rule = true},
    [WARN_EXPIRED] = {"expired", .make = expired_text, .of_rule = true},
    [WARN_STRICT_FORWARD] = {"strict-forward",
                             "strict drops what such a device forwards inwards (published ports, "
                             "NodePorts) when the way back leaves elsewhere, whatever rules there "
                             "are for the host's own addresses: 'rpfpolicy explain DEVICE' tells "
                             "what is guilty, and the cures that were tried; marks, which keep "
                             "strict, are in rpfpolicy(1)"},
    [WARN_LOCKOUT] =
        {"lockout", "carrying this out would cut an SSH session, or a protected peer, that is seen "
                    "now: 'rpfpolicy plan --impact' tells whose, and the line that would keep it"},
    [WARN_SUBNET] = {"subnet",
                     "another device is in the same subnet, and replies to its hosts leave by that "
                     "one: strict drops what they send here, and answers none of their ARP "
                     "requests; 'rpfpolicy verdict HOST DEVICE' tells for one of them"},
};

const char *warning_name(enum warning_code code)
{
    return kinds[code].name;
}

static char *warning_text(const struct judge *judge, enum warning_code code, enum key key,
                          const struct rule *rule, struct origin *ret_named)
{
    if (kinds[code].make && (rule || !kinds[code].of_rule))
        return kinds[code].make(judge, key, rule, ret_named);
    return strdup(kinds[code].text ?: "");
}

static struct warning *find_warning(struct judge *judge, enum warning_code code, enum key key,
                                    const struct rule *rule)
{
    _cleanup_free_ char *text = NULL;
    struct origin named = {0};
    size_t n = judge->n_warnings;

    for (size_t i = 0; i < n; i++) {
        struct warning *w = &judge->warnings[i];

        if (w->code == code && w->rule == rule && (rule || w->key == key))
            return w;
    }
    text = warning_text(judge, code, key, rule, &named);
    if (!text ||
        grow((void **)&judge->warnings, &judge->warnings_capacity, n, sizeof(*judge->warnings)) < 0)
        return NULL;
    judge->warnings[n] = (struct warning){
        .code = code, .key = key, .rule = rule, .message = TAKE_PTR(text), .named = named};
    judge->n_warnings++;
    return &judge->warnings[n];
}

void judge_warn(struct judge *judge, enum warning_code code, enum key key, const struct rule *rule,
                int ifindex, const char *name)
{
    struct warning *w = find_warning(judge, code, key, rule);

    judge->lost |= !w;
    if (!w || !name || (w->last_ifindex == ifindex && ifindex != 0))
        return;
    w->last_ifindex = ifindex;
    w->count++;
    if (w->n_examples < ELEMENTSOF(w->examples))
        memcpy(w->examples[w->n_examples++], name, strnlen(name, DEVICE_NAME_MAX));
}

/* The warning stands at the first rule of an exception, however many keys that sets. */
static const struct rule *exception_rule(const struct policy *policy, int exception)
{
    for (size_t i = 0; i < policy->n_rules; i++)
        if (policy->rules[i].exception == exception)
            return &policy->rules[i];
    return NULL;
}

/* rp_filter: `all` is or will be below what sysctl.d or somebody gave it. */
static void warn_floor(struct judge *judge)
{
    const struct key_target *target = &judge->targets[KEY_RP_FILTER];
    const struct sysctl_answer *full = &judge->full_all[KEY_RP_FILTER];
    const struct rule *any = policy_any(judge->policy, KEY_RP_FILTER);
    const struct rule *pin = policy_pin(judge->policy, KEY_RP_FILTER, PATTERN_ALL);
    bool lowers, lowered;

    if (plan_rule_writes(pin) && pin->values[0] == 0)
        judge_warn(judge, WARN_SCANNER, KEY_RP_FILTER, pin, 0, NULL);
    else if (target->has_minimum && target->minimum == 0 && target->new_all <= 0)
        judge_warn(judge, WARN_SCANNER, KEY_RP_FILTER, target->minimum_rule, 0, NULL);
    if (!target->has_minimum)
        return;
    lowers = target->new_all < target->old_all;
    lowered = full->given && full->value > 0 && target->new_all < full->value &&
              key_effective(KEY_RP_FILTER, full->value, full->value, false) > target->minimum;
    if ((lowers || lowered) && (!any || any->unmanaged))
        judge_warn(judge, WARN_FLOOR, KEY_RP_FILTER, target->minimum_rule, 0, NULL);
}

void judge_warn_targets(struct judge *judge)
{
    const struct policy *policy = judge->policy;
    const struct live *live = judge->live;

    if (judge->targets[KEY_RP_FILTER].managed)
        warn_floor(judge);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        const struct key_target *target = &judge->targets[key];

        if (!target->managed && key != KEY_RP_FILTER)
            continue;
        if (key_out_of_range(key, target->old_all))
            judge_warn(judge, WARN_OUT_OF_RANGE, key, NULL, IFINDEX_ALL, "all");
        if (key_out_of_range(key, target->old_default))
            judge_warn(judge, WARN_OUT_OF_RANGE, key, NULL, IFINDEX_DEFAULT, "default");
        if (live->devconf_inherit == 2)
            continue;
        if (target->new_all != target->old_all)
            judge_warn(judge, WARN_CONTAINERS, key, target->all_rule, IFINDEX_ALL, "all");
        if (target->new_default != target->old_default)
            judge_warn(judge, WARN_CONTAINERS, key,
                       target->default_rule ? target->default_rule : target->all_rule,
                       IFINDEX_DEFAULT, "default");
    }
    for (size_t i = 0; i < policy->n_exceptions; i++) {
        const struct rule *rule = exception_rule(policy, (int)i);

        if (rule && exception_expired(&policy->exceptions[i], judge->context.today))
            judge_warn(judge, WARN_EXPIRED, rule->key, rule, 0, NULL);
    }
}

/* A network card beside the one with the default route: physical, or one that routing is asked for.
 * Not in a VRF, which has a default route of its own. */
static bool is_second_card(const struct policy *policy, const struct device *device)
{
    struct routing_settings settings;

    if (!(device->known & FACT_ROUTES) || device->uplink || !(device->known & FACT_ADDRESSES) ||
        !device->numbered || device_is_port(device) || device_vrf(device) != 0)
        return false;
    if (device->bus_parent && !device->kind[0])
        return true;
    routing_for(policy, device, &settings);
    return settings.wanted;
}

void judge_warn_device(struct judge *judge, const struct device *device,
                       const struct key_state *state)
{
    const struct rule *rule = state->rule;

    if (rule && rule->exception >= 0 &&
        exception_expired(&judge->policy->exceptions[rule->exception], judge->context.today))
        judge_warn(judge, WARN_EXPIRED, state->key, exception_rule(judge->policy, rule->exception),
                   device->ifindex, device->name);
    if (key_out_of_range(state->key, state->configured))
        judge_warn(judge, WARN_OUT_OF_RANGE, state->key, rule, device->ifindex, device->name);
    /* Where strict is wanted nothing is lost by it. */
    if (state->key == KEY_RP_FILTER && state->state != STATE_MOOT && !device_is_port(device) &&
        !device_is_vrf(device) && (device->known & FACT_ADDRESSES) && !device->numbered &&
        (state->wanted_known && state->wanted > 0
             ? state->wanted == 2
             : state->effective == 2 && (device->flags & IFF_UP)))
        judge_warn(judge, WARN_LOOSE_UNNUMBERED, state->key, rule, device->ifindex, device->name);
    if (state->key == KEY_RP_FILTER && device->forwarding && device->flags & IFF_UP &&
        (state->effective == 1 || (state->wanted_known && state->wanted == 1)) &&
        is_second_card(judge->policy, device))
        judge_warn(judge, WARN_STRICT_FORWARD, state->key, rule, device->ifindex, device->name);
}

void judge_warn_lockout(struct judge *judge, const struct device *device)
{
    if (device)
        judge_warn(judge, WARN_LOCKOUT, KEY_RP_FILTER,
                   policy_match(judge->policy, KEY_RP_FILTER, device, NULL), device->ifindex,
                   device->name);
}

void judge_warn_subnet(struct judge *judge, const struct device *device)
{
    judge_warn(judge, WARN_SUBNET, KEY_RP_FILTER,
               policy_match(judge->policy, KEY_RP_FILTER, device, NULL), device->ifindex,
               device->name);
}

void judge_warn_writer(struct judge *judge, const struct device *device, enum key key)
{
    if (device)
        judge_warn(judge, WARN_WRITER, key, policy_match(judge->policy, key, device, NULL),
                   device->ifindex, device->name);
    else
        judge_warn(judge, WARN_WRITER, key, NULL, IFINDEX_ALL, "all");
}

static int by_code_then_rule(const void *a, const void *b)
{
    const struct warning *x = a, *y = b;

    if (x->code != y->code)
        return x->code < y->code ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

bool judge_lost_warnings(const struct judge *judge)
{
    return judge->lost;
}

const struct warning *judge_warnings(struct judge *judge, size_t *ret_count)
{
    if (judge->n_warnings > 0)
        qsort(judge->warnings, judge->n_warnings, sizeof(*judge->warnings), by_code_then_rule);
    *ret_count = judge->n_warnings;
    return judge->warnings;
}
