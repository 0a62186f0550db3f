/* A published port: where netfilter sends what is for it. The kernel asks for the way back after
 * that, so the address behind it is what decides. */
#include <arpa/inet.h>
#include <limits.h>

#include "agent/cli/verdict/verdict_report.h"
#include "agent/kernel/conntrack.h"

static int parse(const char *text, struct in_addr *ret_address, uint16_t *ret_port)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '@' || port == 0 || port > UINT16_MAX ||
        inet_pton(AF_INET, end + 1, ret_address) != 1) {
        say("--to takes an IPv4 address, or a published port as PORT@ADDRESS, not '%s'",
            NAME_SHOWN(text));
        return -EINVAL;
    }
    *ret_port = (uint16_t)port;
    return 0;
}

static bool is_for(const struct tracked_flow *flow, uint8_t proto, struct in_addr address,
                   uint16_t port)
{
    return flow->proto == proto && flow->original.destination.s_addr == address.s_addr &&
           flow->original.dport == port;
}

static void take(const struct tracked_flow *flow, struct verdict_report *report)
{
    struct in_addr to = flow->reply.source;
    struct verdict_published *published = &report->published;

    if (published->n_targets > 0 && (to.s_addr == report->packet.packet.destination.s_addr))
        return;
    if (published->n_targets++ > 0)
        return;
    report->packet.packet.destination = to;
    report->packet.dport = flow->reply.sport;
}

int verdict_publish(const char *text, struct verdict_report *report)
{
    struct verdict_published *published = &report->published;
    _cleanup_free_ struct tracked_flow *flows = NULL;
    uint8_t proto = report->packet.proto ?: IPPROTO_TCP;
    char address[INET_ADDRSTRLEN];
    enum tracking tracking;
    size_t n = 0;
    int r = parse(text, &published->address, &published->port);

    if (r < 0)
        return r;
    r = conntrack_read(report->session->cli->paths.proc_sys_net, 0, &flows, &n, &tracking);
    if (r < 0) {
        say("cannot read what netfilter tracks: %s", error_text(r));
        return r;
    }
    for (size_t i = 0; i < n; i++)
        if (is_for(&flows[i], proto, published->address, published->port))
            take(&flows[i], report);
    report->packet.proto = proto;
    if (published->n_targets > 0)
        return 0;
    say("no flow to port %u of %s is tracked here, so that it is not known where netfilter sends\n"
        "it; only root sees flows, and only while somebody is connected. Name the address behind\n"
        "it, of the container: --to=ADDRESS",
        published->port, inet_ntop(AF_INET, &published->address, address, sizeof(address)));
    return -ENOENT;
}
