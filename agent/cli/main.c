/* The program rpfpolicy: finds out where things are and runs one verb. */
#include "agent/cli/check/check.h"
#include "agent/cli/frame/options.h"
#include "agent/cli/verbs.h"

/* A mistyped root is no system without a policy, nor one where nothing is written. */
static int refuse_root(struct cli *cli, const char *root, int error)
{
    say("cannot look below '%s', which --%s names: %s", NAME_SHOWN(root),
        global_options[root == cli->path_options.root ? GLOBAL_ROOT : GLOBAL_SYSCTL_ROOT].name,
        error_text(error));
    if (cli->format == FORMAT_NAGIOS)
        check_nagios_unknown(cli, &(struct session){0});
    return cli_error(cli);
}

static int run_verb(struct cli *cli, const struct command_line *line)
{
    const char *missing;
    int status, r;

    r = paths_check_roots(&cli->path_options, &missing);
    if (r < 0)
        return refuse_root(cli, missing, r);
    r = paths_init(&cli->path_options, &cli->paths);
    if (r < 0) {
        say("cannot tell where things are: %s", error_text(r));
        return EXIT_ERROR;
    }
    status = line->verb->run(cli, line->count, line->arguments);
    paths_done(&cli->paths);
    return status;
}

int main(int argc, char **argv)
{
    static const struct program program = {.verbs = verbs, .run = run_verb};

    return program_run(&program, argc, argv);
}
