/* `rpfpolicy drops [DEVICE]`: follow dropped packets until interrupted or --for is over. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/cli/drops/drops_report.h"
#include "agent/kernel/netstat.h"
#include "policy/lang/values.h"

#define TICK_MS 100     /* between two looks into the kernel's table */
#define COUNTER_MS 1000 /* between two looks at the counter, where there is nothing else */
#define LOOK_MS 1000    /* settings and routes are read again for new flows, at most this often */
#define NEW_FLOWS_A_TICK 10u /* more are not printed one by one */

struct picture {
    struct netlink nl; /* fib asks by it */
    struct live live;
    struct fib fib;
};

struct follow {
    struct cli *cli;
    struct session session;
    struct picture pictures[2]; /* read in turn as flows appear */
    unsigned current;
    struct drops_bpf *bpf;
    int log, signals; /* descriptors, -1 for none */
    struct flows *flows;
    struct drops_report report;
    uint64_t start, end; /* milliseconds; end 0: until interrupted */
    uint64_t looked;     /* when a picture was last read */
    uint64_t counter_first, counter_last;
    unsigned printed, not_printed; /* new flows in this tick */
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

static void follow_done(struct follow *follow)
{
    free(follow->report.flows);
    drops_bpf_free(follow->bpf);
    flows_free(follow->flows);
    picture_done(&follow->pictures[0]);
    picture_done(&follow->pictures[1]);
    session_done(&follow->session);
    if (follow->log >= 0)
        close(follow->log);
    if (follow->signals >= 0)
        close(follow->signals);
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
    return r;
}

/* Settings and routes change while packets are followed; advice is about what is there now. What
 * was read before stays good enough for an advice where reading fails. */
static void look_again(struct follow *follow, uint64_t now)
{
    struct picture *next = &follow->pictures[!follow->current];
    int r;

    if (follow->looked && now - follow->looked < LOOK_MS)
        return;
    follow->looked = now;
    picture_done(next);
    r = picture_take(&follow->session, next);
    if (r < 0)
        return;
    follow->current = !follow->current;
    follow->report.facts.live = &next->live;
    follow->report.facts.fib = &next->fib;
}

static int on_drop(const struct drop *drop, void *data)
{
    struct follow *follow = data;
    const struct device *only = follow->report.device;
    uint64_t now = clock_ms();

    if (only && drop->ifindex != only->ifindex)
        return 0;
    if (!flows_add(follow->flows, drop, now - follow->start) || follow->cli->format == FORMAT_JSON)
        return 0;
    if (follow->printed >= NEW_FLOWS_A_TICK) {
        follow->not_printed++;
        return 0;
    }
    follow->printed++;
    look_again(follow, now);
    return drops_print_flow(&follow->cli->out, &follow->report, drop);
}

static void look_at_counter(struct follow *follow)
{
    uint64_t counter;

    if (!follow->report.counted || reverse_path_counter(&counter) < 0)
        return;
    if (follow->cli->format != FORMAT_JSON && counter > follow->counter_last)
        fprintf(follow->cli->out.stream, "rp_filter dropped %lu packets more\n",
                (unsigned long)(counter - follow->counter_last));
    follow->counter_last = counter;
}

/* Take what came since the last call; 0, or a negative errno. */
static int tick(struct follow *follow)
{
    FILE *stream = follow->cli->out.stream;
    int r = 0;

    follow->printed = follow->not_printed = 0;
    if (follow->bpf)
        r = drops_bpf_read(follow->bpf, on_drop, follow);
    else if (follow->log >= 0)
        r = martian_log_read(follow->log, on_drop, follow);
    else
        look_at_counter(follow);
    if (follow->not_printed > 0)
        fprintf(stream, "and %u more new flows\n", follow->not_printed);
    if (r == 0 && fflush(stream) != 0)
        r = -errno;
    return r;
}

static int open_sources(struct follow *follow)
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
    if (r < 0 && follow->log < 0 && !follow->report.counted) {
        say("nothing here tells of dropped packets: no BPF (%s), no kernel log (%s), no counter",
            drops_why_not_bpf(r), error_text(follow->log));
        return r;
    }
    return 0;
}

