/* Where replies from a device's addresses leave now, asked of the routing tables without a trace
 * (fib.h, fib6.h), and what to do where they leave elsewhere. In IPv4 strict drops what comes in by
 * the device then; IPv6 has no such check, but networks on the way may drop the replies. */
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

#include "agent/advice/culprit.h"
#include "agent/advice/stand_in.h"
#include "agent/cli/advice/device_pattern.h"
#include "agent/cli/explain/explain.h"
#include "agent/cli/routes/routing_report.h"
#include "policy/base/text.h"

/* Stands for peers far away in IPv6: nobody has a route of its own to 3000::/4, which is reserved,
 * and what covers all of 2000::/3 covers it, too. In IPv4 every network is somebody's. */
#define FAR_AWAY_IPV6 "3000::1"

#define FAR_AWAY_ROUTES_MAX ((size_t)2 << 20)

static int ask(struct fib *fib, const struct device *device, struct explain_reply *reply)
{
    const struct fib_flow flow = {
        .to = reply->peer,
        .from = reply->address,
        .iif = 1,
        .oif = device_vrf(device),
        .vrf = device_vrf(device),
        .vrf_table = device->vrf_table,
    };
    int r = fib_lookup(fib, &flow, &reply->way);

    if (r == -ENOMEM)
        return r;
    reply->known = r >= 0;
    /* Nothing comes in by a VRF itself, but by its ports. */
    reply->symmetric =
        reply->known && (reply->way.found.kind == ROUTE_LOCAL || device_is_vrf(device));
    for (size_t i = 0; reply->known && i < reply->way.found.n_hops; i++)
        reply->symmetric |= reply->way.found.hops[i] == device->ifindex;
    return 0;
}

/* In IPv4 strict drops also what nothing leads back to; in IPv6 nobody does. */
static bool is_asymmetric(const struct explain_reply *reply)
{
    return reply->known && !reply->symmetric &&
           (reply->address.family == AF_INET || reply->way.found.n_hops > 0);
}

static int gather_reply(struct explain *explain, struct fib *fib, const struct ip *address)
{
    struct explain_replies *replies = &explain->replies;
    struct explain_reply reply = {.address = *address, .peer = replies->peer};
    unsigned f = IP_INDEX(address->family);
    int r;

    replies->ip[f].numbered = true;
    if (replies->peer.family && replies->peer.family != address->family)
        return 0;
    if (!replies->peer.family)
        reply.peer = replies->far_away[f];
    r = ask(fib, explain->device, &reply);
    if (r >= 0)
        r = grow((void **)&replies->items, &replies->capacity, replies->count,
                 sizeof(*replies->items));
    if (r < 0)
        return r;
    replies->items[replies->count++] = reply;
    replies->ip[f].asymmetric |= is_asymmetric(&reply);
    return 0;
}

static int find_far_away(struct explain *explain, struct fib *fib)
{
    int r = fib_hold(fib, FAR_AWAY_ROUTES_MAX);

    explain->replies.far_away[0] = ip_of_ipv4(stand_in_far_away(fib));
    gather(&r, ip_parse(FAR_AWAY_IPV6, &explain->replies.far_away[1]));
    return r == -E2BIG ? 0 : r;
}

/* From the addresses that routing would make a rule for. */
static int gather_replies(struct explain *explain, struct netlink *nl)
{
    _cleanup_(route_facts_done) struct route_facts facts = {0};
    _cleanup_fib_ struct fib fib = {0};
    int r = fib_open(nl, &fib);

    if (r >= 0 && !explain->replies.peer.family)
        r = find_far_away(explain, &fib);
    if (r >= 0)
        r = routes_read_addresses_of(nl, explain->device->ifindex, &facts);
    for (unsigned f = 0; f < IP_FAMILIES; f++)
        for (size_t i = 0; r >= 0 && i < facts.n_addresses; i++)
            if (facts.addresses[i].local.ip.family == IP_FAMILY(f) &&
                routes_address_is_usable(&facts.addresses[i]))
                r = gather_reply(explain, &fib, &facts.addresses[i].local.ip);
    return r;
}

