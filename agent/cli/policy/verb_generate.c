/* `rpfpolicy generate`: the policy that describes what is in effect now, or the policy in the terms
 * of sysctl.d. Written to standard output, for people to keep and edit. */
#include <stdio.h>

#include "agent/cli/session/session.h"
#include "agent/store/policy_load.h"
#include "agent/store/presets.h"
#include "agent/system/conf_files.h"
#include "agent/system/sysctl_load.h"
#include "policy/lang/generate.h"
#include "policy/sysctl/fragment.h"

static int generate_from_live(struct cli *cli)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_free_ char *text = NULL;
    int r;

    if (session_load(&session, cli,
                     SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED | SESSION_QUIET) < 0 ||
        session_read(&session, 0, 0) < 0)
        return EXIT_ERROR;
    r = generate_policy(&session.live, session.policy->keys | KEY_BIT(KEY_RP_FILTER), &text);
    if (r < 0) {
        say("cannot write a policy: %s", error_text(r));
        return EXIT_ERROR;
    }
    fputs(text, cli->out.stream);
    return EXIT_OK;
}

/* Without them, and for another root, the fragment is the same: only a remark may be missing. */
static void read_devices(const struct cli *cli, struct live *ret)
{
    struct picture_options options = {.keys = KEY_BIT(KEY_RP_FILTER),
                                      .proc_sys_net = cli->paths.proc_sys_net};

    if (!*cli->paths.root)
        (void)picture_read(NULL, &options, ret); /* see above */
}

/* The preset that --policy names; NULL where it names none. */
static char *preset_named(const struct paths *paths)
{
    _cleanup_conf_files_ struct conf_files files = {0};
    char *title = NULL;

    if (paths->policy && conf_file_read("", paths->policy, 0, NULL, &files) == 0 &&
        files.count == 1)
        /* Then there is no title. */
        (void)preset_title(files.files[0].bytes, files.files[0].n, &title);
    return title;
}

static int generate_fragment(struct cli *cli)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_free_ char *text = NULL, *preset = NULL;
    unsigned missing = 0;
    int r;

    if (session_load(&session, cli, SESSION_QUIET) < 0)
        return EXIT_ERROR;
    read_devices(cli, &session.live);
    r = sysctl_load_others(&cli->paths, FRAGMENT_NAME, &diags, &session.sysctl);
    session_say_unread(&diags);
    preset = preset_named(&cli->paths);
    if (r >= 0)
        r = fragment_generate(session.policy, preset, session.sysctl, &session.live, &text,
                              &missing);
    if (r < 0) {
        say("cannot write a fragment: %s", error_text(r));
        return EXIT_ERROR;
    }
    fputs(text, cli->out.stream);
    if (missing > 0)
        say("%u %s cannot be said in sysctl.d; the comments tell which and why", missing,
            missing == 1 ? "thing" : "things");
    return missing > 0 ? EXIT_DRIFT : EXIT_OK;
}

static int run_generate(struct cli *cli, int count, char **arguments)
{
    if (streq(arguments[0], "policy"))
        return generate_from_live(cli);
    if (streq(arguments[0], "sysctl.d"))
        return generate_fragment(cli);
    say("generate what? 'rpfpolicy generate policy' or 'rpfpolicy generate sysctl.d'");
    return EXIT_ERROR;
}

const struct verb verb_generate = {
    .name = "generate",
    .arguments = "policy|sysctl.d",
    .min_arguments = 1,
    .max_arguments = 1,
    .summary = "write a policy, or the policy as sysctl.d lines",
    .text = "policy    a policy that describes what is in effect now, for the keys of the\n"
            "          policy on disk and rp_filter: 'rpfpolicy check' with it is clean\n"
            "sysctl.d  the policy on disk as a fragment for hosts without agent and helper;\n"
            "          what sysctl.d cannot say becomes a comment, and the exit status is 2\n",
    .formats = FORMATS_TEXT,
    .run = run_generate,
};
