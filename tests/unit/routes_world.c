/* A host made of words, and a model of what the kernel does with routes and rules. */
#include "routes_world.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

void world_init(struct world *world)
{
    *world = (struct world){.live = {.all_writable = true}};
    world->live.devices = world->devices;
    world_device(world, "lo")->flags = IFF_UP | IFF_LOOPBACK;
}

void world_done(struct world *world)
{
    route_facts_done(&world->facts);
}

struct device *world_device(struct world *world, const char *name)
{
    struct device *device = &world->devices[world->live.count++];

    assert_true(world->live.count <= WORLD_DEVICES_MAX);
    *device = (struct device){
        .ifindex = (int)world->live.count, .known = UINT32_MAX, .flags = IFF_UP, .ipv4 = true};
    snprintf(device->name, sizeof(device->name), "%s", name);
    return device;
}

static int ifindex_of(const struct world *world, const char *name)
{
    const struct device *device = live_by_name(&world->live, name);

    assert_non_null(device);
    return device->ifindex;
}

struct route_address *world_address(struct world *world, const char *device, const char *text,
                                    uint32_t flags)
{
    struct route_facts *facts = &world->facts;
    struct route_address address = {.ifindex = ifindex_of(world, device), .flags = flags};
    char local[64], peer[64];
    int n = sscanf(text, "%63s peer %63s", local, peer);

    assert_int_equal(ip_prefix_parse(local, &address.local), 0);
    if (n == 2)
        assert_int_equal(ip_parse(peer, &address.peer), 0);
    assert_int_equal(grow((void **)&facts->addresses, &facts->addresses_capacity,
                          facts->n_addresses, sizeof(address)),
                     0);
    facts->addresses[facts->n_addresses] = address;
    return &facts->addresses[facts->n_addresses++];
}

static struct route *append_route(struct world *world, const struct route *route)
{
    struct route_facts *facts = &world->facts;

    assert_int_equal(
        grow((void **)&facts->routes, &facts->routes_capacity, facts->n_routes, sizeof(*route)), 0);
    facts->routes[facts->n_routes] = *route;
    return &facts->routes[facts->n_routes++];
}

static struct route_rule *append_rule(struct world *world, const struct route_rule *rule)
{
    struct route_facts *facts = &world->facts;

    assert_int_equal(
        grow((void **)&facts->rules, &facts->rules_capacity, facts->n_rules, sizeof(*rule)), 0);
    facts->rules[facts->n_rules] = *rule;
    return &facts->rules[facts->n_rules++];
}

struct route *world_route(struct world *world, const char *device, uint32_t table, const char *text,
                          uint8_t protocol)
{
    struct route route = {.type = RTN_UNICAST,
                          .protocol = protocol,
                          .table = table,
                          .oif = ifindex_of(world, device)};
    char to[64], via[64];
    int n = sscanf(text, "%63s via %63s", to, via);

    if (n == 2)
        assert_int_equal(ip_parse(via, &route.via), 0);
    if (!streq(to, "default"))
        assert_int_equal(ip_prefix_parse(to, &route.to), 0);
    else
        route.to.ip.family = n == 2 ? route.via.family : AF_INET;
    route.family = route.to.ip.family;
    route.metric = route.family == AF_INET6 ? 1024 : 0;
    if (n != 2 && route.family == AF_INET)
        route.scope = RT_SCOPE_LINK;
    return append_route(world, &route);
}

struct route_rule *world_rule(struct world *world, uint32_t priority, const char *from,
                              uint32_t table, uint8_t protocol)
{
    struct route_rule rule = {.protocol = protocol,
                              .action = FR_ACT_TO_TBL,
                              .priority = priority,
                              .table = table,
                              .suppress_prefixlength = -1};

    assert_int_equal(ip_prefix_parse(from, &rule.from), 0);
    rule.family = rule.from.ip.family;
    rule.to.ip.family = rule.family;
    return append_rule(world, &rule);
}

static bool same_place(const struct route *a, const struct route *b)
{
    return a->family == b->family && a->table == b->table && a->metric == b->metric &&
           a->tos == b->tos && ip_prefix_compare(&a->to, &b->to) == 0;
}