/* What the policy asks for, and whether it has its effect. */
static int gather_routing(struct explain *explain)
{
    struct explain_replies *replies = &explain->replies;
    _cleanup_routing_ struct routing routing = {0};
    int r = routing_read(explain->session, explain->session->policy, &routing);

    for (size_t i = 0; r >= 0 && i < routing.plan.n_devices; i++) {
        const struct routes_device *device = &routing.plan.devices[i];
        const char *why = device->conflict ?: device->message;

        if (device->ifindex != explain->device->ifindex)
            continue;
        replies->state = device->state;
        replies->why = why ? strdup(why) : NULL;
        if (why && !replies->why)
            r = -ENOMEM;
    }
    return r;
}

/* Strict, forwarding, and not where the default route leaves: what it forwards inwards is checked
 * with an address that no rule for the host's own addresses knows. In a VRF there are no such
 * rules, and its table has a default route of its own. */
static bool forwards_in_strict(const struct explain *explain)
{
    const struct device *device = explain->device;
    const struct live *live = &explain->session->live;

    return device->forwarding && !device->uplink && device_vrf(device) == 0 && device->numbered &&
           device->flags & IFF_UP &&
           key_effective(KEY_RP_FILTER, live->all[KEY_RP_FILTER], device->conf[KEY_RP_FILTER],
                         false) == 1;
}

/* An IPv4 peer as a socket for both families shows it is one of IPv4. */
static int read_peer(const char *text, struct ip *ret)
{
    static const char mapped[] = "::ffff:";
    struct ip peer;

    if (startswith(text, mapped) && strchr(text, '.'))
        text += strlen(mapped);
    if (ip_parse(text, &peer) < 0) {
        say("--peer takes an address of IPv4 or IPv6, not '%s'", NAME_SHOWN(text));
        return -EINVAL;
    }
    if (peer.family == AF_INET6 && ip_is_link_local(&peer)) {
        say("replies to the link-local '%s' leave by the device that hears it", NAME_SHOWN(text));
        return -EINVAL;
    }
    if (peer.family == AF_INET6 && !ip_is_host(&peer)) {
        say("--peer takes the address of one host, not '%s'", NAME_SHOWN(text));
        return -EINVAL;
    }
    *ret = peer;
    return 0;
}

static char *ipv6_culprit_text(const struct explain *explain, const struct explain_reply *reply)
{
    const struct world world = {.live = &explain->session->live};
    _cleanup_free_ char *way = culprit_way_text(&world, &reply->way);
    char from[IP_TEXT_MAX];

    return way ? text_format("replies from %s leave by another way: %s",
                             ip_text(&reply->address, from), way)
               : NULL;
}

static char *ipv6_note_text(const struct explain *explain)
{
    const char *name = NAME_SHOWN(explain->name);

    return text_format(
        "IPv6 has no rp_filter: what comes in by %s is not dropped for where its replies leave, "
        "unless a firewall here looks that up itself, and loose changes nothing of it. But the "
        "next router or the cloud may drop the replies as forged. In IPv6 no cure can be tried "
        "here. What gives replies ways of their own is policy routing, %s",
        name,
        explain->replies.asked
            ? "which the policy asks for: 'rpfpolicy routes show' tells what is in its way"
            : "[routing] in rpfpolicy.d(5)");
}

static int take_advice(struct explain *explain, struct netlink *nl, bool forwarded,
                       struct advice *ret)
{
    const struct session *session = explain->session;
    const struct explain_replies *replies = &explain->replies;
    const struct asked_packet *packet = &replies->packet;
    char pattern[NAME_ESCAPED_SIZE + 1];
    const struct advice_question question = {
        .nl = nl,
        .paths = &session->cli->paths,
        .policy = session->policy,
        .policy_usable = !session->broken,
        .live = &session->live,
        .device = explain->device,
        .pattern = device_pattern(explain->name, pattern),
        .far_away = !replies->peer.family,
        .forwarded = forwarded,
        .peer = ip_to_ipv4(&replies->peer),
        .to = packet->to,
        .marked = packet->marked,
        .mark = packet->mark,
        .proto = packet->proto,
        .sport = packet->sport,
        .dport = packet->dport,
    };

    return advise(&question, ret);
}

