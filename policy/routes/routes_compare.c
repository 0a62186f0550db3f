/* What stands in the kernel against what shall stand there, and the ordered changes. */
#include <linux/rtnetlink.h>

#include "policy/routes/routes_private.h"

/* Orders */

int route_place_compare(const struct route *a, const struct route *b)
{
    int r = COMPARE(a->family, b->family);

    if (r == 0)
        r = COMPARE(a->table, b->table);
    if (r == 0)
        r = COMPARE(a->to.length, b->to.length);
    if (r == 0)
        r = ip_compare(&a->to.ip, &b->to.ip);
    if (r == 0)
        r = COMPARE(a->tos, b->tos);
    return r == 0 ? COMPARE(a->metric, b->metric) : r;
}

bool route_is_same(const struct route *a, const struct route *b)
{
    return route_place_compare(a, b) == 0 && a->type == b->type && a->scope == b->scope &&
           a->oif == b->oif && a->mtu == b->mtu && a->onlink == b->onlink &&
           a->special == b->special && ip_compare(&a->via, &b->via) == 0 &&
           ip_compare(&a->prefsrc, &b->prefsrc) == 0;
}

int route_rule_compare(const struct route_rule *a, const struct route_rule *b)
{
    int r = COMPARE(a->family, b->family);

    if (r == 0)
        r = COMPARE(a->priority, b->priority);
    if (r == 0)
        r = ip_prefix_compare(&a->from, &b->from);
    if (r == 0)
        r = ip_prefix_compare(&a->to, &b->to);
    if (r == 0)
        r = COMPARE(a->table, b->table);
    if (r == 0)
        r = COMPARE(a->action, b->action);
    if (r == 0)
        r = COMPARE(a->suppress_prefixlength, b->suppress_prefixlength);
    return r == 0 ? COMPARE(a->special, b->special) : r;
}

static int by_place(const void *a, const void *b)
{
    const struct route *x = *(const struct route *const *)a, *y = *(const struct route *const *)b;
    int r = route_place_compare(x, y);

    return r == 0 ? COMPARE(x, y) : r;
}

static int by_rule(const void *a, const void *b)
{
    const struct route_rule *x = *(const struct route_rule *const *)a,
                            *y = *(const struct route_rule *const *)b;
    int r = route_rule_compare(x, y);

    return r == 0 ? COMPARE(x, y) : r;
}

/* The changes */

/* Both sides of a comparison, sorted, and which of them are to be written. */
struct sides {
    const void **have, **want;
    size_t n_have, n_want;
    bool *drop; /* per element of have */
    char *put;  /* per element of want: 0 is there, 1 to be added, 2 replaces */
};

static int sides_new(struct sides *sides, size_t have, size_t want)
{
    sides->have = calloc(have + 1, sizeof(*sides->have));
    sides->want = calloc(want + 1, sizeof(*sides->want));
    sides->drop = calloc(have + 1, sizeof(*sides->drop));
    sides->put = calloc(want + 1, sizeof(*sides->put));
    return sides->have && sides->want && sides->drop && sides->put ? 0 : -ENOMEM;
}

static void sides_done(struct sides *sides)
{
    free(sides->have);
    free(sides->want);
    free(sides->drop);
    free(sides->put);
}

static int add_change(struct routes_plan *plan, enum routes_op op, int ifindex,
                      struct routes_change **ret)
{
    int r = grow((void **)&plan->changes, &plan->changes_capacity, plan->n_changes,
                 sizeof(*plan->changes));

    if (r < 0)
        return r;
    *ret = &plan->changes[plan->n_changes++];
    **ret = (struct routes_change){.op = op, .ifindex = ifindex};
    return 0;
}

