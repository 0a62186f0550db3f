/* Random routes, rules, addresses and settings; for each, packets that are really sent, in every
 * mode. What the decision tree says must be what the kernel did.
 *
 *   verdict-random [TOPOLOGIES [SEED]]
 *
 * Half of the topologies are made in a namespace that never saw an `ip rule`. */
#include <arpa/inet.h>
#include <linux/ip.h>
#include <stdio.h>

#include "agent/kernel/links.h"
#include "sandbox.h"
#include "verdict_topology.h"

#define PACKETS 6 /* per topology */

static const char *const mode_names[] = {"off", "strict", "loose"};

struct tally {
    unsigned topologies, packets, verdicts, accepted, dropped, mismatches, asked_wrong, by_hash;
    unsigned steps[VERDICT_STEP_COUNT];
};

/* -- a packet -- */

static const char *const strange_sources[] = {
    "127.0.0.1", "127.1.2.3", "0.0.0.0",         "0.0.0.0",
    "0.1.2.3",   "224.0.0.1", "255.255.255.255", "239.1.1.1",
};

static const char *const strange_destinations[] = {
    WORLD_GROUP, WORLD_LINK_GROUP, "255.255.255.255", "127.0.0.1",  "127.5.5.5",
    "0.0.0.0",   "10.0.0.255",     "10.1.0.255",      "10.9.0.255",
};

static struct in_addr address_of(const char *text)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1)
        abort();
    return address;
}

static struct in_addr draw_own(struct topology *t, const struct fib *fib)
{
    for (unsigned tries = 0;; tries++) {
        struct in_addr address =
            ip_to_ipv4(&fib->addresses[topology_draw(t, (uint32_t)fib->n_addresses)].local.ip);

        if (tries == 20 || ntohl(address.s_addr) >> 24 != IN_LOOPBACKNET)
            return address;
    }
}

static struct fib_packet draw_packet(struct topology *t, const struct fib *fib)
{
    struct fib_packet packet = {.proto = IPPROTO_UDP};
    uint32_t what = topology_draw(t, 10);

    packet.packet.source = topology_one_in(t, 12)  ? address_of(PICK(t, strange_sources))
                           : topology_one_in(t, 8) ? draw_own(t, fib)
                                                   : address_of(PICK(t, topology_hosts));
    packet.packet.destination = what < 7   ? draw_own(t, fib)
                                : what < 9 ? address_of(PICK(t, topology_hosts))
                                           : address_of(PICK(t, strange_destinations));
    packet.mark = topology_one_in(t, 2) ? topology_draw(t, WORLD_MARKS) : 0;
    packet.sport = (uint16_t)(WORLD_SPORT + packet.mark);
    packet.dport = (uint16_t)(WORLD_DPORT + topology_draw(t, 2));
    packet.tos = topology_one_in(t, 6) ? IPTOS_LOWDELAY : 0;
    return packet;
}

/* A pair of `all` and own value that is this mode in effect. */
static void set_mode(struct topology *t, struct world *world, unsigned device, int mode)
{
    static const int pairs[3][4][2] = {
        {{0, 0}, {-1, 0}, {0, -1}, {0, 0}},
        {{1, 0}, {0, 1}, {1, 1}, {-5, 1}},
        {{0, 2}, {2, 0}, {2, 1}, {1, 3}},
    };
    const int *pair = pairs[mode][topology_draw(t, 4)];

    world_set_rp_filter(world, device, pair[0], pair[1]);
}

static void print_route(const char *title, const struct route_found *found)
{
    printf("  %s: %s", title, route_kind_name(found->kind));
    for (size_t i = 0; i < found->n_hops; i++)
        printf(" dev %d", found->hops[i]);
    putchar('\n');
}

