/* `rpfpolicy check`: judges every device once, hands it to the format, and gives the exit status.
 */
#include <net/if.h>
#include <stdio.h>

#include "agent/cli/check/check.h"
#include "agent/cli/check/subnets.h"
#include "agent/cli/check/writers.h"
#include "agent/cli/peers/lockout.h"
#include "agent/kernel/fib.h"

static const struct check_format *const formats[FORMAT_COUNT] = {
    [FORMAT_TABLE] = &check_table,   [FORMAT_JSON] = &check_json,
    [FORMAT_NDJSON] = &check_ndjson, [FORMAT_CSV] = &check_csv,
    [FORMAT_NAGIOS] = &check_nagios, [FORMAT_PROMETHEUS] = &check_prometheus,
};

/* EXIT_OK or EXIT_DRIFT; latent, expired and unmatched count with --strict. */
static int check_status(const struct check *check)
{
    bool strict = cli_given(check->session->cli, OPTION_STRICT);

    if (check_bad(check) > 0)
        return EXIT_DRIFT;
    if (strict && (check_later(check) > 0 || check->expired > 0 || check->unmatched > 0))
        return EXIT_DRIFT;
    return EXIT_OK;
}

struct exact_name {
    const char *name;
    size_t rule;
};

static int compare_names(const void *a, const void *b)
{
    const struct exact_name *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Which rules for an exact name name no device at all, whether or not another rule wins there. */
static int find_unmatched(struct check *check)
{
    const struct policy *policy = check->session->policy;
    const struct live *live = &check->session->live;
    _cleanup_free_ struct exact_name *names = calloc(policy->n_rules + 1, sizeof(*names));
    size_t n = 0;

    check->unmatched_rules = calloc(policy->n_rules + 1, sizeof(*check->unmatched_rules));
    if (!names || !check->unmatched_rules)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_rules; i++)
        if (policy->rules[i].pattern.kind == PATTERN_EXACT) {
            names[n++] = (struct exact_name){policy->rules[i].pattern.text, i};
            check->unmatched_rules[i] = true;
        }
    qsort(names, n, sizeof(*names), compare_names);
    check->unmatched = (unsigned)n;
    for (size_t i = 0; n > 0 && i < live->count; i++) {
        struct exact_name wanted = {.name = live->devices[i].name};
        struct exact_name *found = bsearch(&wanted, names, n, sizeof(*names), compare_names);

        /* bsearch() may land anywhere among equal names */
        while (found && found > names && streq(found[-1].name, wanted.name))
            found--;
        for (; found && found < names + n && streq(found->name, wanted.name); found++) {
            check->unmatched -= check->unmatched_rules[found->rule];
            check->unmatched_rules[found->rule] = false;
        }
    }
    for (size_t i = 0; i < check->reports.count; i++)
        check->unmatched += (unsigned)check->reports.items[i].n_unmatched;
    return 0;
}

static int count_match(const struct rule *rule, bool undecided, void *data)
{
    struct check *check = data;

    if (!undecided)
        check->matches[rule - check->session->policy->rules]++;
    return 0;
}

static int count_matches(struct check *check)
{
    const struct policy *policy = check->session->policy;
    const struct live *live = &check->session->live;
    int r = 0;

    check->matches = calloc(policy->n_rules + 1, sizeof(*check->matches));
    if (!check->matches)
        return -ENOMEM;
    for (enum key key = 0; key < KEY_COUNT; key++)
        for (size_t i = 0; (policy->keys & KEY_BIT(key)) && i < live->count; i++)
            gather(&r, policy_match_each(policy, key, &live->devices[i], count_match, check));
    return r;
}

static unsigned count_expired(const struct session *session)
{
    unsigned n = 0;

    for (size_t i = 0; i < session->policy->n_exceptions; i++)
        n += exception_expired(&session->policy->exceptions[i], session->today);
    return n;
}

static bool is_writable_drift(const struct key_state *state)
{
    return state->state == STATE_DRIFT && plan_rule_writes(state->rule) && !state->held;
}

static int judge_specials(struct check *check, const struct check_format *format)
{
    static const int which[] = {IFINDEX_ALL, IFINDEX_DEFAULT};
    key_mask keys = report_keys(check->session->policy);
    struct key_state state;
    int r = 0;

    for (unsigned i = 0; i < ELEMENTSOF(which); i++)
        for (enum key key = 0; r == 0 && key < KEY_COUNT; key++) {
            if (!(keys & KEY_BIT(key)))
                continue;
            judge_special(check->session->judge, which[i], key, &state);
            check->specials[state.state]++;
            check->writable += is_writable_drift(&state);
            r = format->special ? format->special(check, which[i], &state) : 0;
        }
    return r;
}

