/* What the planner of policy routing promises, over random hosts: a model of the kernel carries
 * each plan out change by change. At each step an address that had and will have a way out has one;
 * at the end the kernel holds what was wanted, what others have is as it was, and a second plan is
 * empty. */
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "routes_world.h"

#define RUNS 30000
#define FOREIGN RTPROT_STATIC
#define DEVICES_MAX 6

static uint64_t seed;

static unsigned draw(unsigned n)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % n;
}

#define PICK(list) ((list)[draw(ELEMENTSOF(list))])

static const char *const policies[] = {
    "[routing]\n* = auto\n",
    "[routing]\n* = auto\n[routing *]\ngateway = first\n",
    "[routing]\n* = auto\n[routing *]\ngateway = none\n",
    "[routing]\neth0 = auto\neth1 = auto\n[routing *]\ngateway = 10.9.9.9 fe80::99\n",
    "[routing]\neth1..4 = auto\n[routing *]\ngateway = first\nmain-first = no\n",
    "[routing]\neth1..4 = auto\n[routing *]\ngateway = first\nmain-first = yes\n",
    "[routing]\neth1..4 = auto\n[routing eth2]\ntable = 77\npriority = 400\ngateway = first\n",
    "[routing]\neth1..4 = auto\n[routing *]\ngateway = first\n"
    "routes = 10.50.0.0/16 via 10.0.0.9, 10.51.0.0/16, 2001:db8:50::/48 via fe80::5\n",
    "[routing]\neth1..4 = auto\n[routing *]\ngateway = first\n[agent]\nrouting-table-base = 700\n",
    "[routing]\neth1..4 = auto\n[routing *]\ngateway = first\n[agent]\n"
    "routing-priority-base = 500\n",
    "[routing]\neth3 = off\n",
};

static const char *const addresses[] = {
    "10.0.0.1/24",
    "10.0.0.2/24",
    "10.0.0.2/32",
    "10.0.1.1/24",
    "10.0.1.2/25",
    "10.0.1.7/31",
    "10.0.2.1/30",
    "10.3.0.1/32",
    "10.4.0.1/32 peer 10.4.0.2",
    "169.254.1.1/16",
    "2001:db8::1/64",
    "2001:db8::2/64",
    "2001:db8:1::1/64",
    "2001:db8:2::1/128",
    "fe80::1/64",
    "127.0.0.2/8",
    "10.0.2.9/24 peer 10.0.2.0",
};

static const uint32_t address_flags[] = {0,
                                         0,
                                         0,
                                         IFA_F_DEPRECATED,
                                         IFA_F_TENTATIVE,
                                         IFA_F_DADFAILED,
                                         IFA_F_NOPREFIXROUTE,
                                         IFA_F_SECONDARY,
                                         IFA_F_TENTATIVE | IFA_F_OPTIMISTIC};

static const char *device_name(const struct world *world, unsigned i)
{
    return world->devices[1 + i].name;
}

static const char *any_device(const struct world *world)
{
    return device_name(world, draw((unsigned)world->live.count - 1));
}

static void draw_devices(struct world *world, bool changed)
{
    for (size_t i = 1; i < world->live.count; i++) {
        struct device *device = &world->devices[i];

        device->flags = draw(8) ? IFF_UP : 0;
        device->flags |= draw(8) ? 0 : IFF_POINTOPOINT;
        device->paused = draw(12) == 0;
        strcpy(device->slave_kind, draw(16) ? "" : "vrf");
    }
    world->live.all_paused = world->live.default_paused = draw(4) == 0;
    (void)changed;
}

static void draw_addresses(struct world *world)
{
    world->facts.n_addresses = 0;
    for (unsigned n = draw(10); n > 0; n--)
        world_address(world, any_device(world), PICK(addresses), PICK(address_flags));
}

