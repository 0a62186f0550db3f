/* `rpfpolicy accept`: puts the policy on disk into force for agent and udev hook. Writes no device
 * itself; where an agent is at work, which does at once, it looks first for SSH sessions and
 * protected peers that would be cut. */
#include <stdio.h>
#include <syslog.h>

#include "agent/cli/change/confirming.h"
#include "agent/cli/peers/lockout.h"
#include "agent/cli/session/report.h"
#include "policy/base/words.h"
#include "policy/lang/probe.h"
#include "policy/lang/routing.h"
#include "policy/lang/values.h"

#define TRIAL_DEFAULT_USEC (300 * USEC_PER_SEC)
#define USEC_PER_SEC UINT64_C(1000000)

/* The policy in force, accepted once more, changes nothing: a reload of it is never held up. */
static int look_before(struct session *session)
{
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_lockout_plan_ struct lockout_plan plan = {0};
    int r;

    if (!lockout_agent_writes(session))
        return 0;
    r = session_read(session, IMPACT_KEYS | engines_keys(engine_rows), FACT_ADDRESSES);
    if (r < 0 || session->acceptance == ACCEPTED_SAME)
        return r;
    r = lockout_plan_ahead(session, &plan);
    if (r < 0)
        return cli_given(session->cli, OPTION_FORCE) ? 0 : r;
    return lockout_check(session, &plan.values, routing_plan_of(&plan.reports), LOCKOUT_ACCEPT,
                         &peers);
}

static void print(struct cli *cli, const struct session *session)
{
    const struct policy *policy = session->policy;
    char number[16], rules[16], hash[17];

    fprintf(cli->out.stream, "Accepted: %s %s, %s %s%s, mode %s%s%s (%s)\n",
            count_text(policy->n_files, number), PLURAL(policy->n_files, "file"),
            count_text(policy->n_rules, rules), PLURAL(policy->n_rules, "rule"),
            routing_in_policy(policy) ? ", policy routing" : "",
            policy_mode_name(policy->agent.mode), policy->agent.revision ? ", revision " : "",
            policy->agent.revision ?: "", policy_hash_text(policy, hash));
    if (policy->agent.mode == MODE_OBSERVE)
        fputs("Agent and udev hook only report in this mode: they write nothing.\n",
              cli->out.stream);
}

/* -- on trial -- */

struct accepting {
    struct confirm_terms terms;
    struct probe probes[PROBES_MAX]; /* of the policy, then of --probe */
    struct confirm confirm;
};

static int read_probes(struct cli *cli, struct accepting *accepting)
{
    char **words = NULL;
    int r = words_append(&words, cli->values[OPTION_PROBE]);

    for (size_t i = 0; r >= 0 && words && words[i]; i++) {
        _cleanup_free_ char *message = NULL;

        if (accepting->terms.n_probes == PROBES_MAX) {
            say("there are more probes than %d", PROBES_MAX);
            r = -E2BIG;
            break;
        }
        r = probe_parse(words[i], &accepting->probes[accepting->terms.n_probes++], &message);
        if (r < 0)
            say("--probe: %s", message ?: error_text(r));
    }
    words_free(words);
    return r;
}

/* What the command line says of it; the rest is the policy's. */
static int read_terms(struct cli *cli, const struct policy *policy, struct accepting *accepting)
{
    const char *time = cli->values[OPTION_TRIAL];
    const char *end = cli->values[OPTION_ON_TIMEOUT];
    struct confirm_terms *terms = &accepting->terms;

    *terms = (struct confirm_terms){.timeout_usec = policy->agent.trial_usec ?: TRIAL_DEFAULT_USEC,
                                    .alone = true,
                                    .keeps = policy->agent.trial_keeps,
                                    .probes = accepting->probes,
                                    .n_probes = policy->agent.n_probes};
    memcpy(accepting->probes, policy->agent.probes, sizeof(accepting->probes));
    if (time && (value_parse_time(time, &terms->timeout_usec) < 0 || terms->timeout_usec == 0 ||
                 terms->timeout_usec > TRIAL_MAX_USEC)) {
        say("--trial takes a time such as 5min, at most a day, not '%s'", NAME_SHOWN(time));
        return -EINVAL;
    }
    if (end && !streq(end, "keep") && !streq(end, "back")) {
        say("--on-timeout takes keep or back, not '%s'", NAME_SHOWN(end));
        return -EINVAL;
    }
    if (end)
        terms->keeps = streq(end, "keep");
    return cli->values[OPTION_PROBE] ? read_probes(cli, accepting) : 0;
}

