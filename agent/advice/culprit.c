/* Words for what a lookup and a decision gave. */
#include "agent/advice/culprit.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include "policy/base/text.h"
#include "policy/lang/compile.h"
#include "policy/routes/routes.h"

static const char *name_of(const struct world *world, int ifindex)
{
    const struct device *device = live_by_ifindex(world->live, ifindex);

    return device ? device->name : "?";
}

static void put_route(struct text *text, const struct world *world, const struct fib_way *way)
{
    struct route route = way->route;
    bool several = way->found.n_hops > 1;
    _cleanup_free_ char *shown = NULL;
    char table[12];

    if (several)
        route.oif = 0;
    else if (way->found.n_hops == 1)
        route.via = way->gateways[0];
    shown = route_text(&route, way->found.n_hops == 1 ? name_of(world, way->found.hops[0]) : NULL);
    text_add(text, "'%s", shown ?: "?");
    for (size_t i = 0; several && i < way->found.n_hops; i++)
        text_add(text, " nexthop dev %s", NAME_SHOWN(name_of(world, way->found.hops[i])));
    text_add(text, "' in table %s", route_table_name(route.table, table));
}

static void put_way(struct text *text, const struct world *world, const struct fib_way *way)
{
    const struct fib *fib = world->fib;
    bool ruled = way->rule > 0 && way->rule <= fib->n_rules;
    _cleanup_free_ char *shown = ruled ? route_rule_text(&fib->rules[way->rule - 1]) : NULL;

    if (way->found.kind == ROUTE_NONE && !ruled) {
        text_put(text, "no route");
        return;
    }
    if (way->route.table)
        put_route(text, world, way);
    else
        text_put(text, route_kind_name(way->found.kind));
    if (ruled)
        text_add(text, ", by rule %u '%s'", fib->rules[way->rule - 1].priority, shown ?: "?");
}

char *culprit_way_text(const struct world *world, const struct fib_way *way)
{
    _cleanup_text_ struct text text = {0};

    put_way(&text, world, way);
    return text_take(&text);
}

/* "rp_filter of eth1 is strict (/etc/rpfpolicy.d/10-node.conf:4)" */
static void put_value(struct text *text, const struct world *world, const struct policy *policy,
                      const struct device *device, int mode)
{
    const struct rule *rule = policy_match(policy, KEY_RP_FILTER, device, NULL);
    char word[12];

    text_add(text, "rp_filter of %s is %s", NAME_SHOWN(device->name),
             key_value_format(KEY_RP_FILTER, mode, word, sizeof(word)));
    if (rule && rule->origin.file && rule_accepts(rule, mode))
        text_add(text, " (%s:%u)", NAME_SHOWN(rule->origin.file), rule->origin.line);
}

static void put_source(struct text *text, struct in_addr source)
{
    char address[INET_ADDRSTRLEN];

    text_put(text, inet_ntop(AF_INET, &source, address, sizeof(address)) ?: "?");
}

/* Why `device` drops what `source` sends. */
static void put_drop(struct text *text, const struct world *world, const struct policy *policy,
                     const struct device *device, struct in_addr source,
                     const struct complaint_result *result)
{
    int mode = key_effective(KEY_RP_FILTER, world->live->all[KEY_RP_FILTER],
                             device->conf[KEY_RP_FILTER], device->forwarding);

    switch (result->verdict.step) {
    case VERDICT_STRICT:
    case VERDICT_UNNUMBERED:
    case VERDICT_NO_ROUTE:
        put_value(text, world, policy, device, mode);
        if (result->verdict.step == VERDICT_UNNUMBERED)
            text_put(text, " and it has no IPv4 address");
        text_put(text, ", and the way back to ");
        put_source(text, source);
        text_put(text, " is ");
        put_way(text, world, &result->back);
        break;
    case VERDICT_OWN_SOURCE:
        text_add(text, "accept_local of %s is off, and the way back to ", NAME_SHOWN(device->name));
        put_source(text, source);
        text_put(text, " stays in this host: ");
        put_way(text, world, &result->back);
        break;
    default:
        put_source(text, source);
        text_add(text, " is dropped by %s: %s", NAME_SHOWN(device->name),
                 verdict_step_text(result->verdict.step));
    }
}

static void put_end(struct text *text, const struct world *world, const struct policy *policy,
                    const struct complaint *complaint, const struct complaint_result *result)
{
    const struct device *device = live_by_ifindex(world->live, complaint->ifindex);
    const struct device *in = live_by_ifindex(world->live, result->reply_in);

    switch (result->end) {
    case COMPLAINT_DROPPED:
        put_drop(text, world, policy, device, complaint->peer, result);
        break;
    case COMPLAINT_ASTRAY:
        text_put(text, "replies from ");
        put_source(text, complaint->destination);
        text_put(text, " leave by another way: ");
        put_way(text, world, &result->reply);
        break;
    case COMPLAINT_REPLY_DROPPED:
        put_drop(text, world, policy, in ?: device, complaint->destination, result);
        break;
    case COMPLAINT_DEAF:
        text_put(text, "ARP requests of ");
        put_source(text, result->asker);
        text_put(text, " are not answered: ");
        put_drop(text, world, policy, device, result->asker, result);
        break;
    default:
        text_put(text, "an ip rule looks at something that is not known here");
    }
}

char *culprit_text(const struct world *world, const struct policy *policy,
                   const struct complaint *complaint, const struct complaint_result *result)
{
    _cleanup_text_ struct text text = {0};

    put_end(&text, world, policy, complaint, result);
    return text_take(&text);
}