/* Others' routes: defaults anywhere, and routes in tables that may be ours. */
static void draw_foreign(struct world *world)
{
    static const char *const defaults[] = {"default via 10.0.0.9", "default via 10.0.1.9",
                                           "default", "default via fe80::9",
                                           "default via 2001:db8::9"};
    static const uint32_t tables[] = {RT_TABLE_MAIN, RT_TABLE_MAIN, 100, 101};
    static const uint32_t priorities[] = {5, 400, 20000, 20100, 20200, 20300, 30000};

    for (unsigned n = draw(5); n > 0; n--) {
        struct route *route =
            world_route(world, any_device(world), PICK(tables), PICK(defaults), FOREIGN);

        route->metric += n; /* no two in one place */
        route->mtu = draw(4) ? 0 : 1400;
        route->special = draw(6) == 0;
    }
    if (draw(5) == 0)
        world_route(world, any_device(world), 21000 + 2 + draw(4), "10.99.0.0/16", FOREIGN);
    for (unsigned n = draw(3); draw(3) == 0 && n > 0; n--)
        world_rule(world, PICK(priorities), draw(2) ? "10.0.0.0/16" : "10.77.0.1", 100, FOREIGN);
}

/* What an earlier run, or nobody knows what, has left of ours. */
static void draw_leftovers(struct world *world)
{
    static const char *const routes[] = {"default via 10.0.0.8",
                                         "default via 10.0.0.9",
                                         "10.0.0.0/24",
                                         "10.60.0.0/16 via 10.0.0.7",
                                         "default",
                                         "2001:db8::/64",
                                         "default via fe80::8"};
    static const char *const from[] = {"10.0.0.1", "10.0.0.2", "10.0.1.1", "2001:db8::1",
                                       "10.66.0.1"};
    static const uint32_t priorities[] = {400, 20000, 20200, 20150};

    for (unsigned n = draw(2) ? draw(6) : 0; n > 0; n--) {
        unsigned i = draw((unsigned)world->live.count - 1);
        uint32_t base = draw(3) ? 21000 : 500;
        struct route *route =
            world_route(world, device_name(world, i), base + 2 + i, PICK(routes), ROUTING_PROTOCOL);

        route->special = draw(8) == 0;
    }
    for (unsigned n = draw(2) ? draw(5) : 0; n > 0; n--) {
        struct route_rule *rule =
            world_rule(world, PICK(priorities), PICK(from), 21000 + 2 + draw(5), ROUTING_PROTOCOL);

        if (draw(6) == 0) {
            rule->from.length = 0;
            rule->from.ip = (struct ip){.family = rule->family};
            rule->table = RT_TABLE_MAIN;
            rule->suppress_prefixlength = 0;
        }
    }
}

static void draw_world(struct world *world)
{
    world_init(world);
    for (unsigned n = 1 + draw(DEVICES_MAX - 1), i = 0; i < n; i++) {
        char name[16];

        snprintf(name, sizeof(name), "eth%u", i);
        world_device(world, name);
    }
    draw_devices(world, false);
    draw_addresses(world);
    draw_foreign(world);
    draw_leftovers(world);
}

/* -- the ways that packets take -- */

/* The best route of a table, NULL for none or where it is suppressed. */
static const struct route *look_in(const struct world *world, uint32_t table, const struct ip *to,
                                   int suppress)
{
    const struct route *best = NULL;

    for (size_t i = 0; i < world->facts.n_routes; i++) {
        const struct route *route = &world->facts.routes[i];

        if (route->table != table || route->family != to->family ||
            !ip_prefix_contains(&route->to, to))
            continue;
        if (!best || route->to.length > best->to.length ||
            (route->to.length == best->to.length && route->metric < best->metric))
            best = route;
    }
    return best && best->to.length > suppress ? best : NULL;
}

/* The way out of a packet from this address to far away: rules by priority, equals as they came,
 * and main in the end. */
static const struct route *way_out(const struct world *world, const struct ip *from)
{
    struct ip to;

    assert_int_equal(ip_parse(from->family == AF_INET ? "203.0.113.7" : "2001:db9::7", &to), 0);
    for (uint32_t priority = 0, next; priority < 32766; priority = next) {
        next = 32766;
        for (size_t i = 0; i < world->facts.n_rules; i++) {
            const struct route_rule *rule = &world->facts.rules[i];
            const struct route *found;

            if (rule->priority > priority && rule->priority < next)
                next = rule->priority;
            if (rule->priority != priority || rule->family != from->family || rule->special ||
                !ip_prefix_contains(&rule->from, from) || !ip_prefix_contains(&rule->to, &to))
                continue;
            found = look_in(world, rule->table, &to, rule->suppress_prefixlength);
            if (found)
                return found;
        }
    }
    return look_in(world, RT_TABLE_MAIN, &to, -1);
}

