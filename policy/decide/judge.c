/* The state of every key of every device, from the targets of plan.h and what sysctl.d would do.
 * The words are in judge_text.c, the warnings in warnings.c. */
#include "policy/decide/judge_private.h"

const char *guard_name(enum guard guard)
{
    static const char *const names[] = {
        [GUARD_NONE] = NULL,
        [GUARD_HELPER] = "helper",
        [GUARD_AGENT] = "agent",
    };

    return names[guard];
}

const char *origin_name(enum value_origin origin)
{
    static const char *const names[ORIGIN_COUNT] = {
        [ORIGIN_SYSCTL_D] = "sysctl.d", [ORIGIN_DEFAULT] = "default", [ORIGIN_WRITER] = "writer",
        [ORIGIN_RUN_TIME] = "run-time", [ORIGIN_UNKNOWN] = "unknown",
    };

    return names[origin];
}

const char *obstacle_name(enum obstacle obstacle)
{
    static const char *const names[OBSTACLE_COUNT] = {
        [OBSTACLE_READ_ONLY] = "read-only",
        [OBSTACLE_PAUSED] = "paused",
        [OBSTACLE_POLICY] = "policy",
        [OBSTACLE_UNPINNED] = "unpinned",
    };

    return names[obstacle];
}

/* What sysctl.d gives a name; .given false where it says nothing or is not known. */
static struct sysctl_answer resolve(const struct judge *judge, enum sysctl_run run,
                                    const char *name, enum key key)
{
    struct sysctl_answer answer = {0};

    if (judge->context.sysctl &&
        sysctl_conf_resolve(judge->context.sysctl, run, name, key, false, &answer) < 0)
        return (struct sysctl_answer){0};
    return answer;
}

static struct cause cause_of(const struct sysctl_line *line)
{
    if (!line)
        return (struct cause){0};
    return (struct cause){
        .file = line->file, .line = line->line, .text = line->text, .key = line->key};
}

int judge_new(const struct policy *policy, const struct live *live,
              const struct judge_context *context, struct judge **ret)
{
    struct judge *judge = calloc(1, sizeof(*judge));

    if (!judge)
        return -ENOMEM;
    judge->policy = policy;
    judge->live = live;
    judge->context = *context;
    for (enum key key = 0; key < KEY_COUNT; key++) {
        plan_key_target(policy, live, key, &judge->targets[key]);
        judge->full_all[key] = resolve(judge, SYSCTL_RUN_FULL, "all", key);
        judge->full_default[key] = resolve(judge, SYSCTL_RUN_FULL, "default", key);
    }
    judge_warn_targets(judge);
    *ret = judge;
    return 0;
}

struct judge *judge_free(struct judge *judge)
{
    if (!judge)
        return NULL;
    for (size_t i = 0; i < judge->n_warnings; i++)
        free(judge->warnings[i].message);
    free(judge->warnings);
    free(judge->writers);
    free(judge);
    return NULL;
}

const struct key_target *judge_target(const struct judge *judge, enum key key)
{
    return &judge->targets[key];
}

/* The `all` under which a device's own value decides alone. */
static int neutral_all(enum key key, bool forwarding)
{
    enum key_combine combine = key_info(key)->combine;

    return combine == COMBINE_AND || (combine == COMBINE_REDIRECTS && forwarding);
}

static int after_run_all(const struct judge *judge, enum key key)
{
    return judge->full_all[key].given ? judge->full_all[key].value : judge->live->all[key];
}

/* The line of a full run's answer, if it gives this value. */
static const struct sysctl_line *line_of(const struct sysctl_answer *full, int value)
{
    return full->given && full->value == value ? full->line : NULL;
}

/* The line that gives a name its present configured value, on `add` or in a full run. */
static const struct sysctl_line *line_of_own(const struct judge *judge, const char *name,
                                             const struct key_state *state)
{
    static const enum sysctl_run runs[] = {SYSCTL_RUN_ADD, SYSCTL_RUN_FULL};

    for (size_t i = 0; i < ELEMENTSOF(runs); i++) {
        struct sysctl_answer answer = resolve(judge, runs[i], name, state->key);

        if (line_of(&answer, state->configured))
            return answer.line;
    }
    return NULL;
}

