/* The planner of policy routing: sorts the facts, asks for what each device shall have, who stands
 * in its way, and how to get there. The answers are in routes_want.c, routes_gateway.c,
 * routes_conflict.c, routes_keep.c and routes_compare.c. */
#include "policy/routes/routes.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

#include "policy/routes/routes_private.h"

/* Views */

/* Pointers into one array: where all else is equal, as in that array. */
#define FIRST_OF(...)                                                                              \
    ({                                                                                             \
        const int _order[] = {__VA_ARGS__};                                                        \
        size_t _i = 0;                                                                             \
        while (_i + 1 < ELEMENTSOF(_order) && _order[_i] == 0)                                     \
            _i++;                                                                                  \
        _order[_i];                                                                                \
    })

static int by_device(const void *a, const void *b)
{
    const struct route_address *x = *(const struct route_address *const *)a,
                               *y = *(const struct route_address *const *)b;

    return FIRST_OF(COMPARE(x->ifindex, y->ifindex), COMPARE(x, y));
}

static int by_address(const void *a, const void *b)
{
    const struct route_address *x = *(const struct route_address *const *)a,
                               *y = *(const struct route_address *const *)b;

    return FIRST_OF(ip_compare(&x->local.ip, &y->local.ip), COMPARE(x->ifindex, y->ifindex),
                    COMPARE(x, y));
}

static int by_subnet(const void *a, const void *b)
{
    const struct routes_subnet *x = a, *y = b;

    return FIRST_OF(ip_prefix_compare(&x->prefix, &y->prefix), COMPARE(x->ifindex, y->ifindex));
}

static int by_preference(const void *a, const void *b)
{
    const struct route *x = *(const struct route *const *)a, *y = *(const struct route *const *)b;

    return FIRST_OF(COMPARE(x->oif, y->oif), COMPARE(x->family, y->family),
                    COMPARE(x->table != RT_TABLE_MAIN, y->table != RT_TABLE_MAIN),
                    COMPARE(x->metric, y->metric), COMPARE(x->table, y->table), COMPARE(x, y));
}

static int by_table(const void *a, const void *b)
{
    const struct route *x = *(const struct route *const *)a, *y = *(const struct route *const *)b;

    return FIRST_OF(COMPARE(x->family, y->family), COMPARE(x->table, y->table), COMPARE(x, y));
}

static int by_priority(const void *a, const void *b)
{
    const struct route_rule *x = *(const struct route_rule *const *)a,
                            *y = *(const struct route_rule *const *)b;

    return FIRST_OF(COMPARE(x->family, y->family), COMPARE(x->priority, y->priority),
                    COMPARE(x, y));
}

static int by_own_table(const void *a, const void *b)
{
    const struct routes_wish *x = *(const struct routes_wish *const *)a,
                             *y = *(const struct routes_wish *const *)b;

    return FIRST_OF(COMPARE(x->settings.table, y->settings.table), COMPARE(x, y));
}

/* Addresses of one subnet on one device are one entry. */
static void sort_subnets(struct routes_work *work)
{
    struct routes_subnet *subnets = work->subnets;
    size_t n = 0;

    qsort(subnets, work->n_subnets, sizeof(*subnets), by_subnet);
    for (size_t i = 0; i < work->n_subnets; i++)
        if (n == 0 || by_subnet(&subnets[n - 1], &subnets[i]) != 0)
            subnets[n++] = subnets[i];
    work->n_subnets = n;
}

static int view_addresses(struct routes_work *work)
{
    const struct route_facts *facts = work->facts;

    work->addresses = calloc(facts->n_addresses + 1, sizeof(*work->addresses));
    work->by_address = calloc(facts->n_addresses + 1, sizeof(*work->by_address));
    work->subnets = calloc(facts->n_addresses + 1, sizeof(*work->subnets));
    if (!work->addresses || !work->by_address || !work->subnets)
        return -ENOMEM;
    for (size_t i = 0; i < facts->n_addresses; i++) {
        const struct route_address *address = &facts->addresses[i];
        const struct device *device = live_by_ifindex(work->live, address->ifindex);

        work->addresses[i] = work->by_address[i] = address;
        if (device && device->flags & IFF_UP && !(device->flags & IFF_LOOPBACK))
            work->subnets[work->n_subnets++] =
                (struct routes_subnet){routes_subnet_of(address), address->ifindex};
    }
    qsort(work->addresses, facts->n_addresses, sizeof(*work->addresses), by_device);
    qsort(work->by_address, facts->n_addresses, sizeof(*work->by_address), by_address);
    sort_subnets(work);
    return 0;
}