/* One place: what is wanted there, at most one of ours unless kept, against what is there. */
static void compare_place(struct sides *sides, size_t have, size_t n_have, size_t want,
                          size_t n_want)
{
    bool replaced = false;

    for (size_t i = 0; i < n_have; i++)
        sides->drop[have + i] = true;
    for (size_t k = 0; k < n_want; k++) {
        sides->put[want + k] = 1;
        for (size_t i = 0; i < n_have; i++) {
            if (!sides->drop[have + i] ||
                !route_is_same(sides->have[have + i], sides->want[want + k]))
                continue;
            sides->drop[have + i] = false;
            sides->put[want + k] = 0;
            break;
        }
    }
    /* What is in the way goes in the same step as the new one comes. */
    for (size_t k = 0; k < n_want && !replaced; k++) {
        for (size_t i = 0; i < n_have && sides->put[want + k] == 1 && !replaced; i++) {
            if (!sides->drop[have + i])
                continue;
            sides->drop[have + i] = false;
            sides->put[want + k] = 2;
            replaced = true;
        }
    }
}

static void compare_routes(struct sides *sides)
{
    size_t have = 0, want = 0;

    while (have < sides->n_have || want < sides->n_want) {
        const struct route *place;
        size_t n_have = 0, n_want = 0;

        if (have == sides->n_have ||
            (want < sides->n_want && route_place_compare(sides->want[want], sides->have[have]) < 0))
            place = sides->want[want];
        else
            place = sides->have[have];
        while (have + n_have < sides->n_have &&
               route_place_compare(sides->have[have + n_have], place) == 0)
            n_have++;
        while (want + n_want < sides->n_want &&
               route_place_compare(sides->want[want + n_want], place) == 0)
            n_want++;
        compare_place(sides, have, n_have, want, n_want);
        have += n_have;
        want += n_want;
    }
}

static void compare_rules(struct sides *sides)
{
    size_t have = 0, want = 0;

    while (have < sides->n_have || want < sides->n_want) {
        int r = have == sides->n_have   ? 1
                : want == sides->n_want ? -1
                                        : route_rule_compare(sides->have[have], sides->want[want]);

        if (r < 0)
            sides->drop[have] = true;
        if (r > 0)
            sides->put[want] = 1;
        have += r <= 0;
        want += r >= 0;
    }
}

/* Whose is the rule? 0: nobody's, or the one for main. */
static int rule_owner(const struct routes_work *work, const struct route_rule *rule)
{
    const struct routes_wish *const *tables = work->tables;
    size_t n = work->n_wishes, at = SORTED_PLACE(n, i, tables[i]->settings.table < rule->table);

    return at < n && tables[at]->settings.table == rule->table ? tables[at]->device->ifindex : 0;
}

/* In this order routes are added: what is on the link, then what leads over it, the default last.
 */
static int route_stage(const struct route *route)
{
    if (!route->via.family && route->to.length > 0)
        return 0;
    return route->to.length > 0 ? 1 : 2;
}

#define STAGES 3

static int write_routes(struct routes_work *work, const struct sides *sides, bool additions)
{
    size_t n = additions ? sides->n_want : sides->n_have;

    for (int turn = 0; turn < STAGES; turn++) {
        for (size_t i = 0; i < n; i++) {
            const struct route *route = additions ? sides->want[i] : sides->have[i];
            int stage = additions ? route_stage(route) : STAGES - 1 - route_stage(route), r;
            struct routes_change *change;

            if (stage != turn || !(additions ? sides->put[i] != 0 : sides->drop[i]))
                continue;
            r = add_change(work->plan, additions ? ROUTES_ADD_ROUTE : ROUTES_DELETE_ROUTE,
                           route->oif, &change);
            if (r < 0)
                return r;
            change->route = *route;
            change->replace = additions && sides->put[i] == 2;
            change->reason = change->replace ? "another is wanted"
                             : additions     ? "wanted"
                                             : "not wanted any more";
        }
    }
    return 0;
}

/* The rule for main is the first to come and the last to go. */
static int write_rules(struct routes_work *work, const struct sides *sides, bool additions)
{
    size_t n = additions ? sides->n_want : sides->n_have;

    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < n; i++) {
            const struct route_rule *rule = additions ? sides->want[i] : sides->have[i];
            struct routes_change *change;
            int r;

            if ((routes_is_main_rule(rule) == additions) != (turn == 0) ||
                !(additions ? sides->put[i] != 0 : sides->drop[i]))
                continue;
            r = add_change(work->plan, additions ? ROUTES_ADD_RULE : ROUTES_DELETE_RULE,
                           rule_owner(work, rule), &change);
            if (r < 0)
                return r;
            change->rule = *rule;
            change->reason = additions ? "wanted" : "not wanted any more";
        }
    }
    return 0;
}

