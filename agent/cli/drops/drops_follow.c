/* Dropped packets, followed until interrupted or for a while. */
#include "agent/cli/drops/drops_follow.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/kernel/netstat.h"
#include "policy/lang/values.h"

#define TICK_MS 100     /* between two looks into the kernel's table */
#define COUNTER_MS 1000 /* between two looks at the counter, where there is nothing else */
#define LOOK_MS 1000    /* settings and routes are read again for new flows, at most this often */
#define HELD_ROUTES_MAX 20000 /* of more the kernel is asked, which names no rule */
#define NEW_FLOWS_A_TICK 10u  /* more are not told one by one */

struct picture {
    struct netlink nl; /* fib asks by it */
    struct live live;
    struct fib fib;
};

struct drops_follow {
    struct drops_follow_options options;
    struct picture pictures[2]; /* read in turn as flows appear */
    unsigned current;
    struct drops_bpf *bpf;
    int log, signals; /* descriptors, -1 for none */
    struct flows *flows;
    struct drops_report report;
    uint64_t start, end; /* milliseconds; end 0: until interrupted */
    uint64_t looked;     /* when a picture was last read */
    uint64_t counter_first, counter_last;
    unsigned told, untold; /* new flows in this tick */
};

static uint64_t clock_ms(void)
{
    return clock_usec(CLOCK_MONOTONIC) / USEC_PER_MSEC;
}

static void picture_done(struct picture *picture)
{
    fib_close(&picture->fib);
    live_done(&picture->live);
    netlink_close(&picture->nl);
    *picture = (struct picture){0};
}

struct drops_follow *drops_follow_free(struct drops_follow *follow)
{
    if (!follow)
        return NULL;
    free(follow->report.flows);
    drops_bpf_free(follow->bpf);
    flows_free(follow->flows);
    picture_done(&follow->pictures[0]);
    picture_done(&follow->pictures[1]);
    if (follow->log >= 0)
        close(follow->log);
    if (follow->signals >= 0)
        close(follow->signals);
    free(follow);
    return NULL;
}

static int picture_take(const struct session *session, struct picture *ret)
{
    struct picture_options options = {
        .keys = DROPS_KEYS,
        .facts = DROPS_FACTS | session->policy->facts,
        .proc_sys_net = session->cli->paths.proc_sys_net,
    };
    int r = netlink_open(&ret->nl);

    if (r == 0)
        r = picture_read(&ret->nl, &options, &ret->live);
    if (r == 0)
        r = session_amend(session, &ret->live);
    if (r == 0)
        r = fib_open(&ret->nl, &ret->fib);
    /* With tables that are held the rule that decides is known, too. */
    if (r == 0 && fib_hold(&ret->fib, HELD_ROUTES_MAX) == -ENOMEM)
        r = -ENOMEM;
    return r;
}

/* Settings and routes change while packets are followed; advice is about what is there now. What
 * was read before stays good enough for an advice where reading fails. */
static void look_again(struct drops_follow *follow, uint64_t now)
{
    struct picture *next = &follow->pictures[!follow->current];
    int r;

    if (follow->looked && now - follow->looked < LOOK_MS)
        return;
    follow->looked = now;
    picture_done(next);
    r = picture_take(follow->options.session, next);
    if (r < 0)
        return;
    follow->current = !follow->current;
    follow->report.facts.live = &next->live;
    follow->report.facts.fib = &next->fib;
}

static int on_drop(const struct drop *drop, void *data)
{
    struct drops_follow *follow = data;
    const struct device *only = follow->report.device;
    uint64_t now = clock_ms();

    if (only && drop->ifindex != only->ifindex)
        return 0;
    if (!flows_add(follow->flows, drop, now - follow->start) || !follow->options.on_flow)
        return 0;
    if (follow->told >= NEW_FLOWS_A_TICK) {
        follow->untold++;
        return 0;
    }
    follow->told++;
    look_again(follow, now);
    return follow->options.on_flow(&follow->report, drop, follow->options.data);
}

/* Packets that the counter counted since the last look. */
static uint64_t look_at_counter(struct drops_follow *follow)
{
    uint64_t counter, before = follow->counter_last;

    if (!follow->report.counted || reverse_path_counter(&counter) < 0)
        return 0;
    follow->counter_last = counter;
    return counter - before;
}

/* Take what came since the last call; 0, or a negative errno. */
static int tick(struct drops_follow *follow)
{
    uint64_t counted = 0;
    int r = 0;

    follow->told = follow->untold = 0;
    if (follow->bpf)
        r = drops_bpf_read(follow->bpf, on_drop, follow);
    else if (follow->log >= 0)
        r = martian_log_read(follow->log, on_drop, follow);
    else
        counted = look_at_counter(follow);
    if (r == 0 && follow->options.on_tick)
        r = follow->options.on_tick(follow->untold, counted, follow->options.data);
    return r;
}