static void print_case(const struct topology *t, unsigned device, const struct fib_packet *packet,
                       const struct receiver *receiver)
{
    char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];

    printf("%.*s", (int)t->used, t->text);
    inet_ntop(AF_INET, &packet->packet.source, source, sizeof(source));
    inet_ntop(AF_INET, &packet->packet.destination, destination, sizeof(destination));
    printf("  on d%u (%d): %s:%u to %s:%u mark %u tos %#x\n", device, receiver->ifindex, source,
           packet->sport, destination, packet->dport, packet->mark, packet->tos);
    printf(
        "  numbered %d forwards %d accept_local %d route_localnet %d own %d custom %d turns %d\n",
        receiver->numbered, receiver->forwards, receiver->accept_local, receiver->route_localnet,
        receiver->own_source, receiver->custom_rules, receiver->turns_around);
    printf("  there: %s\n", route_kind_name(receiver->there));
    print_route("reverse", &receiver->reverse);
    fflush(stdout);
    if (system("ip rule; ip route show table all | grep -v '^broadcast'; ip nexthop; ip -br addr; "
               "grep . /proc/sys/net/ipv4/conf/*/accept_local /proc/sys/net/ipv4/conf/*/s*_*") != 0)
        printf("(no more can be shown)\n");
}

static bool same_way(const struct fib_way *a, const struct fib_way *b)
{
    bool nothing_a = a->found.kind == ROUTE_NONE || a->found.kind >= ROUTE_BLACKHOLE;
    bool nothing_b = b->found.kind == ROUTE_NONE || b->found.kind >= ROUTE_BLACKHOLE;

    if (nothing_a || nothing_b)
        return nothing_a && nothing_b;
    return a->found.kind == b->found.kind && a->found.n_hops == b->found.n_hops &&
           memcmp(a->found.hops, b->found.hops, a->found.n_hops * sizeof(int)) == 0 &&
           ip_prefix_compare(&a->route.to, &b->route.to) == 0;
}

/* What is applied here must find what the kernel finds, also over tables that are held. */
static bool agree_on_routes(struct fib *fib, const struct fib *held,
                            const struct fib_packet *packet)
{
    const struct fib_flow flow = {
        .to = ip_of_ipv4(packet->packet.source),
        .from = ip_of_ipv4(packet->packet.destination),
        .iif = 1,
        .mark = packet->mark,
        .tos = packet->tos,
        .proto = packet->proto,
        .sport = packet->dport,
        .dport = packet->sport,
    };
    struct fib_way kernel, here, found;
    uint32_t to = ntohl(packet->packet.source.s_addr);

    if (to == 0 || IN_MULTICAST(to) || to == INADDR_BROADCAST)
        return true;
    if (fib_lookup(fib, &flow, &kernel) < 0 || fib_lookup_by_rules(fib, &flow, &here) < 0 ||
        fib_lookup_by_rules(held, &flow, &found) < 0)
        return false;
    if (same_way(&kernel, &here) && same_way(&kernel, &found))
        return true;
    print_route("by the kernel", &kernel.found);
    print_route("by rules here", &here.found);
    print_route("in held tables", &found.found);
    return false;
}

static void try_mode(struct topology *t, struct world *world, unsigned device,
                     const struct fib_packet *packet, const struct fib *fib,
                     const struct receiver *receiver, const struct device *dev, int mode,
                     struct tally *tally)
{
    struct verdict verdict = verdict_decide(&packet->packet, receiver, mode);
    unsigned long before, after;
    enum fate fate;
    int answer = 0;

    set_mode(t, world, device, mode);
    before = world_rp_filter_drops();
    fate = world_send(world, device, packet);
    after = world_rp_filter_drops();
    tally->verdicts++;
    tally->steps[verdict.step]++;
    *(fate == FATE_LOST ? &tally->dropped : &tally->accepted) += 1;
    if (fib_ask_kernel(fib, dev, packet, &answer) < 0 || (answer == 0) != (fate != FATE_LOST))
        tally->asked_wrong++;
    if (verdict.accept == (fate != FATE_LOST) &&
        (after > before) == (verdict.drop == DROP_RPFILTER))
        return;
    tally->mismatches++;
    printf("MISMATCH in %s: we say %s (%s), the packet was %s, counted %lu, the kernel says %d\n",
           mode_names[mode], verdict.accept ? "accept" : "drop", verdict_step_name(verdict.step),
           fate == FATE_LOST        ? "lost"
           : fate == FATE_DELIVERED ? "delivered"
                                    : "forwarded",
           after - before, answer);
    print_case(t, device, packet, receiver);
}

