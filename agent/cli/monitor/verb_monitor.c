/* `rpfpolicy monitor`: its own view of the kernel's messages, and a look at everything every few
 * seconds for what the kernel does not announce. No agent and no privilege needed. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/cli/monitor/monitor.h"
#include "agent/store/pause.h"

#define LOOK_EVERY (5 * USEC_PER_SEC)
#define LOOK_SHARE 20 /* looking for who would be cut takes at most this part of the time */
#define QUIET_TRIES 5

static void ignore(const struct nlmsghdr *message, void *data)
{
}

/* One socket for both groups: two would have no common order. */
static int open_watch(struct monitor *monitor)
{
    int r = watch_open(&monitor->watch, WATCH_LINK, WATCH_RECEIVE_BUFFER);

    return r < 0 ? r : watch_join(&monitor->watch, &monitor->settings, WATCH_NETCONF);
}

static uint64_t messages(const struct monitor *monitor)
{
    return monitor->watch.messages + monitor->settings.messages;
}

/* Everything the kernel has said until now. */
static int drain(struct monitor *monitor)
{
    int r;

    do {
        uint64_t before = messages(monitor);

        r = watch_drain(&monitor->watch, clock_usec(CLOCK_MONOTONIC), monitor_message, monitor);
        if (r > 0 && (r & WATCH_OVERRUN)) {
            /* What is still queued is older than the reading that follows. */
            (void)watch_drain(&monitor->watch, clock_usec(CLOCK_MONOTONIC), ignore, NULL);
            monitor_print_lost(monitor);
            monitor->reread = "full read";
            return 0;
        }
        if (messages(monitor) == before)
            break;
    } while (r >= 0 && monitor->failed == 0);
    if (world_settle(&monitor->world) && !monitor->reread)
        monitor->reread = "look";
    return r < 0 ? r : 0;
}

static struct picture_options picture_of(const struct monitor *monitor)
{
    return (struct picture_options){
        .keys = KEY_MASK_ALL,
        .facts = monitor_facts(monitor),
        .proc_sys_net = monitor->cli->paths.proc_sys_net,
    };
}

static int read_world(struct monitor *monitor, struct world *ret)
{
    const struct picture_options picture = picture_of(monitor);
    int r = world_read(&monitor->nl, &picture, false, ret);

    if (r >= 0)
        r = session_amend(&monitor->session, &ret->live);
    if (r >= 0)
        pauses_mark(&monitor->session.pauses, &ret->live, pauses_now());
    return r;
}

/* Read everything at a quiet moment: with no message underway, so that what is found then is really
 * what the kernel did not announce. Where there is none, only a reading that must be is taken. */
static int look(struct monitor *monitor, const char *event)
{
    _cleanup_(world_done) struct world world = {0};
    bool must = monitor->reread;
    int r;

    monitor->reread = NULL;
    for (unsigned tries = 0;; tries++) {
        uint64_t before = messages(monitor);

        world_done(&world);
        r = read_world(monitor, &world);
        if (r == -EAGAIN || r == -ENOBUFS)
            return 0; /* a storm: the next look will do */
        if (r == 0)
            r = drain(monitor);
        if (r < 0)
            return r;
        if (messages(monitor) == before || (must && tries >= QUIET_TRIES))
            break;
        if (tries >= QUIET_TRIES)
            return 0;
    }
    monitor_take(monitor, &world, event);
    return 0;
}

static int open_signals(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    return signalfd(-1, &mask, SFD_CLOEXEC);
}

/* What nobody announces, and who would be cut. Returns when to look again. */
static int look_around(struct monitor *monitor, const char *event, uint64_t *ret_next)
{
    int r = look(monitor, event);
    uint64_t started = clock_usec(CLOCK_MONOTONIC), now;

    if (r == 0 && started >= monitor->observe_at) {
        monitor_observe(monitor);
        now = clock_usec(CLOCK_MONOTONIC);
        monitor->observe_at = now + (now - started) * LOOK_SHARE;
    }
    *ret_next = clock_usec(CLOCK_MONOTONIC) + LOOK_EVERY;
    return r;
}

