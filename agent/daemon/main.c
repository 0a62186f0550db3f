/* rpfpolicy-agent: options, and what to do when the agent comes back. */
#include <fcntl.h>
#include <getopt.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/daemon/agent.h"
#include "agent/kernel/watch.h"
#include "agent/rows/engine_rows.h"

#define EXIT_RESTART 75   /* EX_TEMPFAIL: named in the unit's RestartForceExitStatus= */
#define SLICE_NSEC 100000 /* the shortest that the kernel gives */

static void help(void)
{
    puts("Usage: rpfpolicy-agent [OPTION...]\n"
         "\n"
         "Watches the kernel, applies the accepted policy to network devices the\n"
         "moment they exist, and repairs drift. Runs in the foreground.\n"
         "\n"
         "  --root=DIR             look up policy, sysctl.d and state below DIR\n"
         "  --sysctl-root=DIR      look up sysctl.d below DIR\n"
         "  --proc-sys-net=DIR     where /proc/sys/net is mounted\n"
         "  --receive-buffer=SIZE  bytes for each netlink socket (default 16 MiB)\n"
         "  --accept               put the policy on disk into force, also when its\n"
         "                         files change; for containers\n"
         "  --verbose              also say what new devices are given\n"
         "  -h --help              this text\n"
         "     --version           the version\n"
         "\n"
         "Signals: SIGHUP takes the accepted policy again; SIGTERM stops and leaves\n"
         "all values as they are.");
}

enum {
    OPTION_ROOT = 256,
    OPTION_SYSCTL_ROOT,
    OPTION_PROC,
    OPTION_BUFFER,
    OPTION_ACCEPT,
    OPTION_VERBOSE,
    OPTION_VERSION
};

static int parse_size(const char *text, int *ret)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end || value < 1024 || value > 1 << 30)
        return -EINVAL;
    *ret = (int)value;
    return 0;
}

/* 1: go on; 0: done; negative: usage error, already said. */
static int parse_options(int argc, char **argv, struct agent_options *ret)
{
    static const struct option options[] = {
        {"root", required_argument, NULL, OPTION_ROOT},
        {"sysctl-root", required_argument, NULL, OPTION_SYSCTL_ROOT},
        {"proc-sys-net", required_argument, NULL, OPTION_PROC},
        {"receive-buffer", required_argument, NULL, OPTION_BUFFER},
        {"accept", no_argument, NULL, OPTION_ACCEPT},
        {"verbose", no_argument, NULL, OPTION_VERBOSE},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0}};
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        switch (c) {
        case OPTION_ROOT:
            ret->paths.root = optarg;
            break;
        case OPTION_SYSCTL_ROOT:
            ret->paths.sysctl_root = optarg;
            break;
        case OPTION_PROC:
            ret->paths.proc_sys_net = optarg;
            break;
        case OPTION_BUFFER:
            if (parse_size(optarg, &ret->receive_buffer) < 0) {
                fprintf(stderr, "rpfpolicy-agent: --receive-buffer takes 1024 to 1073741824\n");
                return -EINVAL;
            }
            break;
        case OPTION_ACCEPT:
            ret->accept = true;
            break;
        case OPTION_VERBOSE:
            ret->verbose = true;
            break;
        case OPTION_VERSION:
            puts("rpfpolicy-agent " PROJECT_VERSION);
            return 0;
        case 'h':
            help();
            return 0;
        default:
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "rpfpolicy-agent: no arguments are expected, found '%s'\n", argv[optind]);
        return -EINVAL;
    }
    return 1;
}

static int fail(int error, const char *message)
{
    if (error == -EPERM && !message)
        fprintf(stderr, "rpfpolicy-agent: CAP_NET_ADMIN is needed: run as root, or as a unit with "
                        "AmbientCapabilities=CAP_NET_ADMIN\n");
    else if (error == -EBUSY)
        fprintf(stderr, "rpfpolicy-agent: another agent is at work in this network namespace\n");
    else
        fprintf(stderr, "rpfpolicy-agent: %s\n", message ?: strerror(-error));
    if (getenv("NOTIFY_SOCKET")) /* its manager starts it again, at once and without end */
        (void)sleep(1);
    return EXIT_FAILURE;
}

/* Its turns are short, and what is late is worth little: the scheduler (since Linux 6.12) lets go
 * first who asks for a shorter slice, and nobody gets more of the processor for it. Without that it
 * works too. sched_setattr(2), __setparam_fair(). */
static void ask_for_short_slices(void)
{
    struct sched_attr attr = {.size = sizeof(attr)};

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0 ||
        attr.sched_policy != SCHED_NORMAL)
        return;
    attr.sched_runtime = SLICE_NSEC;
    (void)syscall(SYS_sched_setattr, 0, &attr, 0); /* it works without, only later now and then */
}

/* A stream that is closed would be the next file that is opened, and be written to. */
static void open_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct rights rights = rights_at_start();
    struct trials trials = TRIALS_INIT;
    struct agent_options options = {
        .receive_buffer = WATCH_RECEIVE_BUFFER, .rights = &rights, .trials = &trials};
    _cleanup_free_ char *message = NULL;
    struct agent *agent = NULL;
    const char *missing;
    int r;

    open_streams();
    r = parse_options(argc, argv, &options);
    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    r = paths_check_roots(&options.paths, &missing);
    if (r < 0) {
        fprintf(stderr, "rpfpolicy-agent: %s: %s\n", missing, strerror(-r));
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN); /* it works on when nobody reads what it says */
    ask_for_short_slices();
    r = options.accept ? trials_start(&options.paths, engine_rows, &trials) : 0;
    if (r < 0)
        return fail(r, NULL);
    do {
        r = agent_new(&options, &agent, &message);
        if (r < 0)
            return fail(r, message);
        r = agent_run(agent);
        agent = agent_free(agent);
    } while (r == AGENT_COMES_BACK && rights.returns);
    if (r < 0)
        return fail(r, NULL);
    /* Another agent follows, the capability was dropped in observe mode, or the directory of the
     * state is gone: a unit's user, or a container that may gain nothing, needs its manager for
     * that. */
    return r > 0 ? EXIT_RESTART : EXIT_SUCCESS;
}
