/* Findings of packets: dropped while it was watched, ARP requests without an answer, and peers
 * whose next packet would be dropped. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/advice/advise.h"
#include "agent/cli/advice/device_pattern.h"
#include "agent/cli/diagnose/findings.h"
#include "agent/cli/peers/impact_report.h"
#include "policy/base/text.h"

#define ANSWER_MS 1000 /* a request has been left without an answer after this */

static bool is_meant(const struct findings *findings, struct in_addr peer)
{
    return findings->peer.s_addr == INADDR_ANY || findings->peer.s_addr == peer.s_addr;
}

static struct finding *find_same(struct findings *findings, enum finding_kind kind,
                                 const char *device, int sort)
{
    for (size_t i = 0; i < findings->count; i++) {
        struct finding *finding = &findings->items[i];

        if (finding->kind == kind && finding->sort == sort && streq(finding->devices[0], device))
            return finding;
    }
    return NULL;
}

/* Why: the step of the kernel's decision, and what the value is. */
static char *cause_text(const struct findings *findings, int ifindex, const char *step)
{
    _cleanup_free_ char *value = finding_value(findings, ifindex);

    if (!value)
        return NULL;
    return text_format("%s%s%s", step, *step && *value ? "; " : "", value);
}

static char *explain_text(const char *device, struct in_addr peer)
{
    char address[INET_ADDRSTRLEN];
    _cleanup_free_ char *name = name_quote(device);

    return name ? text_format("rpfpolicy explain %s --peer=%s", name,
                              inet_ntop(AF_INET, &peer, address, sizeof(address)))
                : NULL;
}

/* The tightest cure that was tried and cures, and what is guilty behind the cause. */
static int advise_on(const struct findings *findings, const struct drop *drop, bool marked,
                     struct finding *finding)
{
    const struct session *session = findings->session;
    const struct device *device = drop->ifindex ? live_by_ifindex(&session->live, drop->ifindex)
                                                : live_by_name(&session->live, drop->device);
    char pattern[NAME_ESCAPED_SIZE + 1];
    struct advice_question question = {
        .paths = &session->cli->paths,
        .policy = session->policy,
        .policy_usable = !session->broken,
        .live = &session->live,
        .device = device,
        .peer = drop->source,
        .to = drop->destination,
        .marked = marked,
        .mark = drop->sample.mark,
    };
    _cleanup_netlink_ struct netlink nl = {0};
    _cleanup_advice_ struct advice advice = {0};
    size_t at = 0;
    char *cause;
    int r;

    if (!device)
        return 0;
    question.nl = &nl;
    question.pattern = device_pattern(device->name, pattern);
    r = netlink_open(&nl);
    if (r >= 0)
        r = advise(&question, &advice);
    if (r < 0)
        return r;
    if (advice.culprit && finding->cause) {
        cause = text_format("%s: %s", finding->cause, advice.culprit);
        if (!cause)
            return -ENOMEM;
        free(finding->cause);
        finding->cause = cause;
    }
    while (at < advice.n_cures && advice.cures[at].kind == CURE_OTHERS) /* that was not tried */
        at++;
    if (at == advice.n_cures)
        return 0;
    finding->cure =
        text_format("%s%s", advice.cures[at].text,
                    advice.cures[at].kind == CURE_POLICY ? session_apply_command(session) : "");
    return finding->cure ? 0 : -ENOMEM;
}

/* The first flow of a finding is the largest: it stands for the others. */
static int fill_drop(const struct findings *findings, const struct drops_report *report,
                     const struct drop *drop, const struct drop_cure *cure, struct finding *finding)
{
    char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];

    finding_add_device(finding, drop->device);
    finding->what =
        text_format("packets from %s to %s dropped by %s",
                    inet_ntop(AF_INET, &drop->source, source, sizeof(source)),
                    inet_ntop(AF_INET, &drop->destination, destination, sizeof(destination)),
                    drop_reason_name(drop->reason));
    finding->cause =
        cause_text(findings, drop->ifindex, cure->dropped ? verdict_step_text(cure->step) : "");
    finding->more = explain_text(drop->device, drop->source);
    if (!finding->what || !finding->cause || !finding->more)
        return -ENOMEM;
    return advise_on(findings, drop, report->bpf != NULL, finding);
}

