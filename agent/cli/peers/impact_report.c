/* Who would be cut, why, and what would keep them: as a table and as JSON, and the words for it. */
#include "agent/cli/peers/impact_report.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>

#include "agent/peers/protected.h"
#include "agent/peers/ssh.h"
#include "policy/base/text.h"

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

static json_t *json_process(const struct peer *peer)
{
    json_t *object;

    if (!peer->pid)
        return json_null();
    object = json_make({"pid", json_integer(peer->pid)});
    json_set_name(object, "name", peer->process);
    return object;
}

static json_t *json_back(const struct session *session, const struct peer *peer)
{
    json_t *list = json_array();

    if (peer->back_kind == ROUTE_UNICAST)
        for (size_t i = 0; i < peer->n_back && i < PEER_BACK_MAX; i++)
            json_array_append_new(list, json_bytes(impact_device(session, peer->back[i])));
    return list;
}

/* Owned; NULL when memory ran out. */
static char *keep_text(const struct session *session, const struct peer *peer)
{
    _cleanup_free_ char *section = peer_keep_section(session, peer);
    _cleanup_free_ char *line = peer_keep_line(session, peer);

    return section && line ? text_format("%s %s", section, line) : NULL;
}

static json_t *json_keep(const struct session *session, const struct peer *peer)
{
    _cleanup_free_ char *section = NULL, *line = NULL;

    if (!peer->cure.known)
        return json_null();
    section = peer_keep_section(session, peer);
    line = peer_keep_line(session, peer);
    return json_make({"section", json_bytes(section)}, {"line", json_bytes(line)});
}

static json_t *json_protected(const struct session *session, const struct peer *peer)
{
    const struct protected_peer *item = protect_find(session->policy, peer);

    return item ? json_make({"item", json_bytes(item->text)},
                            {"file", json_bytes(item->origin.file)},
                            {"line", json_integer(item->origin.line)})
                : json_null();
}

static const char *process_text(const struct peer *peer, char buf[static 32])
{
    if (!peer->pid)
        return peer->source == PEER_SOCKET ? NULL : peer_source_name(peer->source);
    snprintf(buf, 32, "%s (%d)", peer->process, peer->pid);
    return buf;
}

static int put_peer(struct row *row, const struct session *session, const struct peer *peer)
{
    const char *name = impact_device(session, peer->ifindex);
    char proto[4], to[PEER_TEXT_SIZE], sent_to[INET_ADDRSTRLEN + 6], mode[12], process[32];
    char address[INET_ADDRSTRLEN], local[INET_ADDRSTRLEN];

    return ROW(
        row, {"ifindex", NULL, NUMBER(peer->ifindex)}, {"device", NULL, NAME(name)},
        {NULL, "DEVICE",
         FOR_TABLE(row, text_format("%s%s", NAME_SHOWN(name), peer->possible ? "?" : ""))},
        {"certain", NULL, TRUTH(!peer->possible)},
        {"seen_as", NULL, TEXT(peer_source_name(peer->source))},
        {"protocol", NULL, TEXT(peer->proto ? protocol_name(peer->proto, proto) : NULL)},
        {"peer", NULL, TEXT(address_text(peer->address, 0, address, sizeof(address)))},
        {"port", NULL, NUMBER_IF(peer->port, peer->port)},
        {NULL, "PEER", TEXT(peer_text(peer, to))},
        {"local", NULL, TEXT(address_text(peer->local, 0, local, sizeof(local)))},
        {"local_port", NULL, NUMBER_IF(peer->local_port, peer->local_port)},
        {NULL, "SENT TO",
         TEXT(address_text(peer->local, peer->local_port, sent_to, sizeof(sent_to)))},
        {"process", NULL, FOR_JSON(row, json_process(peer))},
        {NULL, "PROCESS", TEXT(process_text(peer, process))},
        {"mode", NULL, TEXT(key_value_format(KEY_RP_FILTER, peer->mode, mode, sizeof(mode)))},
        {"step", NULL, TEXT(peer_step_name(peer))}, {"text", NULL, TEXT(peer_step_text(peer))},
        {NULL, "WHY", FOR_TABLE(row, peer_why(session, peer)), COLUMN_WRAP},
        {"way_back", NULL, FOR_JSON(row, json_back(session, peer))},
        {"keep", NULL, FOR_JSON(row, json_keep(session, peer))},
        {"protected", NULL, FOR_JSON(row, json_protected(session, peer))},
        {NULL, "KEPT BY", peer->cure.known ? FOR_TABLE(row, keep_text(session, peer)) : TEXT(NULL),
         COLUMN_WRAP});
}

json_t *impact_peer_json(const struct session *session, const struct peer *peer)
{
    return ROW_OBJECT(row, put_peer(&row, session, peer));
}

static json_t *json_unseen(const struct peers *peers)
{
    json_t *list = json_array();

    for (size_t i = 0; i < peers->n_servers; i++) {
        const struct unseen_server *server = &peers->servers[i];
        char address[INET_ADDRSTRLEN];

        json_array_append_new(
            list, json_make({"address",
                             json_string(address_text(server->local, 0, address, sizeof(address)))},
                            {"port", json_integer(server->port)},
                            {"tracking", json_string(tracking_name(peers->tracking))}));
    }
    return list;
}

void impact_set_json(json_t *object, const struct session *session, const struct peers *peers)
{
    json_t *list = json_array();

    for (size_t i = 0; i < peers->count; i++)
        json_array_append_new(list, impact_peer_json(session, &peers->items[i]));
    json_set(object, {"impact", list}, {"impact_unknown", json_integer((json_int_t)peers->unknown)},
             {"impact_truncated", json_boolean(peers->left_out > 0)},
             {"impact_unseen", json_unseen(peers)});
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
    _cleanup_free_ char *unseen = unseen_text(peers->tracking, peers->servers, peers->n_servers);
    char number[16];

    if (peers->unknown > 0)
        fprintf(f, "note: %s %s could not be judged: an ip rule asks for what is not known here\n",
                count_text(peers->unknown, number), PLURAL(peers->unknown, "packet"));
    if (peers->left_out > 0)
        fprintf(f, "note: there are more flows than are looked at (%s)\n",
                count_text(PEERS_LOOKED_AT_MAX, number));
    if (unseen)
        fprintf(f, "note: %s\n", unseen);
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
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    int r = table ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < peers->count; i++)
        r = put_peer(&(struct row){.table = table}, session, &peers->items[i]);
    if (r < 0)
        return r;
    print_head(out->stream, peers);
    r = table_print(table, out);
    print_remarks(out->stream, session, peers);
    print_limits(out->stream, peers);
    return r;
}
