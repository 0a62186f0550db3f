/* verdict: from the question to all that will be said: the destination, the lookups, the decision
 * in every mode and under the policy, and what to be warned of. */
#include <arpa/inet.h>
#include <linux/if.h>
#include <stdarg.h>
#include <stdio.h>

#include "verdict_report.h"

const struct verdict_unseen verdict_unseen[VERDICT_UNSEEN] = {
    {"early-demux", "packets of an established connection can pass unchecked (early demux)"},
    {"ipsec", "packets that came through IPsec are checked as with rp_filter off"},
    {"netfilter-mark", "a mark that netfilter gives the packet counts only when --mark names it"},
};

static void warn(struct verdict_report *report, const char *format, ...) _printf_(2, 3);
static void warn(struct verdict_report *report, const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    if (report->n_warnings == VERDICT_WARNINGS_MAX)
        return;
    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n >= 0)
        report->warnings[report->n_warnings++] = text;
}

static bool is_loopback(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* The first address of the device, else the first one of the host that is no loopback address. */
static int choose_destination(struct verdict_report *report)
{
    const struct fib *fib = &report->fib;
    const struct fib_address *best = NULL;

    for (size_t i = 0; i < fib->n_addresses; i++) {
        const struct fib_address *address = &fib->addresses[i];

        if (address->ifindex == report->device->ifindex) {
            best = address;
            break;
        }
        if (!best && !is_loopback(address->address))
            best = address;
    }
    if (!best) {
        say("this host has no address a packet could be for: name one with --to");
        return -EADDRNOTAVAIL;
    }
    report->packet.packet.destination = best->address;
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
    if (report->route.found.kind == ROUTE_UNICAST && report->route.prefix_length == 0)
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

static int receive(struct verdict_report *report, const struct live *live,
                   const struct device *device, struct receiver *ret, struct fib_route *ret_route)
{
    int r = fib_receiver(&report->fib, live, device, &report->packet, ret, ret_route);

    if (r == -EOPNOTSUPP)
        say("an ip rule looks at something that is not known here");
    else if (r < 0)
        say("cannot look up the way back: %s", error_text(r));
    return r;
}

/* As above with the settings that the policy wants, where it wants any. */
static int judge_policy(struct verdict_report *report)
{
    const struct session *session = report->session;
    struct live wanted_live = session->live;
    struct device wanted_device = *report->device;
    struct key_state states[KEY_COUNT];
    struct receiver receiver;
    enum state worst;
    unsigned n = judge_device(session->judge, report->device, states, &worst);
    int r;

    for (unsigned i = 0; i < n; i++) {
        enum key key = states[i].key;

        if (!states[i].wanted_known)
            continue;
        if (key == KEY_RP_FILTER) {
            report->has_policy = true;
            report->policy_mode = states[i].wanted;
            report->rule = states[i].rule;
        } else {
            /* Those that matter are joined with `all` by OR. */
            wanted_live.all[key] = 0;
            wanted_device.conf[key] = states[i].wanted;
        }
    }
    if (!report->has_policy)
        return 0;
    r = receive(report, &wanted_live, &wanted_device, &receiver, NULL);
    if (r >= 0)
        report->policy_verdict =
            verdict_decide(&report->packet.packet, &receiver, report->policy_mode);
    return r;
}

static int ask_kernel(struct verdict_report *report)
{
    bool accepted = report->verdicts[report->mode].accept;
    int r = fib_ask_kernel(&report->fib, report->device, &report->packet, &report->answer);

    if (r < 0) {
        say("cannot ask the kernel: %s", error_text(r));
        return r;
    }
    report->asked = true;
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
        r = receive(report, live, device, &report->receiver, &report->route);
    if (r < 0)
        return r;
    report->mode = key_effective(KEY_RP_FILTER, live->all[KEY_RP_FILTER],
                                 device->conf[KEY_RP_FILTER], device->forwarding);
    for (int mode = 0; mode < VERDICT_MODES; mode++)
        report->verdicts[mode] = verdict_decide(&report->packet.packet, &report->receiver, mode);
    r = judge_policy(report);
    if (r < 0)
        return r;
    warn_of_loose(report);
    warn_of_device(report);
    warn_of_rules(report);
    return cli_given(report->session->cli, OPTION_ASK_KERNEL) ? ask_kernel(report) : 0;
}

void verdict_report_done(struct verdict_report *report)
{
    fib_close(&report->fib);
    for (size_t i = 0; i < report->n_warnings; i++)
        free(report->warnings[i]);
}