/* -- comparing -- */

static int compare_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct route));
}

static int compare_rule_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct route_rule));
}

/* Ours or others' of the routes and rules, in an order that does not depend on when they came. */
struct side {
    struct route routes[300];
    struct route_rule rules[300];
    size_t n_routes, n_rules;
};

/* Member by member: what lies between them is not compared. `side` is all zero. */
static void copy_route(const struct route *from, struct route *to)
{
    to->family = from->family;
    to->type = from->type;
    to->protocol = from->protocol;
    to->scope = from->scope;
    to->tos = from->tos;
    to->table = from->table;
    to->metric = from->metric;
    to->to = from->to;
    to->via = from->via;
    to->oif = from->oif;
    to->prefsrc = from->prefsrc;
    to->mtu = from->mtu;
    to->onlink = from->onlink;
    to->special = from->special;
}

static void copy_rule(const struct route_rule *from, struct route_rule *to)
{
    to->family = from->family;
    to->protocol = from->protocol;
    to->action = from->action;
    to->priority = from->priority;
    to->table = from->table;
    to->from = from->from;
    to->to = from->to;
    to->suppress_prefixlength = from->suppress_prefixlength;
    to->special = from->special;
}

static void add_side(struct side *side, const struct route *route, const struct route_rule *rule)
{
    assert_true(side->n_routes < 300 && side->n_rules < 300);
    if (route)
        copy_route(route, &side->routes[side->n_routes++]);
    if (rule)
        copy_rule(rule, &side->rules[side->n_rules++]);
}

static void sort_side(struct side *side)
{
    qsort(side->routes, side->n_routes, sizeof(*side->routes), compare_bytes);
    qsort(side->rules, side->n_rules, sizeof(*side->rules), compare_rule_bytes);
}

static void take_side(const struct world *world, bool ours, struct side *side)
{
    memset(side, 0, sizeof(*side));
    for (size_t i = 0; i < world->facts.n_routes; i++) {
        if ((world->facts.routes[i].protocol == ROUTING_PROTOCOL) == ours)
            add_side(side, &world->facts.routes[i], NULL);
    }
    for (size_t i = 0; i < world->facts.n_rules; i++) {
        if ((world->facts.rules[i].protocol == ROUTING_PROTOCOL) == ours)
            add_side(side, NULL, &world->facts.rules[i]);
    }
    sort_side(side);
}

static void take_plan(const struct routes_plan *plan, struct side *side)
{
    memset(side, 0, sizeof(*side));
    for (size_t i = 0; i < plan->n_routes; i++)
        add_side(side, &plan->routes[i], NULL);
    for (size_t i = 0; i < plan->n_rules; i++)
        add_side(side, NULL, &plan->rules[i]);
    sort_side(side);
}

static void assert_same_side(const struct side *a, const struct side *b, const char *what,
                             uint64_t start)
{
    if (a->n_routes != b->n_routes || a->n_rules != b->n_rules ||
        memcmp(a->routes, b->routes, a->n_routes * sizeof(*a->routes)) != 0 ||
        memcmp(a->rules, b->rules, a->n_rules * sizeof(*a->rules)) != 0)
        fail_msg("seed %llu: %s: %zu and %zu routes, %zu and %zu rules", (unsigned long long)start,
                 what, a->n_routes, b->n_routes, a->n_rules, b->n_rules);
}

/* -- a run -- */

/* Whose packets leave by which device: 0 for none. */
static void take_ways(const struct world *world, int ways[32])
{
    for (size_t i = 0; i < world->facts.n_addresses; i++) {
        const struct route *way = way_out(world, &world->facts.addresses[i].local.ip);

        ways[i] = way ? way->oif : 0;
    }
}

static unsigned how_many_have(const struct world *world, const struct ip *ip)
{
    unsigned n = 0;

    for (size_t i = 0; i < world->facts.n_addresses; i++)
        n += ip_compare(&world->facts.addresses[i].local.ip, ip) == 0;
    return n;
}

/* Where nobody else has rules and nothing is left alone, replies leave by the device whose address
 * they carry. */
