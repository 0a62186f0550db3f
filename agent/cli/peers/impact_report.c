/* Who would be cut, why, and what would keep them: a table and the words for it. */
#include "agent/cli/peers/impact_report.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>

#include "agent/cli/engines/reports.h"
#include "agent/engines/routes/routes_engine.h"
#include "agent/peers/ssh.h"
#include "policy/base/text.h"

const struct routes_plan *impact_routes(const struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++)
        if (routing_of(&reports->items[i]))
            return &routing_of(&reports->items[i])->plan;
    return NULL;
}

int impact_read(const struct session *session, const struct plan *plan,
                const struct routes_plan *routes, struct peers *ret)
{
    _cleanup_netlink_ struct netlink nl = {0};
    _cleanup_after_ struct live after = {0};
    struct session_peer own;
    bool remote = ssh_own_session(&own);
    int r = netlink_open(&nl);

    if (r >= 0)
        r = impact_after_plan(&session->live, plan, &after);
    if (r >= 0) {
        const struct peers_options options = {
            .nl = &nl,
            .live = &session->live,
            .after = &after,
            .proc_sys_net = session->cli->paths.proc_sys_net,
            .session = remote ? &own : NULL,
            .routes = routes,
            .owners = true,
        };

        r = peers_find(&options, ret);
    }
    if (r < 0)
        say("cannot tell who would be cut: %s", error_text(r));
    return r;
}

const char *impact_device(const struct session *session, int ifindex)
{
    const struct device *device = live_by_ifindex(&session->live, ifindex);

    return device ? device->name : "?";
}

const char *protocol_name(uint8_t proto, char buf[static 4])
{
    switch (proto) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_ICMP:
        return "icmp";
    default:
        snprintf(buf, 4, "%u", proto);
        return buf;
    }
}

static const char *address_text(struct in_addr address, uint16_t port, char *buf, size_t size)
{
    char text[INET_ADDRSTRLEN];

    snprintf(buf, size, port ? "%s:%u" : "%s",
             inet_ntop(AF_INET, &address, text, sizeof(text)) ?: "?", port);
    return buf;
}

const char *peer_text(const struct peer *peer, char buf[static PEER_TEXT_SIZE])
{
    char address[INET_ADDRSTRLEN + 6], proto[4];

    snprintf(buf, PEER_TEXT_SIZE, "%s%s%s", peer->proto ? protocol_name(peer->proto, proto) : "",
             peer->proto ? " " : "",
             address_text(peer->address, peer->port, address, sizeof(address)));
    return buf;
}

const char *peer_step_name(const struct peer *peer)
{
    return peer->astray ? "astray" : verdict_step_name(peer->step);
}

const char *peer_step_text(const struct peer *peer)
{
    if (!peer->astray)
        return verdict_step_text(peer->step);
    return peer->back_kind == ROUTE_UNICAST ? "replies would leave by another device"
                                            : "there would be no way for replies";
}

char *peer_why(const struct session *session, const struct peer *peer)
{
    _cleanup_text_ struct text text = {0};

    text_put(&text, peer_step_text(peer));
    if (peer->back_kind == ROUTE_UNICAST)
        for (size_t i = 0; i < peer->n_back && i < PEER_BACK_MAX; i++)
            text_add(&text, "%s%s", i == 0 ? " (" : ", ",
                     NAME_SHOWN(impact_device(session, peer->back[i])));
    if (peer->back_kind == ROUTE_UNICAST && peer->n_back > 0)
        text_put(&text, peer->n_back > PEER_BACK_MAX ? ", ...)" : ")");
    return text_take(&text);
}

/* The exception whose rule wins on the device, so that a plain line would not. */
static const struct exception *winning_exception(const struct session *session,
                                                 const struct peer *peer)
{
    const struct device *device = live_by_ifindex(&session->live, peer->ifindex);
    const struct rule *rule =
        device ? policy_match(session->policy, peer->cure.key, device, NULL) : NULL;

    return rule && rule->exception >= 0 ? &session->policy->exceptions[rule->exception] : NULL;
}

char *peer_keep_section(const struct session *session, const struct peer *peer)
{
    const struct exception *exception = winning_exception(session, peer);
    char *text;
    int n;

    if (exception)
        n = asprintf(&text, "[exception %s]", NAME_SHOWN(exception->name));
    else
        n = asprintf(&text, "[%s]", key_info(peer->cure.key)->name);
    return n < 0 ? NULL : text;
}

