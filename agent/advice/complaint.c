/* A packet and what follows it, looked up and judged like the kernel does. */
#include "agent/advice/complaint.h"

#include <linux/if.h>

#include "policy/advice/impact.h"

#define LOOPBACK_IFINDEX 1

bool way_leaves_by(const struct live *live, const struct fib_way *way, const struct device *device)
{
    for (size_t i = 0; way->found.kind == ROUTE_UNICAST && i < way->found.n_hops; i++)
        if (way->found.hops[i] == device->ifindex)
            return true;
    return false;
}

static const struct device *device_of(const struct world *world, int ifindex)
{
    return live_by_ifindex(world->live, ifindex);
}

/* The packet on the device: verdict, and the way back. */
static int receive(const struct world *world, const struct device *device,
                   const struct fib_packet *packet, struct complaint_result *result)
{
    int r = fib_receiver(world->fib, world->live, device, packet, &result->receiver, &result->back);

    if (r < 0)
        return r;
    result->verdict = verdict_decide(&packet->packet, &result->receiver,
                                     impact_effective(world->live, device, KEY_RP_FILTER));
    return 0;
}

/* A packet of the complaint, or a reply to it. */
static struct fib_packet packet_of(const struct complaint *complaint, bool reply)
{
    const struct packet there = {complaint->peer, complaint->destination};
    const struct packet back = {complaint->destination, complaint->peer};

    return (struct fib_packet){
        .packet = reply ? back : there,
        .mark = complaint->mark,
        .proto = complaint->proto,
        .sport = reply ? complaint->dport : complaint->sport,
        .dport = reply ? complaint->sport : complaint->dport,
    };
}

/* A mark that leads to this host itself is for what comes in (TPROXY): replies have none. */
static int look_up_reply(const struct world *world, const struct device *device,
                         const struct complaint *complaint, int in, struct fib_way *ret)
{
    struct fib_flow flow = {
        .to = ip_of_ipv4(complaint->peer),
        .from = ip_of_ipv4(complaint->destination),
        .iif = in ?: LOOPBACK_IFINDEX,
        .oif = in ? 0 : device_vrf(device),
        .vrf = device_vrf(device),
        .vrf_table = device->vrf_table,
        .mark = complaint->mark,
        .proto = complaint->proto,
        .sport = complaint->dport,
        .dport = complaint->sport,
    };
    int r = fib_lookup(world->fib, &flow, ret);

    if (r < 0 || flow.mark == 0 || ret->found.kind != ROUTE_LOCAL)
        return r;
    flow.mark = 0;
    return fib_lookup(world->fib, &flow, ret);
}

/* Where the packet is forwarded to; 0: it is for this host. */
static int leaves_to(const struct world *world, const struct device *device,
                     const struct complaint *complaint, int *ret)
{
    const struct fib_flow flow = {
        .to = ip_of_ipv4(complaint->destination),
        .from = ip_of_ipv4(complaint->peer),
        .iif = device->ifindex,
        .vrf = device_vrf(device),
        .vrf_table = device->vrf_table,
        .mark = complaint->mark,
        .proto = complaint->proto,
        .sport = complaint->sport,
        .dport = complaint->dport,
    };
    struct fib_way way;
    int r;

    *ret = 0;
    r = fib_lookup(world->fib, &flow, &way);
    if (r >= 0 && way.found.kind == ROUTE_UNICAST && way.found.n_hops > 0)
        *ret = way.found.hops[0];
    return r;
}

bool complaint_is_one_way(const struct fib *fib, const struct packet *packet, enum route_kind there)
{
    struct ip source = ip_of_ipv4(packet->source);

    return verdict_asks_from_nobody(packet->destination, there) || fib_is_own(fib, &source);
}

int complaint_reply(const struct world *world, const struct complaint *complaint, bool *ret_leaves,
                    struct fib_way *ret)
{
    const struct device *device = device_of(world, complaint->ifindex);
    int in, r;

