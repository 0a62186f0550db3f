/* The sentences of explain: what a value does, what `all` does to it, why a rule wins, and the one
 * line that concludes it all. */
#include <stdarg.h>
#include <stdio.h>

#include "agent/cli/explain/explain.h"
#include "policy/decide/plan.h"
#include "policy/lang/precedence.h"

static char *text(const char *format, ...) _printf_(1, 2);

static char *text(const char *format, ...)
{
    va_list ap;
    char *s;
    int n;

    va_start(ap, format);
    n = vasprintf(&s, format, ap);
    va_end(ap);
    return n < 0 ? NULL : s;
}

const char *explain_value(enum key key, int effective, char buf[static 24])
{
    char word[12];

    if (key_info(key)->values == VALUES_NUMBER)
        snprintf(buf, 24, "%d", effective);
    else
        snprintf(buf, 24, "%s (%d)", key_value_format(key, effective, word, sizeof(word)),
                 effective);
    return buf;
}

/* -- the conclusion -- */

static char *unmanaged_headline(const struct explain *explain, const char *start,
                                const char *reason)
{
    if (explain->session->no_policy)
        return text("%s: there is no policy", start);
    if (explain->session->broken)
        return text("%s: the policy has errors and decides nothing", start);
    return text("%s: %s", start, reason);
}

/* Where the value comes from that is to blame, by what was found beside the judge's own answer. */
static enum value_origin origin_of(const struct explain *explain, const struct explain_key *key)
{
    const struct key_state *state = &key->state;
    enum value_origin origin = judge_origin(explain->session->judge, state);

    if (origin == ORIGIN_WRITER)
        return origin;
    if (state->blame == BLAME_ALL)
        return key->all_untouched && explain->sysctl ? ORIGIN_START : origin;
    if (state->blame != BLAME_VALUE || state->cause.file)
        return origin;
    if (key->as_written)
        return ORIGIN_OURS;
    return key->explained && key->all_explained && !key->add.given && !key->full.given &&
                   !key->all.given && explain->sysctl
               ? ORIGIN_START
               : origin;
}

/* `all` and `default`, in any state but unmanaged. */
static char *special_headline(const struct explain *explain, const char *start,
                              const struct key_state *state, const char *reason)
{
    const char *word = state_name(state->state);
    char wanted[12];

    if (state->state == STATE_OK)
        return text("%s: ok, as the policy needs it", start);
    if (state->state == STATE_LATENT)
        return text("%s, as the policy needs it, but latent: %s", start, reason);
    if (explain->subject == EXPLAIN_ALL || state->state == STATE_PAUSED || judge_is_pinned(state))
        return text("%s: %s, %s", start, word, reason);
    return text("%s, wanted %s: %s%s%s", start,
                key_value_format(state->key, state->wanted, wanted, sizeof(wanted)), word,
                !*reason                    ? ""
                : state->blame == BLAME_ALL ? ", because "
                                            : "; ",
                reason);
}

/* What the value is, by whichever name. Owned. */
static char *headline_start(const struct explain *explain, const struct key_state *state)
{
    const char *name = key_info(state->key)->name;
    _cleanup_free_ char *shown = name_escape(explain->name);
    char value[24];

    if (!shown)
        return NULL;
    explain_value(state->key, state->effective, value);
    switch (explain->subject) {
    case EXPLAIN_ABSENT:
        return text("%s: not there now; if it came, %s would start %s", shown, name, value);
    case EXPLAIN_ALL:
        return text("all: %s holds %d", name, state->configured);
    case EXPLAIN_DEFAULT:
        return text("default: %s holds %d, so new devices start %s", name, state->configured,
                    value);
    case EXPLAIN_DEVICE:
        break;
    }
    return text("%s: %s is %s", shown, name, value);
}

char *explain_headline(const struct explain *explain, const struct explain_key *key)
{
    const struct key_state *state = &key->state;
    _cleanup_free_ char *start = headline_start(explain, state);
    char wanted[12], reason[JUDGE_TEXT_SIZE];

    if (!start)
        return NULL;
    judge_reason(explain->session->judge, explain->device, state, origin_of(explain, key), reason);
    if (state->state == STATE_UNMANAGED)
        return unmanaged_headline(explain, start, reason);
    if (!explain->device)
        return special_headline(explain, start, state, reason);
    switch (state->state) {
    case STATE_OK:
        return text("%s, as the policy wants it: ok", start);
    case STATE_LATENT:
        return text("%s, as the policy wants it, but latent: %s", start, reason);
    case STATE_DRIFT:
        return text("%s, wanted %s: drift%s, because %s", start,
                    key_value_format(state->key, state->wanted, wanted, sizeof(wanted)),
                    explain->subject == EXPLAIN_ABSENT ? " until repaired" : "", reason);
    default: /* impossible, moot, paused: the reason says it all */
        return text("%s: %s, %s", start, state_name(state->state), reason);
    }
}

