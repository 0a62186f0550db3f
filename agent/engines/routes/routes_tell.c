/* The state of policy routing, and its changes, as every program prints them. */
#include <stdio.h>

#include "agent/engines/routes/routes_row.h"
#include "policy/base/text.h"

void routing_done(struct routing *routing)
{
    routes_plan_done(&routing->plan);
    route_facts_done(&routing->facts);
}

int routing_gather(const struct engine_question *question, struct routing *ret)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct routing routing = {0};
    int r = netlink_open(&nl);

    if (r >= 0)
        r = routes_gather(&nl, question->paths, question->policy, question->live, &routing.facts);
    if (r >= 0)
        r = routes_plan_proven(&nl, question->policy, question->live, &routing.facts,
                               question->forced, &routing.plan);
    if (r < 0) {
        routing_done(&routing);
        return r;
    }
    *ret = routing;
    return 0;
}

/* -- a device -- */

static void put_ip(struct fields *fields, const char *name, const struct ip *ip)
{
    char text[IP_TEXT_MAX];

    field_text(fields, name, ip->family ? ip_text(ip, text) : NULL);
}

static void put_prefix(struct fields *fields, const char *name, const struct ip_prefix *prefix)
{
    char text[IP_TEXT_MAX];

    field_text(fields, name, prefix->length == 0 ? "default" : ip_prefix_text(prefix, text));
}

static void put_gateways(struct fields *fields, const struct routes_device *device)
{
    static const char *const names[IP_FAMILIES] = {"ipv4", "ipv6"};
    struct fields *gateways = field_object(fields, "gateways");

    for (unsigned f = 0; f < IP_FAMILIES; f++) {
        struct fields *gateway;

        if (!device->gateway[f].source[0]) {
            field_text(gateways, names[f], NULL);
            continue;
        }
        gateway = field_object(gateways, names[f]);
        put_ip(gateway, "address", &device->gateway[f].address);
        field_text(gateway, "source", device->gateway[f].source);
    }
}

static void put_addresses(struct fields *fields, const struct routing *routing, int ifindex)
{
    struct fields *list = field_list(fields, "addresses");

    for (size_t i = 0; i < routing->facts.n_addresses; i++) {
        const struct route_address *address = &routing->facts.addresses[i];
        char text[IP_TEXT_MAX];

        if (address->ifindex == ifindex)
            field_take(
                list, NULL,
                text_format("%s/%u", ip_text(&address->local.ip, text), address->local.length));
    }
}

static void put_rules(struct fields *fields, const struct routing *routing, uint32_t table)
{
    struct fields *list = field_list(fields, "rules");

    for (size_t i = 0; i < routing->plan.n_rules; i++) {
        const struct route_rule *rule = &routing->plan.rules[i];
        struct fields *object;

        if (rule->table != table)
            continue;
        object = field_object(list, NULL);
        field_number(object, "family", rule->family == AF_INET6 ? 6 : 4);
        field_number(object, "priority", rule->priority);
        put_prefix(object, "from", &rule->from);
        if (rule->to.length)
            put_prefix(object, "to", &rule->to);
        else
            field_text(object, "to", NULL);
        field_number(object, "table", rule->table);
        field_take(object, "text", route_rule_text(rule));
    }
}

static void put_routes(struct fields *fields, const struct routing *routing,
                       const struct routes_device *device)
{
    struct fields *list = field_list(fields, "routes");

    for (size_t i = 0; i < routing->plan.n_routes; i++) {
        const struct route *route = &routing->plan.routes[i];
        struct fields *object;

        if (route->oif != device->ifindex)
            continue;
        object = field_object(list, NULL);
        field_number(object, "family", route->family == AF_INET6 ? 6 : 4);
        put_prefix(object, "to", &route->to);
        put_ip(object, "via", &route->via);
        field_take(object, "text", route_text(route, device->name));
    }
}

/* "eth2: no IPv4 gateway: …"; owned. */
static char *hold_text(const struct routes_device *device)
{
    return text_format("%s: %s", NAME_SHOWN(device->name), routes_hold_reason(device));
}

static int copy(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? -ENOMEM : 0;
}

static int add_device(const struct routing *routing, const struct routes_device *device,
                      struct engine_report *report)
{
    struct engine_item *item = engine_report_item(report);
    int r = 0;

