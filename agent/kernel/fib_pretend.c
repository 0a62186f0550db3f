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

int fib_pretend(struct fib *fib, const struct routes_plan *plan)
{
    _cleanup_free_ struct route_rule *ours = calloc(plan->n_rules + 1, sizeof(*ours));
    struct route_rule *rules = calloc(plan->n_rules + fib->n_rules + 1, sizeof(*rules));
    size_t n_ours = 0, n = 0, at = 0;

    if (!ours || !rules) {
        free(rules);
        return -ENOMEM;
    }
    for (size_t i = 0; i < plan->n_rules; i++)
        if (plan->rules[i].family == AF_INET)
            ours[n_ours++] = plan->rules[i];
    if (n_ours > 0)
        qsort(ours, n_ours, sizeof(*ours), by_priority);
    for (size_t i = 0; i < fib->n_rules; i++) { /* the kernel has them in their order */
        if (fib->rules[i].protocol == ROUTING_PROTOCOL)
            continue;
        while (at < n_ours && ours[at].priority < fib->rules[i].priority)
            rules[n++] = ours[at++];
        rules[n++] = fib->rules[i];
    }
    while (at < n_ours)
        rules[n++] = ours[at++];
    free(fib->rules);
    fib->rules = rules;
    fib->n_rules = n;
    fib->custom_rules |= n_ours > 0;
    fib->pretended = plan;
    fib_look_at_rules(fib);
    return 0;
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

void fib_find_pretended(const struct fib *fib, uint32_t table, const struct ip *to,
                        struct fib_way *best, bool *found)
{
    for (size_t i = 0; i < fib->pretended->n_routes; i++) {
        const struct route *route = &fib->pretended->routes[i];

        if (route->table != table || !ip_prefix_contains(&route->to, to) ||
            (*found && !is_better(route, best)))
            continue;
        *best = (struct fib_way){
            .found = {.kind = fib_kind_of(route->type), .n_hops = route->oif != 0},
            .gateways = {route->via},
            .route = *route,
        };
        best->found.hops[0] = route->oif;
        *found = true;
    }
}