static void check_meaning(const struct world *world, const struct routes_plan *plan, uint64_t start)
{
    for (size_t i = 0; i < world->facts.n_rules; i++) {
        if (world->facts.rules[i].protocol != ROUTING_PROTOCOL)
            return;
    }
    for (size_t i = 0; i < world->live.count; i++) {
        if (world->devices[i].paused)
            return;
    }
    if (plan->states[ROUTES_CONFLICT] > 0)
        return;
    for (size_t i = 0; i < world->facts.n_addresses; i++) {
        const struct route_address *address = &world->facts.addresses[i];
        const struct ip *ip = &address->local.ip;
        const struct route *way = way_out(world, ip);
        char text[IP_TEXT_MAX];

        if (!routes_address_is_usable(address) || how_many_have(world, ip) > 1)
            continue;
        for (size_t k = 0; k < plan->n_devices; k++) {
            const struct routes_device *device = &plan->devices[k];
            unsigned f = IP_INDEX(ip->family);

            if (device->ifindex != address->ifindex ||
                (device->state != ROUTES_OK && device->state != ROUTES_DRIFT) ||
                !device->gateway[f].source[0] || streq(device->gateway[f].source, "none"))
                continue;
            if (!way || way->oif != device->ifindex || way->table != device->table ||
                ip_compare(&way->via, &device->gateway[f].address) != 0)
                fail_msg("seed %llu: a reply from %s leaves elsewhere", (unsigned long long)start,
                         ip_text(ip, text));
        }
    }
}

static void carry_out(struct world *world, const struct policy *policy, bool forced, uint64_t start)
{
    struct side foreign, foreign_after, ours, wanted;
    struct routes_plan plan = {0}, again = {0};
    int before[32], after[32], now[32];
    struct world end = *world;

    assert_int_equal(routes_plan(policy, &world->live, &world->facts, forced, &plan), 0);
    take_side(world, false, &foreign);
    take_ways(world, before);
    /* First on a copy, to know the end. */
    end.live.devices = end.devices;
    end.facts.routes = calloc(world->facts.n_routes + plan.n_changes + 1, sizeof(struct route));
    end.facts.rules = calloc(world->facts.n_rules + plan.n_changes + 1, sizeof(struct route_rule));
    end.facts.routes_capacity = world->facts.n_routes + plan.n_changes + 1;
    end.facts.rules_capacity = world->facts.n_rules + plan.n_changes + 1;
    if (world->facts.n_routes)
        memcpy(end.facts.routes, world->facts.routes, world->facts.n_routes * sizeof(struct route));
    if (world->facts.n_rules)
        memcpy(end.facts.rules, world->facts.rules,
               world->facts.n_rules * sizeof(struct route_rule));
    for (size_t i = 0; i < plan.n_changes; i++)
        world_carry_out(&end, &plan.changes[i]);
    take_ways(&end, after);
    free(end.facts.routes);
    free(end.facts.rules);
    for (size_t i = 0; i < plan.n_changes; i++) {
        world_carry_out(world, &plan.changes[i]);
        take_ways(world, now);
        for (size_t k = 0; k < world->facts.n_addresses; k++) {
            if (before[k] && after[k] && !now[k])
                fail_msg("seed %llu: an address has no way out for a moment",
                         (unsigned long long)start);
        }
    }
    take_side(world, false, &foreign_after);
    assert_same_side(&foreign, &foreign_after, "what others have changed", start);
    take_side(world, true, &ours);
    take_plan(&plan, &wanted);
    assert_same_side(&ours, &wanted, "what is there is not what was wanted", start);
    check_meaning(world, &plan, start);
    assert_int_equal(routes_plan(policy, &world->live, &world->facts, forced, &again), 0);
    if (again.n_changes != 0)
        fail_msg("seed %llu: a second plan is not empty", (unsigned long long)start);
    routes_plan_done(&plan);
    routes_plan_done(&again);
}

static void random_hosts_end_as_wanted(void **state)
{
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t start = seed = run;
        struct world world;

        draw(1);
        draw_world(&world);
        for (unsigned turn = 0; turn < 3; turn++) {
            _cleanup_diags_ struct diags diags = DIAGS_INIT;
            _cleanup_policy_ struct policy *policy = policy_of(PICK(policies), &diags);

            assert_false(diags_failed(&diags));
            carry_out(&world, draw(10) ? policy : NULL, draw(3) == 0, start);
            draw_devices(&world, true);
            draw_addresses(&world);
        }
        world_done(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_hosts_end_as_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
