/* Policy routing read for a report, and printed: as tables, lines of text, and JSON. */
#include "agent/cli/routes/routing_report.h"

#include <stdio.h>

#include "policy/base/text.h"

void routing_done(struct routing *routing)
{
    routes_plan_done(&routing->plan);
    route_facts_done(&routing->facts);
}

int routing_read(const struct session *session, const struct policy *policy, bool forced,
                 struct routing *ret)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct routing routing = {0};
    int r = netlink_open(&nl);

    if (r >= 0)
        r = routes_gather(&nl, &session->cli->paths, policy, &session->live, &routing.facts);
    if (r < 0) {
        say("cannot read addresses, routes and rules: %s", error_text(r));
        return r;
    }
    r = routes_plan(policy, &session->live, &routing.facts, forced, &routing.plan);
    if (r < 0) {
        say("cannot plan routes: %s", error_text(r));
        routing_done(&routing);
        return r;
    }
    *ret = routing;
    return 0;
}

bool routing_is_wrong(const struct routes_plan *plan)
{
    return plan->n_changes > 0 || STATES_SUM(plan->states, routes_state_info, it->stuck) > 0;
}

/* -- text -- */

/* "172.16.5.1 (first host)"; owned. */
static char *gateway_text(const struct routes_device *device)
{
    _cleanup_text_ struct text text = {0};
    bool comma = false;

    for (unsigned f = 0; f < IP_FAMILIES; f++) {
        char address[IP_TEXT_MAX];

        if (!device->gateway[f].source[0])
            continue;
        text_put(&text, comma ? ", " : "");
        comma = true;
        if (device->gateway[f].address.family)
            text_add(&text, "%s (%s)", ip_text(&device->gateway[f].address, address),
                     device->gateway[f].source);
        else
            text_put(&text, device->gateway[f].source);
    }
    return text_take(&text);
}

/* Addresses that carry a rule, "172.16.5.4, 10.0.0.1"; owned. */
static char *addresses_text(const struct routing *routing, const struct routes_device *device)
{
    _cleanup_text_ struct text text = {0};
    bool comma = false;

    for (size_t i = 0; i < routing->facts.n_addresses; i++) {
        const struct route_address *address = &routing->facts.addresses[i];
        char shown[IP_TEXT_MAX];

        if (address->ifindex != device->ifindex || !routes_address_is_usable(address))
            continue;
        text_add(&text, "%s%s", comma ? ", " : "", ip_text(&address->local.ip, shown));
        comma = true;
    }
    return text_take(&text);
}

static int add_device(struct table *table, const struct routing *routing,
                      const struct routes_device *device)
{
    _cleanup_free_ char *gateway = gateway_text(device), *addresses = NULL, *place = NULL;
    char name[NAME_ESCAPED_SIZE], number[12];

    addresses = addresses_text(routing, device);
    place = place_text(device->origin.file, device->origin.line);
    if (!gateway || !addresses || !place)
        return -ENOMEM;
    snprintf(number, sizeof(number), "%u", device->table);
    return table_row(table, (const char *const[]){routes_state_name(device->state),
                                                  name_escape_buf(device->name, name, sizeof(name)),
                                                  addresses[0] ? addresses : NULL,
                                                  gateway[0] ? gateway : NULL, number, place});
}

int routing_print_devices(struct output *out, const struct session *session,
                          const struct routing *routing)
{
    static const struct column columns[] = {
        {"STATE", COLUMN_STATE}, {"DEVICE", 0},           {"ADDRESSES", COLUMN_WRAP},
        {"GATEWAY", 0},          {"TABLE", COLUMN_RIGHT}, {"RULE", 0},
    };
    _cleanup_table_ struct table *table = table_new(columns, ELEMENTSOF(columns));
    int r = table ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < routing->plan.n_devices; i++)
        r = add_device(table, routing, &routing->plan.devices[i]);
    return r < 0 ? r : table_print(table, out);
}

static void print_note(FILE *stream, const struct routes_device *device, const char *text)
{
    if (text)
        fprintf(stream, "note: %s: %s\n", NAME_SHOWN(device->name), text);
}

/* Made by us, but for names of devices and files, which were escaped or refused there. */
static void print_cure(FILE *stream, const struct routes_device *device)
{
    const char *line = device->cure, *end;

    for (; line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        fprintf(stream, "    %.*s\n", (int)(end ? end - line : (ptrdiff_t)strlen(line)), line);
    }
}