static int fill_routes(const struct routes_work *work, struct sides *sides)
{
    int r = sides_new(sides, work->facts->n_routes, work->plan->n_routes);

    if (r < 0)
        return r;
    for (size_t i = 0; i < work->facts->n_routes; i++) {
        if (routes_is_ours(work->facts->routes[i].protocol))
            sides->have[sides->n_have++] = &work->facts->routes[i];
    }
    for (size_t i = 0; i < work->plan->n_routes; i++)
        sides->want[sides->n_want++] = &work->plan->routes[i];
    qsort(sides->have, sides->n_have, sizeof(*sides->have), by_place);
    qsort(sides->want, sides->n_want, sizeof(*sides->want), by_place);
    compare_routes(sides);
    return 0;
}

static int fill_rules(const struct routes_work *work, struct sides *sides)
{
    int r = sides_new(sides, work->facts->n_rules, work->plan->n_rules);

    if (r < 0)
        return r;
    for (size_t i = 0; i < work->facts->n_rules; i++) {
        if (routes_is_ours(work->facts->rules[i].protocol))
            sides->have[sides->n_have++] = &work->facts->rules[i];
    }
    for (size_t i = 0; i < work->plan->n_rules; i++)
        sides->want[sides->n_want++] = &work->plan->rules[i];
    qsort(sides->have, sides->n_have, sizeof(*sides->have), by_rule);
    qsort(sides->want, sides->n_want, sizeof(*sides->want), by_rule);
    compare_rules(sides);
    return 0;
}

/* A device for which something is to be written is not as wanted; where the rule for main is
 * missing, none behind it is. */
static void mark_drift(struct routes_work *work)
{
    for (size_t i = 0; i < work->plan->n_changes; i++) {
        const struct routes_change *change = &work->plan->changes[i];
        bool main_rule = change->op == ROUTES_ADD_RULE && routes_is_main_rule(&change->rule);

        for (size_t k = 0; k < work->n_wishes && main_rule; k++) {
            struct routes_wish *wish = &work->wishes[k];

            if (wish->behind_main[IP_INDEX(change->rule.family)] &&
                !routes_state_info(wish->out->state)->stuck)
                wish->out->state = ROUTES_DRIFT;
        }
        if (change->ifindex) {
            struct routes_wish *wish = routes_wish_of(work, change->ifindex);

            if (wish && !wish->frozen && !routes_state_info(wish->out->state)->stuck)
                wish->out->state = ROUTES_DRIFT;
        }
    }
}

int routes_compare(struct routes_work *work)
{
    struct sides routes = {0}, rules = {0};
    int r = fill_routes(work, &routes);

    if (r >= 0)
        r = fill_rules(work, &rules);
    if (r >= 0)
        r = write_routes(work, &routes, true);
    if (r >= 0)
        r = write_rules(work, &rules, true);
    if (r >= 0)
        r = write_rules(work, &rules, false);
    if (r >= 0)
        r = write_routes(work, &routes, false);
    if (r >= 0)
        mark_drift(work);
    sides_done(&routes);
    sides_done(&rules);
    return r;
}

int routes_plan_changes(const struct route_facts *facts, struct routes_plan *plan)
{
    struct routes_work work = {.facts = facts, .plan = plan};

    return routes_compare(&work);
}

bool routes_change_adds(const struct routes_change *change)
{
    return change->op == ROUTES_ADD_ROUTE || change->op == ROUTES_ADD_RULE;
}

uint8_t routes_change_family(const struct routes_change *change)
{
    bool is_rule = change->op == ROUTES_ADD_RULE || change->op == ROUTES_DELETE_RULE;

    return is_rule ? change->rule.family : change->route.family;
}

bool routes_change_is_way(const struct routes_change *change)
{
    return routes_change_adds(change) && routes_change_family(change) == AF_INET;
}

size_t routes_plan_additions(const struct routes_plan *plan)
{
    size_t n = 0;

    while (n < plan->n_changes && routes_change_adds(&plan->changes[n]))
        n++;
    return n;
}
