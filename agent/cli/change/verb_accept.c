/* `rpfpolicy accept`: puts the policy on disk into force for agent and udev hook. Writes no device
 * itself; where an agent is at work, which does at once, it looks first for SSH sessions and
 * protected peers that would be cut. */
#include <stdio.h>

#include "agent/cli/change/confirming.h"
#include "agent/cli/peers/lockout.h"
#include "agent/cli/session/report.h"
#include "policy/lang/routing.h"

/* The policy in force, accepted once more, changes nothing: a reload of it is never held up. */
static int look_before(struct session *session)
{
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_lockout_plan_ struct lockout_plan plan = {0};
    int r;

    if (!lockout_agent_writes(session))
        return 0;
    r = session_read(session, IMPACT_KEYS | reports_keys(), FACT_ADDRESSES);
    if (r < 0 || session->acceptance == ACCEPTED_SAME)
        return r;
    r = lockout_plan_ahead(session, &plan);
    if (r < 0)
        return cli_given(session->cli, OPTION_FORCE) ? 0 : r;
    return lockout_check(session, &plan.values, impact_routes(&plan.reports), LOCKOUT_ACCEPT,
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

static int run_accept(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    json_t *object;

    if (confirming_refuse(cli) < 0 || session_load(&session, cli, 0) < 0 ||
        look_before(&session) < 0 || session_lock(&session) < 0 || session_accept(&session) < 0)
        return EXIT_ERROR;
    session_unlock(&session);
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
            "enforced, unless --force is given.\n",
    .options = OPTION_BIT(OPTION_FORCE),
    .formats = FORMATS_USUAL,
    .run = run_accept,
};
