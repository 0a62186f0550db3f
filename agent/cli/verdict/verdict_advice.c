/* verdict where the packet is lost now: what is guilty, and which cures cure, by the planner that
 * `explain --peer` has. */
#include "agent/cli/advice/device_pattern.h"
#include "agent/cli/verdict/verdict_report.h"
#include "agent/store/pause.h"

static int take_advice(struct netlink *nl, struct verdict_report *report)
{
    const struct session *session = report->session;
    const struct fib_packet *packet = &report->packet;
    char pattern[NAME_ESCAPED_SIZE + 1];
    const struct advice_question question = {
        .nl = nl,
        .paths = &session->cli->paths,
        .policy = session->policy,
        .policy_usable = true,
        .live = &session->live,
        .device = report->device,
        .pattern = device_pattern(report->device->name, pattern),
        .peer = packet->packet.source,
        .to = packet->packet.destination,
        .marked = report->asked.marked,
        .mark = packet->mark,
        .proto = packet->proto,
        .sport = packet->sport,
        .dport = packet->dport,
    };
    int r = advise(&question, &report->advice);

    report->advised = r >= 0;
    return r;
}

int verdict_advise(struct netlink *nl, struct session *session, struct verdict_report *report)
{
    _cleanup_pauses_ struct pauses pauses = {0};
    static const struct pauses none = {0};
    int r;

    if (report->verdicts[report->mode].accept &&
        !verdict_is_mute(report, &report->verdicts[report->mode], &report->arp[report->mode]))
        return 0;
    /* What is pasted and applied writes nothing where that is paused. */
    r = pauses_read(&session->cli->paths, &pauses);
    if (r >= 0) {
        pauses_mark(&pauses, &session->live, pauses_now());
        r = take_advice(nl, report);
        pauses_mark(&none, &session->live, pauses_now());
    }
    if (r < 0)
        say("cannot look for cures: %s", error_text(r));
    return r;
}
