/* Lookups as they will be answered once policy routing has other rules and routes: those of our
 * protocol are exchanged for the wanted ones, and every rule is applied here, not by the kernel. */
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/kernel/fib_private.h"
#include "policy/routes/routes.h"

static int by_priority(const void *a, const void *b)
{
    const struct route_rule *x = a, *y = b;

    return (x->priority > y->priority) - (x->priority < y->priority);
}

/* Rules of one priority stay in the order in which they were added: the new ones come last. */
static int insert(struct fib *fib, const struct route_rule *more, size_t n_more, bool not_ours)
{
    _cleanup_free_ struct route_rule *sorted = calloc(n_more + 1, sizeof(*sorted));
    struct route_rule *rules = calloc(n_more + fib->n_rules + 1, sizeof(*rules));
    size_t n_sorted = 0, n = 0, at = 0;

    if (!sorted || !rules) {
        free(rules);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n_more; i++)
        if (more[i].family == AF_INET)
            sorted[n_sorted++] = more[i];
    if (n_sorted > 0)
        qsort(sorted, n_sorted, sizeof(*sorted), by_priority);
    for (size_t i = 0; i < fib->n_rules; i++) { /* the kernel has them in their order */
        if (not_ours && fib->rules[i].protocol == ROUTING_PROTOCOL)
            continue;
        while (at < n_sorted && sorted[at].priority < fib->rules[i].priority)
            rules[n++] = sorted[at++];
        rules[n++] = fib->rules[i];
    }
    while (at < n_sorted)
        rules[n++] = sorted[at++];
    free(fib->rules);
    fib->rules = rules;
    fib->n_rules = n;
    fib->custom_rules |= n_sorted > 0;
    fib_look_at_rules(fib);
    return 0;
}

int fib_pretend(struct fib *fib, const struct routes_plan *plan)
{
    int r = insert(fib, plan->rules, plan->n_rules, true);

    if (r >= 0)
        fib->pretended = plan;
    return r;
}

int fib_add(struct fib *fib, const struct fib_extra *extra)
{
    int r = insert(fib, extra->rules, extra->n_rules, false);

    if (r >= 0)
        fib->extra = extra;
    return r;
}

bool fib_pretends_in(const struct fib *fib, uint32_t table)
{
    for (size_t i = 0; fib->pretended && i < fib->pretended->n_routes; i++) {
        const struct route *route = &fib->pretended->routes[i];

        if (route->family == AF_INET && route->table == table && route->special)
            return false;
    }
    return fib->pretended;
}

static bool is_better(const struct route *route, const struct fib_way *best)
{
    return route->to.length > best->route.to.length ||
           (route->to.length == best->route.to.length && route->metric <= best->route.metric);
}

static void consider(const struct route *route, const struct fib_search *search,
                     struct fib_way *best, bool *found)
{
    if (route->table != search->table || !ip_prefix_contains(&route->to, &search->to) ||
        (*found && !is_better(route, best)))
        return;
    *best = (struct fib_way){
        .found = {.kind = fib_kind_of(route->type), .n_hops = route->oif != 0},
        .gateways = {route->via},
        .route = *route,
    };
    best->found.hops[0] = route->oif;
    *found = true;
}

void fib_find_pretended(const struct fib *fib, const struct fib_search *search,
                        struct fib_way *best, bool *found)
{
    for (size_t i = 0; search->not_ours && i < fib->pretended->n_routes; i++)
        consider(&fib->pretended->routes[i], search, best, found);
    for (size_t i = 0; fib->extra && i < fib->extra->n_routes; i++)
        consider(&fib->extra->routes[i], search, best, found);
}
