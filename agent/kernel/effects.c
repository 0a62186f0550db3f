/* Lookups from own addresses, asked of the kernel, and which of the rules here led there. */
#include "agent/kernel/effects.h"

#include "agent/kernel/fib6.h"
#include "agent/kernel/fib_private.h"

#define IFINDEX_NONE (-1) /* of a device that no local socket sends by beforehand */

/* Does the rule lead where the lookup ended, unless it holds that route back? */
static bool leads_to(const struct route_rule *rule, const struct fib_flow *flow,
                     const struct fib_way *way)
{
    struct route_rule named = *rule;

    if (rule->family != flow->to.family)
        return false;
    if (rule->iif_name[0])
        named.iif = streq(rule->iif_name, "lo") ? LOOPBACK_IFINDEX : IFINDEX_NONE;
    if (rule->oif_name[0])
        named.oif = IFINDEX_NONE;
    if (!fib_rule_matches(&named, flow))
        return false;
    if (way->route.table == 0)
        return rule->action != FR_ACT_TO_TBL && rule->action != FR_ACT_GOTO &&
               rule->action != FR_ACT_NOP;
    return rule->action == FR_ACT_TO_TBL && rule->table == way->route.table &&
           (int)way->route.to.length > rule->suppress_prefixlength;
}

/* The first of them, whatever order they are in. */
static void find_rule(const struct route_facts *facts, const struct fib_flow *flow,
                      const struct fib_way *way, struct route_effect *effect)
{
    for (size_t i = 0; i < facts->n_rules; i++) {
        const struct route_rule *rule = &facts->rules[i];

        if ((!effect->has_rule || rule->priority < effect->rule.priority) &&
            leads_to(rule, flow, way)) {
            effect->rule = *rule;
            effect->has_rule = true;
        }
    }
}

static void conclude(const struct route_facts *facts, const struct fib_flow *flow,
                     const struct fib_way *way, struct route_effect *effect)
{
    bool unicast = way->found.kind == ROUTE_UNICAST;

    effect->found = EFFECT_ELSEWHERE;
    for (size_t i = 0; i < way->found.n_hops && unicast; i++)
        if (way->found.hops[i] == effect->ifindex)
            effect->found = EFFECT_LEAVES;
    if (effect->found == EFFECT_LEAVES)
        return;
    effect->route = way->route;
    if (unicast && way->found.n_hops > 0)
        effect->route.oif = way->found.hops[0];
    find_rule(facts, flow, way, effect);
}

static struct fib_flow flow_of(const struct route_effect *effect)
{
    return (struct fib_flow){.from = effect->from, .to = effect->to, .iif = LOOPBACK_IFINDEX};
}

/* One address of a class that leaves as it should is enough. */
static bool is_needless(const struct route_effects *effects, size_t at)
{
    return effects->items[at].again && effects->items[at - 1].found != EFFECT_ELSEWHERE;
}

int effects_find(struct netlink *nl, const struct route_facts *facts, bool written,
                 struct route_effects *effects)
{
    for (size_t i = 0; i < effects->n; i++) {
        struct route_effect *effect = &effects->items[i];
        const struct fib_flow flow = flow_of(effect);
        struct fib_way way;
        int r;

        if (effect->pending != written || is_needless(effects, i))
            continue;
        r = flow.to.family == AF_INET6 ? fib6_lookup(nl, &flow.from, &flow.to, 0, &way)
                                       : fib_ask(nl, &flow, true, &way);
        if (r == -ENOENT || r == -ENODEV)
            continue;      /* gone meanwhile, of which the kernel tells */
        if (r == -E2BIG) { /* ours have one hop */
            effect->found = EFFECT_ELSEWHERE;
            effect->many_hops = true;
            continue;
        }
        if (r < 0)
            return r;
        conclude(facts, &flow, &way, effect);
    }
    return 0;
}
