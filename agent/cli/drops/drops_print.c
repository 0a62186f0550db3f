/* `rpfpolicy drops` as text: what is followed and what cannot be seen, one line per new flow, and
 * the summary. */
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "agent/cli/drops/drops_report.h"
#include "agent/cli/session/report.h"
#include "policy/lang/values.h"

#define ROWS_MAX 50 /* of the summary; --json has all */

const char *drops_source_name(const struct drops_report *report)
{
    if (report->bpf)
        return "bpf";
    return report->log_error == 0 ? "log" : "counter";
}

const char *drops_why_not_bpf(int error)
{
    switch (error) {
    case -ENOSYS:
        return "this program was built without it";
    case -EPERM:
    case -EACCES:
        return "CAP_BPF and CAP_PERFMON are needed";
    case -EOPNOTSUPP:
    case -ENOENT:
        return "this kernel does not tell why it drops";
    default:
        return error_text(error);
    }
}

static void unseen_by_bpf(const struct drops_report *report,
                          void (*fn)(const char *sentence, void *data), void *data)
{
    for (enum drop_reason reason = 0; reason < REASON_COUNT; reason++)
        if (!drops_bpf_knows(report->bpf, reason)) {
            char text[80];

            snprintf(text, sizeof(text), "drops by %s: this kernel does not tell them apart",
                     drop_reason_name(reason));
            fn(text, data);
        }
    fn("what nftables or iptables drop, also by their own reverse path matches", data);
}

static void unseen_by_log(const struct drops_report *report,
                          void (*fn)(const char *sentence, void *data), void *data)
{
    const struct live *live = report->facts.live;
    size_t devices = 0, silent = 0;
    char text[120];

    for (size_t i = 0; i < live->count; i++) {
        const struct device *device = &live->devices[i];

        if (!device->ipv4 || (report->device && report->device->ifindex != device->ifindex))
            continue;
        devices++;
        silent += !key_effective(KEY_LOG_MARTIANS, live->all[KEY_LOG_MARTIANS],
                                 device->conf[KEY_LOG_MARTIANS], device->forwarding);
    }
    if (silent > 0) {
        snprintf(text, sizeof(text), "drops on %zu of %zu devices, where log_martians is no",
                 silent, devices);
        fn(text, data);
    }
    fn("most packets of a flood: the kernel logs no more than 10 in 5 s, of all namespaces", data);
    fn("whether a device of the same name in another namespace is meant", data);
    fn("the reason: it is concluded from the source", data);
}

void drops_unseen(const struct drops_report *report, void (*fn)(const char *sentence, void *data),
                  void *data)
{
    if (!report->arp)
        fn("ARP requests that stay unanswered since their sender fails the check", data);
    if (report->bpf) {
        unseen_by_bpf(report, fn, data);
    } else if (report->log_error == 0) {
        unseen_by_log(report, fn, data);
    } else {
        fn("devices and addresses: only the number of packets dropped by rp_filter is known", data);
        fn("drops for other reasons", data);
    }
}

static void print_unseen(const char *sentence, void *data)
{
    const struct output *out = data;

    fprintf(out->stream, "Not seen: %s.\n", sentence);
}

void drops_print_head(struct output *out, const struct drops_report *report)
{
    fputs("Following what is dropped for its source", out->stream);
    if (report->device)
        fprintf(out->stream, " on %s", NAME_SHOWN(report->device->name));
    if (report->bpf) {
        fputs(", by BPF.\n", out->stream);
    } else {
        fprintf(out->stream, ", by %s IPReversePathFilter.\n",
                report->log_error == 0 ? "the martians in the kernel log and the counter"
                                       : "the counter");
        fprintf(out->stream, "BPF cannot be used: %s.\n", drops_why_not_bpf(report->bpf_error));
        if (report->log_error < 0)
            fprintf(out->stream, "The kernel log cannot be read: %s.\n",
                    error_text(report->log_error));
    }
    drops_unseen(report, print_unseen, out);
}

int drops_print_flow(struct output *out, const struct drops_report *report, const struct drop *drop)
{
    char clock[16] = "", source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];
    _cleanup_free_ char *text = NULL, *reply = NULL;
    time_t now = time(NULL);
    struct drop_cure cure;
    struct tm tm;

    drop_cure(&report->facts, drop, &cure);
    text = drop_cure_text(report->facts.policy, &cure);
    reply = drop_reply_text(&report->facts, &cure);
    if (!text || (cure.astray && !reply))
        return -ENOMEM;
    if (localtime_r(&now, &tm))
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    fprintf(out->stream, "%s %s: %s to %s: %s%s%s; accepted by: %s%s%s\n", clock,
            NAME_SHOWN(drop->device), inet_ntop(AF_INET, &drop->source, source, sizeof(source)),
            inet_ntop(AF_INET, &drop->destination, destination, sizeof(destination)),
            drop_reason_name(drop->reason), cure.dropped ? ", " : "",
            cure.dropped ? verdict_step_text(cure.step) : "", text,
            reply ? ", but replies leave by " : "", reply ?: "");
    return 0;
}

static int print_table(struct output *out, const struct drops_report *report)
{
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    size_t rows = report->n_flows < ROWS_MAX ? report->n_flows : ROWS_MAX;
    int r = table ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < rows; i++)
        r = drops_put_flow(&(struct row){.table = table}, report, report->flows[i]);
    if (r == 0)
        r = table_print(table, out);
    if (r == 0 && report->n_flows > rows)
        fprintf(out->stream, "and %zu more: --json lists them.\n", report->n_flows - rows);
    return r;
}

static uint64_t sum(const uint64_t values[static REASON_COUNT])
{
    uint64_t total = 0;

    for (unsigned i = 0; i < REASON_COUNT; i++)
        total += values[i];
    return total;
}

int drops_print_end(struct output *out, const struct drops_report *report)
{
    uint64_t packets = sum(report->packets), unlisted = sum(report->unlisted);
    char a[16], b[16], took[24];
    int r;

    fputc('\n', out->stream);
    r = print_table(out, report);
    if (r < 0)
        return r;
    fprintf(out->stream, "%s%s%s %s of %s %s in %s", report->n_flows > 0 ? "\n" : "",
            report->bpf ? "" : "Told of ", count_text(packets, a), PLURAL(packets, "packet"),
            count_text(report->n_flows, b), PLURAL(report->n_flows, "flow"),
            value_format_time((double)report->milliseconds / 1000, took));
    if (unlisted > 0)
        fprintf(out->stream, ", of which %s in flows that found no room here",
                count_text(unlisted, a));
    fputs(".\n", out->stream);
    if (report->counted && !report->bpf)
        fprintf(out->stream, "The counter says that rp_filter dropped %s.\n",
                count_text(report->counter, a));
    if (report->packets[REASON_RP_FILTER] > 0)
        fputs("What rp_filter drops is also accepted where a route to its source leaves by the "
              "device it comes in by.\n",
              out->stream);
    return 0;
}
