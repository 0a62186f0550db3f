/* Collecting what explain tells: the rules that speak of a name, what sysctl.d makes of it, whether
 * that accounts for the value that is stored now, and if not, who else may have written it. */
#include <net/if.h>
#include <stdio.h>

#include "agent/cli/explain/explain.h"
#include "agent/store/before.h"
#include "agent/store/policy_load.h"
#include "agent/system/sysctl_load.h"
#include "policy/decide/plan.h"
#include "policy/lang/compile.h"

static int add_rule(const struct rule *rule, bool undecided, void *data)
{
    struct explain_key *key = data;
    int r = grow((void **)&key->rules, &key->rules_capacity, key->n_rules, sizeof(*key->rules));

    if (r < 0)
        return r;
    key->rules[key->n_rules++] = (struct explain_rule){rule, undecided};
    return 0;
}

/* Pins of `all` or `default`: the last line wins. For `default` the bare * speaks too. */
static int gather_pins(const struct policy *policy, enum pattern_kind which,
                       struct explain_key *key)
{
    const struct rule *any = policy_any(policy, key->state.key);
    int r = 0;

    for (size_t i = policy->n_rules; r >= 0 && i-- > 0;) {
        const struct rule *rule = &policy->rules[i];

        if (rule->key == key->state.key && rule->pattern.kind == which)
            r = add_rule(rule, false, key);
    }
    if (r >= 0 && any && which == PATTERN_DEFAULT)
        r = add_rule(any, false, key);
    if (r >= 0 && which == PATTERN_ALL && key->n_rules == 0 && key->state.rule)
        r = add_rule(key->state.rule, false, key);
    return r;
}

static int gather_rules(struct explain *explain, struct explain_key *key)
{
    const struct policy *policy = explain->session->policy;
    int r;

    if (explain->subject == EXPLAIN_ALL)
        r = gather_pins(policy, PATTERN_ALL, key);
    else if (explain->subject == EXPLAIN_DEFAULT)
        r = gather_pins(policy, PATTERN_DEFAULT, key);
    else
        r = policy_match_each(policy, key->state.key, explain->device, add_rule, key);
    key->winner = key->n_rules;
    for (size_t i = 0; i < key->n_rules && key->winner == key->n_rules; i++)
        if (!key->rules[i].undecided)
            key->winner = i;
    return r;
}

/* What is stored where nobody wrote it: a device starts with what `default` holds. */
static int untouched(const struct explain *explain, enum key key)
{
    switch (explain->subject) {
    case EXPLAIN_ALL:
        return key_info(key)->boot_all;
    case EXPLAIN_DEFAULT:
        return key_info(key)->boot_default;
    default:
        return explain->session->live.def[key];
    }
}

static bool gives(const struct sysctl_answer *answer, int value)
{
    return answer->given && answer->value == value;
}

static int resolve(const struct explain *explain, enum sysctl_run run, const char *name,
                   enum key key, struct sysctl_answer *ret)
{
    if (!explain->sysctl)
        return 0;
    return sysctl_conf_resolve(explain->sysctl, run, name, key, true, ret);
}

static int gather_sysctl(struct explain *explain, struct explain_key *key)
{
    enum key id = key->state.key;
    int live_all = explain->session->live.all[id];
    int stored = key->state.configured;
    int r;

    r = resolve(explain, SYSCTL_RUN_FULL, explain->name, id, &key->full);
    if (r >= 0 && explain->device && explain->flavor == SYSCTL_SYSTEMD)
        r = resolve(explain, SYSCTL_RUN_ADD, explain->name, id, &key->add);
    if (r >= 0 && explain->subject != EXPLAIN_ALL)
        r = resolve(explain, SYSCTL_RUN_FULL, "all", id, &key->all);
    if (r < 0)
        return r;
    key->all_untouched = !key->all.given && live_all == key_info(id)->boot_all;
    key->all_explained =
        explain->subject == EXPLAIN_ALL || gives(&key->all, live_all) || key->all_untouched;
    key->explained =
        explain->subject == EXPLAIN_ABSENT || gives(&key->add, stored) || gives(&key->full, stored);
    if (!key->explained && !key->full.given)
        key->explained = stored == untouched(explain, id);
    return 0;
}

/* Did we write it, or `all`, according to the record of former values? What is stored as we wrote
 * it needs no other explanation. */