int findings_of_drops(struct findings *findings, const struct drops_report *report)
{
    uint64_t seen = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < report->n_flows; i++) {
        const struct drop *drop = &report->flows[i]->drop;
        struct drop_cure cure;
        struct finding *finding;
        int sort;

        seen += drop->reason == REASON_RP_FILTER ? drop->packets : 0;
        if (!is_meant(findings, drop->source))
            continue;
        drop_cure(&report->facts, drop, &cure);
        sort = (int)drop->reason * VERDICT_STEP_COUNT + (cure.dropped ? (int)cure.step : 0);
        finding = find_same(findings, FINDING_DROPS, drop->device, sort);
        if (finding) {
            finding->others++;
        } else {
            finding = findings_add(findings, FINDING_DROPS);
            r = finding ? fill_drop(findings, report, drop, &cure, finding) : -ENOMEM;
        }
        if (r < 0)
            return r;
        finding->sort = sort;
        finding->packets += drop->packets;
    }
    if (report->counted && report->counter > seen + report->unlisted[REASON_RP_FILTER] &&
        findings->peer.s_addr == INADDR_ANY) {
        struct finding *finding = findings_add(findings, FINDING_COUNTER);

        if (!finding)
            return -ENOMEM;
        finding->packets = report->counter - seen;
        finding->what = strdup("packets dropped by rp_filter of which no more is known");
        finding->cause = strdup("counted by the kernel as IPReversePathFilter");
        r = finding->what && finding->cause ? 0 : -ENOMEM;
    }
    return r;
}

/* Would a packet of the sender be dropped here? Where it passes, silence has another reason:
 * arp_ignore, arp_filter, or that the address is not this host's. By a port its master asks. */
static bool is_dropped(const struct drops_report *report, const struct arp_pair *pair,
                       struct drop_cure *ret)
{
    const struct device *device = live_by_ifindex(report->facts.live, pair->ifindex);
    const struct ip target = ip_of_ipv4(pair->target);
    struct drop drop = {
        .ifindex = pair->ifindex, .source = pair->sender, .destination = pair->target};

    if (!device || !impact_receives(device) || !report->facts.fib ||
        !fib_is_own(report->facts.fib, &target))
        return false;
    drop_cure(&report->facts, &drop, ret);
    return ret->dropped;
}

static int fill_silence(const struct findings *findings, const struct device *device,
                        const struct arp_pair *pair, const struct drop_cure *cure,
                        struct finding *finding)
{
    char sender[INET_ADDRSTRLEN], target[INET_ADDRSTRLEN];

    finding_add_device(finding, device->name);
    finding->sort = (int)cure->step;
    finding->what = text_format("ARP requests of %s for %s stay unanswered",
                                inet_ntop(AF_INET, &pair->sender, sender, sizeof(sender)),
                                inet_ntop(AF_INET, &pair->target, target, sizeof(target)));
    finding->cause = cause_text(findings, pair->ifindex, verdict_step_text(cure->step));
    finding->more = explain_text(device->name, pair->sender);
    if (!finding->what || !finding->cause || !finding->more)
        return -ENOMEM;
    return advise_on(findings,
                     &(struct drop){.ifindex = pair->ifindex,
                                    .source = pair->sender,
                                    .destination = pair->target},
                     true, finding); /* ARP has no mark */
}

/* The first pair of a finding stands for the others. */
static int add_silence(struct findings *findings, const struct drops_report *report,
                       const struct arp_pair *pair, const struct drop_cure *cure)
{
    const struct device *device = live_by_ifindex(report->facts.live, pair->ifindex);
    struct finding *finding = find_same(findings, FINDING_ARP, device->name, (int)cure->step);
    int r = 0;

    if (finding) {
        finding->others++;
    } else {
        finding = findings_add(findings, FINDING_ARP);
        r = finding ? fill_silence(findings, device, pair, cure, finding) : -ENOMEM;
    }
    if (r == 0)
        finding->packets += pair->asked;
    return r;
}

