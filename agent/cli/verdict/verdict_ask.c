/* verdict: from the question to all that will be said: the destination, the lookups, the decision
 * in every mode and under the policy, and what to be warned of. */
#include <arpa/inet.h>
#include <linux/if.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/cli/routes/routing_report.h"
#include "agent/cli/verdict/verdict_report.h"
#include "policy/base/text.h"

const struct verdict_unseen verdict_unseen[VERDICT_UNSEEN] = {
    {"early-demux", "packets of an established connection can pass unchecked (early demux)"},
    {"ipsec", "packets that came through IPsec are checked as with rp_filter off"},
    {"netfilter-mark", "a mark that netfilter gives the packet counts only when --mark names it"},
    {"arp-rules", "rules of arptables and of nft's family arp, and bridges that answer for others"},
};

static void warn(struct verdict_report *report, const char *format, ...) _printf_(2, 3);
static void warn(struct verdict_report *report, const char *format, ...)
{
    char *text = NULL;
    va_list ap;

    if (report->n_warnings == VERDICT_WARNINGS_MAX)
        return;
    va_start(ap, format);
    text = text_vformat(format, ap);
    va_end(ap);
    if (text)
        report->warnings[report->n_warnings++] = text;
}

/* Is the address on a device whose packets are looked up in the same table? */
static bool is_in_reach(const struct verdict_report *report, const struct route_address *address)
{
    const struct device *device = live_by_ifindex(&report->session->live, address->ifindex);

    return device && device_vrf(device) == device_vrf(report->device);
}

/* The first address of the device, else the first one of the host, in the same VRF, that is no
 * loopback address. */
static int choose_destination(struct verdict_report *report)
{
    const struct fib *fib = &report->fib;
    const struct route_address *best = NULL;

    for (size_t i = 0; i < fib->n_addresses; i++) {
        const struct route_address *address = &fib->addresses[i];

        if (address->ifindex == report->device->ifindex) {
            best = address;
            break;
        }
        if (!best && !ip_is_loopback(&address->local.ip) && is_in_reach(report, address))
            best = address;
    }
    if (!best) {
        say("this host has no address a packet could be for: name one with --to");
        return -EADDRNOTAVAIL;
    }
    report->packet.packet.destination = ip_to_ipv4(&best->local.ip);
    return 0;
}

static bool has_default_route(const struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        if (live->devices[i].uplink)
            return true;
    return false;
}

static void warn_of_loose(struct verdict_report *report)
{
    const struct verdict *loose = &report->verdicts[2];

    if (!loose->accept || !report->receiver.numbered)
        return;
    if (report->back.found.kind == ROUTE_UNICAST && report->back.route.to.length == 0)
        warn(report, "only a default route leads back to the source: because of it loose accepts "
                     "nearly every source here, much like off");
    else if (has_default_route(&report->session->live))
        warn(report, "there is a default route: because of it loose accepts nearly every source, "
                     "also those without a route of their own");
}

static void warn_of_device(struct verdict_report *report)
{
    const struct device *device = report->device;

    if (device_is_port(device))
        warn(report, "%s is a port of a %s: packets come in by its master, whose settings decide",
             NAME_SHOWN(device->name), device->slave_kind);
    if (device_is_vrf(device))
        warn(report,
             "%s is a VRF: packets come in by its ports, and the settings of the port decide",
             NAME_SHOWN(device->name));
    if (!(device->flags & IFF_UP))
        warn(report, "%s is down: no packet comes in now", NAME_SHOWN(device->name));
    if (!report->receiver.numbered)
        warn(report, "%s has no IPv4 address: loose asks there for what strict asks for",
             NAME_SHOWN(device->name));
}

static void warn_of_rules(struct verdict_report *report)
{
    const struct cli *cli = report->session->cli;
    const struct fib *fib = &report->fib;

    if (fib->selects_mark && !cli_given(cli, OPTION_MARK))
        warn(report, "an ip rule looks at marks: name the packet's with --mark");
    if (fib->dissects && !cli_given(cli, OPTION_PROTO))
        warn(report, "an ip rule looks at protocol or ports: name them with --proto, --sport and "
                     "--dport");
    if (report->packet.mark &&
        !key_effective(KEY_SRC_VALID_MARK, report->session->live.all[KEY_SRC_VALID_MARK],
                       report->device->conf[KEY_SRC_VALID_MARK], false))
        warn(report, "src_valid_mark is off on %s: the way back is looked up without the mark",
             NAME_SHOWN(report->device->name));
}