/* Would a write refuse packets that the device takes now? */
static bool would_refuse(const struct device *device, const struct key_state *state)
{
    return (device->flags & IFF_UP) && is_writable_drift(state) &&
           key_may_refuse(state->key, state->effective, state->wanted);
}

static int judge_devices(struct check *check, const struct check_format *format,
                         const bool *selected)
{
    const struct live *live = &check->session->live;
    struct key_state states[KEY_COUNT];
    bool refuses = check->writable > 0; /* `all` or `default` moves: any device may be meant */
    enum state worst;
    int r = 0, lockout = 0;

    for (size_t i = 0; r == 0 && i < live->count; i++) {
        unsigned n;

        if (!selected[i] || !live->devices[i].ipv4)
            continue;
        n = judge_device(check->session->judge, &live->devices[i], states, &worst);
        check->devices++;
        check->counts[worst]++;
        for (unsigned k = 0; k < n; k++) {
            check->writable += is_writable_drift(&states[k]);
            check->undecided += states[k].undecided;
            refuses |= would_refuse(&live->devices[i], &states[k]);
        }
        r = format->device ? format->device(check, &live->devices[i], states, n) : 0;
    }
    if (refuses || reports_changes(&check->reports) > 0) /* all else is known without it, too */
        lockout = lockout_warn(check->session, routing_plan_of(&check->reports));
    if (r == 0)
        r = subnets_warn(check->session, selected);
    judge_warnings(check->session->judge, &check->warnings);
    check->lost = lockout == -ENOMEM || judge_lost_warnings(check->session->judge);
    return r;
}

static int run(struct check *check, const struct check_format *format, const bool *selected)
{
    int r = find_unmatched(check);

    check->expired = count_expired(check->session);
    if (r == 0 && format->wants_matches)
        r = count_matches(check);
    if (r == 0 && format->begin)
        r = format->begin(check);
    writers_warn(check->session, selected);
    if (r == 0)
        r = judge_specials(check, format);
    if (r == 0)
        r = judge_devices(check, format, selected);
    if (r == 0 && format->end)
        r = format->end(check);
    if (format->done)
        format->done(check);
    return r;
}

/* The reader of a monitoring format must see that nothing is known, not an empty success. */
static int unknown(struct cli *cli, const struct session *session)
{
    if (cli->format == FORMAT_NAGIOS)
        check_nagios_unknown(cli, session);
    else if (session->broken && (cli->format == FORMAT_JSON || cli->format == FORMAT_NDJSON))
        check_json_broken(cli, session);
    return cli_error(cli);
}

static int run_check(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_free_ bool *selected = NULL;
    struct check check = {.session = &session, .out = &cli->out};
    int r;

    /* For people the drift comes first. */
    r = session_load(&session, cli, cli->format == FORMAT_TABLE ? SESSION_LATE : 0);
    if (r == 0)
        r = session_read(&session, FIB_KEYS | engines_keys(engine_rows),
                         FACT_ADDRESSES | (count > 0 ? FACT_ALTNAMES : 0));
    if (r == 0)
        r = session_select(&session, count, arguments, &selected);
    check.selected = selected;
    check.some_devices = count > 0;
    if (r == 0)
        r = check_engines_read(&check);
    if (r < 0)
        return unknown(cli, &session);
    r = run(&check, formats[cli->format], selected);
    if (r < 0)
        say("cannot check: %s", error_text(r));
    else if (check.lost)
        say("memory ran out: not every warning is shown");
    r = r < 0 || check.lost            ? cli_error(cli)
        : cli->format == FORMAT_NAGIOS ? check_nagios_status(&check)
                                       : check_status(&check);
    free(check.matches);
    free(check.unmatched_rules);
    reports_done(&check.reports);
    return r;
}

const struct verb verb_check = {
    .name = "check",
    .arguments = "[DEVICE...]",
    .max_arguments = ARGUMENTS_ANY,
    .summary = "compare live values with the policy on disk",
    .text = "Lists every device and key that is not as the policy wants it, the worst first:\n"
            "what is in effect, what is wanted, the rule that asks for it, and the line of\n"
            "sysctl.d that caused the difference. Warnings follow. Changes nothing and\n"
            "needs no privilege. With --strict what is latent, exceptions past their date\n"
            "and exact names without a device give exit status 2, too.\n",
    .options = OPTION_BIT(OPTION_ALL) | OPTION_BIT(OPTION_STRICT),
    .formats = FORMATS_CHECK,
    .run = run_check,
};