/* A value is wrong: is `all` or the value itself to blame, and which line wrote that? */
static enum blame find_cause(const struct judge *judge, const char *name, bool forwarding,
                             struct key_state *state)
{
    enum key key = state->key;
    int own = key_effective(key, neutral_all(key, forwarding), state->configured, forwarding);
    int later = key_effective(key, judge->targets[key].new_all, state->configured, forwarding);
    bool wrong_itself = state->state != STATE_IMPOSSIBLE && !rule_accepts(state->rule, own) &&
                        !rule_accepts(state->rule, later);
    const struct sysctl_line *line = wrong_itself ? line_of_own(judge, name, state) : NULL;

    /* A value that no line gives and that is not even in effect is not the cause. */
    if (line || (wrong_itself && own == state->effective)) {
        state->cause = cause_of(line);
        return BLAME_VALUE;
    }
    state->cause = cause_of(line_of(&judge->full_all[key], judge->live->all[key]));
    return BLAME_ALL;
}

/* A value is right now: will it be after an `add` event, after a full run? */
static enum blame find_latent(const struct judge *judge, const struct device *device,
                              const struct sysctl_answer *add, struct key_state *state)
{
    enum key key = state->key;
    int run_all = after_run_all(judge, key), value = state->configured;
    struct sysctl_answer full;

    if (!judge->context.sysctl || state->guard == GUARD_AGENT)
        return BLAME_NOTHING;
    if (add->given && state->guard == GUARD_NONE) {
        state->later = key_effective(key, judge->live->all[key], add->value, device->forwarding);
        if (!rule_accepts(state->rule, state->later)) {
            state->cause = cause_of(add->line);
            return BLAME_ADD;
        }
    }
    full = resolve(judge, SYSCTL_RUN_FULL, device->name, key);
    if (full.given)
        value = full.value;
    state->later = key_effective(key, run_all, value, device->forwarding);
    if (rule_accepts(state->rule, state->later))
        return BLAME_NOTHING;
    if (full.given && !rule_accepts(state->rule, key_effective(key, judge->live->all[key], value,
                                                               device->forwarding)))
        state->cause = cause_of(full.line);
    else
        state->cause = cause_of(judge->full_all[key].line);
    return BLAME_RUN;
}

enum state judge_target_state(const struct device_target *target)
{
    if (!target->rule || target->rule->unmanaged || target->undecided)
        return STATE_UNMANAGED;
    if (target->paused)
        return STATE_PAUSED;
    if (target->moot)
        return STATE_MOOT;
    if (target->impossible)
        return STATE_IMPOSSIBLE;
    return target->drift ? STATE_DRIFT : STATE_OK;
}

void judge_know_writer(struct judge *judge, const struct device *device, enum key key)
{
    if (grow((void **)&judge->writers, &judge->writers_capacity, judge->n_writers,
             sizeof(*judge->writers)) < 0) {
        judge->lost = true; /* its warning */
        return;
    }
    judge->writers[judge->n_writers++] = (struct writer){
        .ifindex = device ? device->ifindex : IFINDEX_ALL,
        .keys = device ? KEY_BIT(key) : KEY_MASK_ALL,
    };
}

/* That a line holds the same number, or `default` does, is no cause where somebody is seen writing.
 */
static void blame_writer(const struct judge *judge, int ifindex, struct key_state *state)
{
    for (size_t i = 0; i < judge->n_writers && !state->rewritten; i++)
        state->rewritten =
            judge->writers[i].ifindex == ifindex && judge->writers[i].keys & KEY_BIT(state->key);
    if (!state->rewritten)
        return;
    state->cause = (struct cause){0};
    state->as_default = false;
}

static void judge_key(struct judge *judge, const struct device *device, enum key key,
                      struct key_state *ret)
{
    struct sysctl_answer add = resolve(judge, SYSCTL_RUN_ADD, device->name, key);
    struct device_target target;

