/* Times whole processes. Several commands take turns, round by round, so that whatever disturbs the
 * machine disturbs all of them, and in each round in another order, since it matters which one left
 * the caches as they are; prints one line of JSON per command. Standard output of the commands goes
 * to a file, since some programs do less when they see /dev/null.
 *
 *   meter ROUNDS OUTPUT COMMAND [ARGUMENT…] [-- COMMAND …]
 *
 * A leading @FILE=TEXT before a command writes TEXT to FILE before each of its runs, not timed. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/base/util.h"

#define COMMANDS_MAX 16

extern char **environ;

struct command {
    char **argv;
    char *prepare; /* FILE=TEXT, NULL for none */
    double *milliseconds;
    long max_rss; /* KiB, largest of all rounds */
    int status;   /* of the last round */
};

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int prepare(const char *text)
{
    const char *equals = strchr(text, '=');
    _cleanup_free_ char *path = equals ? strndup(text, (size_t)(equals - text)) : NULL;
    ssize_t n;
    int fd;

    if (!path)
        return -EINVAL;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n = write(fd, equals + 1, strlen(equals + 1));
    close(fd);
    return n < 0 ? -EIO : 0;
}

static int run_once(struct command *command, const char *output, unsigned round)
{
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    double start;
    pid_t pid;
    int r;

    r = command->prepare ? prepare(command->prepare) : 0;
    if (r < 0)
        return r;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    start = now();
    r = posix_spawnp(&pid, command->argv[0], &actions, NULL, command->argv, environ);
    if (r == 0 && wait4(pid, &command->status, 0, &usage) < 0)
        r = errno;
    command->milliseconds[round] = now() - start;
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return -r;
    if (usage.ru_maxrss > command->max_rss)
        command->max_rss = usage.ru_maxrss;
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_command(struct command *command, unsigned rounds)
{
    double *ms = command->milliseconds;

    qsort(ms, rounds, sizeof(*ms), compare);
    printf("{\"median\": %.4f, \"p90\": %.4f, \"rss\": %ld, \"status\": %d}\n", ms[rounds / 2],
           ms[rounds * 9 / 10], command->max_rss,
           WIFEXITED(command->status) ? WEXITSTATUS(command->status) : -1);
}

/* Cut argv at each "--" into commands. */
static unsigned split(char **argv, struct command *commands)
{
    unsigned n = 0;

    while (*argv && n < COMMANDS_MAX) {
        struct command *command = &commands[n++];

        if ((*argv)[0] == '@')
            command->prepare = *argv++ + 1;
        command->argv = argv;
        while (*argv && !streq(*argv, "--"))
            argv++;
        if (*argv)
            *argv++ = NULL;
    }
    return n;
}

/* The same orders in every run of this program. */
static void shuffle(unsigned *order, unsigned n, unsigned *seed)
{
    for (unsigned i = n; i > 1; i--) {
        unsigned other = (unsigned)rand_r(seed) % i, last = order[i - 1];

        order[i - 1] = order[other];
        order[other] = last;
    }
}

int main(int argc, char **argv)
{
    struct command commands[COMMANDS_MAX] = {0};
    unsigned order[COMMANDS_MAX], seed = 1, rounds, n;

    if (argc < 4 || (rounds = (unsigned)atoi(argv[1])) == 0) {
        fprintf(stderr, "usage: meter ROUNDS OUTPUT COMMAND... [-- COMMAND...]\n");
        return 1;
    }
    n = split(argv + 3, commands);
    for (unsigned i = 0; i < n; i++) {
        order[i] = i;
        commands[i].milliseconds = calloc(rounds, sizeof(double));
        if (!commands[i].milliseconds)
            return 1;
    }
    for (unsigned round = 0; round < rounds; round++) {
        shuffle(order, n, &seed);
        for (unsigned i = 0; i < n; i++) {
            struct command *command = &commands[order[i]];
            int r = run_once(command, argv[2], round);

            if (r < 0) {
                fprintf(stderr, "%s: %s\n", command->argv[0], strerror(-r));
                return 1;
            }
        }
    }
    for (unsigned i = 0; i < n; i++) {
        print_command(&commands[i], rounds);
        free(commands[i].milliseconds);
    }
    return 0;
}
