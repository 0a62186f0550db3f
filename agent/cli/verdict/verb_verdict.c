/* `rpfpolicy verdict`: would a packet be accepted, in each mode and under the policy, and why. A
 * question is answered, whatever the answer: exit status 0. */
#include <arpa/inet.h>
#include <limits.h>

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

/* Decimal or 0x…; nothing where the option was not given. */
static int parse_number(const struct cli *cli, enum option_id option, unsigned long max,
                        unsigned long *ret)
{
    const char *text = cli->values[option];
    unsigned long value;
    char *end;

    if (!text)
        return 0;
    errno = 0;
    value = strtoul(text, &end, 0);
    if (errno || *end || *text < '0' || *text > '9' || value > max) {
        say("--%s takes a number from 0 to %lu, not '%s'", verb_options[option].name, max,
            NAME_SHOWN(text));
        return -EINVAL;
    }
    *ret = value;
    return 0;
}

static int parse_proto(const struct cli *cli, uint8_t *ret)
{
    static const struct {
        const char *name;
        uint8_t number;
    } known[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}};
    const char *text = cli->values[OPTION_PROTO];
    unsigned long number = 0;

    for (size_t i = 0; text && i < ELEMENTSOF(known); i++)
        if (streq(text, known[i].name)) {
            *ret = known[i].number;
            return 0;
        }
    if (parse_number(cli, OPTION_PROTO, UINT8_MAX, &number) < 0)
        return -EINVAL;
    *ret = (uint8_t)number;
    return 0;
}

static int parse(const struct cli *cli, char **arguments, struct fib_packet *ret)
{
    unsigned long mark = 0, sport = 0, dport = 0;
    struct fib_packet packet = {0};

    if (parse_address(arguments[0], &packet.packet.source) < 0 ||
        (cli->values[OPTION_TO] && !strchr(cli->values[OPTION_TO], '@') &&
         parse_address(cli->values[OPTION_TO], &packet.packet.destination) < 0) ||
        parse_number(cli, OPTION_MARK, UINT32_MAX, &mark) < 0 ||
        parse_number(cli, OPTION_SPORT, UINT16_MAX, &sport) < 0 ||
        parse_number(cli, OPTION_DPORT, UINT16_MAX, &dport) < 0 ||
        parse_proto(cli, &packet.proto) < 0)
        return -EINVAL;
    if ((sport || dport) && packet.proto == 0) {
        say("--sport and --dport mean something only with --proto");
        return -EINVAL;
    }
    packet.mark = (uint32_t)mark;
    packet.sport = (uint16_t)sport;
    packet.dport = (uint16_t)dport;
    *ret = packet;
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

    if (parse(cli, arguments, &report.packet) < 0 ||
        session_load(&session, cli, SESSION_POLICY_OPTIONAL | SESSION_QUIET | SESSION_UNPAUSED) <
            0 ||
        session_read(&session, ARP_KEYS, FACT_ADDRESSES | FACT_ROUTES | FACT_ALTNAMES) < 0)
        return EXIT_ERROR;
    report.device = find(&session, arguments[1]);
    if (!report.device || (cli->values[OPTION_TO] && strchr(cli->values[OPTION_TO], '@') &&
                           verdict_publish(cli->values[OPTION_TO], &report) < 0))
        return EXIT_ERROR;
    r = netlink_open(&nl);
    if (r < 0) {
        say("cannot open a netlink socket: %s", error_text(r));
        return EXIT_ERROR;
    }
    if (verdict_ask(&nl, &report) < 0)
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
            "netfilter sends it to, as tracked flows tell. Asks the routing tables only:\n"
            "nothing is logged, counted or changed, and no privilege is needed but for\n"
            "tracked flows. Exit status 0 for either answer.\n",
    .options = OPTION_BIT(OPTION_TO) | OPTION_BIT(OPTION_MARK) | OPTION_BIT(OPTION_PROTO) |
               OPTION_BIT(OPTION_SPORT) | OPTION_BIT(OPTION_DPORT) | OPTION_BIT(OPTION_ASK_KERNEL),
    .formats = FORMATS_USUAL,
    .run = run_verdict,
};