int findings_of_arp(struct findings *findings, const struct drops_report *report,
                    const struct arp_watch *watch, uint64_t now)
{
    int r = 0;

    findings->arp_unlisted = watch->unlisted;
    for (size_t i = 0; r == 0 && i < watch->count; i++) {
        const struct arp_pair *pair = &watch->pairs[i];
        struct drop_cure cure;

        if (pair->answered == 0 && now - pair->first >= ANSWER_MS &&
            is_meant(findings, pair->sender) && is_dropped(report, pair, &cure))
            r = add_silence(findings, report, pair, &cure);
    }
    return r;
}

/* Peers that pass where rp_filter is off everywhere, and not as it is. */
static int find_peers(const struct findings *findings, const struct live *live, struct peers *ret)
{
    const struct plan nothing = {0};
    _cleanup_netlink_ struct netlink nl = {0};
    _cleanup_after_ struct live open = {0};
    int r = netlink_open(&nl);

    if (r >= 0)
        r = impact_after_plan(live, &nothing, &open);
    if (r < 0)
        return r;
    open.all[KEY_RP_FILTER] = 0;
    for (size_t i = 0; i < open.count; i++)
        open.devices[i].conf[KEY_RP_FILTER] = 0;
    return peers_find(
        &(struct peers_options){
            .nl = &nl,
            .live = &open,
            .after = live,
            .proc_sys_net = findings->session->cli->paths.proc_sys_net,
        },
        ret);
}

/* Is it told by what was dropped already? */
static bool is_told(const struct findings *findings, const struct peer *peer, const char *device)
{
    char address[INET_ADDRSTRLEN];
    _cleanup_free_ char *more = explain_text(device, peer->address);

    inet_ntop(AF_INET, &peer->address, address, sizeof(address));
    for (size_t i = 0; more && i < findings->count; i++)
        if (findings->items[i].more && streq(findings->items[i].more, more))
            return true;
    return false;
}

static int add_peer(struct findings *findings, const struct peer *peer, const char *device)
{
    struct finding *finding;
    char text[PEER_TEXT_SIZE], local[INET_ADDRSTRLEN];
    _cleanup_free_ char *why = peer_why(findings->session, peer);

    for (size_t i = 0; i < findings->count; i++) {
        finding = &findings->items[i];
        if (finding->kind == FINDING_PEERS && finding->sort == (int)peer->step &&
            streq(finding->devices[0], device)) {
            finding->others++;
            return 0;
        }
    }
    finding = findings_add(findings, FINDING_PEERS);
    if (!finding || !why)
        return -ENOMEM;
    finding_add_device(finding, device);
    finding->sort = (int)peer->step;
    finding->what =
        text_format("the next new packet from %s to %s would be dropped", peer_text(peer, text),
                    inet_ntop(AF_INET, &peer->local, local, sizeof(local)));
    finding->cause = cause_text(findings, peer->ifindex, why);
    if (peer->cure.known) {
        _cleanup_free_ char *section = peer_keep_section(findings->session, peer);
        _cleanup_free_ char *line = peer_keep_line(findings->session, peer);

        finding->cure = section && line ? text_format("%s\n%s", section, line) : NULL;
    }
    finding->more = explain_text(device, peer->address);
    return finding->what && finding->cause && finding->more ? 0 : -ENOMEM;
}

int findings_of_peers(struct findings *findings, const struct live *live)
{
    _cleanup_peers_ struct peers peers = {0};
    int r = find_peers(findings, live, &peers);

    findings->unknown = peers.unknown;
    for (size_t i = 0; r >= 0 && i < peers.count; i++) {
        const struct peer *peer = &peers.items[i];
        const struct device *device = live_by_ifindex(live, peer->ifindex);

        /* Where it may come in by any of several devices, nothing is known to be wrong. */
        if (device && !peer->possible && !peer->astray && is_meant(findings, peer->address) &&
            !is_told(findings, peer, device->name))
            r = add_peer(findings, peer, device->name);
    }
    return r < 0 ? r : 0;
}
