/* From what lookups found to the devices that are overruled, and by what. */
#include <linux/rtnetlink.h>

#include "policy/base/text.h"
#include "policy/routes/routes_private.h"

/* Not where a rule of ours or of the kernel itself asks for main: then the route is what is odd. */
static bool is_foreign_rule(const struct route_effect *effect)
{
    return effect->has_rule && !routes_is_ours(effect->rule.protocol) &&
           effect->rule.protocol != RTPROT_KERNEL;
}

/* "rule 5270: from all lookup 52", "route 0.0.0.0/1 dev tun0 in table main". Owned. */
static char *winner_text(const struct live *live, const struct route_effect *effect)
{
    const struct device *device = live_by_ifindex(live, effect->route.oif);
    _cleanup_free_ char *text = NULL;
    char table[12];

    if (is_foreign_rule(effect)) {
        text = route_rule_text(&effect->rule);
        return text ? text_format("rule %u: %s", effect->rule.priority, text) : NULL;
    }
    if (effect->many_hops)
        return strdup("a route with more next hops than are looked at");
    if (effect->route.table == 0)
        return strdup("a missing route");
    text = route_text(&effect->route, device ? device->name : NULL);
    return text ? text_format("route %s in table %s", text,
                              route_table_name(effect->route.table, table))
                : NULL;
}

static char *reason_text(const struct live *live, const struct routes_device *out,
                         const struct route_effect *effect)
{
    const struct device *device = live_by_ifindex(live, effect->route.oif);
    _cleanup_free_ char *winner = winner_text(live, effect);
    char from[IP_TEXT_MAX], to[IP_TEXT_MAX];

    if (!winner)
        return NULL;
    ip_text(&effect->from, from);
    ip_text(&effect->to, to);
    if (effect->many_hops)
        return text_format("overruled by %s: what %s sends to %s leaves by it, not by %s alone",
                           winner, from, to, NAME_SHOWN(out->name));
    if (!device)
        return text_format("overruled by %s: what %s sends to %s leaves by no device", winner, from,
                           to);
    return text_format("overruled by %s: what %s sends to %s leaves by %s, not by %s", winner, from,
                       to, NAME_SHOWN(device->name), NAME_SHOWN(out->name));
}

/* What was found first stands before what the device lacks otherwise. */
static int say(const struct live *live, const struct route_effect *effect,
               struct routes_device *out)
{
    char *reason = reason_text(live, out, effect);
    int r = 0;

    if (!reason)
        return -ENOMEM;
    if (out->message && out->state != ROUTES_PRIMARY) /* which says that replies leave by it */
        r = routes_say(&reason, "%s", out->message);
    free(out->message);
    out->message = reason;
    return r;
}

static int overrule(const struct live *live, const struct route_effect *effect, bool forced,
                    struct routes_device *out)
{
    int r = 0;

    if (!out->overruled)
        r = say(live, effect, out);
    out->overruled = true;
    if (!routes_state_info(out->state)->stuck)
        out->state = ROUTES_OVERRULED;
    if (effect->from.family == AF_INET)
        out->holds_value = !forced;
    return r;
}

/* By a route and a rule that are as wide as the class, not by ones for a part of it. */
static bool takes_class(const struct route_effect *effect)
{
    return effect->route.to.length <= effect->width &&
           (!effect->has_rule || effect->rule.to.length <= effect->width);
}

/* Of the addresses of one class, from the first on: the one that tells that the class leaves
 * elsewhere. NULL: it does not, or not all of it. */
static const struct route_effect *find_elsewhere(const struct route_effect *first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (first[i].found == EFFECT_ELSEWHERE && takes_class(&first[i]))
            return &first[i];
    for (size_t i = 0; i < n; i++)
        if (first[i].found == EFFECT_LEAVES)
            return NULL;
    return first->found == EFFECT_ELSEWHERE ? first : NULL;
}

static struct routes_device *device_of(const struct routes_plan *plan, int ifindex)
{
    struct routes_device *devices = plan->devices;
    size_t n = plan->n_devices, at = SORTED_PLACE(n, i, devices[i].ifindex < ifindex);

    return at < n && devices[at].ifindex == ifindex ? &devices[at] : NULL;
}

int routes_judge(const struct policy *policy, const struct live *live,
                 const struct route_effects *effects, bool forced, struct routes_plan *plan)
{
    int r = 0;

    for (size_t i = 0, n; i < effects->n && r >= 0; i += n) {
        const struct route_effect *first = &effects->items[i], *elsewhere;
        struct routes_device *out = device_of(plan, first->ifindex);

        for (n = 1; i + n < effects->n && first[n].again;)
            n++;
        elsewhere = find_elsewhere(first, n);
        if (elsewhere && out)
            r = overrule(live, elsewhere, forced, out);
    }
    routes_find_held(policy, live, plan);
    routes_count(plan);
    return r;
}