/* Until a signal, or nobody reads any more. */
static int loop(struct monitor *monitor, int signals)
{
    uint64_t next;
    struct pollfd fds[] = {
        {.fd = watch_fd(&monitor->watch), .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = STDOUT_FILENO}, /* POLLERR: the other end of a pipe is closed */
    };
    int r = look_around(monitor, "look", &next);

    while (r == 0 && monitor->failed == 0) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        int n = now < next ? poll(fds, ELEMENTSOF(fds), (int)((next - now) / 1000) + 1) : 0;

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && (fds[1].revents || fds[2].revents & (POLLERR | POLLHUP)))
            return 0;
        if (n > 0 && fds[0].revents)
            r = drain(monitor);
        if (r == 0 && monitor->reread)
            r = look(monitor, monitor->reread);
        if (r == 0 && clock_usec(CLOCK_MONOTONIC) >= next)
            r = look_around(monitor, "look", &next);
    }
    return r;
}

/* It may come later, or be misspelt. */
static void tell_absent(const struct monitor *monitor)
{
    for (int i = 0; i < monitor->count; i++) {
        const char *name = monitor->names[i];

        if (!streq(name, "all") && !streq(name, "default") &&
            !session_find_device(&monitor->session, name))
            say("note: no device is called '%s' now; it is shown when it comes", NAME_SHOWN(name));
    }
}

static int start(struct monitor *monitor)
{
    struct session *session = &monitor->session;
    int r;

    r = session_load(session, monitor->cli,
                     SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED | SESSION_QUIET);
    if (r < 0 && !session->policy)
        return r;
    r = netlink_open(&monitor->nl);
    if (r == 0)
        r = open_watch(monitor); /* before the first reading: nothing falls between */
    if (r < 0) {
        say("cannot listen to the kernel: %s", error_text(r));
        return r;
    }
    r = session_read(session, KEY_MASK_ALL, monitor_facts(monitor));
    if (r < 0)
        return r;
    monitor->world = (struct world){
        .picture = picture_of(monitor), .parts = WORLD_DEVICES, .live = session->live};
    tell_absent(monitor);
    return monitor_observe_begin(monitor);
}

/* A reader that has seen enough is no failure; what cannot be written otherwise is. */
static int finish_output(struct monitor *monitor)
{
    if (monitor->failed == 0)
        return 0;
    __fpurge(monitor->cli->out.stream);
    clearerr(monitor->cli->out.stream);
    return monitor->failed == -EPIPE ? 0 : monitor->failed;
}

static int run(struct monitor *monitor)
{
    int signals = open_signals(), r;

    if (signals < 0)
        return signals;
    monitor_print_title(monitor);
    r = loop(monitor, signals);
    close(signals);
    monitor_print_observed(monitor);
    gather(&r, finish_output(monitor));
    if (r < 0)
        say("cannot go on: %s", error_text(r));
    return r;
}

static int run_monitor(struct cli *cli, int count, char **arguments)
{
    struct monitor monitor = {.cli = cli, .names = arguments, .count = count};
    int r = start(&monitor);

    if (r == 0)
        r = run(&monitor);
    watch_close(&monitor.watch);
    netlink_close(&monitor.nl);
    observed_done(&monitor.observed);
    if (monitor.world.live.devices)
        monitor.session.live = (struct live){0};
    world_done(&monitor.world);
    session_done(&monitor.session);
    return r < 0 ? EXIT_ERROR : EXIT_OK;
}

const struct verb verb_monitor = {
    .name = "monitor",
    .arguments = "[DEVICE...]",
    .max_arguments = ARGUMENTS_ANY,
    .summary = "show each change as it happens",
    .text = "One line per change of a value: when, which device, what it was and is, what the\n"
            "policy on disk (as it was at the start) wants, and what told of it: 'netconf'\n"
            "(a value was written), 'link', 'new device', 'rename', 'gone', 'all' (its\n"
            "effect on a device), 'default' (a device that follows it), 'look', 'full read'\n"
            "(messages were lost). The kernel announces only rp_filter, and nothing when\n"
            "netlink sets a value of a device that is down. The rest is seen when the device\n"
            "speaks next, or by a look at everything every 5 seconds; a value that came and\n"
            "went in between is not seen. Needs no privilege and no agent. Ends by ctrl-c.\n"
            "\n"
            "For rules that are only observed it also tells, once for each, which peers seen\n"
            "now they would cut ('would drop'), and at the end how many of each rule.\n",
    .formats = FORMATS_USUAL | FORMAT_BIT(FORMAT_NDJSON),
    .run = run_monitor,
};