/* -- what it means -- */

static bool is_loose_in_vain(const struct explain *explain, const struct explain_key *key)
{
    const struct device *device = explain->device;

    return key->state.key == KEY_RP_FILTER && key->state.effective == 2 &&
           explain->subject == EXPLAIN_DEVICE && (device->known & FACT_ADDRESSES) &&
           !device->numbered;
}

char *explain_meaning(const struct explain *explain, const struct explain_key *key)
{
    enum key id = key->state.key;
    int effective = key->state.effective;
    char buf[12];

    if (key->state.state == STATE_MOOT)
        return text("Nothing by itself: packets that come in by a port count as coming in by its "
                    "master, and the master's value decides.");
    if (id == KEY_RP_FILTER && explain->device && device_is_vrf(explain->device))
        return text("Nothing by itself: packets come in by the ports of the VRF, and the value of "
                    "the port decides.");
    return text("%s: %s%s", key_value_format(id, effective, buf, sizeof(buf)),
                key_meaning(id, effective),
                is_loose_in_vain(explain, key)
                    ? " But this device has no IPv4 address, and then loose acts like strict: only "
                      "sources that are routed back through it are accepted."
                    : "");
}

char *explain_combination(const struct explain *explain, const struct explain_key *key)
{
    const struct key_state *state = &key->state;
    int all = explain->session->live.all[state->key];
    const char *odd = "";
    char value[24];

    if (explain->subject == EXPLAIN_ALL)
        return text("The kernel combines `all` with the value of each device: %s.",
                    key_info(state->key)->combine == COMBINE_REDIRECTS
                        ? "both must be 1 where the device forwards, else one is enough"
                        : key_combine_text(state->key, false));
    if (explain->subject == EXPLAIN_DEFAULT)
        return text("A new device copies `default`, %d; `all` is %d; %s: %s. Then sysctl.d may "
                    "write to it.",
                    state->configured, all,
                    key_combine_text(state->key, explain->session->live.def_forwarding),
                    explain_value(state->key, state->effective, value));
    if (state->key == KEY_RP_FILTER && key_out_of_range(state->key, state->configured))
        odd = " Every number but 0 and 1 acts as loose.";
    return text("Its own value is %d, `all` is %d; %s: %s.%s", state->configured, all,
                key_combine_text(state->key, explain->device->forwarding),
                explain_value(state->key, state->effective, value), odd);
}

/* -- why a rule wins -- */

static char *exception_verdict(const struct policy *policy, const struct rule *rule)
{
    const struct exception *exception = &policy->exceptions[rule->exception];
    _cleanup_free_ char *name = name_escape(exception->name);
    _cleanup_free_ char *reason = name_escape(exception->reason);

    return name && reason ? text("wins: exception %s (%s)", name, reason) : NULL;
}

char *explain_verdict(const struct explain *explain, const struct explain_key *key, size_t index)
{
    const struct explain_rule *rule = &key->rules[index];
    enum rank own = rule_rank(rule->rule), winner;

    if (rule->undecided)
        return text("cannot be judged here: it depends on what is not known");
    if (index == key->winner && key->state.undecided)
        return text("wins only if what stands above does not hold the device");
    if (index == key->winner) {
        bool alone = own == RANK_GLOB && key->n_rules == 1;

        if (own == RANK_EXCEPTION)
            return exception_verdict(explain->session->policy, rule->rule);
        return text("%s", alone ? "wins: the only rule that speaks of it" : rank_wins(own));
    }
    winner = rule_rank(key->rules[key->winner].rule);
    if (own != winner)
        return text("%s", rank_beats(winner));
    if (rule_yields(rule->rule, key->rules[key->winner].rule))
        return text("loses: a preset yields to a line of the administrator");
    return text("loses: a later line of its kind speaks of it, too");
}
