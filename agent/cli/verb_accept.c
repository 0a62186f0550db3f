/* `rpfpolicy accept`: puts the policy on disk into force for agent and udev hook; writes no device.
 */
#include <stdio.h>

#include "confirming.h"
#include "report.h"

int verb_accept(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    const struct policy *policy;
    char number[16], rules[16], hash[17];

    if (confirming_refuse(cli) < 0 || session_load(&session, cli, SESSION_ACCEPT) < 0)
        return EXIT_ERROR;
    policy = session.policy;
    if (cli->format == FORMAT_JSON) {
        json_t *object = json_object();

        json_set_header(object, cli);
        json_object_set_new(object, "policy", json_policy(&session));
        output_json(&cli->out, object);
        return EXIT_OK;
    }
    fprintf(cli->out.stream, "Accepted: %s %s, %s %s, mode %s (%s)\n",
            count_text(policy->n_files, number), PLURAL(policy->n_files, "file"),
            count_text(policy->n_rules, rules), PLURAL(policy->n_rules, "rule"),
            policy_mode_name(policy->agent.mode), policy_hash_text(policy, hash));
    if (policy->agent.mode == MODE_OBSERVE)
        fputs("Agent and udev hook only report in this mode: they write nothing.\n",
              cli->out.stream);
    return EXIT_OK;
}
