/* Made from the routes that are there: each subnet and each router stands for those behind it. */
#include "agent/advice/bystanders.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "agent/advice/flow_set.h"
#include "agent/advice/stand_in.h"
#include "policy/advice/impact.h"

#define OWN_ADDRESSES_MAX 4

struct finding {
    const struct world *world;
    const struct complaint *complaint;
    struct bystanders *found;
    struct flow_set seen;
    bool tunnels; /* there is a route into one */
    int *outward; /* ifindexes of devices that a router is behind; owned */
    size_t n_outward, capacity;
};

static struct in_addr first_address(const struct world *world, int ifindex)
{
    const struct fib *fib = world->fib;

    for (size_t i = 0; i < fib->n_addresses; i++)
        if (fib->addresses[i].ifindex == ifindex)
            return ip_to_ipv4(&fib->addresses[i].local.ip);
    return (struct in_addr){0};
}

/* It is kept where it passes now. */
static int add_flow(struct finding *finding, const struct complaint *one)
{
    struct bystanders *found = finding->found;
    struct complaint_result result;
    int r = flow_set_add(&finding->seen, one->ifindex, one->peer, one->destination);

    if (r <= 0) {
        found->left_out += r == -ENOSPC;
        return r == -ENOSPC ? 0 : r;
    }
    r = complaint_judge(finding->world, one, &result);
    if (r < 0 || result.end != COMPLAINT_CURED)
        return r;
    if (found->count < BYSTANDERS_MAX)
        found->items[found->count++] = *one;
    else
        found->left_out++;
    return 0;
}

static int add(struct finding *finding, int ifindex, struct in_addr source, struct in_addr to)
{
    struct complaint one = {.ifindex = ifindex, .peer = source, .destination = to};

    if (source.s_addr == 0 || to.s_addr == 0 || source.s_addr == to.s_addr)
        return 0;
    if (first_address(finding->world, ifindex).s_addr == to.s_addr)
        one.asked = to;
    return add_flow(finding, &one);
}

/* What it sends to a group has no address of this host in it, so rules for such addresses do not
 * match in ip_route_input_mc(): it may be dropped where what is sent to the device's address
 * passes. Where nothing is filtered yet that it passes says nothing: what becomes of it is what the
 * policy says. */
static int add_to_group(struct finding *finding, const struct device *device, struct in_addr source)
{
    const struct complaint one = {.ifindex = device->ifindex,
                                  .peer = source,
                                  .destination = {htonl(INADDR_ALLHOSTS_GROUP)},
                                  .one_way = true};

    if (source.s_addr == 0 || impact_effective(finding->world->live, device, KEY_RP_FILTER) == 0)
        return 0;
    return add_flow(finding, &one);
}

static const struct device *receiver_of(const struct finding *finding, const struct route *route)
{
    const struct device *device = live_by_ifindex(finding->world->live, route->oif);

    return device && impact_receives(device) ? device : NULL;
}

static bool is_outward(const struct finding *finding, int ifindex)
{
    for (size_t i = 0; i < finding->n_outward; i++)
        if (finding->outward[i] == ifindex)
            return true;
    return false;
}

/* Tunnels have no neighbours to ask for. */
static bool is_tunnel(const struct world *world, int ifindex)
{
    const struct device *device = live_by_ifindex(world->live, ifindex);

    return device && (device->flags & (IFF_POINTOPOINT | IFF_NOARP)) &&
           !(device->flags & IFF_LOOPBACK);
}

static int note_device(const struct route *route, void *data)
{
    struct finding *finding = data;
    int r;

    finding->tunnels |= is_tunnel(finding->world, route->oif);
    if (!route->via.family || is_outward(finding, route->oif))
        return 0;
    r = grow((void **)&finding->outward, &finding->capacity, finding->n_outward,
             sizeof(*finding->outward));
    if (r >= 0)
        finding->outward[finding->n_outward++] = route->oif;
    return r;
}

/* To the addresses of the device that is complained of, and to the peer. */
static int add_towards(struct finding *finding, int ifindex, struct in_addr source)
{
    const struct fib *fib = finding->world->fib;
    size_t n = 0;
    int r = add(finding, ifindex, source, finding->complaint->peer);

    for (size_t i = 0; r >= 0 && i < fib->n_addresses && n < OWN_ADDRESSES_MAX; i++)
        if (fib->addresses[i].ifindex == finding->complaint->ifindex) {
            r = add(finding, ifindex, source, ip_to_ipv4(&fib->addresses[i].local.ip));
            n++;
        }
    return r;
}

/* Are there hosts behind it that have this one as their router, and reach every address of it? */
static bool is_inward(const struct finding *finding, const struct device *device)
{
    return device->forwarding && !is_outward(finding, device->ifindex);
}

