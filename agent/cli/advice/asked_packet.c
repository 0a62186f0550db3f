/* Reading the options of a packet. Of a published port the kernel asks for the way back after
 * netfilter has changed its destination, so the address behind it is what decides. */
#include "agent/cli/advice/asked_packet.h"

#include <arpa/inet.h>

#include "agent/cli/frame/options.h"
#include "agent/kernel/conntrack.h"
#include "policy/base/name.h"

static int parse_to(const char *text, struct asked_packet *packet)
{
    struct published *published = &packet->published;
    unsigned long port;
    char *end;

    if (!text || inet_pton(AF_INET, text, &packet->to) == 1)
        return 0;
    port = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '@' || port == 0 || port > UINT16_MAX ||
        inet_pton(AF_INET, end + 1, &published->address) != 1) {
        say("--to takes an IPv4 address, or a published port as PORT@ADDRESS, not '%s'",
            NAME_SHOWN(text));
        return -EINVAL;
    }
    published->port = (uint16_t)port;
    return 0;
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

int asked_packet_read(const struct cli *cli, struct asked_packet *ret)
{
    struct asked_packet packet = {.marked = cli_given(cli, OPTION_MARK)};
    unsigned long mark = 0, sport = 0, dport = 0;

    if (parse_to(cli->values[OPTION_TO], &packet) < 0 ||
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

static bool is_for(const struct tracked_flow *flow, const struct asked_packet *packet)
{
    return flow->proto == packet->proto &&
           flow->original.destination.s_addr == packet->published.address.s_addr &&
           flow->original.dport == packet->published.port;
}

static void take(const struct tracked_flow *flow, struct asked_packet *packet)
{
    struct in_addr to = flow->reply.source;
    struct published *published = &packet->published;

    if (published->n_targets > 0 && to.s_addr == packet->to.s_addr)
        return;
    if (published->n_targets++ > 0)
        return;
    packet->to = to;
    packet->dport = flow->reply.sport;
}

int asked_packet_look_up(const struct cli *cli, struct asked_packet *packet)
{
    struct published *published = &packet->published;
    _cleanup_free_ struct tracked_flow *flows = NULL;
    char address[INET_ADDRSTRLEN];
    enum tracking tracking;
    size_t n = 0;
    int r;

    if (published->port == 0)
        return 0;
    packet->proto = packet->proto ?: IPPROTO_TCP;
    r = conntrack_read(cli->paths.proc_sys_net, 0, &flows, &n, &tracking);
    if (r < 0) {
        say("cannot read what netfilter tracks: %s", error_text(r));
        return r;
    }
    for (size_t i = 0; i < n; i++)
        if (is_for(&flows[i], packet))
            take(&flows[i], packet);
    if (published->n_targets > 0)
        return 0;
    say("no flow to port %u of %s is tracked here, so that it is not known where netfilter sends\n"
        "it; only root sees flows, and only while somebody is connected. Name the address behind\n"
        "it, of the container: --to=ADDRESS",
        published->port, inet_ntop(AF_INET, &published->address, address, sizeof(address)));
    return -ENOENT;
}

void published_print(struct output *out, const struct published *published)
{
    char address[INET_ADDRSTRLEN];

    if (!published->port)
        return;
    fprintf(out->stream, "Sent to port %u of %s, which netfilter changes, as a tracked flow tells",
            published->port,
            inet_ntop(AF_INET, &published->address, address, sizeof(address)) ?: "?");
    if (published->n_targets > 1)
        fputs("; others are sent elsewhere", out->stream);
    fputs(".\n", out->stream);
}

json_t *published_json(const struct published *published)
{
    char address[INET_ADDRSTRLEN];

    if (!published->port)
        return json_null();
    return json_make(
        {"address",
         json_string(inet_ntop(AF_INET, &published->address, address, sizeof(address)) ?: "?")},
        {"port", json_integer(published->port)}, {"targets", json_integer(published->n_targets)});
}