char *peer_keep_line(const struct session *session, const struct peer *peer)
{
    char pattern[DEVICE_NAME_MAX + 1], word[12], *text;
    const char *left = pattern;

    if (winning_exception(session, peer))
        left = key_info(peer->cure.key)->name;
    else
        pattern_of_name(impact_device(session, peer->ifindex), pattern);
    return asprintf(&text, "%s = %s", left,
                    key_value_format(peer->cure.key, peer->cure.value, word, sizeof(word))) < 0
               ? NULL
               : text;
}

static void process_text(const struct peer *peer, char *buf, size_t size)
{
    if (peer->pid)
        snprintf(buf, size, "%s (%d)", peer->process, peer->pid);
    else
        snprintf(buf, size, "%s",
                 peer->source == PEER_SOCKET ? "-" : peer_source_name(peer->source));
}

static int add_row(struct table *table, const struct session *session, const struct peer *peer)
{
    _cleanup_free_ char *why = peer_why(session, peer), *keep = NULL, *section = NULL, *line = NULL;
    char device[NAME_ESCAPED_SIZE], address[PEER_TEXT_SIZE], local[INET_ADDRSTRLEN + 6],
        process[32];

    if (peer->cure.known) {
        section = peer_keep_section(session, peer);
        line = peer_keep_line(session, peer);
        if (!section || !line || asprintf(&keep, "%s %s", section, line) < 0) {
            keep = NULL;
            return -ENOMEM;
        }
    }
    if (!why)
        return -ENOMEM;
    process_text(peer, process, sizeof(process));
    name_escape_buf(impact_device(session, peer->ifindex), device, sizeof(device));
    if (peer->possible)
        strcpy(device + strnlen(device, sizeof(device) - 2), "?");
    return table_row(table, (const char *const[]){
                                device, peer_text(peer, address),
                                address_text(peer->local, peer->local_port, local, sizeof(local)),
                                process, why, keep});
}

static void print_remarks(FILE *f, const struct session *session, const struct peers *peers)
{
    bool possible = false;

    for (size_t i = 0; i < peers->count; i++)
        possible |= peers->items[i].possible;
    if (possible)
        fputs("DEVICE?: the local address is on no device that packets come in by: where the "
              "peer's\npackets come in by another device nothing changes for it.\n",
              f);
    if (peers->count > 0)
        fprintf(f,
                "Established connections pass unchecked until the route cache is flushed or their "
                "route\nchanges; 'apply' %s.\n",
                session->policy->agent.flush_routes ? "flushes it"
                                                    : "leaves it alone (flush-routes = no)");
}

static void print_limits(FILE *f, const struct peers *peers)
{
    char number[16];

    if (peers->unknown > 0)
        fprintf(f, "note: %s %s could not be judged: an ip rule asks for what is not known here\n",
                count_text(peers->unknown, number), PLURAL(peers->unknown, "packet"));
    if (peers->truncated)
        fprintf(f, "note: there are more flows than are looked at (%s)\n",
                count_text(PEERS_LOOKED_AT_MAX, number));
}

/* The conclusion, before the table. */
static void print_head(FILE *f, const struct peers *peers)
{
    char peer_number[16], device_number[16];
    const char *who = peers->count == 1 ? "connection or neighbour" : "connections and neighbours";

    count_text(peers->count, peer_number);
    count_text(peers->stricter, device_number);
    if (peers->count == 0 && peers->stricter == 0)
        fputs(peers->rerouted ? "Only routes and rules change, and nobody seen now would be cut.\n"
                              : "No device becomes stricter: nobody would be cut.\n",
              f);
    else if (peers->count == 0)
        fprintf(f, "%s %s stricter, and nobody seen now would be cut.\n", device_number,
                peers->stricter == 1 ? "device becomes" : "devices become");
    else if (peers->rerouted)
        fprintf(f, "%s %s would be cut by what changes of values, routes and rules:\n", peer_number,
                who);
    else
        fprintf(f, "%s %s would be cut on %s %s stricter:\n", peer_number, who, device_number,
                peers->stricter == 1 ? "device that becomes" : "devices that become");
}

int impact_print(struct output *out, const struct session *session, const struct peers *peers)
{
    static const struct column columns[] = {
        {"DEVICE", 0},  {"PEER", 0},          {"SENT TO", 0},
        {"PROCESS", 0}, {"WHY", COLUMN_WRAP}, {"KEPT BY", COLUMN_WRAP},
    };
    _cleanup_table_ struct table *table = table_new(columns, ELEMENTSOF(columns));
    int r = table ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < peers->count; i++)
        r = add_row(table, session, &peers->items[i]);
    if (r < 0)
        return r;
    print_head(out->stream, peers);
    r = table_print(table, out);
    print_remarks(out->stream, session, peers);
    print_limits(out->stream, peers);
    return r;
}