static bool is_default(const struct route *route)
{
    return route->to.length == 0 && route->type == RTN_UNICAST && route->tos == 0 &&
           route->oif > 0 && (!route->special || route->way);
}

/* Default routes of main by device. Where the next hops of the best one are on several devices,
 * each of them needs rules of its own: none is the one by which replies leave anyway. */
static void find_primary(struct routes_work *work)
{
    const struct route *best[IP_FAMILIES] = {NULL};

    for (size_t i = 0; i < work->n_defaults; i++) {
        const struct route *route = work->defaults[i];
        unsigned f = IP_INDEX(route->family);

        if (route->table != RT_TABLE_MAIN)
            continue;
        if (!best[f] || route->metric < best[f]->metric) {
            best[f] = route;
            work->primary[f] = route->oif;
        } else if (route->metric == best[f]->metric && route->hop && best[f]->hop &&
                   route->oif != best[f]->oif) {
            work->primary[f] = 0;
        }
    }
}

static int view_routes(struct routes_work *work)
{
    const struct route_facts *facts = work->facts;

    work->defaults = calloc(facts->n_routes + 1, sizeof(*work->defaults));
    work->foreign = calloc(facts->n_routes + 1, sizeof(*work->foreign));
    if (!work->defaults || !work->foreign)
        return -ENOMEM;
    for (size_t i = 0; i < facts->n_routes; i++) {
        const struct route *route = &facts->routes[i];

        if (route->protocol == ROUTING_PROTOCOL)
            continue;
        work->foreign[work->n_foreign++] = route;
        if (is_default(route))
            work->defaults[work->n_defaults++] = route;
    }
    find_primary(work);
    qsort(work->defaults, work->n_defaults, sizeof(*work->defaults), by_preference);
    qsort(work->foreign, work->n_foreign, sizeof(*work->foreign), by_table);
    return 0;
}

static int view_rules(struct routes_work *work)
{
    const struct route_facts *facts = work->facts;

    work->foreign_rules = calloc(facts->n_rules + 1, sizeof(*work->foreign_rules));
    if (!work->foreign_rules)
        return -ENOMEM;
    for (size_t i = 0; i < facts->n_rules; i++) {
        if (facts->rules[i].protocol != ROUTING_PROTOCOL)
            work->foreign_rules[work->n_foreign_rules++] = &facts->rules[i];
    }
    qsort(work->foreign_rules, work->n_foreign_rules, sizeof(*work->foreign_rules), by_priority);
    return 0;
}

/* The devices that are asked for, each with its slice of the addresses. */
static int view_wishes(struct routes_work *work)
{
    struct routes_plan *plan = work->plan;
    size_t room = routing_in_policy(work->policy) ? work->live->count : 0, next = 0;

    work->wishes = calloc(room + 1, sizeof(*work->wishes));
    work->tables = calloc(room + 1, sizeof(*work->tables));
    plan->devices = calloc(room + 1, sizeof(*plan->devices));
    if (!work->wishes || !work->tables || !plan->devices)
        return -ENOMEM;
    for (size_t i = 0; i < room; i++) {
        const struct device *device = &work->live->devices[i];
        struct routes_wish *wish = &work->wishes[work->n_wishes];

        routing_for(work->policy, device, &wish->settings);
        if (!wish->settings.wanted)
            continue;
        while (next < work->facts->n_addresses && work->addresses[next]->ifindex < device->ifindex)
            next++;
        wish->first_address = next;
        while (next < work->facts->n_addresses && work->addresses[next]->ifindex == device->ifindex)
            next++;
        wish->n_addresses = next - wish->first_address;
        wish->device = device;
        wish->out = &plan->devices[plan->n_devices++];
        wish->out->ifindex = device->ifindex;
        memcpy(wish->out->name, device->name, sizeof(wish->out->name));
        wish->out->origin = wish->settings.origin;
        wish->out->table = wish->settings.table;
        work->tables[work->n_wishes++] = wish;
    }
    plan->devices_capacity = room + 1;
    qsort(work->tables, work->n_wishes, sizeof(*work->tables), by_own_table);
    return 0;
}

