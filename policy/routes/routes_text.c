/* Routes, rules and changes as a person would type them for ip(8). */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "policy/base/name.h"
#include "policy/base/util.h"
#include "policy/routes/routes.h"

const char *routes_state_name(enum routes_state state)
{
    static const char *const names[ROUTES_STATE_COUNT] = {
        [ROUTES_CONFLICT] = "conflict",
        [ROUTES_IMPOSSIBLE] = "impossible",
        [ROUTES_DRIFT] = "drift",
        [ROUTES_PAUSED] = "paused",
        [ROUTES_OK] = "ok",
        [ROUTES_PRIMARY] = "primary",
        [ROUTES_WAITING] = "waiting",
    };

    return names[state];
}

/* Closes a stream made by open_memstream(); the text, or NULL when memory ran out. */
static char *finish(FILE *stream, char **text)
{
    bool failed = ferror(stream) != 0;

    if (fclose(stream) != 0 || failed) {
        free(*text);
        return NULL;
    }
    return *text;
}

static void print_route(FILE *out, const struct route *route, const char *name)
{
    static const char *const types[] = {
        [RTN_UNICAST] = NULL,          [RTN_LOCAL] = "local",
        [RTN_BROADCAST] = "broadcast", [RTN_MULTICAST] = "multicast",
        [RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable",
        [RTN_PROHIBIT] = "prohibit",   [RTN_THROW] = "throw",
    };
    char text[IP_TEXT_MAX];

    if (route->type < ELEMENTSOF(types) && types[route->type])
        fprintf(out, "%s ", types[route->type]);
    fputs(route->to.length == 0 ? "default" : ip_prefix_text(&route->to, text), out);
    if (route->via.family)
        fprintf(out, " via %s", ip_text(&route->via, text));
    if (name)
        fprintf(out, " dev %s", NAME_SHOWN(name));
    if (route->prefsrc.family)
        fprintf(out, " src %s", ip_text(&route->prefsrc, text));
    if (route->family == AF_INET && route->scope == RT_SCOPE_LINK)
        fputs(" scope link", out);
    if (route->tos)
        fprintf(out, " tos 0x%02x", route->tos);
    if (route->metric && !(route->family == AF_INET6 && route->metric == 1024))
        fprintf(out, " metric %u", route->metric);
    if (route->mtu)
        fprintf(out, " mtu %u", route->mtu);
    if (route->onlink)
        fputs(" onlink", out);
}

static void print_rule(FILE *out, const struct route_rule *rule)
{
    char text[IP_TEXT_MAX];

    fprintf(out, "from %s", rule->from.length == 0 ? "all" : ip_prefix_text(&rule->from, text));
    if (rule->to.length > 0)
        fprintf(out, " to %s", ip_prefix_text(&rule->to, text));
    if (rule->special)
        fputs(" and other conditions", out);
    if (rule->action != FR_ACT_TO_TBL)
        fprintf(out, " action %u", rule->action);
    else if (rule->table == RT_TABLE_MAIN)
        fputs(" lookup main", out);
    else
        fprintf(out, " lookup %u", rule->table);
    if (rule->suppress_prefixlength >= 0)
        fprintf(out, " suppress_prefixlength %d", rule->suppress_prefixlength);
}

char *route_text(const struct route *route, const char *name)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    print_route(out, route, name);
    return finish(out, &text);
}

char *route_rule_text(const struct route_rule *rule)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    print_rule(out, rule);
    return finish(out, &text);
}

void routes_change_print(FILE *out, const struct routes_change *change, const char *name)
{
    bool rule = change->op == ROUTES_ADD_RULE || change->op == ROUTES_DELETE_RULE;
    bool add = routes_change_adds(change);
    uint8_t family = rule ? change->rule.family : change->route.family;

    fprintf(out, "ip -%c %s %s ", family == AF_INET6 ? '6' : '4', rule ? "rule" : "route",
            !add              ? "del"
            : change->replace ? "replace"
                              : "add");
    if (rule) {
        print_rule(out, &change->rule);
        fprintf(out, " priority %u protocol %u", change->rule.priority, ROUTING_PROTOCOL);
    } else {
        print_route(out, &change->route, name);
        fprintf(out, " table %u protocol %u", change->route.table, ROUTING_PROTOCOL);
    }
}

char *routes_change_text(const struct routes_change *change, const char *name)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    routes_change_print(out, change, name);
    return finish(out, &text);
}