void routing_print_notes(FILE *stream, const struct routes_plan *plan)
{
    const char *said = NULL; /* the same program is in the way of many devices */

    for (size_t i = 0; i < plan->n_devices; i++) {
        const struct routes_device *device = &plan->devices[i];

        print_note(stream, device, device->conflict);
        if (device->cure && (!said || !streq(said, device->cure)))
            print_cure(stream, device);
        said = device->cure ?: said;
        if (device->state != ROUTES_PRIMARY)
            print_note(stream, device, device->message);
        if (device->held)
            print_note(stream, device,
                       "its rp_filter does not become stricter until that is cured");
        print_note(stream, device, device->advice);
    }
}

unsigned routing_print_unmatched(FILE *stream, const struct session *session)
{
    const struct origin *origin;
    const char *name;
    unsigned n = 0;

    for (size_t at = 0;
         (origin = routing_next_unmatched(session->policy, &session->live, &at, &name)); n++) {
        _cleanup_free_ char *place = place_text(origin->file, origin->line);

        fprintf(stream, "note: there is no device '%s' (%s)\n", NAME_SHOWN(name), place ?: "?");
    }
    return n;
}

static bool is_rule(const struct routes_change *change)
{
    return change->op == ROUTES_ADD_RULE || change->op == ROUTES_DELETE_RULE;
}

/* NULL where the command names none. */
static const char *name_in_command(const struct live *live, const struct routes_change *change)
{
    const struct device *device = is_rule(change) ? NULL : live_by_ifindex(live, change->route.oif);

    return device ? device->name : NULL;
}

char *routing_command_text(const struct live *live, const struct routes_change *change)
{
    return routes_change_text(change, name_in_command(live, change));
}

void routing_print_change(FILE *stream, const struct live *live, const struct routes_change *change)
{
    _cleanup_free_ char *text = routing_command_text(live, change);

    fprintf(stream, "%s: %s", text ?: "?", change->reason);
}

void routing_show_changes(FILE *stream, json_t *list, const struct live *live,
                          const struct routes_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list) {
            json_array_append_new(list, json_routes_change(live, &changes[i]));
            continue;
        }
        routing_print_change(stream, live, &changes[i]);
        fputc('\n', stream);
    }
}

int routing_print_changes(struct output *out, const struct live *live,
                          const struct routes_plan *plan, size_t from, size_t to, size_t step)
{
    static const struct column columns[] = {
        {"STEP", COLUMN_RIGHT}, {"ROUTES AND RULES", 0}, {"WHY", COLUMN_WRAP}};
    _cleanup_table_ struct table *table = table_new(columns, ELEMENTSOF(columns));
    int r = table ? 0 : -ENOMEM;

    for (size_t i = from; r == 0 && i < to; i++) {
        _cleanup_free_ char *command = routing_command_text(live, &plan->changes[i]);
        char number[24];

        snprintf(number, sizeof(number), "%zu", step + i - from);
        r = command
                ? table_row(table, (const char *const[]){number, command, plan->changes[i].reason})
                : -ENOMEM;
    }
    return r < 0 ? r : table_print(table, out);
}

/* -- JSON -- */

static json_t *json_ip(const struct ip *ip)
{
    char text[IP_TEXT_MAX];

    return ip->family ? json_string(ip_text(ip, text)) : json_null();
}

static json_t *json_prefix(const struct ip_prefix *prefix)
{
    char text[IP_TEXT_MAX];

    return prefix->length == 0 ? json_string("default") : json_string(ip_prefix_text(prefix, text));
}

static json_t *json_gateways(const struct routes_device *device)
{
    static const char *const names[IP_FAMILIES] = {"ipv4", "ipv6"};
    json_t *object = json_object();

    for (unsigned f = 0; f < IP_FAMILIES; f++) {
        json_t *gateway;

        if (!device->gateway[f].source[0]) {
            json_object_set_new(object, names[f], json_null());
            continue;
        }
        gateway = json_object();
        json_set(gateway, {"address", json_ip(&device->gateway[f].address)},
                 {"source", json_string(device->gateway[f].source)});
        json_object_set_new(object, names[f], gateway);
    }
    return object;
}

