/* Routes, rules and changes as a person would type them for ip(8). */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "policy/base/name.h"
#include "policy/base/text.h"
#include "policy/base/util.h"
#include "policy/routes/routes.h"

const char *route_table_name(uint32_t table, char buf[static 12])
{
    switch (table) {
    case RT_TABLE_MAIN:
        return "main";
    case RT_TABLE_LOCAL:
        return "local";
    case RT_TABLE_DEFAULT:
        return "default";
    default:
        snprintf(buf, 12, "%u", table);
        return buf;
    }
}

static void print_route(struct text *out, const struct route *route, const char *name)
{
    static const char *const types[] = {
        [RTN_UNICAST] = NULL,          [RTN_LOCAL] = "local",
        [RTN_BROADCAST] = "broadcast", [RTN_MULTICAST] = "multicast",
        [RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable",
        [RTN_PROHIBIT] = "prohibit",   [RTN_THROW] = "throw",
    };
    char text[IP_TEXT_MAX];

    if (route->type < ELEMENTSOF(types) && types[route->type])
        text_add(out, "%s ", types[route->type]);
    text_put(out, route->to.length == 0 ? "default" : ip_prefix_text(&route->to, text));
    if (route->via.family)
        text_add(out, " via %s", ip_text(&route->via, text));
    if (name)
        text_add(out, " dev %s", NAME_SHOWN(name));
    if (route->prefsrc.family)
        text_add(out, " src %s", ip_text(&route->prefsrc, text));
    if (route->family == AF_INET && route->scope == RT_SCOPE_LINK)
        text_put(out, " scope link");
    if (route->tos)
        text_add(out, " tos 0x%02x", route->tos);
    if (route->metric && !(route->family == AF_INET6 && route->metric == 1024))
        text_add(out, " metric %u", route->metric);
    if (route->mtu)
        text_add(out, " mtu %u", route->mtu);
    if (route->onlink)
        text_put(out, " onlink");
}

/* Of what else a rule looks at, that for which there is room; the rest is other conditions. */
static void print_conditions(struct text *out, const struct route_rule *rule)
{
    if (rule->mask == UINT32_MAX)
        text_add(out, " fwmark 0x%x", rule->mark);
    else if (rule->mask)
        text_add(out, " fwmark 0x%x/0x%x", rule->mark, rule->mask);
    if (rule->iif_name[0])
        text_add(out, " iif %s", NAME_SHOWN(rule->iif_name));
    if (rule->oif_name[0])
        text_add(out, " oif %s", NAME_SHOWN(rule->oif_name));
    if (rule->tos || rule->proto || rule->sport.first || rule->dport.first || rule->has_uid ||
        rule->l3mdev || rule->unknown)
        text_put(out, " and other conditions");
}

static void print_rule(struct text *out, const struct route_rule *rule)
{
    static const char *const refusals[] = {
        [FR_ACT_BLACKHOLE] = "blackhole",
        [FR_ACT_UNREACHABLE] = "unreachable",
        [FR_ACT_PROHIBIT] = "prohibit",
    };
    char text[IP_TEXT_MAX];

    text_add(out, "%sfrom %s", rule->invert ? "not " : "",
             rule->from.length == 0 ? "all" : ip_prefix_text(&rule->from, text));
    if (rule->to.length > 0)
        text_add(out, " to %s", ip_prefix_text(&rule->to, text));
    if (rule->special)
        print_conditions(out, rule);
    if (rule->action < ELEMENTSOF(refusals) && refusals[rule->action])
        text_add(out, " %s", refusals[rule->action]);
    else if (rule->action != FR_ACT_TO_TBL)
        text_add(out, " action %u", rule->action);
    else if (rule->table == RT_TABLE_MAIN)
        text_put(out, " lookup main");
    else
        text_add(out, " lookup %u", rule->table);
    if (rule->suppress_prefixlength >= 0)
        text_add(out, " suppress_prefixlength %d", rule->suppress_prefixlength);
}

char *route_text(const struct route *route, const char *name)
{
    _cleanup_text_ struct text text = {0};

    print_route(&text, route, name);
    return text_take(&text);
}

char *route_rule_text(const struct route_rule *rule)
{
    _cleanup_text_ struct text text = {0};

    print_rule(&text, rule);
    return text_take(&text);
}

char *routes_change_text(const struct routes_change *change, const char *name)
{
    _cleanup_text_ struct text text = {0};
    bool rule = change->op == ROUTES_ADD_RULE || change->op == ROUTES_DELETE_RULE;
    bool add = routes_change_adds(change);
    uint8_t family = rule ? change->rule.family : change->route.family;

    text_add(&text, "ip -%c %s %s ", family == AF_INET6 ? '6' : '4', rule ? "rule" : "route",
             !add              ? "del"
             : change->replace ? "replace"
                               : "add");
    if (rule) {
        print_rule(&text, &change->rule);
        text_add(&text, " priority %u protocol %u", change->rule.priority, ROUTING_PROTOCOL);
    } else {
        print_route(&text, &change->route, name);
        text_add(&text, " table %u protocol %u", change->route.table, ROUTING_PROTOCOL);
    }
    return text_take(&text);
}