static int begin_trial(struct session *session, struct accepting *accepting)
{
    struct cli *cli = session->cli;
    const struct confirm_terms *terms = &accepting->terms;
    int r;

    if (!cli_given(cli, OPTION_TRIAL)) {
        if (!cli_given(cli, OPTION_PROBE) && !cli_given(cli, OPTION_ON_TIMEOUT))
            return 0;
        say("--probe and --on-timeout are for a trial: give --trial, too");
        return -EINVAL;
    }
    r = read_terms(cli, session->policy, accepting);
    if (r >= 0 && !session->judge)
        r = session_read(session, 0, FACT_ADDRESSES);
    if (r >= 0)
        r = confirming_begin_by(cli, terms, &accepting->confirm);
    for (size_t i = 0; r >= 0 && i < terms->n_probes; i++)
        if (accepting->confirm.failed & UINT32_C(1) << i)
            say("warning: %s cannot be reached now already: it does not count",
                terms->probes[i].text);
    return r;
}

/* The guardian goes on alone. Where its time does not run it puts everything back. */
static int leave_trial(struct cli *cli, struct accepting *accepting)
{
    const struct confirm_terms *terms = &accepting->terms;
    unsigned long long seconds = terms->timeout_usec / USEC_PER_SEC;

    if (accepting->confirm.fd < 0)
        return 0;
    if (confirm_start_time(&accepting->confirm) < 0) {
        say("the process that would put everything back is gone");
        return -EOWNERDEAD;
    }
    confirm_done(&accepting->confirm);
    say("on trial for %llu s, then it %s; 'rpfpolicy confirm' keeps it", seconds,
        terms->keeps ? "stays" : "goes back");
    openlog("rpfpolicy", LOG_PID, LOG_DAEMON);
    syslog(LOG_NOTICE, "a policy was accepted on trial for %llu s, then it %s", seconds,
           terms->keeps ? "stays" : "goes back");
    return 0;
}

static int accept_policy(struct session *session, struct accepting *accepting)
{
    int r = session_lock(session);

    if (r >= 0)
        r = confirming_announce(&accepting->confirm, session);
    if (r >= 0)
        r = session_accept(session);
    session_unlock(session);
    if (r < 0 && accepting->confirm.fd >= 0)
        return confirming_give_up(session->cli, &accepting->confirm);
    return r < 0 || leave_trial(session->cli, accepting) < 0 ? EXIT_ERROR : EXIT_OK;
}

static int run_accept(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    struct accepting accepting = {.confirm = CONFIRM_INIT};
    json_t *object;

    session.confirm = &accepting.confirm;
    if (confirming_refuse(cli) < 0 || session_load(&session, cli, 0) < 0 ||
        look_before(&session) < 0 || begin_trial(&session, &accepting) < 0 ||
        accept_policy(&session, &accepting) != EXIT_OK)
        return EXIT_ERROR;
    if (cli->format != FORMAT_JSON) {
        print(cli, &session);
        return EXIT_OK;
    }
    object = json_object();
    json_set_header(object, cli);
    json_object_set_new(object, "policy", json_policy(&session));
    output_json(&cli->out, object);
    return EXIT_OK;
}

const struct verb verb_accept = {
    .name = "accept",
    .arguments = "",
    .summary = "put the policy on disk into force, write nothing",
    .text = "Validates the policy on disk and, when it has no error, makes it the one that\n"
            "agent and helper use from now on. No device is written now.\n"
            "\n"
            "A running agent carries an enforcing policy out at once. So where one runs, and\n"
            "the policy is not the one in force already, 'accept' refuses, like 'apply', to\n"
            "cut an SSH session or a protected peer, unless --force is given. 'systemctl\n"
            "reload' of the agent runs 'accept': it fails then, the agent keeps its policy,\n"
            "the journal says why.\n"
            "A pause with --for counts as over, since the agent goes on by itself then; where\n"
            "a pause has no end, 'resume' looks.\n"
            "\n"
            "It also refuses to put a policy without rules in the place of rules that are\n"
            "enforced, unless --force is given.\n"
            "\n"
            "With --trial the policy is in force only for a time, though nobody waits: a\n"
            "process in a session of its own puts policy and values back when a probe fails\n"
            "that passed before, and when nobody runs 'rpfpolicy confirm' in time; with\n"
            "--on-timeout=keep it stays then. Probes are connections, to what the policy\n"
            "names ('probe' in [agent]) and to what --probe names.\n",
    .options = OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_TRIAL) | OPTION_BIT(OPTION_PROBE) |
               OPTION_BIT(OPTION_ON_TIMEOUT),
    .formats = FORMATS_USUAL,
    .run = run_accept,
};