static json_t *json_addresses(const struct routing *routing, int ifindex)
{
    json_t *list = json_array();

    for (size_t i = 0; i < routing->facts.n_addresses; i++) {
        const struct route_address *address = &routing->facts.addresses[i];
        char text[IP_TEXT_MAX + 4];
        char plain[IP_TEXT_MAX];

        if (address->ifindex != ifindex)
            continue;
        snprintf(text, sizeof(text), "%s/%u", ip_text(&address->local.ip, plain),
                 address->local.length);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *json_rules(const struct routing *routing, uint32_t table)
{
    json_t *list = json_array();

    for (size_t i = 0; i < routing->plan.n_rules; i++) {
        const struct route_rule *rule = &routing->plan.rules[i];
        _cleanup_free_ char *text = NULL;
        json_t *object;

        if (rule->table != table)
            continue;
        text = route_rule_text(rule);
        object = json_object();
        json_set(object, {"family", json_integer(rule->family == AF_INET6 ? 6 : 4)},
                 {"priority", json_integer(rule->priority)}, {"from", json_prefix(&rule->from)},
                 {"to", rule->to.length ? json_prefix(&rule->to) : json_null()},
                 {"table", json_integer(rule->table)}, {"text", json_bytes(text)});
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *json_routes(const struct routing *routing, const struct routes_device *device)
{
    json_t *list = json_array();

    for (size_t i = 0; i < routing->plan.n_routes; i++) {
        const struct route *route = &routing->plan.routes[i];
        _cleanup_free_ char *text = NULL;
        json_t *object;

        if (route->oif != device->ifindex)
            continue;
        text = route_text(route, device->name);
        object = json_object();
        json_set(object, {"family", json_integer(route->family == AF_INET6 ? 6 : 4)},
                 {"to", json_prefix(&route->to)}, {"via", json_ip(&route->via)},
                 {"text", json_bytes(text)});
        json_array_append_new(list, object);
    }
    return list;
}

json_t *json_routing_device(const struct routing *routing, const struct routes_device *device)
{
    json_t *object = json_object(), *rule = json_object();

    json_object_set_new(object, "ifindex", json_integer(device->ifindex));
    json_set_name(object, "name", device->name);
    json_object_set_new(object, "state", json_string(routes_state_name(device->state)));
    json_set(rule, {"file", json_bytes(device->origin.file)},
             {"line", json_integer(device->origin.line)});
    json_set(object, {"rule", rule}, {"addresses", json_addresses(routing, device->ifindex)},
             {"table", json_integer(device->table)}, {"gateways", json_gateways(device)},
             {"rules", json_rules(routing, device->table)},
             {"routes", json_routes(routing, device)}, {"conflict", json_bytes(device->conflict)},
             {"cure", json_bytes(device->cure)}, {"message", json_bytes(device->message)},
             {"held", json_boolean(device->held)}, {"advice", json_bytes(device->advice)});
    return object;
}

void json_routing_devices(struct output *out, const struct routing *routing)
{
    json_open(out, "routing", '[');
    for (size_t i = 0; i < routing->plan.n_devices; i++)
        json_element(out, NULL, json_routing_device(routing, &routing->plan.devices[i]));
    json_close(out, ']');
}

json_t *json_routes_change(const struct live *live, const struct routes_change *change)
{
    static const char *const ops[] = {
        [ROUTES_ADD_ROUTE] = "add-route",
        [ROUTES_ADD_RULE] = "add-rule",
        [ROUTES_DELETE_RULE] = "delete-rule",
        [ROUTES_DELETE_ROUTE] = "delete-route",
    };
    const struct device *device = live_by_ifindex(live, change->ifindex);
    _cleanup_free_ char *command = routing_command_text(live, change);
    json_t *object = json_object();

    json_object_set_new(object, "op",
                        json_string(change->replace ? "replace-route" : ops[change->op]));
    if (device)
        json_set_name(object, "name", device->name);
    else
        json_object_set_new(object, "name", json_null());
    json_set(object, {"reason", json_string(change->reason)}, {"command", json_bytes(command)});
    return object;
}

json_t *json_routing_summary(const struct routes_plan *plan)
{
    json_t *object = json_object();

    json_object_set_new(object, "devices", json_integer((json_int_t)plan->n_devices));
    for (enum routes_state state = 0; state < ROUTES_STATE_COUNT; state++)
        json_object_set_new(object, routes_state_name(state),
                            json_integer((json_int_t)plan->states[state]));
    json_object_set_new(object, "changes", json_integer((json_int_t)plan->n_changes));
    return object;
}

json_t *json_routes_outcome(const struct change_counts *outcome)
{
    return json_make({"done", json_integer(outcome->done)}, {"gone", json_integer(outcome->gone)},
                     {"failed", json_integer(outcome->failed)},
                     {"left", json_integer(outcome->left)});
}