/* Plan */

/* Where everything is paused, leftovers of devices that nobody asks for any more stay, too. */
static bool everything_is_paused(const struct live *live)
{
    if (!live->all_paused || !live->default_paused)
        return false;
    for (size_t i = 0; i < live->count; i++) {
        if (!live->devices[i].paused)
            return false;
    }
    return true;
}

/* What the device was to have is taken back, since it keeps what it has. */
static void freeze(struct routes_work *work, struct routes_wish *wish)
{
    wish->frozen = true;
    wish->behind_main[0] = wish->behind_main[1] = false;
    work->plan->n_routes = wish->first_route;
    work->plan->n_rules = wish->first_rule;
    wish->out->n_routes = wish->out->n_rules = 0;
}

static bool wants_rule(const struct routes_work *work, const struct routes_wish *wish,
                       uint8_t family)
{
    for (size_t i = wish->first_rule; i < work->plan->n_rules; i++)
        if (work->plan->rules[i].family == family)
            return true;
    return false;
}

static int plan_device(struct routes_work *work, struct routes_wish *wish)
{
    int r;

    wish->first_route = work->plan->n_routes;
    wish->first_rule = work->plan->n_rules;
    r = routes_want(work, wish);
    if (r < 0)
        return r;
    wish->out->n_routes = work->plan->n_routes - wish->first_route;
    wish->out->n_rules = work->plan->n_rules - wish->first_rule;
    r = routes_find_conflict(work, wish, &wish->out->conflict);
    if (r < 0)
        return r;
    if (wish->device->paused) {
        freeze(work, wish);
        wish->out->state = ROUTES_PAUSED;
    } else if (wish->out->conflict && !work->forced) {
        wish->out->holds_value |= wants_rule(work, wish, AF_INET);
        freeze(work, wish);
        wish->out->state = ROUTES_CONFLICT;
    }
    for (unsigned f = 0; f < IP_FAMILIES; f++)
        wish->out->routed[f] = wants_rule(work, wish, IP_FAMILY(f));
    wish->out->holds_value &= !work->forced;
    return 0;
}

void routes_count(struct routes_plan *plan)
{
    memset(plan->states, 0, sizeof(plan->states));
    for (size_t i = 0; i < plan->n_devices; i++)
        plan->states[plan->devices[i].state]++;
}

static int make(struct routes_work *work)
{
    int r = view_addresses(work);

    if (r >= 0)
        r = view_routes(work);
    if (r >= 0)
        r = view_rules(work);
    if (r >= 0)
        r = view_wishes(work);
    for (size_t i = 0; i < work->n_wishes && r >= 0; i++)
        r = plan_device(work, &work->wishes[i]);
    if (r >= 0)
        r = routes_want_main(work);
    if (r >= 0 && work->policy)
        r = routes_keep_frozen(work);
    if (r >= 0)
        r = routes_compare(work);
    routes_find_held(work->policy, work->live, work->plan);
    routes_count(work->plan);
    return r;
}

int routes_plan(const struct policy *policy, const struct live *live,
                const struct route_facts *facts, bool forced, struct routes_plan *ret)
{
    struct routes_plan plan = {0};
    struct routes_work work = {
        .policy = policy,
        .live = live,
        .facts = facts,
        .forced = forced,
        .all_frozen = policy && everything_is_paused(live),
        .plan = &plan,
    };
    int r = make(&work);

    free(work.wishes);
    free(work.addresses);
    free(work.subnets);
    free(work.by_address);
    free(work.defaults);
    free(work.foreign);
    free(work.foreign_rules);
    free(work.tables);
    if (r < 0)
        routes_plan_done(&plan);
    else
        *ret = plan;
    return r;
}