static bool same_rule(const struct route_rule *a, const struct route_rule *b)
{
    return a->family == b->family && a->protocol == b->protocol && a->action == b->action &&
           a->priority == b->priority && a->table == b->table &&
           a->suppress_prefixlength == b->suppress_prefixlength && a->special == b->special &&
           ip_prefix_compare(&a->from, &b->from) == 0 && ip_prefix_compare(&a->to, &b->to) == 0;
}

static void take_away(void *items, size_t *count, size_t size, size_t i)
{
    char *bytes = items;

    memmove(bytes + i * size, bytes + (i + 1) * size, (*count - i - 1) * size);
    --*count;
}

/* Does a route of the table other than a default reach the router, as fib_check_nh() asks? */
static bool is_reachable(const struct world *world, const struct route *route)
{
    if (!route->via.family || route->onlink ||
        (route->via.family == AF_INET6 && ip_is_link_local(&route->via)))
        return true;
    for (size_t i = 0; i < world->facts.n_routes; i++) {
        const struct route *other = &world->facts.routes[i];

        if (other->table == route->table && other->oif == route->oif && !other->via.family &&
            other->to.length > 0 && ip_prefix_contains(&other->to, &route->via))
            return true;
    }
    return false;
}

static void add_route(struct world *world, const struct routes_change *change)
{
    assert_int_equal(change->route.protocol, ROUTING_PROTOCOL);
    assert_true(is_reachable(world, &change->route));
    for (size_t i = 0; i < world->facts.n_routes; i++) {
        struct route *route = &world->facts.routes[i];

        if (!same_place(route, &change->route))
            continue;
        assert_true(change->replace);
        assert_int_equal(route->protocol, ROUTING_PROTOCOL);
        *route = change->route;
        return;
    }
    assert_false(change->replace);
    append_route(world, &change->route);
}

static void delete_route(struct world *world, const struct route *gone)
{
    for (size_t i = 0; i < world->facts.n_routes; i++) {
        const struct route *route = &world->facts.routes[i];

        if (!same_place(route, gone) || route->protocol != ROUTING_PROTOCOL ||
            route->oif != gone->oif || route->special != gone->special ||
            route->onlink != gone->onlink || route->mtu != gone->mtu ||
            ip_compare(&route->via, &gone->via) != 0)
            continue;
        take_away(world->facts.routes, &world->facts.n_routes, sizeof(*route), i);
        return;
    }
    fail_msg("no such route");
}

void world_carry_out(struct world *world, const struct routes_change *change)
{
    switch (change->op) {
    case ROUTES_ADD_ROUTE:
        add_route(world, change);
        return;
    case ROUTES_DELETE_ROUTE:
        delete_route(world, &change->route);
        return;
    case ROUTES_ADD_RULE:
        assert_int_equal(change->rule.protocol, ROUTING_PROTOCOL);
        append_rule(world, &change->rule);
        return;
    case ROUTES_DELETE_RULE:
        assert_int_equal(change->rule.protocol, ROUTING_PROTOCOL);
        break;
    }
    for (size_t i = 0; i < world->facts.n_rules; i++) {
        if (!same_rule(&world->facts.rules[i], &change->rule))
            continue;
        take_away(world->facts.rules, &world->facts.n_rules, sizeof(change->rule), i);
        return;
    }
    fail_msg("no such rule");
}

char *world_changes(const struct world *world, const struct routes_plan *plan)
{
    char *all = strdup(""), *longer;

    for (size_t i = 0; i < plan->n_changes; i++) {
        const struct routes_change *change = &plan->changes[i];
        const struct device *device = live_by_ifindex(
            &world->live, change->op == ROUTES_ADD_ROUTE || change->op == ROUTES_DELETE_ROUTE
                              ? change->route.oif
                              : 0);
        _cleanup_free_ char *text = routes_change_text(change, device ? device->name : NULL);
        char *tail;

        assert_non_null(text);
        tail = strstr(text, " protocol 182");
        assert_non_null(tail);
        assert_int_equal(tail[13], '\0');
        *tail = '\0';
        assert_true(asprintf(&longer, "%s%s%s\n", all, text[4] == '6' ? "6: " : "", text + 6) > 0);
        free(all);
        all = longer;
    }
    return all;
}