static int receive(struct verdict_report *report)
{
    int r = fib_receiver(&report->fib, &report->session->live, report->device, &report->packet,
                         &report->receiver, &report->back);

    if (r == -EOPNOTSUPP)
        say("an ip rule looks at something that is not known here");
    else if (r < 0)
        say("cannot look up the way back: %s", error_text(r));
    return r;
}

const char *verdict_arp_result(const struct arp_verdict *arp)
{
    return arp->answered ? "answered" : "unanswered";
}

char *verdict_arp_why(const struct arp_verdict *arp)
{
    if (arp->step == ARP_SOURCE)
        return text_format("%s: %s", arp_step_text(arp->step), verdict_step_text(arp->source.step));
    return strdup(arp_step_text(arp->step));
}

/* Of a published port people know the address before netfilter changes it. */
static struct packet arp_request(const struct verdict_report *report)
{
    struct packet request = report->packet.packet;

    if (report->asked.published.port)
        request.destination = report->asked.published.address;
    return request;
}

static int receive_arp(struct verdict_report *report)
{
    const struct packet request = arp_request(report);
    struct arp_receiver receiver;
    int r = procsys_open(report->session->cli->paths.proc_sys_net, &report->procsys);

    if (r >= 0)
        r = fib_arp_receiver(&report->fib, &report->session->live, report->device, &report->procsys,
                             &report->packet.packet, &receiver);
    for (int mode = 0; r >= 0 && mode < VERDICT_MODES; mode++)
        report->arp[mode] = arp_decide(&request, &receiver, mode);
    if (r < 0)
        say("cannot tell whether ARP requests are answered: %s", error_text(r));
    return r;
}

/* Only who is on the link asks for an address there; of others the gateway does. */
static bool is_on_link(const struct verdict_report *report)
{
    struct ip source = ip_of_ipv4(report->packet.packet.source);

    for (size_t i = 0; i < report->fib.n_addresses; i++) {
        const struct route_address *address = &report->fib.addresses[i];

        if (address->ifindex == report->device->ifindex &&
            ip_prefix_contains(&address->local, &source))
            return true;
    }
    return false;
}

bool verdict_is_mute(const struct verdict_report *report, const struct verdict *verdict,
                     const struct arp_verdict *arp)
{
    return verdict->accept && !arp->answered && arp->step != ARP_NO_ARP && arp->step != ARP_OTHER &&
           is_on_link(report);
}

static void warn_of_mute(struct verdict_report *report, const struct verdict *verdict,
                         const struct arp_verdict *arp, const char *when)
{
    _cleanup_free_ char *why = NULL;

    if (!verdict_is_mute(report, verdict, arp))
        return;
    why = verdict_arp_why(arp);
    warn(report,
         "%spackets are accepted, but the ARP requests of their sender are not answered: once it "
         "has forgotten the address of %s nothing comes in any more (%s)",
         when, NAME_SHOWN(report->device->name), why ?: "?");
}

/* What the policy wants of the device goes into both, but for rp_filter. */
static void want_settings(struct verdict_report *report, struct live *live, struct device *device)
{
    struct verdict_planned *policy = &report->policy;
    struct key_state states[KEY_COUNT];
    enum state worst;
    unsigned n = judge_device(report->session->judge, report->device, states, &worst);

    policy->mode = report->mode;
    for (unsigned i = 0; i < n; i++) {
        enum key key = states[i].key;

        if (!states[i].wanted_known)
            continue;
        if (key == KEY_RP_FILTER) {
            policy->mode = states[i].wanted;
            policy->rule = states[i].rule;
        } else {
            /* Those that matter are joined with `all` by OR. */
            live->all[key] = 0;
            device->conf[key] = states[i].wanted;
        }
    }
}

static bool changes_ipv4(const struct routes_plan *plan)
{
    for (size_t i = 0; i < plan->n_changes; i++) {
        const struct routes_change *change = &plan->changes[i];
        bool rule = change->op == ROUTES_ADD_RULE || change->op == ROUTES_DELETE_RULE;

        if ((rule ? change->rule.family : change->route.family) == AF_INET)
            return true;
    }
    return false;
}

static bool holds_destination(const struct verdict_report *report, int ifindex)
{
    for (size_t i = 0; i < report->fib.n_addresses; i++)
        if (report->fib.addresses[i].ifindex == ifindex &&
            ip_to_ipv4(&report->fib.addresses[i].local.ip).s_addr ==
                report->packet.packet.destination.s_addr)
            return true;
    return false;
}

