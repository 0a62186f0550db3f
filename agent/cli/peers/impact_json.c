/* Who would be cut, as JSON. */
#include <arpa/inet.h>

#include "agent/cli/peers/impact_report.h"

static json_t *json_address(struct in_addr address)
{
    char text[INET_ADDRSTRLEN];

    return json_string(inet_ntop(AF_INET, &address, text, sizeof(text)) ?: "?");
}

static json_t *json_port(uint16_t port)
{
    return port ? json_integer(port) : json_null();
}

static json_t *json_process(const struct peer *peer)
{
    json_t *object;

    if (!peer->pid)
        return json_null();
    object = json_object();
    json_object_set_new(object, "pid", json_integer(peer->pid));
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

static json_t *json_keep(const struct session *session, const struct peer *peer)
{
    _cleanup_free_ char *section = NULL, *line = NULL;
    json_t *object;

    if (!peer->cure.known)
        return json_null();
    section = peer_keep_section(session, peer);
    line = peer_keep_line(session, peer);
    object = json_object();
    json_set(object, {"section", json_bytes(section)}, {"line", json_bytes(line)});
    return object;
}

json_t *impact_peer_json(const struct session *session, const struct peer *peer)
{
    json_t *object = json_object();
    char mode[12], proto[4];

    json_object_set_new(object, "ifindex", json_integer(peer->ifindex));
    json_set_name(object, "device", impact_device(session, peer->ifindex));
    json_set(
        object, {"certain", json_boolean(!peer->possible)},
        {"seen_as", json_string(peer_source_name(peer->source))},
        {"protocol", peer->proto ? json_string(protocol_name(peer->proto, proto)) : json_null()},
        {"peer", json_address(peer->address)}, {"port", json_port(peer->port)},
        {"local", json_address(peer->local)}, {"local_port", json_port(peer->local_port)},
        {"process", json_process(peer)},
        {"mode", json_string(key_value_format(KEY_RP_FILTER, peer->mode, mode, sizeof(mode)))},
        {"step", json_string(peer_step_name(peer))}, {"text", json_string(peer_step_text(peer))},
        {"way_back", json_back(session, peer)}, {"keep", json_keep(session, peer)});
    return object;
}

void impact_set_json(json_t *object, const struct session *session, const struct peers *peers)
{
    json_t *list = json_array();

    for (size_t i = 0; i < peers->count; i++)
        json_array_append_new(list, impact_peer_json(session, &peers->items[i]));
    json_set(object, {"impact", list}, {"impact_unknown", json_integer((json_int_t)peers->unknown)},
             {"impact_truncated", json_boolean(peers->truncated)});
}