static bool is_other(const struct finding *finding, const struct device *device)
{
    return device->ifindex != finding->complaint->ifindex && impact_receives(device);
}

/* Somebody by every device but that of the complaint, to its first address. */
static int add_everywhere(struct finding *finding, struct in_addr source)
{
    const struct live *live = finding->world->live;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < live->count; i++) {
        const struct device *device = &live->devices[i];

        if (is_other(finding, device) && is_outward(finding, device->ifindex))
            r = add(finding, device->ifindex, source,
                    first_address(finding->world, device->ifindex));
    }
    return r;
}

/* What the peer sends to a group by every device but that of the complaint. */
static int add_groups(struct finding *finding)
{
    const struct live *live = finding->world->live;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < live->count; i++)
        if (is_other(finding, &live->devices[i]))
            r = add_to_group(finding, &live->devices[i], finding->complaint->peer);
    return r;
}

/* Where this host sends what has no source address yet. -EOPNOTSUPP: not known. */
static int way_out(const struct world *world, struct in_addr to, struct fib_way *ret)
{
    const struct fib_flow flow = {
        .to = ip_of_ipv4(to), .from = ip_of_ipv4((struct in_addr){0}), .iif = 1};

    return fib_lookup(world->fib, &flow, ret);
}

static int add_tunnelled(struct finding *finding, struct in_addr to)
{
    struct bystanders *found = finding->found;
    struct fib_way way;
    int r;

    if (!finding->tunnels || to.s_addr == 0)
        return 0;
    r = way_out(finding->world, to, &way);
    if (r < 0)
        return r == -EOPNOTSUPP ? 0 : r;
    if (way.found.n_hops != 1 || !is_tunnel(finding->world, way.found.hops[0]))
        return 0;
    if (found->n_tunnelled == TUNNELLED_MAX)
        found->left_out++;
    else
        found->tunnelled[found->n_tunnelled++] =
            (struct tunnelled){.to = to, .oif = way.found.hops[0]};
    return 0;
}

/* A router or a subnet. */
static int add_route(const struct route *route, void *data)
{
    struct finding *finding = data;
    const struct device *device = receiver_of(finding, route);
    struct in_addr source;
    int r;

    if (!device || route->type != RTN_UNICAST)
        return 0;
    if (!route->via.family && route->to.length == 0)
        return 0;
    source = route->via.family == AF_INET ? ip_to_ipv4(&route->via)
                                          : stand_in_of_subnet(finding->world->fib, &route->to);
    r = add_tunnelled(finding, stand_in_of_subnet(finding->world->fib, &route->to));
    if (r >= 0 && !route->via.family)
        r = add_everywhere(finding, source);
    if (r < 0)
        return r;
    r = add(finding, device->ifindex, source, first_address(finding->world, device->ifindex));
    if (r >= 0 && !route->via.family &&
        (device->ifindex == finding->complaint->ifindex || is_inward(finding, device)))
        r = add_towards(finding, device->ifindex, source);
    return r;
}

int bystanders_find(const struct world *world, const struct complaint *complaint,
                    struct bystanders *ret)
{
    struct finding finding = {.world = world, .complaint = complaint, .found = ret};
    int r;

    ret->count = ret->n_tunnelled = ret->left_out = 0;
    r = fib_each_route(world->fib, note_device, &finding);
    if (r >= 0)
        r = add_tunnelled(&finding, complaint->peer);
    if (r >= 0)
        r = add_everywhere(&finding, complaint->peer);
    if (r >= 0)
        r = add_groups(&finding);
    if (r >= 0)
        r = fib_each_route(world->fib, add_route, &finding);
    free(finding.outward);
    flow_set_done(&finding.seen);
    return r;
}

static int stay_in_tunnels(const struct bystanders *bystanders, const struct world *world)
{
    for (size_t i = 0; i < bystanders->n_tunnelled; i++) {
        const struct tunnelled *one = &bystanders->tunnelled[i];
        struct fib_way way;
        int r = way_out(world, one->to, &way);

        if (r < 0)
            return r;
        if (way.found.n_hops != 1 || way.found.hops[0] != one->oif)
            return 0;
    }
    return 1;
}

int bystanders_pass(const struct bystanders *bystanders, const struct world *world)
{
    for (size_t i = 0; i < bystanders->count; i++) {
        struct complaint_result result;
        int r = complaint_judge(world, &bystanders->items[i], &result);

        if (r < 0)
            return r;
        if (result.end != COMPLAINT_CURED)
            return 0;
    }
    return stay_in_tunnels(bystanders, world);
}