    *ret = (struct fib_way){0};
    *ret_leaves = true;
    if (complaint->one_way || !device)
        return 0;
    r = leaves_to(world, device, complaint, &in);
    if (r >= 0)
        r = look_up_reply(world, device, complaint, in, ret);
    if (r >= 0)
        *ret_leaves = way_leaves_by(world->live, ret, device);
    return r;
}

static int judge_reply(const struct world *world, const struct device *device,
                       const struct complaint *complaint, struct complaint_result *result)
{
    const struct fib_packet packet = packet_of(complaint, true);
    const struct device *in;
    int r = leaves_to(world, device, complaint, &result->reply_in);

    if (r >= 0)
        r = look_up_reply(world, device, complaint, result->reply_in, &result->reply);
    if (r < 0)
        return r;
    if (!way_leaves_by(world->live, &result->reply, device)) {
        result->end = COMPLAINT_ASTRAY;
        return 0;
    }
    in = result->reply_in ? device_of(world, result->reply_in) : NULL;
    if (!in)
        return 0;
    r = receive(world, in, &packet, result);
    if (r >= 0 && !result->verdict.accept)
        result->end = COMPLAINT_REPLY_DROPPED;
    return r;
}

/* Where its packets come from as the link sees it: the hop of the way to the peer. */
static struct in_addr neighbour_of(const struct device *device, const struct complaint *complaint,
                                   const struct fib_way *reply)
{
    for (size_t i = 0; i < reply->found.n_hops; i++)
        if (reply->found.hops[i] == device->ifindex && reply->gateways[i].family == AF_INET)
            return ip_to_ipv4(&reply->gateways[i]);
    return complaint->peer;
}

/* arp_process(): the sender of a request is validated as the source of a packet is, without a mark;
 * with arp_filter the way to it must be by the device, too (arp_filter()). */
static int judge_arp(const struct world *world, const struct device *device,
                     const struct complaint *complaint, struct complaint_result *result)
{
    struct in_addr asker = neighbour_of(device, complaint, &result->reply);
    const struct complaint question = {.peer = asker, .destination = complaint->asked};
    struct fib_packet packet = {.packet = {.source = asker, .destination = complaint->asked}};
    struct fib_way answer;
    int r;

    if (complaint->asked.s_addr == 0 || device->flags & IFF_NOARP)
        return 0;
    r = receive(world, device, &packet, result);
    if (r >= 0 && result->verdict.accept && impact_effective(world->live, device, KEY_ARP_FILTER)) {
        r = look_up_reply(world, device, &question, 0, &answer);
        if (r >= 0 && !way_leaves_by(world->live, &answer, device))
            result->verdict.accept = false;
    }
    if (r >= 0 && !result->verdict.accept) {
        result->end = COMPLAINT_DEAF;
        result->asker = asker;
    }
    return r;
}

static int judge(const struct world *world, const struct device *device,
                 const struct complaint *complaint, struct complaint_result *result)
{
    const struct fib_packet packet = packet_of(complaint, false);
    int r = receive(world, device, &packet, result);

    if (r < 0)
        return r;
    if (!result->verdict.accept) {
        result->end = COMPLAINT_DROPPED;
        return 0;
    }
    if (complaint->one_way)
        return 0;
    r = judge_reply(world, device, complaint, result);
    return r < 0 || result->end != COMPLAINT_CURED ? r
                                                   : judge_arp(world, device, complaint, result);
}

int complaint_judge(const struct world *world, const struct complaint *complaint,
                    struct complaint_result *ret)
{
    const struct device *device = device_of(world, complaint->ifindex);
    int r;

    memset(ret, 0, sizeof(*ret));
    if (!device) {
        ret->end = COMPLAINT_UNKNOWN;
        return 0;
    }
    ret->mode = impact_effective(world->live, device, KEY_RP_FILTER);
    r = judge(world, device, complaint, ret);
    if (r == -EOPNOTSUPP) {
        ret->end = COMPLAINT_UNKNOWN;
        return 0;
    }
    return r;
}