static int open_signals(struct follow *follow)
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
static int wait_time(const struct follow *follow, uint64_t now)
{
    uint64_t longest = follow->bpf ? TICK_MS : COUNTER_MS;

    if (!follow->bpf && follow->log >= 0 && follow->end == 0)
        return -1;
    if (follow->end > 0 && follow->end - now < longest)
        longest = follow->end - now;
    return (int)longest;
}

static int run(struct follow *follow)
{
    struct pollfd fds[] = {{.fd = follow->signals, .events = POLLIN},
                           {.fd = follow->log, .events = POLLIN}};
    uint64_t now = follow->start;

    while (follow->end == 0 || now < follow->end) {
        int r = poll(fds, ELEMENTSOF(fds), wait_time(follow, now));

        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0 && fds[0].revents)
            return 0;
        r = tick(follow);
        if (r < 0)
            return r;
        now = clock_ms();
    }
    return 0;
}

static int finish(struct follow *follow)
{
    struct drops_report *report = &follow->report;
    uint64_t counter, unlisted[REASON_COUNT] = {0};
    int r = 0;

    follow->printed = NEW_FLOWS_A_TICK; /* they are in the summary */
    if (follow->bpf) {
        r = drops_bpf_finish(follow->bpf, on_drop, follow);
        if (r == 0)
            r = drops_bpf_unlisted(follow->bpf, unlisted);
    }
    report->milliseconds = clock_ms() - follow->start;
    report->counted = report->counted && reverse_path_counter(&counter) == 0;
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

static int follow_and_report(struct follow *follow)
{
    struct output *out = &follow->cli->out;
    bool json = follow->cli->format == FORMAT_JSON;
    int r = open_signals(follow);

    if (r == 0)
        r = flows_new(&follow->flows);
    if (r < 0)
        return r;
    r = open_sources(follow);
    if (r < 0)
        return r;
    follow->start = clock_ms();
    follow->end = follow->end ? follow->start + follow->end : 0;
    if (!json) {
        drops_print_head(out, &follow->report);
        fflush(out->stream);
    }
    r = run(follow);
    gather(&r, finish(follow));
    if (r < 0)
        return r;
    if (!json)
        return drops_print_end(out, &follow->report);
    drops_print_json(follow->cli, &follow->session, &follow->report);
    return 0;
}

static int parse_duration(struct follow *follow, const char *text)
{
    uint64_t usec = 0;

    if (text && (value_parse_time(text, &usec) < 0 || usec < 1000)) {
        say("--for takes a time such as 10s, 5min or 1h, not '%s'", NAME_SHOWN(text));
        return -EINVAL;
    }
    follow->end = usec / 1000;
    return 0;
}

static int run_drops(struct cli *cli, int count, char **arguments)
{
    _cleanup_(follow_done) struct follow follow = {.cli = cli, .log = -1, .signals = -1};
    struct session *session = &follow.session;
    int r;

    if (parse_duration(&follow, cli->values[OPTION_FOR]) < 0 ||
        session_load(session, cli,
                     SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED | SESSION_QUIET) < 0 ||
        session_read(session, DROPS_KEYS, DROPS_FACTS | (count > 0 ? FACT_ALTNAMES : 0)) < 0)
        return EXIT_ERROR;
    follow.report.facts.policy = session->policy;
    follow.report.facts.live = &session->live;
    if (count > 0) {
        follow.report.device = session_device(session, arguments[0]);
        if (!follow.report.device)
            return EXIT_ERROR;
    }
    r = follow_and_report(&follow);
    if (r < 0) {
        say("cannot follow dropped packets: %s", error_text(r));
        return EXIT_ERROR;
    }
    return session->broken ? EXIT_ERROR : EXIT_OK;
}

const struct verb verb_drops = {
    .name = "drops",
    .arguments = "[DEVICE]",
    .max_arguments = 1,
    .summary = "follow packets dropped for their source, now",
    .text = "Shows each flow as its first packet is dropped by rp_filter, as local source, as\n"
            "invalid source or by localnet, and the line of a policy that would accept it;\n"
            "at the end, by interrupt or --for, all flows with their packets. Counts in the\n"
            "kernel by BPF, which needs CAP_BPF and CAP_PERFMON. Else takes what the kernel\n"
            "log and a counter tell, and says what they cannot show.\n",
    .options = OPTION_BIT(OPTION_FOR),
    .formats = FORMATS_USUAL,
    .run = run_drops,
};
