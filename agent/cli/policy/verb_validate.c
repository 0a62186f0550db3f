/* `rpfpolicy validate`: the policy files alone, every error and warning of all of them in one run.
 */
#include <stdio.h>

#include "agent/cli/session/report.h"
#include "agent/store/policy_read.h"
#include "agent/system/conf_files.h"
#include "policy/lang/routing.h"

/* A draft may belong to anybody: trust is asked for when a policy is put into force. */
static int read_files(struct cli *cli, int count, char **arguments, struct diags *diags,
                      struct conf_files *files)
{
    if (count == 0)
        return policy_read_files(&cli->paths, diags, files);
    for (int i = 0; i < count; i++) {
        int r = conf_file_read("", arguments[i], 0, diags, files);

        if (r == -ENOMEM)
            return r;
        if (r < 0)
            diags_add(diags, DIAG_ERROR, arguments[i], 0, "%s", error_text(r));
    }
    return 0;
}

static void print_json(struct cli *cli, const struct conf_files *files, const struct diags *diags,
                       const struct policy *policy)
{
    json_t *object = json_object(), *names = json_array(), *messages = json_array();
    char hash[17];

    json_set_header(object, cli);
    for (size_t i = 0; i < files->count; i++)
        json_array_append_new(names, json_bytes(files->files[i].path));
    for (size_t i = 0; i < diags->count; i++)
        json_array_append_new(messages, json_diag(&diags->items[i]));
    json_set(object, {"valid", json_boolean(policy)}, {"files", names},
             {"rules", policy ? json_integer((json_int_t)policy->n_rules) : json_null()},
             {"hash", policy ? json_string(policy_hash_text(policy, hash)) : json_null()},
             {"mode", policy ? json_string(policy_mode_name(policy->agent.mode)) : json_null()},
             {"errors", json_integer((json_int_t)diags->errors)},
             {"warnings", json_integer((json_int_t)diags->warnings)}, {"messages", messages});
    output_json(&cli->out, object);
}

static void print_sum(FILE *stream, const struct conf_files *files, const struct diags *diags,
                      const struct policy *policy)
{
    char number[16];

    fprintf(stream, "%s %s", count_text(files->count, number), PLURAL(files->count, "file"));
    if (policy)
        fprintf(stream, ", %s %s%s", count_text(policy->n_rules, number),
                PLURAL(policy->n_rules, "rule"),
                routing_in_policy(policy) ? ", policy routing" : "");
    if (diags->errors > 0)
        fprintf(stream, ", %s %s", count_text(diags->errors, number),
                PLURAL(diags->errors, "error"));
    if (diags->warnings > 0)
        fprintf(stream, ", %s %s", count_text(diags->warnings, number),
                PLURAL(diags->warnings, "warning"));
    fputs(policy ? ", valid\n" : ", not valid\n", stream);
}

static int run_validate(struct cli *cli, int count, char **arguments)
{
    _cleanup_conf_files_ struct conf_files files = {};
    _cleanup_policy_ struct policy *policy = NULL;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    int r = read_files(cli, count, arguments, &diags, &files);

    if (r == 0 && files.count == 0 && !diags_failed(&diags)) {
        session_no_policy(&cli->paths);
        return EXIT_ERROR;
    }
    if (r == 0)
        r = policy_from_files(&files, &diags, &policy);
    if (r < 0 && r != -EBADMSG) {
        say("cannot validate: %s", error_text(r));
        return EXIT_ERROR;
    }
    if (cli->format == FORMAT_JSON)
        print_json(cli, &files, &diags, policy);
    else {
        say_diags(&diags, DIAG_NOTE);
        print_sum(cli->out.stream, &files, &diags, policy);
    }
    if (!policy || (cli_given(cli, OPTION_STRICT) && diags.warnings > 0))
        return EXIT_ERROR;
    return EXIT_OK;
}

const struct verb verb_validate = {
    .name = "validate",
    .arguments = "[FILE...]",
    .max_arguments = ARGUMENTS_ANY,
    .summary = "check the policy files alone",
    .text = "Shows every error and warning as 'file:line: message', all files in one run.\n"
            "With FILE only these files are read, together, in the order given.\n",
    .options = OPTION_BIT(OPTION_STRICT),
    .formats = FORMATS_USUAL,
    .run = run_validate,
};
