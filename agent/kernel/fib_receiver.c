/* From a packet that comes in to all that the decision about it depends on: the settings of the
 * device, and the two lookups in the order of ip_route_input_slow(). */
#include <arpa/inet.h>
#include <linux/if.h>

#include "agent/kernel/fib_private.h"

/* A hop through the port of a VRF counts for the VRF, too: nhc_l3mdev_matches_dev(). */
static void add_vrfs(const struct live *live, struct route_found *found)
{
    size_t n = found->n_hops;

    for (size_t i = 0; i < n && found->n_hops < ROUTE_HOPS_MAX; i++) {
        const struct device *hop = live_by_ifindex(live, found->hops[i]);

        if (hop && device_vrf(hop) && !device_is_vrf(hop))
            found->hops[found->n_hops++] = device_vrf(hop);
    }
}

static bool effective(const struct live *live, const struct device *device, enum key key)
{
    return key_effective(key, live->all[key], device->conf[key], device->forwarding) != 0;
}

/* Addresses that no lookup is made for. */
static bool is_special(const struct ip *address)
{
    uint32_t host = ntohl(ip_to_ipv4(address).s_addr);

    return host == 0 || IN_MULTICAST(host) || host == INADDR_BROADCAST;
}

static int look_there(struct fib *fib, const struct device *device, const struct fib_packet *packet,
                      struct fib_way *ret)
{
    const struct fib_flow flow = {
        .to = ip_of_ipv4(packet->packet.destination),
        .from = ip_of_ipv4(packet->packet.source),
        .iif = device->ifindex,
        .vrf = device_vrf(device),
        .vrf_table = device->vrf_table,
        .mark = packet->mark,
        .tos = packet->tos,
        .proto = fib->dissects ? packet->proto : 0,
        .sport = fib->dissects ? packet->sport : 0,
        .dport = fib->dissects ? packet->dport : 0,
    };

    if (!is_special(&flow.to))
        return fib_lookup(fib, &flow, ret);
    *ret = (struct fib_way){.found = {.kind = ROUTE_NONE}};
    return 0;
}

/* iif is the device that the packet would leave by, lo for what is delivered here. */
static int look_back(struct fib *fib, const struct device *device, const struct fib_packet *packet,
                     bool from_nobody, int iif, bool use_mark, struct fib_way *ret)
{
    const struct fib_flow flow = {
        .to = ip_of_ipv4(packet->packet.source),
        .from = ip_of_ipv4(from_nobody ? (struct in_addr){0} : packet->packet.destination),
        .iif = iif,
        .vrf = device_vrf(device),
        .vrf_table = device->vrf_table,
        .mark = use_mark ? packet->mark : 0,
        .tos = packet->tos,
        .proto = fib->dissects ? packet->proto : 0,
        .sport = fib->dissects ? packet->dport : 0,
        .dport = fib->dissects ? packet->sport : 0,
    };

    if (!is_special(&flow.to))
        return fib_lookup(fib, &flow, ret);
    *ret = (struct fib_way){.found = {.kind = ROUTE_NONE}};
    return 0;
}

int fib_receive(struct fib *fib, const struct live *live, const struct device *device,
                const struct fib_packet *packet, struct receiver *ret, struct fib_way *ret_there,
                struct fib_way *ret_back)
{
    struct ip source = ip_of_ipv4(packet->packet.source);
    struct receiver receiver = {
        .ifindex = device->ifindex,
        .loopback = device->flags & IFF_LOOPBACK,
        .numbered = device->numbered,
        .forwards = device->forwarding,
        .accept_local = effective(live, device, KEY_ACCEPT_LOCAL),
        .route_localnet = effective(live, device, KEY_ROUTE_LOCALNET),
        .own_source = fib_is_own(fib, &source),
        .custom_rules = fib->custom_rules,
    };
    bool use_mark = effective(live, device, KEY_SRC_VALID_MARK), from_nobody;
    int iif = LOOPBACK_IFINDEX, r;
    struct fib_way there, back;

    r = look_there(fib, device, packet, &there);
    if (r < 0)
        return r;
    receiver.there = there.found.kind;
    receiver.there_hops = there.found.n_hops;
    if (receiver.there == ROUTE_UNICAST && there.found.n_hops > 0) {
        iif = there.found.hops[0];
        receiver.turns_around =
            iif == device->ifindex && effective(live, device, KEY_SEND_REDIRECTS);
    }
    from_nobody = verdict_asks_from_nobody(packet->packet.destination, receiver.there);
    r = look_back(fib, device, packet, from_nobody, iif, use_mark, &back);
    if (r < 0)
        return r;
    receiver.reverse = back.found;
    add_vrfs(live, &receiver.reverse);
    if (ret_there)
        *ret_there = there;
    if (ret_back)
        *ret_back = back;
    *ret = receiver;
    return 0;
}

int fib_receiver(struct fib *fib, const struct live *live, const struct device *device,
                 const struct fib_packet *packet, struct receiver *ret, struct fib_way *ret_route)
{
    return fib_receive(fib, live, device, packet, ret, NULL, ret_route);
}
