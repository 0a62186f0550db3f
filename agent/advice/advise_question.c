/* From a question to a complaint, and from a complaint to what candidates are made from. */
#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "agent/advice/advise_private.h"
#include "agent/advice/stand_in.h"
#include "agent/kernel/neigh.h"
#include "policy/advice/impact.h"
#include "policy/lang/routing.h"

static bool is_special(uint32_t host)
{
    return host >> 28 == 0xe || host == INADDR_BROADCAST;
}

/* Is it an address of the host, and which device's? 0: nobody's. */
static int owner_of(const struct fib *fib, struct in_addr address)
{
    for (size_t i = 0; i < fib->n_addresses; i++)
        if (ip_to_ipv4(&fib->addresses[i].local.ip).s_addr == address.s_addr)
            return fib->addresses[i].ifindex;
    return 0;
}

/* The address of the device whose subnet has the peer, else its first one; else the first one of
 * the host in the same VRF. */
static struct in_addr choose_destination(const struct advising *advising, struct in_addr peer)
{
    const struct fib *fib = &advising->fib;
    const struct advice_question *q = advising->question;
    const struct ip ip = ip_of_ipv4(peer);
    const struct route_address *best = NULL;
    unsigned best_rank = 0;

    for (size_t i = 0; i < fib->n_addresses; i++) {
        const struct route_address *a = &fib->addresses[i];
        const struct device *device = live_by_ifindex(q->live, a->ifindex);
        unsigned rank = 1;

        if (ip_is_loopback(&a->local.ip) || !device || device_vrf(device) != device_vrf(q->device))
            continue;
        if (a->ifindex == q->device->ifindex)
            rank = ip_prefix_contains(&a->local, &ip) ? 3 : 2;
        if (rank > best_rank) {
            best = a;
            best_rank = rank;
        }
    }
    return best ? ip_to_ipv4(&best->local.ip) : (struct in_addr){0};
}

static struct in_addr first_address(const struct fib *fib, int ifindex)
{
    for (size_t i = 0; i < fib->n_addresses; i++)
        if (fib->addresses[i].ifindex == ifindex)
            return ip_to_ipv4(&fib->addresses[i].local.ip);
    return (struct in_addr){0};
}

/* Looking for a subnet that lies behind this host: on the link of another device that no router is
 * behind. */
struct behind {
    const struct advice_question *question;
    const struct fib *fib;
    struct in_addr found;
    int skipped; /* a device that a router is behind */
};

static int take_router(const struct route *route, void *data)
{
    const int *ifindex = data;

    return route->oif == *ifindex && route->via.family;
}

static int take_behind(const struct route *route, void *data)
{
    struct behind *behind = data;
    const struct advice_question *q = behind->question;
    const struct device *device = live_by_ifindex(q->live, route->oif);
    int ifindex = route->oif;

    if (!device || device == q->device || device->ifindex == behind->skipped ||
        route->type != RTN_UNICAST || route->via.family || route->to.length == 0 ||
        !device->forwarding || !impact_receives(device))
        return 0;
    if (fib_each_route(behind->fib, take_router, &ifindex) != 0) {
        behind->skipped = ifindex;
        return 0;
    }
    behind->found = stand_in_of_subnet(behind->fib, &route->to);
    return behind->found.s_addr != 0;
}

static struct in_addr somebody_behind(const struct advising *advising)
{
    struct behind behind = {.question = advising->question, .fib = &advising->fib};

    (void)fib_each_route(&advising->fib, take_behind, &behind); /* returns what take_behind does */
    return behind.found;
}

int advising_settle(struct advising *advising)
{
    const struct advice_question *q = advising->question;
    struct complaint *complaint = &advising->complaint;
    int owner, ifindex = q->device->ifindex;

    complaint->ifindex = ifindex;
    complaint->peer = q->far_away ? stand_in_far_away(&advising->fib) : q->peer;
    complaint->destination = q->to.s_addr   ? q->to
                             : q->forwarded ? somebody_behind(advising)
                                            : choose_destination(advising, complaint->peer);
    complaint->mark = q->mark;
    complaint->proto = q->proto;
    complaint->sport = q->sport;
    complaint->dport = q->dport;
    if (complaint->destination.s_addr == 0)
        return -EADDRNOTAVAIL;
    owner = owner_of(&advising->fib, complaint->destination);
    complaint->one_way = owner_of(&advising->fib, complaint->peer) != 0;
    advising->to = owner == ifindex ? CURE_TO_DEVICE : owner ? CURE_TO_HOST : CURE_TO_FORWARD;
    if (is_special(ntohl(complaint->destination.s_addr))) {
        advising->to = CURE_TO_GROUP;
        complaint->one_way = true;
        return 0;
    }
    complaint->asked =
        owner == ifindex ? complaint->destination : first_address(&advising->fib, ifindex);
    return 0;
}