    if (!item)
        return -ENOMEM;
    item->ifindex = device->ifindex;
    memcpy(item->name, device->name, sizeof(item->name));
    item->state = device->state;
    item->origin = device->origin;
    item->todo = device->state == ROUTES_DRIFT ? "see 'rpfpolicy routes plan'" : NULL;
    item->expected = device->state == ROUTES_PRIMARY;
    item->held = device->held;
    gather(&r, copy("auto", &item->wanted));
    gather(&r, copy(device->conflict, &item->conflict));
    gather(&r, copy(device->cure, &item->cure));
    gather(&r, copy(device->message, &item->message));
    gather(&r, copy(device->advice, &item->advice));
    if (device->holds_value && !(item->holds = hold_text(device)))
        return -ENOMEM;
    put_addresses(&item->more, routing, device->ifindex);
    field_number(&item->more, "table", device->table);
    put_gateways(&item->more, device);
    put_rules(&item->more, routing, device->table);
    put_routes(&item->more, routing, device);
    return r < 0 || fields_failed(&item->more) ? -ENOMEM : 0;
}

/* -- a change -- */

static bool is_rule(const struct routes_change *change)
{
    return change->op == ROUTES_ADD_RULE || change->op == ROUTES_DELETE_RULE;
}

/* NULL where the command names none. */
static const char *name_in_command(const struct live *live, const struct routes_change *change)
{
    const struct device *device =
        live && !is_rule(change) ? live_by_ifindex(live, change->route.oif) : NULL;

    return device ? device->name : NULL;
}

int routes_describe(const void *what, const struct live *live, struct engine_change *ret)
{
    static const char *const ops[] = {
        [ROUTES_ADD_ROUTE] = "add-route",
        [ROUTES_ADD_RULE] = "add-rule",
        [ROUTES_DELETE_RULE] = "delete-rule",
        [ROUTES_DELETE_ROUTE] = "delete-route",
    };
    const struct routes_change *change = what;
    const struct device *device = live ? live_by_ifindex(live, change->ifindex) : NULL;
    struct engine_change text = {
        .phase = routes_change_adds(change) ? CHANGE_ADDITIONS : CHANGE_REMOVALS,
        .ifindex = change->ifindex,
        .part = routes_change_family(change),
        .needed = routes_change_is_way(change),
        .op = change->replace ? "replace-route" : ops[change->op],
        .reason = change->reason,
        .command = routes_change_text(change, name_in_command(live, change)),
    };

    if (!text.command)
        return -ENOMEM;
    if (device)
        memcpy(text.name, device->name, sizeof(text.name));
    *ret = text;
    return 0;
}

static int add_changes(const struct routes_plan *plan, const struct live *live,
                       struct engine_report *report)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < plan->n_changes; i++) {
        struct engine_change *change = engine_report_change(report);

        r = change ? routes_describe(&plan->changes[i], live, change) : -ENOMEM;
    }
    return r;
}

/* -- all of it -- */

static int add_unmatched(const struct engine_question *question, struct engine_report *report)
{
    const struct origin *origin;
    const char *name;
    int r = 0;

    for (size_t at = 0;
         r >= 0 && question->policy &&
         (origin = routing_next_unmatched(question->policy, question->live, &at, &name));)
        r = engine_report_unmatched(report, name, origin);
    return r;
}

int routes_report(const struct engine *engine, const struct engine_question *question,
                  const struct routing *routing, struct engine_report *ret)
{
    struct engine_report report = {.engine = engine, .asked = routing_in_policy(question->policy)};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < routing->plan.n_devices; i++)
        r = add_device(routing, &routing->plan.devices[i], &report);
    if (r >= 0)
        r = add_changes(&routing->plan, question->live, &report);
    if (r >= 0)
        r = add_unmatched(question, &report);
    if (r < 0) {
        engine_report_done(&report);
        return r;
    }
    *ret = report;
    return 0;
}

void routes_disown(void *own)
{
    routing_done(own);
    free(own);
}

int routes_tell(const struct engine *engine, const struct engine_question *question,
                struct engine_report *ret)
{
    struct routing *routing = calloc(1, sizeof(*routing));
    int r = routing ? routing_gather(question, routing) : -ENOMEM;

    if (r >= 0)
        r = routes_report(engine, question, routing, ret);
    if (r < 0) {
        if (routing)
            routing_done(routing);
        free(routing);
        return r;
    }
    ret->own = routing;
    return 0;
}

const struct routing *routing_of(const struct engine_report *report)
{
    return report->engine && report->engine->tell == routes_tell ? report->own : NULL;
}

const struct routes_plan *routing_plan_of(const struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++)
        if (routing_of(&reports->items[i]))
            return &routing_of(&reports->items[i])->plan;
    return NULL;
}

void routes_hold(struct change *change, const struct routes_plan *plan)
{
    for (size_t i = 0; i < plan->n_devices; i++)
        if (plan->devices[i].holds_value)
            missing_ways_hold(&change->missing, change->engine, plan->devices[i].ifindex,
                              hold_text(&plan->devices[i]));
}
