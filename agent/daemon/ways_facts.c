/* What is known of routes and rules between two readings: is it in there, and what was changed. */
#include <linux/rtnetlink.h>

#include "agent/daemon/ways_private.h"
#include "agent/kernel/routes_io.h"

static bool same_route(const struct route *a, const struct route *b)
{
    return a->protocol == b->protocol && route_is_same(a, b);
}

static bool same_rule(const struct route_rule *a, const struct route_rule *b)
{
    return a->protocol == b->protocol && route_rule_compare(a, b) == 0;
}

bool facts_know_route(const struct route_facts *facts, const struct route *route)
{
    for (size_t i = 0; i < facts->n_routes; i++)
        if (!facts->routes[i].hop && same_route(&facts->routes[i], route))
            return true;
    return false;
}

bool facts_know_rule(const struct route_facts *facts, const struct route_rule *rule)
{
    for (size_t i = 0; i < facts->n_rules; i++)
        if (same_rule(&facts->rules[i], rule))
            return true;
    return false;
}

bool facts_know_foreign(const struct route_facts *facts, const struct route *place)
{
    for (size_t i = 0; i < facts->n_routes; i++)
        if (facts->routes[i].protocol != ROUTING_PROTOCOL &&
            facts->routes[i].family == place->family && facts->routes[i].table == place->table)
            return true;
    return false;
}

/* What was done is known without being read. Where memory is short it is read. */
static int add_route(struct route_facts *facts, const struct route *route, bool replace)
{
    int r = grow((void **)&facts->routes, &facts->routes_capacity, facts->n_routes,
                 sizeof(*facts->routes));

    for (size_t i = 0; i < facts->n_routes; i++) {
        if (same_route(&facts->routes[i], route))
            return 0;
        if (replace && facts->routes[i].protocol == route->protocol &&
            route_place_compare(&facts->routes[i], route) == 0) {
            facts->routes[i] = *route;
            return 0;
        }
    }
    if (r >= 0)
        facts->routes[facts->n_routes++] = *route;
    return r;
}

static int add_rule(struct route_facts *facts, const struct route_rule *rule)
{
    int r =
        grow((void **)&facts->rules, &facts->rules_capacity, facts->n_rules, sizeof(*facts->rules));

    if (facts_know_rule(facts, rule))
        return 0;
    if (r >= 0)
        facts->rules[facts->n_rules++] = *rule;
    return r;
}

static void delete_route(struct route_facts *facts, const struct route *route)
{
    for (size_t i = 0; i < facts->n_routes; i++)
        if (same_route(&facts->routes[i], route)) {
            facts->routes[i] = facts->routes[--facts->n_routes];
            return;
        }
}

static void delete_rule(struct route_facts *facts, const struct route_rule *rule)
{
    for (size_t i = 0; i < facts->n_rules; i++)
        if (same_rule(&facts->rules[i], rule)) {
            memmove(&facts->rules[i], &facts->rules[i + 1],
                    (--facts->n_rules - i) * sizeof(*facts->rules));
            return;
        }
}

void ways_learn(struct ways *ways, const struct routes_change *change)
{
    struct route_facts *facts = &ways->facts;
    int r = 0;

    switch (change->op) {
    case ROUTES_ADD_ROUTE:
        r = add_route(facts, &change->route, change->replace);
        break;
    case ROUTES_ADD_RULE:
        r = add_rule(facts, &change->rule);
        break;
    case ROUTES_DELETE_RULE:
        delete_rule(facts, &change->rule);
        break;
    case ROUTES_DELETE_ROUTE:
        delete_route(facts, &change->route);
        break;
    }
    if (r < 0)
        ways_must_read(ways, ROUTES_READ_OURS | ROUTES_READ_RULES);
}