/* -- what candidates are made from -- */

static void add_gateway(struct cure_question *q, struct in_addr address, bool seen)
{
    struct ip ip = ip_of_ipv4(address);

    for (size_t i = 0; i < q->n_gateways; i++)
        if (ip_compare(&q->gateways[i].address, &ip) == 0)
            return;
    if (q->n_gateways < CURE_GATEWAYS_MAX)
        q->gateways[q->n_gateways++] = (struct cure_gateway){ip, seen};
}

static int take_gateway(const struct route *route, void *data)
{
    struct cure_question *q = data;

    if (route->oif == q->ifindex && route->via.family == AF_INET)
        add_gateway(q, ip_to_ipv4(&route->via), true);
    return 0;
}

static void take_leases(const struct advising *advising, struct cure_question *q)
{
    for (size_t i = 0; i < advising->facts.n_leases; i++) {
        const struct route_lease *lease = &advising->facts.leases[i];

        if (lease->ifindex == q->ifindex && lease->gateway.family == AF_INET)
            add_gateway(q, ip_to_ipv4(&lease->gateway), true);
    }
}

static bool is_heard(const struct neighbour *neighbours, size_t n, int ifindex,
                     struct in_addr address)
{
    for (size_t i = 0; i < n; i++)
        if (neighbours[i].ifindex == ifindex &&
            ip_to_ipv4(&neighbours[i].address).s_addr == address.s_addr)
            return true;
    return false;
}

/* The first host of each subnet of the device, where that is not this host. */
static int take_first_hosts(const struct advising *advising, struct cure_question *q)
{
    const struct fib *fib = &advising->fib;
    _cleanup_free_ struct neighbour *neighbours = NULL;
    size_t n = 0;
    int r = neighbours_read(advising->question->nl, &neighbours, &n);

    for (size_t i = 0; r >= 0 && i < fib->n_addresses; i++) {
        const struct route_address *a = &fib->addresses[i];
        struct ip_prefix subnet = ip_prefix_masked(&a->local);
        struct in_addr first = {htonl(ntohl(ip_to_ipv4(&subnet.ip).s_addr) + 1)};

        if (a->ifindex == q->ifindex && !a->peer.family && a->local.length < 31 &&
            owner_of(fib, first) == 0)
            add_gateway(q, first, is_heard(neighbours, n, q->ifindex, first));
    }
    return r < 0 ? r : 0;
}

static bool is_on_link(const struct advising *advising)
{
    const struct fib *fib = &advising->fib;
    struct ip peer = ip_of_ipv4(advising->complaint.peer);

    for (size_t i = 0; i < fib->n_addresses; i++) {
        const struct route_address *a = &fib->addresses[i];

        if (a->ifindex == advising->complaint.ifindex &&
            (a->peer.family ? ip_compare(&a->peer, &peer) == 0
                            : a->local.length < 32 && ip_prefix_contains(&a->local, &peer)))
            return true;
    }
    return false;
}

/* As the planner sees it: no default route of any table, and no lease. */
static bool lacks_ipv6(const struct advising *advising)
{
    const struct route_facts *facts = &advising->facts;
    int ifindex = advising->complaint.ifindex;
    bool numbered = false;

    for (size_t i = 0; i < facts->n_addresses; i++)
        numbered |= facts->addresses[i].ifindex == ifindex &&
                    facts->addresses[i].local.ip.family == AF_INET6 &&
                    routes_address_is_usable(&facts->addresses[i]);
    for (size_t i = 0; i < facts->n_routes; i++)
        if (facts->routes[i].family == AF_INET6 && facts->routes[i].to.length == 0 &&
            facts->routes[i].oif == ifindex && facts->routes[i].protocol != ROUTING_PROTOCOL)
            return false;
    for (size_t i = 0; i < facts->n_leases; i++)
        if (facts->leases[i].ifindex == ifindex && facts->leases[i].gateway.family == AF_INET6)
            return false;
    return numbered && !(advising->question->device->flags & IFF_POINTOPOINT);
}

/* A base with which all three priorities stand before that of somebody else's rule; 0: there is
 * none. Round ones are easier to remember. */
static uint32_t base_before(uint32_t priority)
{
    uint32_t last = priority - ROUTING_PRIORITY_FROM - 1;

    if (priority <= ROUTING_PRIORITY_FROM + 1)
        return 0;
    return last < 100 ? 1 : last - last % 100;
}

static void add_base(struct cure_question *q, uint32_t base)
{
    if (base == 0 || q->n_bases == CURE_BASES_MAX)
        return;
    for (size_t i = 0; i < q->n_bases; i++)
        if (q->bases[i] == base)
            return;
    q->bases[q->n_bases++] = base;
}