static void gather_record(struct explain *explain, struct explain_key *key)
{
    _cleanup_free_ struct before_record *records = NULL;
    int ifindex = explain->subject == EXPLAIN_ALL       ? IFINDEX_ALL
                  : explain->subject == EXPLAIN_DEFAULT ? IFINDEX_DEFAULT
                                                        : explain->device->ifindex;
    size_t n = 0;

    if (explain->subject == EXPLAIN_ABSENT ||
        before_read(&explain->session->cli->paths, &records, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct before_record *record = &records[i];

        if (record->key != key->state.key)
            continue;
        if (record->ifindex == IFINDEX_ALL &&
            record->wrote == explain->session->live.all[record->key])
            key->all_explained = true;
        if (key->ours || record->ifindex != ifindex || !streq(record->name, explain->name))
            continue;
        key->ours = true;
        key->former = record->value;
        key->as_written = record->wrote == key->state.configured;
    }
    key->explained |= key->as_written;
}

static int gather_suspects(struct explain *explain, struct explain_key *key)
{
    const struct paths *paths = &explain->session->cli->paths;

    if (key->state.rewritten && key->state.blame == BLAME_ALL)
        key->all_explained = false;
    else if (key->state.rewritten)
        key->explained = false;
    if (!paths->sysctl_root || (key->explained && key->all_explained))
        return 0;
    return suspects_find(paths->sysctl_root, key->explained ? "all" : explain->name, key->state.key,
                         &key->suspects);
}

static int gather_key(struct explain *explain, const struct key_state *state)
{
    struct explain_key *key = &explain->keys[explain->n_keys++];
    int r;

    key->state = *state;
    r = gather_rules(explain, key);
    if (r >= 0)
        r = gather_sysctl(explain, key);
    if (r >= 0)
        gather_record(explain, key);
    return r < 0 ? r : gather_suspects(explain, key);
}

/* What a device of this name would start with if it came now. Everything but its name is a guess,
 * so that sets are judged by the name alone. */
static void invent_device(struct explain *explain)
{
    const struct session *session = explain->session;
    struct device *device = &explain->absent;

    device->ipv4 = true;
    device->flags = IFF_UP;
    device->forwarding = session->live.def_forwarding;
    snprintf(device->name, sizeof(device->name), "%s", explain->name);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        struct sysctl_answer answer = {0};

        device->conf[key] = session->live.def[key];
        if (session->sysctl &&
            sysctl_conf_resolve(session->sysctl, SYSCTL_RUN_ADD, explain->name, key, false,
                                &answer) == 0 &&
            answer.given)
            device->conf[key] = answer.value;
    }
    explain->device = device;
}

/* A key that the judge leaves out because no rule speaks of it, asked for with --key. */
static struct key_state unmanaged_state(const struct explain *explain, enum key key)
{
    const struct live *live = &explain->session->live;
    const struct device *device = explain->device;
    struct key_state state = {.key = key, .state = STATE_UNMANAGED};

    state.configured = device->conf[key];
    state.effective = key_effective(key, live->all[key], state.configured, device->forwarding);
    state.inherited = state.configured;
    return state;
}

static int gather_device(struct explain *explain, enum key only)
{
    struct key_state states[KEY_COUNT];
    enum state worst;
    unsigned n = judge_device(explain->session->judge, explain->device, states, &worst);
    bool found = false;
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < n; i++)
        if (only == KEY_COUNT || states[i].key == only) {
            r = gather_key(explain, &states[i]);
            found = true;
        }
    if (r >= 0 && !found && only < KEY_COUNT) {
        states[0] = unmanaged_state(explain, only);
        r = gather_key(explain, &states[0]);
    }
    return r;
}

static int gather_special(struct explain *explain, enum key only)
{
    int which = explain->subject == EXPLAIN_ALL ? IFINDEX_ALL : IFINDEX_DEFAULT;
    key_mask keys = explain->session->policy->keys | KEY_BIT(KEY_RP_FILTER);
    int r = 0;

    if (only < KEY_COUNT)
        keys = KEY_BIT(only);
    for (enum key key = 0; r >= 0 && key < KEY_COUNT; key++) {
        struct key_state state;

        if (!(keys & KEY_BIT(key)))
            continue;
        judge_special(explain->session->judge, which, key, &state);
        if (state.rule == NULL) { /* the judge looks at numbers only where a rule speaks */
            state.configured = which == IFINDEX_ALL ? explain->session->live.all[key]
                                                    : explain->session->live.def[key];
            state.effective = key_effective(
                key, which == IFINDEX_ALL ? state.configured : explain->session->live.all[key],
                state.configured, false);
        }
        r = gather_key(explain, &state);
    }
    return r;
}

int explain_gather(const struct session *session, const char *name, const struct device *device,
                   enum sysctl_flavor flavor, enum key key, struct explain *ret)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct explain *explain = ret;
    int r;

    *explain = (struct explain){.session = session,
                                .name = name,
                                .device = device,
                                .flavor = flavor,
                                .subject = EXPLAIN_DEVICE};
    r = sysctl_load(&session->cli->paths, flavor, &diags, &explain->sysctl);
    if (r < 0)
        return r;
    session_say_unread(&diags);
    if (device)
        explain->name = device->name;
    else if (streq(name, "all"))
        explain->subject = EXPLAIN_ALL;
    else if (streq(name, "default"))
        explain->subject = EXPLAIN_DEFAULT;
    else
        explain->subject = EXPLAIN_ABSENT;
    if (explain->subject == EXPLAIN_ABSENT)
        invent_device(explain);
    return explain->device ? gather_device(explain, key) : gather_special(explain, key);
}

void explain_done(struct explain *explain)
{
    explain_replies_done(&explain->replies);
    for (unsigned i = 0; i < explain->n_keys; i++) {
        struct explain_key *key = &explain->keys[i];

        free(key->rules);
        sysctl_answer_done(&key->add);
        sysctl_answer_done(&key->full);
        sysctl_answer_done(&key->all);
        suspects_done(&key->suspects);
    }
    explain->sysctl = sysctl_conf_free(explain->sysctl);
}
