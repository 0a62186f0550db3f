/* Where replies from a device's addresses leave now, asked of the routing tables without a trace
 * (fib.h), and what to do where they leave elsewhere: strict drops what comes in by the device
 * then. IPv4 alone: IPv6 has no such check. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

#include "explain.h"
#include "routing_report.h"

/* Stands for peers far away: nobody has a route of its own to class E. */
#define FAR_AWAY "240.0.0.1"

static int ask(struct fib *fib, const struct device *device, struct explain_reply *reply)
{
    struct fib_flow flow = {
        .to = reply->peer,
        .from = reply->address,
        .iif = 1,
        .vrf = streq(device->slave_kind, "vrf") ? device->master : 0,
    };
    int r = fib_lookup(fib, &flow, &reply->route);

    if (r == -ENOMEM)
        return r;
    reply->known = r >= 0;
    for (size_t i = 0; reply->known && i < reply->route.found.n_hops; i++)
        reply->symmetric |= reply->route.found.hops[i] == device->ifindex;
    return 0;
}

static int gather_replies(struct explain *explain, struct fib *fib, struct in_addr peer, bool far)
{
    struct explain_replies *replies = &explain->replies;

    for (size_t i = 0; i < fib->n_addresses; i++) {
        struct explain_reply reply = {.address = fib->addresses[i].address, .peer = peer};
        int r;

        if (fib->addresses[i].ifindex != explain->device->ifindex)
            continue;
        r = ask(fib, explain->device, &reply);
        if (r >= 0)
            r = grow((void **)&replies->items, &replies->capacity, replies->count,
                     sizeof(*replies->items));
        if (r < 0)
            return r;
        replies->items[replies->count++] = reply;
        replies->asymmetric |= reply.known && !reply.symmetric;
    }
    replies->far = far;
    return 0;
}

/* What the planner would make of asking for the device: is a gateway found, and which table is it?
 */
static int try_routing(struct explain *explain)
{
    char pattern[NAME_ESCAPED_SIZE + 1], text[2 * NAME_ESCAPED_SIZE + 64];
    _cleanup_policy_ struct policy *policy = policy_new();
    _cleanup_routing_ struct routing routing = {0};
    int r;

    if (!policy)
        return -ENOMEM;
    explain_pattern(explain->name, pattern);
    snprintf(text, sizeof(text), "[routing]\n%s = auto\n", pattern);
    r = policy_add_file(policy, "explain", text, strlen(text), NULL);
    if (r >= 0)
        r = policy_finish(policy, NULL);
    if (r >= 0)
        r = routing_read(explain->session, policy, false, &routing);
    for (size_t i = 0; r >= 0 && i < routing.plan.n_devices; i++) {
        const struct routes_device *device = &routing.plan.devices[i];

        if (device->ifindex != explain->device->ifindex)
            continue;
        explain->replies.table = device->table;
        explain->replies.gateway_found = device->gateway[0].source[0] != '\0';
    }
    return r;
}

/* Strict, forwarding, and not where the default route leaves: what it forwards inwards is checked
 * with an address that no rule for the host's own addresses knows. */
static bool forwards_in_strict(const struct explain *explain)
{
    const struct device *device = explain->device;
    const struct live *live = &explain->session->live;

    return device->forwarding && !device->uplink && device->numbered && device->flags & IFF_UP &&
           key_effective(KEY_RP_FILTER, live->all[KEY_RP_FILTER], device->conf[KEY_RP_FILTER],
                         false) == 1;
}

int explain_gather_replies(struct explain *explain, const char *peer)
{
    _cleanup_netlink_ struct netlink nl = {0};
    _cleanup_fib_ struct fib fib = {0};
    struct routing_settings settings;
    struct in_addr address;
    int r;

    if (inet_pton(AF_INET, peer ?: FAR_AWAY, &address) != 1) {
        say("--peer takes an IPv4 address, not '%s'", NAME_SHOWN(peer));
        return -EINVAL;
    }
    if (explain->subject != EXPLAIN_DEVICE || explain->device->flags & IFF_LOOPBACK)
        return 0;
    r = netlink_open(&nl);
    if (r >= 0)
        r = fib_open(&nl, &fib);
    if (r >= 0)
        r = gather_replies(explain, &fib, address, !peer);
    if (r < 0)
        return r;
    routing_for(explain->session->policy, explain->device, &settings);
    explain->replies.asked = settings.wanted;
    explain->replies.forwards = forwards_in_strict(explain);
    return explain->replies.asymmetric || explain->replies.forwards ? try_routing(explain) : 0;
}

void explain_replies_done(struct explain_replies *replies)
{
    free(replies->items);
}

/* -- words -- */

static void put_hops(FILE *out, const struct explain *explain, const struct explain_reply *reply)
{
    const struct route_found *found = &reply->route.found;

    for (size_t i = 0; i < found->n_hops; i++) {
        const struct device *device = live_by_ifindex(&explain->session->live, found->hops[i]);
        char text[INET_ADDRSTRLEN];

        fprintf(out, "%s%s", i ? ", " : "by ", device ? NAME_SHOWN(device->name) : "?");
        if (reply->route.gateways[i].s_addr &&
            inet_ntop(AF_INET, &reply->route.gateways[i], text, sizeof(text)))
            fprintf(out, " via %s", text);
    }
}

