/* Random topologies and settings; for each, ARP requests that are really sent, in every mode of
 * rp_filter. What arp_decide() says must be what the kernel did.
 *
 *   arp-random [TOPOLOGIES [SEED]]
 *
 * Half of the topologies are made in a namespace that never saw an `ip rule`. */
#include <arpa/inet.h>
#include <stdio.h>

#include "agent/kernel/links.h"
#include "agent/kernel/procsys.h"
#include "sandbox.h"
#include "verdict_topology.h"

#define REQUESTS 10 /* per topology */

struct tally {
    unsigned topologies, requests, verdicts, answered, mismatches, by_chance;
    unsigned steps[ARP_STEP_COUNT];
};

static const char *const own_scopes[] = {
    "10.5.0.%u/24 scope host",
    "10.5.1.%u/24 scope link",
    "10.5.2.%u peer 10.6.0.9/24",
    "10.5.3.%u peer 10.5.3.99/24",
};

/* Where ARP is spoken, and addresses that arp_ignore looks at closer. */
static void add_arp(struct topology *t)
{
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        topology_add(t, "link set d%u arp %s\n", i, topology_one_in(t, 12) ? "off" : "on");
        if (topology_one_in(t, 2)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            topology_add(t, "addr add ");
            topology_add(t, PICK(t, own_scopes), i + 1);
#pragma GCC diagnostic pop
            topology_add(t, " dev d%u\n", i);
        }
    }
}

/* At the first line of a batch about neighbours that the kernel refuses ip(8) stops for good. */
static void choose_proxies(struct topology *t)
{
    run("ip neighbour show proxy | while read -r a _ d _; do ip neighbour del proxy $a dev $d; "
        "done");
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        if (topology_one_in(t, 2))
            run("ip neighbour add proxy %s dev d%u 2>/dev/null || true", PICK(t, topology_hosts),
                i);
}

static void choose_arp_settings(struct topology *t)
{
    static const char *const switches[] = {"arp_filter", "proxy_arp", "proxy_arp_pvlan",
                                           "drop_gratuitous_arp"};
    static const int ignores[] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 5, 8, -1, 9};
    static const int mediums[] = {0, 0, 0, 1, 2, -1};
    char name[8];

    for (unsigned k = 0; k < ELEMENTSOF(switches); k++)
        conf_write("all", switches[k], topology_one_in(t, 8));
    conf_write("all", "arp_ignore", topology_one_in(t, 4) ? PICK(t, ignores) : 0);
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        for (unsigned k = 0; k < ELEMENTSOF(switches); k++)
            conf_write(name, switches[k], topology_one_in(t, 3));
        conf_write(name, "arp_ignore", PICK(t, ignores));
        conf_write(name, "medium_id", PICK(t, mediums));
    }
}

static struct in_addr address_of(const char *text)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1)
        abort();
    return address;
}

static struct in_addr draw_own(struct topology *t, const struct fib *fib)
{
    const struct route_address *address =
        &fib->addresses[topology_draw(t, (uint32_t)fib->n_addresses)];

    return ip_to_ipv4(&address->local.ip);
}

static struct packet draw_request(struct topology *t, const struct fib *fib)
{
    static const char *const strange[] = {"0.0.0.0",    "0.0.0.0",         "127.0.0.1",
                                          "239.1.1.1",  "255.255.255.255", "10.0.0.255",
                                          "10.9.0.255", "0.1.2.3"};
    struct packet request;

    request.source = topology_one_in(t, 8)    ? address_of(PICK(t, strange))
                     : topology_one_in(t, 12) ? draw_own(t, fib)
                                              : address_of(PICK(t, topology_hosts));
    request.destination = topology_one_in(t, 12)  ? address_of(PICK(t, strange))
                          : topology_one_in(t, 3) ? address_of(PICK(t, topology_hosts))
                                                  : draw_own(t, fib);
    if (topology_one_in(t, 16))
        request.source = request.destination;
    return request;
}

static void print_case(const struct topology *t, unsigned device, const struct packet *request,
                       const struct arp_receiver *arp)
{
    char source[INET_ADDRSTRLEN], target[INET_ADDRSTRLEN];

    printf("%.*s", (int)t->used, t->text);
    inet_ntop(AF_INET, &request->source, source, sizeof(source));
    inet_ntop(AF_INET, &request->destination, target, sizeof(target));
    printf("  on d%u (%d): %s asks for %s\n", device, arp->receiver.ifindex, source, target);
    printf("  there %s, out %d, back %s, answer %s dev %d, arp_ignore %d, arp_filter %d\n",
           route_kind_name(arp->receiver.there), arp->out,
           route_kind_name(arp->receiver.reverse.kind), route_kind_name(arp->answer.kind),
           arp->answer.hops[0], arp->arp_ignore, arp->arp_filter);
    printf("  proxy_arp %d pvlan %d medium %d to %d, entry %d, forwards %d\n",
           arp->settings.proxy_arp, arp->settings.proxy_arp_pvlan, arp->settings.medium_id,
           arp->out_medium_id, arp->proxied, arp->receiver.forwards);
    fflush(stdout);
    if (system("ip rule; ip route show table all | grep -v '^broadcast'; ip nexthop; ip -4 addr; "
               "ip neighbour show proxy") != 0)
        printf("(no more can be shown)\n");
}

