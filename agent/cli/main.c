/* The program rpfpolicy: sets up output, reads the command line, runs one verb, and makes sure that
 * what was printed has arrived. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "options.h"

/* With one of 0, 1, 2 closed the next socket or file would take its number, and results would be
 * written into it. What is opened here cannot be written, so that a closed stdout is an error. */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

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

static int run(struct cli *cli, const struct command_line *line)
{
    const char *missing;
    int r;

    if (line->version) {
        fputs("rpfpolicy " PROJECT_VERSION "\n", cli->out.stream);
        return EXIT_OK;
    }
    if (line->help) {
        if (line->verb)
            help_print_verb(cli->out.stream, line->verb);
        else
            help_print(cli->out.stream);
        return EXIT_OK;
    }
    if (!line->verb) {
        help_print(stderr);
        return EXIT_ERROR;
    }
    r = paths_check_roots(&cli->path_options, &missing);
    if (r < 0)
        return refuse_root(cli, missing, r);
    r = paths_init(&cli->path_options, &cli->paths);
    if (r < 0) {
        say("cannot tell where things are: %s", error_text(r));
        return EXIT_ERROR;
    }
    return line->verb->run(cli, line->count, line->arguments);
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    struct command_line line;
    int status, r;

    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* apply shall not die halfway because nobody reads */
    json_prepare();
    r = command_line_parse(&cli, argc, argv, &line);
    if (r < 0)
        return cli_error(&cli);
    output_init(&cli.out, cli.color);
    status = run(&cli, &line);
    r = output_finish(&cli.out);
    if (r < 0) {
        if (r != -EPIPE) /* who closes a pipe has seen enough: check | head */
            say("cannot write the result: %s", error_text(r));
        status = cli_error(&cli);
    }
    paths_done(&cli.paths);
    return status;
}