/* Rules are asked of the kernel as they are: no cure can be tried. */
static int judge_ipv6(struct explain *explain, const struct explain_reply *reply)
{
    struct advice *advice = &explain->replies.advice;
    const char *name = NAME_SHOWN(explain->name);
    char from[IP_TEXT_MAX], to[IP_TEXT_MAX];

    advice->known = reply->known;
    advice->passes = !is_asymmetric(reply);
    ip_text(&reply->address, to);
    ip_text(&reply->peer, from);
    if (!reply->known)
        return 0;
    advice->finding =
        text_format("%s -> %s by %s: accepted, %s%s", from, to, name,
                    advice->passes ? "replies by " : "but replies leave by another way",
                    advice->passes ? name : "");
    if (!advice->finding || advice->passes)
        return advice->finding ? 0 : -ENOMEM;
    advice->culprit = ipv6_culprit_text(explain, reply);
    advice->note = ipv6_note_text(explain);
    return advice->culprit && advice->note ? 0 : -ENOMEM;
}

/* Of the peer, or, where replies to far away leave elsewhere, of somebody there. */
static int find_advice(struct explain *explain, struct netlink *nl)
{
    struct explain_replies *replies = &explain->replies;
    int r = 0;

    if (replies->peer.family == AF_INET6 && replies->count > 0) {
        r = judge_ipv6(explain, &replies->items[0]);
        replies->advised = r >= 0;
    } else if (replies->peer.family == AF_INET || replies->ip[0].asymmetric) {
        r = take_advice(explain, nl, false, &replies->advice);
        replies->advised = r >= 0;
    }
    if (r >= 0 && !replies->peer.family && replies->forwards)
        r = take_advice(explain, nl, true, &replies->forwarded);
    return r;
}

int explain_gather_replies(struct explain *explain, const char *peer,
                           const struct asked_packet *packet)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct routing_settings settings;
    int r = peer ? read_peer(peer, &explain->replies.peer) : 0;

    if (r < 0)
        return r;
    explain->replies.packet = *packet;
    if (explain->subject != EXPLAIN_DEVICE || explain->device->flags & IFF_LOOPBACK)
        return 0;
    r = netlink_open(&nl);
    if (r >= 0)
        r = gather_replies(explain, &nl);
    if (r < 0)
        return r;
    routing_for(explain->session->policy, explain->device, &settings);
    explain->replies.asked = settings.wanted;
    explain->replies.forwards = forwards_in_strict(explain);
    r = find_advice(explain, &nl);
    return r >= 0 && settings.wanted ? gather_routing(explain) : r;
}

void explain_replies_done(struct explain_replies *replies)
{
    free(replies->items);
    free(replies->why);
    advice_done(&replies->advice);
    advice_done(&replies->forwarded);
}

/* -- words -- */

static void put_hops(FILE *out, const struct explain *explain, const struct fib_way *way)
{
    for (size_t i = 0; i < way->found.n_hops; i++) {
        const struct device *device = live_by_ifindex(&explain->session->live, way->found.hops[i]);
        char text[IP_TEXT_MAX];

        fprintf(out, "%s%s", i ? ", " : "by ", device ? NAME_SHOWN(device->name) : "?");
        if (way->gateways[i].family)
            fprintf(out, " via %s", ip_text(&way->gateways[i], text));
    }
}

static void put_asymmetry(FILE *out, const struct explain *explain, uint8_t family)
{
    const char *name = NAME_SHOWN(explain->name);

    if (family == AF_INET6)
        fprintf(out, ", not by %s: a network that lets no foreign source pass drops them", name);
    else
        fprintf(out, ", not by %s: strict drops what comes in by %s from there", name, name);
}

char *explain_reply_text(const struct explain *explain, const struct explain_reply *reply)
{
    _cleanup_free_ char *text = NULL;
    char from[IP_TEXT_MAX], to[IP_TEXT_MAX];
    const struct fib_way *way = &reply->way;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "from %s to %s: ", ip_text(&reply->address, from),
            explain->replies.peer.family ? ip_text(&reply->peer, to) : "peers far away");
    if (!reply->known)
        fputs("not known, since a rule looks at something that is not known here", out);
    else if (way->found.kind == ROUTE_LOCAL)
        fputs("stays in this host", out);
    else if (way->found.n_hops == 0)
        fprintf(out, "no way (%s)", route_kind_name(way->found.kind));
    else
        put_hops(out, explain, way);
    if (is_asymmetric(reply))
        put_asymmetry(out, explain, reply->address.family);
    return fclose(out) == 0 ? TAKE_PTR(text) : NULL;
}

char *explain_routing_text(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;

    if (!replies->asked || routes_state_info(replies->state)->concern != CONCERN_NOW)
        return NULL;
    return text_format("%s: policy routing: %s%s%s", NAME_SHOWN(explain->name),
                       routes_state_name(replies->state), replies->why ? ": " : "",
                       replies->why ?: "");
}

