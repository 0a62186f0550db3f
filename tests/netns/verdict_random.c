/* Random routes, rules, addresses and settings; for each, packets that are really sent, in every
 * mode. What the decision tree says must be what the kernel did.
 *
 *   verdict-random [TOPOLOGIES [SEED]]
 *
 * Half of the topologies are made in a namespace that never saw an `ip rule`. */
#include <arpa/inet.h>
#include <linux/ip.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "agent/kernel/links.h"
#include "sandbox.h"
#include "verdict_world.h"

#define PACKETS 6 /* per topology */
#define RULES_MAX 4

static const char *const mode_names[] = {"off", "strict", "loose"};

struct tally {
    unsigned topologies, packets, verdicts, accepted, dropped, mismatches, asked_wrong, by_hash;
    unsigned steps[VERDICT_STEP_COUNT];
};

struct topology {
    uint64_t random;
    bool rules_allowed;
    char text[8192]; /* for ip -batch */
    size_t used;
    bool custom_rules; /* ever */
    bool down[WORLD_DEVICES];
};

static uint32_t draw(struct topology *t, uint32_t n)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return (uint32_t)((t->random >> 16) % n);
}

static bool one_in(struct topology *t, uint32_t n)
{
    return draw(t, n) == 0;
}

#define PICK(t, list) ((list)[draw((t), ELEMENTSOF(list))])

static void add(struct topology *t, const char *format, ...) _printf_(2, 3);
static void add(struct topology *t, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(t->text + t->used, sizeof(t->text) - t->used, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(t->text) - t->used)
        abort();
    t->used += (size_t)n;
}

/* -- what there is to choose from -- */

static const char *const prefixes[] = {
    "default",        "default",         "10.0.0.0/8",      "10.1.0.0/16",
    "10.2.0.0/24",    "10.9.0.0/24",     "172.16.0.0/12",   "192.168.0.0/16",
    "192.168.2.1/32", "198.51.100.0/24", "198.51.100.7/32", "203.0.113.0/24",
};

static const char *const addresses[] = {
    "10.%u.0.1/24",    "10.%u.0.2/24",   "10.9.0.%u/24",
    "192.168.%u.1/32", "172.16.%u.1/16", "10.77.%u.1/8",
};

static const char *const sources[] = {
    "10.0.0.1",     "10.1.0.1",    "10.2.0.1",       "10.0.0.9",   "10.1.0.9",
    "10.2.0.9",     "10.3.0.9",    "10.9.0.1",       "10.9.0.2",   "10.9.0.77",
    "10.55.5.5",    "192.168.2.1", "172.16.1.1",     "172.16.9.9", "198.51.100.7",
    "198.51.100.8", "203.0.113.9", "8.8.8.8",        "10.8.8.8",   "10.0.0.255",
    "10.1.0.255",   "10.9.0.255",  "172.16.255.255", "240.1.1.1",  "203.0.113.200",
};

static const char *const strange_sources[] = {
    "127.0.0.1", "127.1.2.3", "0.0.0.0",         "0.0.0.0",
    "0.1.2.3",   "224.0.0.1", "255.255.255.255", "239.1.1.1",
};

static const char *const strange_destinations[] = {
    WORLD_GROUP, WORLD_LINK_GROUP, "255.255.255.255", "127.0.0.1",  "127.5.5.5",
    "0.0.0.0",   "10.0.0.255",     "10.1.0.255",      "10.9.0.255",
};

/* -- a topology -- */

static void clear(struct topology *t)
{
    t->used = 0;
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        add(t, "addr flush dev d%u\nlink set d%u up\n", i, i);
    add(t, "addr del 10.8.8.8/32 dev lo\n");
    add(t, "route flush table main\nroute flush table 100\nroute flush table 101\n");
    add(t, "route del local 203.0.113.0/25 dev lo table local\n");
    for (unsigned i = 0; t->rules_allowed && i < RULES_MAX; i++)
        add(t, "rule del pref %u\n", 100 + i);
    add(t, "nexthop flush\n");
}

static void add_addresses(struct topology *t)
{
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        for (unsigned n = one_in(t, 3) ? 0 : 1 + draw(t, 2); n > 0; n--) {
            add(t, "addr add ");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            add(t, PICK(t, addresses), i);
#pragma GCC diagnostic pop
            add(t, " dev d%u\n", i);
        }
    if (one_in(t, 3))
        add(t, "addr add 10.8.8.8/32 dev lo\n");
}