/* The way back goes by the rule for the address that is to answer. */
static void warn_of_routing(struct verdict_report *report, const struct routes_plan *plan)
{
    for (size_t i = 0; i < plan->n_devices; i++) {
        const struct routes_device *device = &plan->devices[i];

        if (routes_state_info(device->state)->stuck && holds_destination(report, device->ifindex))
            warn(report, "the policy asks for routing of %s, which cannot be had now: %s",
                 NAME_SHOWN(device->name), device->conflict ?: device->message ?: "?");
    }
}

/* As above with the settings, rules and routes that the policy wants, where it wants any. */
static int judge_policy(struct netlink *nl, struct verdict_report *report)
{
    const struct session *session = report->session;
    struct verdict_planned *policy = &report->policy;
    const struct packet request = arp_request(report);
    struct live live = session->live;
    struct device device = *report->device;
    _cleanup_routing_ struct routing routing = {0};
    _cleanup_fib_ struct fib fib = {0};
    struct receiver receiver;
    struct arp_receiver arp;
    int r;

    if (session->no_policy)
        return 0;
    want_settings(report, &live, &device);
    r = routing_read(session, session->policy, &routing);
    if (r < 0)
        return r;
    warn_of_routing(report, &routing.plan);
    policy->rerouted = changes_ipv4(&routing.plan);
    policy->given = policy->rule || policy->rerouted;
    if (!policy->given)
        return 0;
    r = fib_open(nl, &fib);
    if (r >= 0 && policy->rerouted)
        r = fib_pretend(&fib, &routing.plan);
    if (r >= 0)
        r = fib_receiver(&fib, &live, &device, &report->packet, &receiver, &policy->back);
    if (r >= 0)
        r = fib_arp_receiver(&fib, &live, &device, &report->procsys, &request, &arp);
    policy->known = r >= 0;
    if (policy->known) {
        policy->verdict = verdict_decide(&report->packet.packet, &receiver, policy->mode);
        policy->arp = arp_decide(&request, &arp, policy->mode);
    } else if (r != -EOPNOTSUPP)
        say("cannot look up the way back under the policy: %s", error_text(r));
    return r == -EOPNOTSUPP ? 0 : r;
}

static int ask_kernel(struct verdict_report *report)
{
    bool accepted = report->verdicts[report->mode].accept;
    int r = fib_ask_kernel(&report->fib, report->device, &report->packet, &report->answer);

    if (r < 0) {
        say("cannot ask the kernel: %s", error_text(r));
        return r;
    }
    report->kernel_asked = true;
    warn(report,
         "the kernel was asked to validate the packet: where log_martians is on (it is %s on %s) "
         "that logs a martian source",
         key_effective(KEY_LOG_MARTIANS, report->session->live.all[KEY_LOG_MARTIANS],
                       report->device->conf[KEY_LOG_MARTIANS], false)
             ? "on"
             : "off",
         NAME_SHOWN(report->device->name));
    if ((report->answer == 0) != accepted)
        warn(report, "the kernel's answer differs from what was found here: something changed "
                     "meanwhile, or this program is wrong");
    return 0;
}

int verdict_ask(struct netlink *nl, struct verdict_report *report)
{
    const struct live *live = &report->session->live;
    const struct device *device = report->device;
    int r = fib_open(nl, &report->fib);

    if (r < 0) {
        say("cannot read the routing rules: %s", error_text(r));
        return r;
    }
    if (!cli_given(report->session->cli, OPTION_TO))
        r = choose_destination(report);
    if (r >= 0)
        r = receive(report);
    if (r >= 0)
        r = receive_arp(report);
    if (r < 0)
        return r;
    report->mode = key_effective(KEY_RP_FILTER, live->all[KEY_RP_FILTER],
                                 device->conf[KEY_RP_FILTER], device->forwarding);
    for (int mode = 0; mode < VERDICT_MODES; mode++)
        report->verdicts[mode] = verdict_decide(&report->packet.packet, &report->receiver, mode);
    r = judge_policy(nl, report);
    if (r < 0)
        return r;
    warn_of_loose(report);
    warn_of_device(report);
    warn_of_rules(report);
    warn_of_mute(report, &report->verdicts[report->mode], &report->arp[report->mode], "");
    if (report->policy.known)
        warn_of_mute(report, &report->policy.verdict, &report->policy.arp, "under the policy ");
    return cli_given(report->session->cli, OPTION_ASK_KERNEL) ? ask_kernel(report) : 0;
}

void verdict_report_done(struct verdict_report *report)
{
    fib_close(&report->fib);
    advice_done(&report->advice);
    procsys_close(&report->procsys);
    for (size_t i = 0; i < report->n_warnings; i++)
        free(report->warnings[i]);
}