static void try_packet(struct topology *t, struct world *world, struct fib *fib,
                       const struct fib *held, const struct live *live, struct tally *tally)
{
    unsigned device = topology_draw(t, WORLD_DEVICES);
    struct fib_packet packet;
    struct receiver receiver;
    const struct device *dev;
    int r;

    while (t->down[device])
        device = topology_draw(t, WORLD_DEVICES);
    packet = draw_packet(t, fib);
    dev = live_by_ifindex(live, world->ifindex[device]);
    r = dev ? fib_receiver(fib, live, dev, &packet, &receiver, NULL) : -ENODEV;
    if (r < 0 || !agree_on_routes(fib, held, &packet)) {
        printf("MISMATCH: lookup: %s\n", strerror(-r));
        print_case(t, device, &packet, &receiver);
        tally->mismatches++;
        return;
    }
    if (receiver.there_hops > 1) {
        tally->by_hash++; /* which way on is taken nobody can foretell */
        return;
    }
    tally->packets++;
    for (int mode = 0; mode <= 2; mode++)
        try_mode(t, world, device, &packet, fib, &receiver, dev, mode, tally);
}

static void try_topology(struct topology *t, struct world *world, struct netlink *nl,
                         struct tally *tally)
{
    const struct picture_options options = {
        .keys = FIB_KEYS, .facts = FACT_ADDRESSES, .proc_sys_net = "/proc/sys/net"};
    _cleanup_fib_ struct fib fib = {0}, held = {0};
    struct live live = {0};

    topology_make(t);
    topology_build(t);
    world_settle(world, t->down);
    topology_choose_settings(t);
    if (picture_read(nl, &options, &live) < 0 || fib_open(nl, &fib) < 0 ||
        fib_open(nl, &held) < 0 || fib_hold(&held, SIZE_MAX) < 0) {
        printf("failed: reading what was built\n");
        exit(1);
    }
    /* What cannot be seen any more, header of fib.h. */
    t->custom_rules |= fib.custom_rules;
    fib.custom_rules = t->custom_rules;
    tally->topologies++;
    for (unsigned i = 0; i < PACKETS; i++)
        try_packet(t, world, &fib, &held, &live, tally);
    live_done(&live);
}

static void try_half(unsigned topologies, uint64_t seed, bool rules_allowed, struct tally *tally)
{
    struct topology t = {.random = seed * 2 + rules_allowed + 88172645463325252u,
                         .rules_allowed = rules_allowed};
    _cleanup_netlink_ struct netlink nl = {0};
    struct world world;

    world_enter(&world);
    if (netlink_open(&nl) < 0)
        exit(1);
    for (unsigned i = 0; i < topologies; i++)
        try_topology(&t, &world, &nl, tally);
    world_leave(&world);
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    unsigned topologies;
    uint64_t seed;

    world_begin(argc, argv, &topologies, &seed);
    try_half(topologies / 2, seed, false, &tally);
    try_half(topologies - topologies / 2, seed, true, &tally);
    printf("%u packets with several ways on are left out\n", tally.by_hash);
    printf("%u topologies, %u packets, %u verdicts: %u accepted, %u dropped, %u mismatches\n",
           tally.topologies, tally.packets, tally.verdicts, tally.accepted, tally.dropped,
           tally.mismatches);
    printf("asked with RTA_IIF the kernel said otherwise %u times\n", tally.asked_wrong);
    for (enum verdict_step i = 0; i < VERDICT_STEP_COUNT; i++)
        printf("%8u %s\n", tally.steps[i], verdict_step_name(i));
    return tally.mismatches > 0;
}