/* Which of several ways is taken nobody can foretell: by a hash, or by which gateway answers. */
static bool is_by_chance(const struct fib *fib, const struct arp_receiver *arp)
{
    return (arp->receiver.there == ROUTE_UNICAST && arp->receiver.there_hops > 1) ||
           (arp->arp_filter && (arp->answer.n_hops > 1 || fib->equal_defaults));
}

static void try_request(struct topology *t, struct world *world, struct fib *fib,
                        const struct live *live, const struct procsys *procsys, struct tally *tally)
{
    unsigned device = topology_draw(t, WORLD_DEVICES);
    struct packet request;
    struct arp_receiver arp;
    int r;

    while (t->down[device])
        device = topology_draw(t, WORLD_DEVICES);
    request = draw_request(t, fib);
    r = fib_arp_receiver(fib, live, live_by_ifindex(live, world->ifindex[device]), procsys,
                         &request, &arp);
    if (r < 0) {
        printf("MISMATCH: lookup: %s\n", strerror(-r));
        tally->mismatches++;
        return;
    }
    if (is_by_chance(fib, &arp)) {
        tally->by_chance++;
        return;
    }
    tally->requests++;
    for (int mode = 0; mode <= 2; mode++) {
        struct arp_verdict verdict = arp_decide(&request, &arp, mode);
        bool answered;

        world_set_rp_filter(world, device, 0, mode);
        answered = world_ask(world, device, &request);
        tally->verdicts++;
        tally->answered += answered;
        tally->steps[verdict.step]++;
        if (answered == verdict.answered)
            continue;
        tally->mismatches++;
        printf("MISMATCH in mode %d: we say %s (%s), the kernel %s\n", mode,
               verdict.answered ? "answered" : "unanswered", arp_step_name(verdict.step),
               answered ? "answered" : "did not answer");
        print_case(t, device, &request, &arp);
    }
}

static void try_topology(struct topology *t, struct world *world, struct netlink *nl,
                         const struct procsys *procsys, struct tally *tally)
{
    const struct picture_options options = {
        .keys = ARP_KEYS, .facts = FACT_ADDRESSES, .proc_sys_net = "/proc/sys/net"};
    _cleanup_fib_ struct fib fib = {0};
    struct live live = {0};

    topology_make(t);
    add_arp(t);
    topology_build(t);
    world_settle(world, t->down);
    choose_proxies(t);
    topology_choose_settings(t);
    choose_arp_settings(t);
    if (picture_read(nl, &options, &live) < 0 || fib_open(nl, &fib) < 0) {
        printf("failed: reading what was built\n");
        exit(1);
    }
    /* What cannot be seen any more, header of fib.h. */
    t->custom_rules |= fib.custom_rules;
    fib.custom_rules = t->custom_rules;
    tally->topologies++;
    for (unsigned i = 0; i < REQUESTS; i++)
        try_request(t, world, &fib, &live, procsys, tally);
    live_done(&live);
}

static void try_half(unsigned topologies, uint64_t seed, bool rules_allowed, struct tally *tally)
{
    struct topology t = {.random = seed * 2 + rules_allowed + 88172645463325252u,
                         .rules_allowed = rules_allowed};
    _cleanup_procsys_ struct procsys procsys = PROCSYS_INIT;
    _cleanup_netlink_ struct netlink nl = {0};
    struct world world;

    world_enter(&world);
    if (netlink_open(&nl) < 0 || procsys_open("/proc/sys/net", &procsys) < 0)
        exit(1);
    /* An answer for others would wait for a random time. */
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        run("sysctl -q -w net.ipv4.neigh.d%u.proxy_delay=0", i);
    for (unsigned i = 0; i < topologies; i++)
        try_topology(&t, &world, &nl, &procsys, tally);
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
    printf("%u requests with several ways are left out\n", tally.by_chance);
    printf("%u topologies, %u requests, %u verdicts: %u answered, %u mismatches\n",
           tally.topologies, tally.requests, tally.verdicts, tally.answered, tally.mismatches);
    for (enum arp_step i = 0; i < ARP_STEP_COUNT; i++)
        printf("%8u %s\n", tally.steps[i], arp_step_name(i));
    return tally.mismatches > 0;
}