static void add_hop(struct topology *t, const char *word)
{
    add(t, "%s", word);
    if (one_in(t, 2))
        add(t, " via 10.66.0.%u", 1 + draw(t, 3));
    add(t, " dev d%u onlink", draw(t, WORLD_DEVICES));
}

/* One way, or several of the same cost. */
static void add_hops(struct topology *t)
{
    if (one_in(t, 4)) {
        for (unsigned n = 2 + draw(t, 2); n > 0; n--)
            add_hop(t, " nexthop");
    } else {
        add_hop(t, "");
    }
    add(t, "\n");
}

static const char *draw_table(struct topology *t)
{
    static const char *const tables[] = {"main", "main", "100", "101"};

    return t->rules_allowed ? PICK(t, tables) : "main";
}

static void add_route(struct topology *t)
{
    static const char *const refusing[] = {"blackhole", "unreachable", "prohibit", "throw"};
    const char *prefix = PICK(t, prefixes), *verb = one_in(t, 3) ? "append" : "add";
    bool refuses = one_in(t, 4);

    add(t, "route %s %s %s", verb, refuses ? PICK(t, refusing) : "", prefix);
    if (one_in(t, 3))
        add(t, " metric %u", 10 * (1 + draw(t, 2)));
    if (one_in(t, 10))
        add(t, " tos 0x10");
    add(t, " table %s", draw_table(t));
    /* Nothing may follow next hops: ip(8) would stop at that line for good. */
    if (refuses)
        add(t, "\n");
    else if (one_in(t, 5))
        add(t, " nhid %u\n", 1 + draw(t, 4));
    else
        add_hops(t);
}

static void add_routes(struct topology *t)
{
    add(t, "nexthop add id 1 dev d%u\n", draw(t, WORLD_DEVICES));
    add(t, "nexthop add id 2 dev d%u\n", draw(t, WORLD_DEVICES));
    add(t, "nexthop add id 3 group 1/2\n");
    add(t, "nexthop add id 4 blackhole\n");
    for (unsigned n = 1 + draw(t, 6); n > 0; n--)
        add_route(t);
    if (t->rules_allowed && one_in(t, 12))
        add(t, "route add local 203.0.113.0/25 dev lo table %s\n", one_in(t, 2) ? "local" : "100");
}

static void add_rule(struct topology *t, unsigned pref)
{
    static const char *const actions[] = {
        "lookup main",
        "lookup 100",
        "lookup 101",
        "lookup 100",
        "lookup 101",
        "lookup local",
        "blackhole",
        "prohibit",
        "unreachable",
        "goto 32766",
        "lookup main suppress_prefixlength 0",
        "nop",
    };

    add(t, "rule add pref %u%s", pref, one_in(t, 10) ? " not" : "");
    if (one_in(t, 3))
        add(t, " from %s", one_in(t, 2) ? PICK(t, sources) : PICK(t, prefixes));
    if (one_in(t, 3))
        add(t, " to %s", one_in(t, 2) ? PICK(t, sources) : PICK(t, prefixes));
    if (one_in(t, 4))
        add(t, " iif %s",
            one_in(t, 2) ? "lo"
                         : ((const char *const[]){"d0", "d1", "d2", "d3", "nil0"})[draw(t, 5)]);
    if (one_in(t, 12))
        add(t, " oif d%u", draw(t, WORLD_DEVICES));
    if (one_in(t, 3))
        add(t, " fwmark %u%s", draw(t, WORLD_MARKS), one_in(t, 3) ? "/1" : "");
    if (one_in(t, 10))
        add(t, " tos 0x10");
    if (one_in(t, 6))
        add(t, " ipproto %s", one_in(t, 3) ? "tcp" : "udp");
    if (one_in(t, 8))
        add(t, " sport %u-%u", WORLD_DPORT, WORLD_DPORT + draw(t, 2));
    if (one_in(t, 8))
        add(t, " dport %u", WORLD_SPORT + draw(t, WORLD_MARKS));
    if (one_in(t, 16))
        add(t, " uidrange %u-10", draw(t, 2));
    add(t, " %s\n", PICK(t, actions));
}

static void take_down(struct topology *t)
{
    memset(t->down, 0, sizeof(t->down));
    if (!one_in(t, 6))
        return;
    t->down[WORLD_DEVICES - 1] = true;
    add(t, "link set d%u down\n", WORLD_DEVICES - 1);
}

/* Some of the lines are refused (a route that is there, a gateway without device): what the kernel
 * holds then is the topology. */
