/* `rpfpolicy report`: starts the program that does it, which has a package of its own. A host that
 * only reports needs no page for a browser. */
#include "agent/cli/frame/verb_report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The program's path stands in the place of ours, and the verb goes. Owned. */
static char **command_of_report(const struct cli *cli, int count, char **arguments)
{
    size_t options = (size_t)(arguments - 1 - cli->command);
    char **command = calloc(options + (size_t)count + 1, sizeof(*command));

    if (!command)
        return NULL;
    memcpy(command, cli->command, options * sizeof(*command));
    memcpy(command + options, arguments, (size_t)count * sizeof(*command));
    command[0] = (char *)HELPER_DIRECTORY "/" REPORT_PROGRAM;
    return command;
}

static int run_report(struct cli *cli, int count, char **arguments)
{
    _cleanup_free_ char **command = command_of_report(cli, count, arguments);

    if (!command) {
        say("cannot report: %s", error_text(ENOMEM));
        return EXIT_ERROR;
    }
    execv(command[0], command);
    if (errno == ENOENT)
        say("there is no %s here: install the package " REPORT_PROGRAM, command[0]);
    else
        say("cannot run %s: %s", command[0], error_text(errno));
    return EXIT_ERROR;
}

const struct verb verb_report = VERB_REPORT;
