/* What a program does around its work: sets up output, reads the command line, answers what is
 * asked of itself, and makes sure that what was printed has arrived. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/cli/frame/options.h"

/* With one of 0, 1, 2 closed the next socket or file would take its number, and results would be
 * written into it. What is opened here cannot be written, so that a closed stdout is an error. */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

/* Help and the version need nothing else. */
static bool asks_about_itself(struct cli *cli, const struct program *program,
                              const struct command_line *line)
{
    if (line->version)
        fputs("rpfpolicy " PROJECT_VERSION "\n", cli->out.stream);
    else if (line->help && line->verb)
        help_print_verb(cli->out.stream, line->verb);
    else if (line->help)
        help_print(cli->out.stream, program->verbs);
    return line->version || line->help;
}

static int run(struct cli *cli, const struct program *program, const struct command_line *line)
{
    if (asks_about_itself(cli, program, line))
        return EXIT_OK;
    if (!line->verb) {
        help_print(stderr, program->verbs);
        return EXIT_ERROR;
    }
    return program->run(cli, line);
}

int program_run(const struct program *program, int argc, char **argv)
{
    struct cli cli = {0};
    struct command_line line;
    int status, r;

    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* apply shall not die halfway because nobody reads */
    json_prepare();
    r = command_line_parse(&cli, program, argc, argv, &line);
    if (r < 0)
        return cli_error(&cli);
    output_init(&cli.out, cli.color);
    status = run(&cli, program, &line);
    r = output_finish(&cli.out);
    if (r < 0) {
        if (r != -EPIPE) /* who closes a pipe has seen enough: check | head */
            say("cannot write the result: %s", error_text(r));
        status = cli_error(&cli);
    }
    return status;
}
