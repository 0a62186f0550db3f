/* Policy routing read for a report, and its devices in a table. */
#include "agent/cli/routes/routing_report.h"

#include <stdio.h>

#include "policy/base/text.h"

int routing_read(const struct session *session, const struct policy *policy, struct routing *ret)
{
    const struct engine_question question = {
        .paths = &session->cli->paths, .policy = policy, .live = &session->live};
    int r = routing_gather(&question, ret);

    if (r < 0)
        say("cannot read %s: %s", engine_routes.words.facts, error_text(r));
    return r;
}

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