    plan_device_target(judge->policy, &judge->targets[key], key, device, &target);
    *ret = (struct key_state){.key = key};
    ret->configured = device->conf[key];
    ret->effective = target.before;
    ret->inherited = add.given ? add.value : judge->live->def[key];
    ret->rule = target.rule;
    ret->undecided = target.undecided;
    ret->state = judge_target_state(&target);
    if (ret->state == STATE_PAUSED) {
        ret->wanted_known = !target.moot;
        ret->wanted =
            rule_accepts(target.rule, target.before) ? target.before : target.rule->values[0];
    } else if (ret->state != STATE_UNMANAGED && ret->state != STATE_MOOT) {
        ret->wanted_known = true;
        ret->wanted = target.drift && (target.impossible || target.rule->observe)
                          ? target.rule->values[0]
                      : target.held ? target.held_wanted
                                    : target.wanted;
        ret->held = target.held;
        ret->enforced = judge->context.enforcing && plan_rule_writes(target.rule);
        ret->guard = ret->enforced ? judge->context.guard : GUARD_NONE;
        if (ret->state != STATE_OK)
            ret->blame = find_cause(judge, device->name, device->forwarding, ret);
        else
            ret->blame = find_latent(judge, device, &add, ret);
        ret->as_default = ret->state == STATE_DRIFT && ret->blame == BLAME_VALUE &&
                          !ret->cause.file && ret->configured == judge->live->def[key];
        if (ret->as_default)
            ret->cause = cause_of(line_of(&judge->full_default[key], ret->configured));
        if (ret->state == STATE_OK && ret->blame != BLAME_NOTHING)
            ret->state = STATE_LATENT;
        else if (ret->blame != BLAME_NOTHING)
            blame_writer(judge, ret->blame == BLAME_ALL ? IFINDEX_ALL : device->ifindex, ret);
    }
}

unsigned judge_device(struct judge *judge, const struct device *device, struct key_state *ret,
                      enum state *ret_worst)
{
    enum state worst = STATE_UNMANAGED;
    unsigned n = 0;

    for (enum key key = 0; device->ipv4 && key < KEY_COUNT; key++) {
        if (key != KEY_RP_FILTER && !judge->targets[key].managed)
            continue;
        judge_key(judge, device, key, &ret[n]);
        if (key != KEY_RP_FILTER && ret[n].state == STATE_UNMANAGED && !ret[n].undecided)
            continue;
        judge_warn_device(judge, device, &ret[n]);
        if (ret[n].state < worst)
            worst = ret[n].state;
        n++;
    }
    *ret_worst = worst;
    return n;
}

static void judge_all(const struct judge *judge, enum key key, struct key_state *state)
{
    const struct key_target *target = &judge->targets[key];
    const struct rule *pin = policy_pin(judge->policy, key, PATTERN_ALL);

    state->configured = target->old_all;
    state->effective = key_effective(key, target->old_all, target->old_all, false);
    state->rule = pin ? pin : target->minimum_rule;
    if (!state->rule || state->rule->unmanaged)
        return;
    state->wanted_known = true;
    state->wanted = pin ? pin->values[0] : target->all_drift ? target->minimum : state->effective;
    if (pin && !target->all_drift)
        state->wanted = target->old_all;
    if (target->all_paused)
        state->state = STATE_PAUSED;
    else if (!target->all_drift)
        state->state = STATE_OK;
    else
        state->state =
            target->all_blocked && plan_rule_writes(state->rule) ? STATE_IMPOSSIBLE : STATE_DRIFT;
}

