/* Going back to the routes and rules that were ours at an earlier moment. */
#include "routes_apply.h"

void routes_snapshot_done(struct routes_snapshot *snapshot)
{
    route_facts_done(&snapshot->facts);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_prefixes(const struct ip_prefix *a, const struct ip_prefix *b)
{
    int r = compare_numbers(a->length, b->length);

    return r ? r : ip_compare(&a->ip, &b->ip);
}

/* The kernel replaces one of these by another. */
static int compare_places(const struct route *a, const struct route *b)
{
    int r = compare_numbers(a->table, b->table);

    r = r ? r : compare_numbers(a->family, b->family);
    r = r ? r : compare_numbers(a->metric, b->metric);
    r = r ? r : compare_numbers(a->tos, b->tos);
    return r ? r : compare_prefixes(&a->to, &b->to);
}

static bool same_route(const struct route *a, const struct route *b)
{
    return compare_places(a, b) == 0 && a->type == b->type && a->scope == b->scope &&
           a->oif == b->oif && a->mtu == b->mtu && a->onlink == b->onlink &&
           a->special == b->special && ip_compare(&a->via, &b->via) == 0 &&
           ip_compare(&a->prefsrc, &b->prefsrc) == 0;
}

static bool same_rule(const struct route_rule *a, const struct route_rule *b)
{
    return a->family == b->family && a->protocol == b->protocol && a->action == b->action &&
           a->priority == b->priority && a->table == b->table && a->special == b->special &&
           a->suppress_prefixlength == b->suppress_prefixlength &&
           compare_prefixes(&a->from, &b->from) == 0 && compare_prefixes(&a->to, &b->to) == 0;
}

static int by_place(const void *a, const void *b)
{
    return compare_places(a, b);
}

static int compare_rules(const void *a, const void *b)
{
    const struct route_rule *x = a, *y = b;
    int r = compare_numbers(x->priority, y->priority);

    r = r ? r : compare_numbers(x->family, y->family);
    r = r ? r : compare_numbers(x->table, y->table);
    return r ? r : compare_prefixes(&x->from, &y->from);
}

/* Sorted, and without what belongs to others. */
static void prepare(struct route_facts *facts)
{
    size_t kept = 0;

    for (size_t i = 0; i < facts->n_rules; i++)
        if (facts->rules[i].protocol == ROUTING_PROTOCOL)
            facts->rules[kept++] = facts->rules[i];
    facts->n_rules = kept;
    if (facts->n_rules > 0)
        qsort(facts->rules, facts->n_rules, sizeof(*facts->rules), compare_rules);
    if (facts->n_routes > 0)
        qsort(facts->routes, facts->n_routes, sizeof(*facts->routes), by_place);
}

int routes_snapshot_take(struct routes_snapshot *ret)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct routes_snapshot snapshot = {0};
    int r = netlink_open(&nl);

    if (r >= 0)
        r = routes_read_again(&nl, ROUTES_READ_OURS | ROUTES_READ_RULES, &snapshot.facts);
    if (r < 0) {
        routes_snapshot_done(&snapshot);
        return r;
    }
    prepare(&snapshot.facts);
    *ret = snapshot;
    return 0;
}

static const struct route *find_route(const struct route_facts *facts, const struct route *route)
{
    return facts->n_routes == 0
               ? NULL
               : bsearch(route, facts->routes, facts->n_routes, sizeof(*facts->routes), by_place);
}

static bool has_rule(const struct route_facts *facts, const struct route_rule *rule)
{
    const struct route_rule *found =
        facts->n_rules == 0
            ? NULL
            : bsearch(rule, facts->rules, facts->n_rules, sizeof(*facts->rules), compare_rules);

    return found && same_rule(found, rule);
}

struct changes {
    struct routes_change *items;
    size_t count;
};

static void add_route(struct changes *changes, enum routes_op op, const struct route *route,
                      bool replace)
{
    changes->items[changes->count++] = (struct routes_change){
        .op = op, .replace = replace, .ifindex = route->oif, .route = *route};
}

static void add_rule(struct changes *changes, enum routes_op op, const struct route_rule *rule)
{
    changes->items[changes->count++] = (struct routes_change){.op = op, .rule = *rule};
}

/* In the order of every plan: what was is there again before what is new goes. */
static void compare(const struct route_facts *was, const struct route_facts *is,
                    struct changes *changes)
{
    for (size_t i = 0; i < was->n_routes; i++) {
        const struct route *route = &was->routes[i], *now = find_route(is, route);

        if (!route->special && (!now || !same_route(now, route)))
            add_route(changes, ROUTES_ADD_ROUTE, route, now != NULL);
    }
    for (size_t i = 0; i < was->n_rules; i++)
        if (!was->rules[i].special && !has_rule(is, &was->rules[i]))
            add_rule(changes, ROUTES_ADD_RULE, &was->rules[i]);
    for (size_t i = 0; i < is->n_rules; i++)
        if (!has_rule(was, &is->rules[i]))
            add_rule(changes, ROUTES_DELETE_RULE, &is->rules[i]);
    for (size_t i = 0; i < is->n_routes; i++)
        if (!find_route(was, &is->routes[i]))
            add_route(changes, ROUTES_DELETE_ROUTE, &is->routes[i], false);
}

int routes_snapshot_put_back(const struct routes_snapshot *snapshot, struct routes_outcome *ret)
{
    _cleanup_netlink_ struct netlink nl = {0};
    _cleanup_(routes_snapshot_done) struct routes_snapshot now = {0};
    const struct route_facts *was = &snapshot->facts, *is = &now.facts;
    _cleanup_free_ struct routes_change *items = NULL;
    struct changes changes;
    int r = netlink_open(&nl);

    if (r >= 0)
        r = routes_snapshot_take(&now);
    if (r < 0)
        return r;
    items = calloc(was->n_routes + was->n_rules + is->n_routes + is->n_rules + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    changes = (struct changes){.items = items};
    compare(was, is, &changes);
    routes_carry_out(&nl, changes.items, changes.count, NULL, NULL, NULL, ret);
    return 0;
}