static int open_sources(struct drops_follow *follow)
{
    const struct device *only = follow->report.device;
    int r = drops_bpf_open(only ? only->ifindex : 0, &follow->bpf);

    follow->report.bpf = follow->bpf;
    follow->report.bpf_error = r;
    if (r < 0) {
        follow->log = martian_log_open();
        follow->report.log_error = follow->log < 0 ? follow->log : 0;
    }
    follow->report.counted = reverse_path_counter(&follow->counter_first) == 0;
    follow->counter_last = follow->counter_first;
    return r < 0 && follow->log < 0 && !follow->report.counted ? r : 0;
}

static int open_signals(struct drops_follow *follow)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    follow->signals = signalfd(-1, &signals, SFD_CLOEXEC);
    return follow->signals < 0 ? -errno : 0;
}

/* Milliseconds until there is something to do, -1 for ever. */
static int wait_time(const struct drops_follow *follow, uint64_t now)
{
    uint64_t longest = follow->bpf ? TICK_MS : COUNTER_MS;

    if (!follow->bpf && follow->log >= 0 && follow->end == 0)
        return -1;
    if (follow->end > 0 && follow->end - now < longest)
        longest = follow->end - now;
    return (int)longest;
}

static int run(struct drops_follow *follow)
{
    const struct drops_follow_options *options = &follow->options;
    struct pollfd fds[] = {{.fd = follow->signals, .events = POLLIN},
                           {.fd = follow->log, .events = POLLIN},
                           {.fd = options->arp, .events = POLLIN}};
    uint64_t now = follow->start;

    while (follow->end == 0 || now < follow->end) {
        int r = poll(fds, ELEMENTSOF(fds), wait_time(follow, now));

        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0 && fds[0].revents)
            return 0;
        r = r > 0 && fds[2].revents ? options->on_arp(options->data) : 0;
        if (r == 0)
            r = tick(follow);
        if (r < 0)
            return r;
        now = clock_ms();
    }
    return 0;
}

static int finish(struct drops_follow *follow)
{
    struct drops_report *report = &follow->report;
    uint64_t counter, unlisted[REASON_COUNT] = {0};
    int r = 0;

    follow->told = NEW_FLOWS_A_TICK; /* they are in the summary */
    /* Before the last look: a packet between the two is one that was seen. */
    report->counted = report->counted && reverse_path_counter(&counter) == 0;
    if (follow->bpf) {
        r = drops_bpf_finish(follow->bpf, on_drop, follow);
        if (r == 0)
            r = drops_bpf_unlisted(follow->bpf, unlisted);
    } else if (follow->log >= 0) {
        r = martian_log_read(follow->log, on_drop, follow);
    }
    report->milliseconds = clock_ms() - follow->start;
    if (report->counted)
        report->counter = counter - follow->counter_first;
    for (enum drop_reason reason = 0; reason < REASON_COUNT; reason++) {
        report->unlisted[reason] = unlisted[reason] + flows_forgotten(follow->flows, reason);
        report->packets[reason] = unlisted[reason] + flows_packets(follow->flows, reason);
    }
    follow->looked = 0;
    look_again(follow, clock_ms());
    return r < 0 ? r : flows_sorted(follow->flows, &report->flows, &report->n_flows);
}

int drops_follow_new(const struct drops_follow_options *options, struct drops_follow **ret)
{
    struct drops_follow *follow = calloc(1, sizeof(*follow));
    int r = follow ? 0 : -ENOMEM;

    if (r == 0) {
        follow->options = *options;
        follow->log = follow->signals = -1;
        follow->report.device = options->device;
        follow->report.arp = options->arp >= 0;
        follow->report.facts.policy = options->session->policy;
        follow->report.facts.live = &options->session->live;
        r = open_signals(follow);
    }
    if (r == 0)
        r = flows_new(&follow->flows);
    if (r == 0)
        r = open_sources(follow);
    if (r < 0 && follow && follow->report.bpf_error == r)
        say("nothing here tells of dropped packets: no BPF (%s), no kernel log (%s), no counter",
            drops_why_not_bpf(r), error_text(follow->report.log_error));
    if (r < 0) {
        drops_follow_free(follow);
        return r;
    }
    *ret = follow;
    return 0;
}

int drops_follow_run(struct drops_follow *follow)
{
    int r;

    follow->start = clock_ms();
    follow->end = follow->options.milliseconds ? follow->start + follow->options.milliseconds : 0;
    r = run(follow);
    gather(&r, finish(follow));
    return r;
}

const struct drops_report *drops_follow_report(const struct drops_follow *follow)
{
    return &follow->report;
}

int drops_parse_duration(const char *text, uint64_t *ret_milliseconds)
{
    uint64_t usec;

    if (!text)
        return 0;
    if (value_parse_time(text, &usec) < 0 || usec < USEC_PER_MSEC) {
        say("--for takes a time such as 10s, 5min or 1h, not '%s'", NAME_SHOWN(text));
        return -EINVAL;
    }
    *ret_milliseconds = usec / USEC_PER_MSEC;
    return 0;
}