char *explain_reply_text(const struct explain *explain, const struct explain_reply *reply)
{
    char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN], *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    inet_ntop(AF_INET, &reply->address, from, sizeof(from));
    inet_ntop(AF_INET, &reply->peer, to, sizeof(to));
    fprintf(out, "from %s to %s: ", from, explain->replies.far ? "peers far away" : to);
    if (!reply->known)
        fputs("not known, since a rule looks at something that is not known here", out);
    else if (reply->route.found.n_hops == 0)
        fprintf(out, "no way (%s)", route_kind_name(reply->route.found.kind));
    else
        put_hops(out, explain, reply);
    if (reply->known && !reply->symmetric)
        fprintf(out, ", not by %s: strict drops what comes in by %s from there",
                NAME_SHOWN(explain->name), NAME_SHOWN(explain->name));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void put_routing_cure(FILE *out, const struct explain *explain, const char *pattern)
{
    const char *name = NAME_SHOWN(explain->name);

    if (explain->replies.asked) {
        fprintf(out,
                "The policy asks for routing of %s; what is in its way, and what is still to be "
                "done\n    rpfpolicy routes show\n    rpfpolicy routes plan\n",
                name);
        return;
    }
    fprintf(out,
            "To let them leave by %s, so that strict can stay, lines of the policy\n"
            "    [routing]\n"
            "    %s = auto\n",
            name, pattern);
    if (!explain->replies.gateway_found)
        fprintf(out,
                "    [routing %s]\n"
                "    gateway = first     ; or the address of the router there\n",
                pattern);
    fputs("and to see first what follows from it\n    rpfpolicy plan\n", out);
}

static void put_loose_cure(FILE *out, const char *name, const char *pattern)
{
    fprintf(
        out,
        "\nOr to take what comes in by %s all the same, a line of the policy. The price: replies "
        "still leave elsewhere, where a network that knows no such source may drop them, and "
        "%s accepts every source that has any route\n"
        "    [rp_filter]\n"
        "    %s = loose\n",
        name, name, pattern);
}

/* The mark is the number of the table; the rule stands between the one for main and ours. */
static void put_forward_cure(FILE *out, const struct explain *explain, const char *pattern)
{
    const char *name = NAME_SHOWN(explain->name);
    uint32_t table = explain->replies.table,
             base = explain->session->policy->agent.routing_priority_base;

    fprintf(out,
            "\n%s forwards. What it forwards inwards (published ports, NodePorts) strict drops, "
            "whatever the rules for own addresses say. Either loose, which accepts every source "
            "that has any route\n"
            "    [rp_filter]\n"
            "    %s = loose\n"
            "or marks that keep strict: lines of the policy\n"
            "    [src_valid_mark]\n"
            "    %s = yes\n"
            "and to be run as root, at each boot, where routing of %s is in place\n"
            "    ip rule add priority %u fwmark %u lookup %u\n"
            "    nft 'table ip rpfpolicy_%u { chain prerouting { type filter hook prerouting "
            "priority mangle; iifname \"%s\" ct state new ct mark set %u; ct mark %u meta mark set "
            "ct mark; }; }'\n",
            name, pattern, pattern, name, base + ROUTING_PRIORITY_MAIN + 50, table, table, table,
            name, table, table);
}

char *explain_replies_cure(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;
    char pattern[NAME_ESCAPED_SIZE + 1], *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    explain_pattern(explain->name, pattern);
    if (replies->asymmetric)
        put_routing_cure(out, explain, pattern);
    if (replies->asymmetric)
        put_loose_cure(out, NAME_SHOWN(explain->name), pattern);
    if (replies->forwards && replies->table)
        put_forward_cure(out, explain, pattern);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

json_t *explain_replies_json(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;
    json_t *list = json_array();

    for (size_t i = 0; i < replies->count; i++) {
        const struct explain_reply *reply = &replies->items[i];
        json_t *object = json_object(), *devices = json_array();
        _cleanup_free_ char *text = explain_reply_text(explain, reply);
        char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];

        inet_ntop(AF_INET, &reply->address, from, sizeof(from));
        inet_ntop(AF_INET, &reply->peer, to, sizeof(to));
        for (size_t k = 0; k < reply->route.found.n_hops; k++) {
            const struct device *device =
                live_by_ifindex(&explain->session->live, reply->route.found.hops[k]);

            json_array_append_new(devices, json_bytes(device ? device->name : NULL));
        }
        json_object_set_new(object, "from", json_string(from));
        json_object_set_new(object, "to", replies->far ? json_null() : json_string(to));
        json_object_set_new(object, "devices", devices);
        json_object_set_new(object, "symmetric",
                            reply->known ? json_boolean(reply->symmetric) : json_null());
        json_object_set_new(object, "message", json_bytes(text));
        json_array_append_new(list, object);
    }
    return list;
}
