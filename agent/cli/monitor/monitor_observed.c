/* `monitor`: who would be cut by the rules that are only observed. What observed.h remembers, said
 * at the first look that sees it. */
#include <stdio.h>

#include "agent/cli/monitor/monitor.h"
#include "agent/cli/session/report.h"

#define PRINTED_MAX 20 /* of one look */

struct observing {
    struct monitor *monitor;
    unsigned printed;
};

static void on_new(const struct observed_peer *seen, const struct peer *peer, void *data)
{
    struct observing *observing = data;

    if (monitor_is_named(observing->monitor, seen->device) && ++observing->printed <= PRINTED_MAX)
        monitor_print_would_drop(observing->monitor, seen, peer);
}

int monitor_observe_begin(struct monitor *monitor)
{
    const struct policy *policy = monitor->session.policy;

    return observed_any(policy) ? observed_init(policy, &monitor->observed) : 0;
}

void monitor_observe(struct monitor *monitor)
{
    struct session *session = &monitor->session;
    struct observing observing = {.monitor = monitor};
    const struct peers_options options = {
        .nl = &monitor->nl,
        .proc_sys_net = session->cli->paths.proc_sys_net,
        .owners = true,
    };
    char number[16];
    int r;

    if (!monitor->observed.rules)
        return;
    r = observed_look(&monitor->observed, &options, &session->live, on_new, &observing);
    if (r < 0 && !monitor->blind)
        say("cannot tell who would be cut: %s", error_text(r));
    monitor->blind = r < 0;
    if (observing.printed > PRINTED_MAX)
        say("%s more would be dropped that are not shown",
            count_text(observing.printed - PRINTED_MAX, number));
}

void monitor_print_observed(struct monitor *monitor)
{
    const struct policy *policy = monitor->session.policy;
    FILE *out = monitor->cli->out.stream;
    const struct observed *observed = &monitor->observed;
    _cleanup_free_ char *unseen =
        unseen_text(observed->tracking, observed->servers, observed->n_servers);
    char number[16];

    if (monitor->cli->format != FORMAT_TABLE || !monitor->observed.rules || monitor->count > 0)
        return;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];
        _cleanup_free_ char *place = NULL;
        unsigned long peers = monitor->observed.rules[i].peers;

        if (!observed_counts(policy, rule))
            continue;
        place = place_text(rule->origin.file, rule->origin.line);
        fprintf(out, "%s: %s = %s would have cut %s%s\n", place ?: "",
                NAME_SHOWN(rule->pattern.text), NAME_SHOWN(rule->value_text),
                peers > 0 ? count_text(peers, number) : "nobody",
                peers > 1   ? " peers"
                : peers > 0 ? " peer"
                            : "");
    }
    if (unseen)
        fprintf(out, "%s\n", unseen);
}
