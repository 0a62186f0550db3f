/* `rpfpolicy verdict`: would a packet be accepted, in each mode and under the policy, and why. A
 * question is answered, whatever the answer: exit status 0. */
#include <arpa/inet.h>

#include "agent/cli/frame/options.h"
#include "agent/cli/verdict/verdict_report.h"

static int parse_address(const char *text, struct in_addr *ret)
{
    if (inet_pton(AF_INET, text, ret) == 1)
        return 0;
    if (inet_pton(AF_INET6, text, &(struct in6_addr){0}) == 1)
        say("'%s' is not an IPv4 address; IPv6 has no rp_filter, and how replies leave is told by\n"
            "'rpfpolicy explain DEVICE --peer=%s'",
            NAME_SHOWN(text), NAME_SHOWN(text));
    else
        say("'%s' is not an IPv4 address", NAME_SHOWN(text));
    return -EINVAL;
}

static int parse(const struct cli *cli, const char *source, struct verdict_report *report)
{
    struct asked_packet *asked = &report->asked;

    if (parse_address(source, &report->packet.packet.source) < 0 ||
        asked_packet_read(cli, asked) < 0 || asked_packet_look_up(cli, asked) < 0)
        return -EINVAL;
    report->packet.packet.destination = asked->to;
    report->packet.mark = asked->mark;
    report->packet.proto = asked->proto;
    report->packet.sport = asked->sport;
    report->packet.dport = asked->dport;
    return 0;
}

static const struct device *find(const struct session *session, const char *name)
{
    const struct device *device = session_device(session, name);

    if (device && !device->ipv4) {
        say("%s has no IPv4 settings (its MTU is below 68): no packet is accepted there",
            NAME_SHOWN(name));
        return NULL;
    }
    return device;
}

static int run_verdict(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_verdict_report_ struct verdict_report report = {.session = &session,
                                                             .procsys = PROCSYS_INIT};
    _cleanup_netlink_ struct netlink nl = {0};
    int r;

    if (parse(cli, arguments[0], &report) < 0 ||
        session_load(&session, cli, SESSION_POLICY_OPTIONAL | SESSION_QUIET | SESSION_UNPAUSED) <
            0 ||
        session_read(&session, ARP_KEYS | ADVICE_KEYS,
                     FACT_ADDRESSES | FACT_ROUTES | FACT_ALTNAMES) < 0)
        return EXIT_ERROR;
    report.device = find(&session, arguments[1]);
    if (!report.device)
        return EXIT_ERROR;
    r = netlink_open(&nl);
    if (r < 0) {
        say("cannot open a netlink socket: %s", error_text(r));
        return EXIT_ERROR;
    }
    if (verdict_ask(&nl, &report) < 0 || verdict_advise(&nl, &session, &report) < 0)
        return EXIT_ERROR;
    if (cli->format == FORMAT_JSON) {
        verdict_print_json(&cli->out, &report);
        return EXIT_OK;
    }
    r = verdict_print(&cli->out, &report);
    if (r < 0)
        say("cannot print the answer: %s", error_text(r));
    return r < 0 ? EXIT_ERROR : EXIT_OK;
}

const struct verb verb_verdict = {
    .name = "verdict",
    .arguments = "SRC DEVICE",
    .min_arguments = 2,
    .max_arguments = 2,
    .summary = "tell whether a packet would be accepted, and why",
    .text = "A packet from the address SRC that comes in by DEVICE: accepted or dropped with\n"
            "rp_filter off, strict and loose, now, and under the policy on disk, with the\n"
            "step of the kernel's decision and the route back that was found; and whether an\n"
            "ARP request of SRC for the same address would be answered there. The packet is\n"
            "for the first address of the device, or of the host, unless --to says\n"
            "otherwise; --to=PORT@ADDRESS is a published port, and means the address that\n"
            "netfilter sends it to, as tracked flows tell. Where it is lost now: what is\n"
            "guilty, and the cures that were tried, as 'explain --peer' has them. Nothing is\n"
            "logged, counted or changed, and no privilege is needed but for tracked flows.\n"
            "Exit status 0 for either answer.\n",
    .options = OPTIONS_OF_PACKET | OPTION_BIT(OPTION_ASK_KERNEL),
    .formats = FORMATS_USUAL,
    .run = run_verdict,
};