json_t *explain_routing_json(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;

    if (!replies->asked)
        return json_null();
    return json_make({"state", json_string(routes_state_name(replies->state))},
                     {"message", replies->why ? json_bytes(replies->why) : json_null()});
}

char *explain_replies_note(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;
    char peer[IP_TEXT_MAX], *text;

    if (explain->subject != EXPLAIN_DEVICE || !replies->peer.family || replies->count > 0)
        return NULL;
    if (asprintf(&text, "none to %s: %s has no %s address that they could carry",
                 ip_text(&replies->peer, peer), NAME_SHOWN(explain->name),
                 replies->peer.family == AF_INET6 ? "IPv6" : "IPv4") < 0)
        return NULL;
    return text;
}

/* What strict drops of what is forwarded to somebody behind this host. */
static int put_forwarded(FILE *out, const struct explain *explain)
{
    const struct advice *advice = &explain->replies.forwarded;
    _cleanup_free_ char *cures = advice_cures_text(session_apply_command(explain->session), advice);

    if (!cures)
        return -ENOMEM;
    if (!advice->culprit && !advice->passes && explain->replies.forwards &&
        !explain->replies.peer.family)
        fprintf(out,
                "%s%s forwards, and strict drops what it forwards inwards where replies leave by "
                "another device. Nobody is known behind this host with whom that could be tried: "
                "name somebody by --peer and --to.\n",
                ftell(out) > 0 ? "\n" : "", NAME_SHOWN(explain->name));
    if (!advice->culprit)
        return 0;
    fprintf(out,
            "%s%s forwards. Of what it forwards inwards (published ports, NodePorts), whatever the "
            "rules for own addresses say:\n%s\n%s\n%sMarks, which keep strict, are told of in "
            "rpfpolicy(1), strict-forward; they are not tried here.\n",
            ftell(out) > 0 ? "\n" : "", NAME_SHOWN(explain->name), advice->finding, advice->culprit,
            cures);
    return 0;
}

static int put_ipv6(FILE *out, const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;

    for (size_t i = 0; !replies->peer.family && i < replies->count; i++) {
        const struct explain_reply *reply = &replies->items[i];
        _cleanup_free_ char *culprit = NULL, *note = NULL;

        if (reply->address.family != AF_INET6 || !is_asymmetric(reply))
            continue;
        culprit = ipv6_culprit_text(explain, reply);
        note = ipv6_note_text(explain);
        if (!culprit || !note)
            return -ENOMEM;
        fprintf(out, "%s%s\n%s\n", ftell(out) > 0 ? "\n" : "", culprit, note);
        break;
    }
    return 0;
}

char *explain_replies_cure(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;
    bool here = replies->advised && !replies->peer.family; /* else it stands at the beginning */
    _cleanup_free_ char *cures =
        here ? advice_cures_text(session_apply_command(explain->session), &replies->advice) : NULL;
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int r;

    if (!out)
        return NULL;
    r = here && !cures ? -ENOMEM : 0;
    fputs(cures ?: "", out);
    if (r >= 0)
        r = put_ipv6(out, explain);
    if (r >= 0)
        r = put_forwarded(out, explain);
    return fclose(out) == 0 && r >= 0 ? TAKE_PTR(text) : NULL;
}

json_t *explain_replies_json(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;
    json_t *list = json_array();

    for (size_t i = 0; i < replies->count; i++) {
        const struct explain_reply *reply = &replies->items[i];
        json_t *object = json_object(), *devices = json_array();
        _cleanup_free_ char *text = explain_reply_text(explain, reply);
        char from[IP_TEXT_MAX], to[IP_TEXT_MAX];

        for (size_t k = 0; k < reply->way.found.n_hops; k++) {
            const struct device *device =
                live_by_ifindex(&explain->session->live, reply->way.found.hops[k]);

            json_array_append_new(devices, json_bytes(device ? device->name : NULL));
        }
        json_set(
            object, {"from", json_string(ip_text(&reply->address, from))},
            {"to", replies->peer.family ? json_string(ip_text(&reply->peer, to)) : json_null()},
            {"devices", devices},
            {"symmetric", reply->known ? json_boolean(reply->symmetric) : json_null()},
            {"message", json_bytes(text)});
        json_array_append_new(list, object);
    }
    return list;
}