static void judge_default(const struct judge *judge, enum key key, struct key_state *state)
{
    const struct key_target *target = &judge->targets[key];
    const struct rule *rule = target->default_rule;

    state->configured = target->old_default;
    state->effective = target->default_before;
    state->rule = rule;
    if (!rule) {
        const struct rule *pin = policy_pin(judge->policy, key, PATTERN_DEFAULT);

        state->rule = pin ? pin : policy_any(judge->policy, key);
        return;
    }
    state->wanted_known = true;
    if (!target->default_drift)
        state->wanted =
            rule->pattern.kind == PATTERN_DEFAULT ? target->old_default : target->default_before;
    else if (rule->pattern.kind == PATTERN_DEFAULT || rule->observe || target->default_impossible)
        state->wanted = rule->values[0];
    else
        state->wanted = target->default_after;
    state->state = target->default_paused       ? STATE_PAUSED
                   : target->default_impossible ? STATE_IMPOSSIBLE
                   : target->default_drift      ? STATE_DRIFT
                                                : STATE_OK;
}

bool judge_is_pinned(const struct key_state *state)
{
    return state->rule && pattern_is_pin(&state->rule->pattern);
}

/* Would what a full run stores be right for `all` or `default`? */
static bool right_after_run(const struct judge *judge, int which, const struct key_state *state,
                            int value)
{
    const struct key_target *target = &judge->targets[state->key];

    if (judge_is_pinned(state)) {
        for (unsigned i = 0; i < state->rule->n_values; i++)
            if (state->rule->values[i] == value)
                return true;
        return false;
    }
    if (which == IFINDEX_ALL)
        return value <= 0 || key_effective(state->key, value, value, false) <= target->minimum;
    return rule_accepts(state->rule, key_effective(state->key, after_run_all(judge, state->key),
                                                   value, judge->live->def_forwarding));
}

void judge_special(struct judge *judge, int which, enum key key, struct key_state *ret)
{
    bool is_all = which == IFINDEX_ALL;
    const struct sysctl_answer *full = is_all ? &judge->full_all[key] : &judge->full_default[key];

    *ret = (struct key_state){.key = key, .which = which, .state = STATE_UNMANAGED};
    if (is_all)
        judge_all(judge, key, ret);
    else
        judge_default(judge, key, ret);
    ret->inherited = full->given ? full->value : ret->configured;
    if (ret->wanted_known) {
        ret->enforced = judge->context.enforcing && plan_rule_writes(ret->rule);
        /* The helper sees devices only. */
        ret->guard =
            ret->enforced && judge->context.guard == GUARD_AGENT ? GUARD_AGENT : GUARD_NONE;
    }
    if (ret->state == STATE_OK && full->given && ret->guard != GUARD_AGENT &&
        !right_after_run(judge, which, ret, full->value)) {
        ret->state = STATE_LATENT;
        ret->cause = cause_of(full->line);
        ret->blame = BLAME_RUN;
        ret->later = full->value;
    } else if (state_info(ret->state)->concern == CONCERN_NOW) {
        ret->blame = BLAME_VALUE;
        if (!is_all && ret->rule->pattern.kind != PATTERN_DEFAULT)
            ret->blame = find_cause(judge, "default", judge->live->def_forwarding, ret);
        else
            ret->cause = cause_of(line_of(full, ret->configured));
        blame_writer(judge, IFINDEX_ALL, ret);
    }
}

enum value_origin judge_origin(const struct judge *judge, const struct key_state *state)
{
    if (state->blame == BLAME_NOTHING)
        return ORIGIN_NONE;
    if (state->rewritten)
        return ORIGIN_WRITER;
    if (state->as_default)
        return ORIGIN_DEFAULT;
    if (state->cause.file)
        return ORIGIN_SYSCTL_D;
    return judge->context.sysctl ? ORIGIN_RUN_TIME : ORIGIN_UNKNOWN;
}

enum obstacle judge_obstacle(const struct judge *judge, const struct key_state *state,
                             const struct rule **ret_rule)
{
    const struct rule *pin = policy_pin(judge->policy, state->key, PATTERN_ALL);

    *ret_rule = pin;
    if (state->state != STATE_IMPOSSIBLE)
        return OBSTACLE_NONE;
    if (!judge->live->all_writable)
        return OBSTACLE_READ_ONLY;
    if (judge->live->all_paused && !(pin && pin->unmanaged))
        return OBSTACLE_PAUSED;
    return pin ? OBSTACLE_POLICY : OBSTACLE_UNPINNED;
}
