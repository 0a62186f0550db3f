/* Who else routes by source on this host, and stands in a device's way: rules at our priorities,
 * routes in our tables, programs that take such rules for theirs. */
#include <linux/fib_rules.h>
#include <stdio.h>

#include "policy/routes/routes_private.h"

/* A foreign rule of exactly this priority, NULL for none. */
static const struct route_rule *rule_at(const struct routes_work *work, uint8_t family,
                                        uint32_t priority)
{
    const struct route_rule *const *rules = work->foreign_rules;
    size_t n = work->n_foreign_rules,
           at = SORTED_PLACE(n, i,
                             rules[i]->family < family ||
                                 (rules[i]->family == family && rules[i]->priority < priority));

    return at < n && rules[at]->family == family && rules[at]->priority == priority ? rules[at]
                                                                                    : NULL;
}

static const struct route *route_in(const struct routes_work *work, uint8_t family, uint32_t table)
{
    const struct route *const *routes = work->foreign;
    size_t n = work->n_foreign,
           at = SORTED_PLACE(n, i,
                             routes[i]->family < family ||
                                 (routes[i]->family == family && routes[i]->table < table));

    return at < n && routes[at]->family == family && routes[at]->table == table ? routes[at] : NULL;
}

static int say_rule(const struct route_rule *rule, char **message)
{
    _cleanup_free_ char *text = route_rule_text(rule);

    if (!text)
        return -ENOMEM;
    return routes_say(message,
                      "a rule of somebody else stands at priority %u: '%s'; give that one another "
                      "priority, or set routing-priority-base in [agent]",
                      rule->priority, text);
}

static int say_route(const struct routes_work *work, const struct route *route, char **message)
{
    const struct device *device = live_by_ifindex(work->live, route->oif);
    _cleanup_free_ char *text = route_text(route, device ? device->name : NULL);

    if (!text)
        return -ENOMEM;
    return routes_say(message,
                      "table %u is used by somebody else: '%s' (protocol %u); choose another with "
                      "'table = NUMBER'",
                      route->table, text, route->protocol);
}

static int check_family(const struct routes_work *work, const struct routes_wish *wish, unsigned f,
                        char **message)
{
    const struct routes_plan *plan = work->plan;
    const struct route_rule *rule = NULL;
    const struct route *route;
    bool any = false;
    int r = 0;

    for (size_t i = wish->first_rule; i < plan->n_rules && !rule; i++) {
        const struct route_rule *own = &plan->rules[i];

        if (own->family != IP_FAMILY(f))
            continue;
        any = true;
        rule = rule_at(work, own->family, own->priority);
    }
    if (!any)
        return 0;
    if (!rule && wish->behind_main[f])
        rule = rule_at(work, IP_FAMILY(f), wish->settings.priority_main);
    if (rule)
        r = say_rule(rule, message);
    route = route_in(work, IP_FAMILY(f), wish->settings.table);
    if (route && r >= 0)
        r = say_route(work, route, message);
    return r;
}

static int check_meddlers(const struct routes_work *work, const struct routes_wish *wish,
                          char **message)
{
    int r = 0;

    for (size_t i = 0; i < work->facts->n_meddlers && r >= 0; i++) {
        const struct route_meddler *meddler = &work->facts->meddlers[i];
        char *cures;

        if (meddler->ifindex != 0 && meddler->ifindex != wish->device->ifindex)
            continue;
        r = routes_say(message, "%s configures rules here (%s)", meddler->name, meddler->evidence);
        if (r < 0 || !meddler->cure)
            continue;
        if (asprintf(&cures, "%s%s%s", wish->out->cure ?: "", wish->out->cure ? "\n" : "",
                     meddler->cure) < 0)
            return -ENOMEM;
        free(wish->out->cure);
        wish->out->cure = cures;
    }
    return r;
}

int routes_find_conflict(const struct routes_work *work, const struct routes_wish *wish, char **ret)
{
    _cleanup_free_ char *message = NULL;
    int r = 0;

    if (wish->out->n_rules == 0)
        return 0;
    for (unsigned f = 0; f < IP_FAMILIES && r >= 0; f++)
        r = check_family(work, wish, f, &message);
    if (r >= 0)
        r = check_meddlers(work, wish, &message);
    if (r >= 0)
        *ret = TAKE_PTR(message);
    return r;
}