static const struct fib_way *way_of(const struct complaint_result *result)
{
    return result->end == COMPLAINT_ASTRAY ? &result->reply : &result->back;
}

/* Before the rule that decides now, and before all that others have. */
static void find_priorities(const struct advising *advising, struct cure_question *q)
{
    const struct fib *fib = &advising->fib;
    const struct fib_way *way = way_of(&advising->result);
    uint32_t base = advising->question->policy->agent.routing_priority_base;
    const struct route_rule *rule =
        way->rule && way->rule <= fib->n_rules ? &fib->rules[way->rule - 1] : NULL;

    q->before = rule ? rule->priority : 32766;
    if (rule && rule->protocol != ROUTING_PROTOCOL &&
        rule->priority <= base + ROUTING_PRIORITY_FROM)
        add_base(q, base_before(rule->priority));
    for (size_t i = 0; i < fib->n_rules; i++)
        if (fib->rules[i].priority > 0 && fib->rules[i].protocol != ROUTING_PROTOCOL &&
            fib->rules[i].priority <= base + ROUTING_PRIORITY_FROM) {
            add_base(q, base_before(fib->rules[i].priority));
            break;
        }
}

#define FREE_TABLES_FROM 1000
#define FREE_TABLES 64

static int use_table(const struct route *route, void *data)
{
    bool *used = data;

    if (route->table >= FREE_TABLES_FROM && route->table < FREE_TABLES_FROM + FREE_TABLES)
        used[route->table - FREE_TABLES_FROM] = true;
    return 0;
}

static uint32_t find_table(const struct fib *fib)
{
    bool used[FREE_TABLES + 1] = {false};
    uint32_t at = 0;

    (void)fib_each_route(fib, use_table, used); /* returns 0 */
    for (size_t i = 0; i < fib->n_rules; i++)
        (void)use_table(&(struct route){.table = fib->rules[i].table}, used); /* returns 0 */
    while (at < FREE_TABLES && used[at])
        at++;
    return FREE_TABLES_FROM + at;
}

/* The one other program that sets up the device, where it can be stopped by commands: the cures of
 * some begin with what a person has to know. */
static void find_other(const struct advising *advising, struct cure_question *q)
{
    bool several = false;

    for (size_t i = 0; i < advising->facts.n_meddlers; i++) {
        const struct route_meddler *meddler = &advising->facts.meddlers[i];

        if (meddler->ifindex != 0 && meddler->ifindex != q->ifindex)
            continue;
        if (q->other && !streq(q->other, meddler->name))
            several = true;
        if (!q->other) {
            q->other = meddler->name;
            q->evidence = meddler->evidence;
            q->stop_other = meddler->cure;
        }
    }
    if (several || (q->stop_other && (!*q->stop_other || *q->stop_other == '#')))
        q->stop_other = NULL;
}

int advising_ask(const struct advising *advising, struct cure_question *ret)
{
    const struct advice_question *question = advising->question;
    const struct complaint *complaint = &advising->complaint;
    const struct device *device = question->device;
    const struct live *live = question->live;
    int r;

    *ret = (struct cure_question){
        .name = device->name,
        .pattern = question->pattern,
        .ifindex = device->ifindex,
        .has_policy = advising->files.count > 0,
        .policy = question->policy_usable,
        .mode = advising->result.mode,
        .src_valid_mark = impact_effective(live, device, KEY_SRC_VALID_MARK),
        .accept_local = impact_effective(live, device, KEY_ACCEPT_LOCAL),
        .route_localnet = impact_effective(live, device, KEY_ROUTE_LOCALNET),
        .own_source = owner_of(&advising->fib, complaint->peer) != 0,
        .loopback = ntohl(complaint->peer.s_addr) >> 24 == 127 ||
                    ntohl(complaint->destination.s_addr) >> 24 == 127,
        .on_link = is_on_link(advising),
        .direct = device->flags & IFF_POINTOPOINT,
        .without_ipv6 = lacks_ipv6(advising),
        .mark = complaint->mark,
        .stand_in = question->far_away,
        .apply = question->policy->agent.mode == MODE_OBSERVE ? "rpfpolicy apply --once"
                                                              : "rpfpolicy apply",
        .to = advising->to,
        .peer = ip_of_ipv4(complaint->peer),
        .destination = ip_of_ipv4(complaint->destination),
        .table = find_table(&advising->fib),
    };
    find_other(advising, ret);
    find_priorities(advising, ret);
    (void)fib_each_route(&advising->fib, take_gateway, ret); /* returns 0 */
    take_leases(advising, ret);
    r = take_first_hosts(advising, ret);
    return r;
}