static void build(struct topology *t)
{
    FILE *pipe;
    int status = -1;

    clear(t);
    add_addresses(t);
    add_routes(t);
    for (unsigned i = 0, n = draw(t, RULES_MAX + 1); t->rules_allowed && i < n; i++)
        add_rule(t, 100 + i);
    take_down(t);
    pipe = popen("ip -force -batch - >/dev/null 2>&1", "we");
    if (pipe && fwrite(t->text, 1, t->used, pipe) == t->used)
        status = pclose(pipe);
    /* What the kernel refuses counts as 1; at what it does not understand ip stops. */
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        printf("failed: ip -batch\n%s", t->text);
        exit(1);
    }
}

static void choose_settings(struct topology *t)
{
    static const char *const keys[] = {"accept_local", "src_valid_mark", "route_localnet",
                                       "send_redirects"};
    char name[8];

    for (unsigned k = 0; k < ELEMENTSOF(keys); k++) {
        conf_write("all", keys[k], one_in(t, 6));
        for (unsigned i = 0; i < WORLD_DEVICES; i++) {
            snprintf(name, sizeof(name), "d%u", i);
            conf_write(name, keys[k], one_in(t, 3));
        }
    }
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        conf_write(name, "forwarding", !one_in(t, 3));
    }
}

/* -- a packet -- */

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
            ip_to_ipv4(&fib->addresses[draw(t, (uint32_t)fib->n_addresses)].local.ip);

        if (tries == 20 || ntohl(address.s_addr) >> 24 != IN_LOOPBACKNET)
            return address;
    }
}

static struct fib_packet draw_packet(struct topology *t, const struct fib *fib)
{
    struct fib_packet packet = {.proto = IPPROTO_UDP};
    uint32_t what = draw(t, 10);

    packet.packet.source = one_in(t, 12)  ? address_of(PICK(t, strange_sources))
                           : one_in(t, 8) ? draw_own(t, fib)
                                          : address_of(PICK(t, sources));
    packet.packet.destination = what < 7   ? draw_own(t, fib)
                                : what < 9 ? address_of(PICK(t, sources))
                                           : address_of(PICK(t, strange_destinations));
    packet.mark = one_in(t, 2) ? draw(t, WORLD_MARKS) : 0;
    packet.sport = (uint16_t)(WORLD_SPORT + packet.mark);
    packet.dport = (uint16_t)(WORLD_DPORT + draw(t, 2));
    packet.tos = one_in(t, 6) ? IPTOS_LOWDELAY : 0;
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
    const int *pair = pairs[mode][draw(t, 4)];

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

/* What is applied here must find what the kernel finds. */
static bool agree_on_routes(struct fib *fib, const struct fib_packet *packet)
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
    struct fib_way kernel, here;
    uint32_t to = ntohl(packet->packet.source.s_addr);

    if (to == 0 || IN_MULTICAST(to) || to == INADDR_BROADCAST)
        return true;
    if (fib_lookup(fib, &flow, &kernel) < 0 || fib_lookup_by_rules(fib, &flow, &here) < 0)
        return false;
    if (same_way(&kernel, &here))
        return true;
    print_route("by the kernel", &kernel.found);
    print_route("by rules here", &here.found);
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
                       const struct live *live, struct tally *tally)
{
    unsigned device = draw(t, WORLD_DEVICES);
    struct fib_packet packet;
    struct receiver receiver;
    const struct device *dev;
    int r;

    while (t->down[device])
        device = draw(t, WORLD_DEVICES);
    packet = draw_packet(t, fib);
    dev = live_by_ifindex(live, world->ifindex[device]);
    r = dev ? fib_receiver(fib, live, dev, &packet, &receiver, NULL) : -ENODEV;
    if (r < 0 || !agree_on_routes(fib, &packet)) {
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
    _cleanup_fib_ struct fib fib = {0};
    struct live live = {0};

    build(t);
    choose_settings(t);
    if (picture_read(nl, &options, &live) < 0 || fib_open(nl, &fib) < 0) {
        printf("failed: reading what was built\n");
        exit(1);
    }
    /* What cannot be seen any more, header of fib.h. */
    t->custom_rules |= fib.custom_rules;
    fib.custom_rules = t->custom_rules;
    tally->topologies++;
    for (unsigned i = 0; i < PACKETS; i++)
        try_packet(t, world, &fib, &live, tally);
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
    unsigned topologies = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 300;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    struct tally tally = {0};
    struct sandbox sandbox;

    if (system("command -v nft >/dev/null") != 0) {
        const char *ci = getenv("CI");

        printf("no nft here to mark packets with\n");
        return ci && streq(ci, "true") ? 1 : 77;
    }
    sandbox_enter(&sandbox);
    printf("%u topologies, seed %llu\n", topologies, (unsigned long long)seed);
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
