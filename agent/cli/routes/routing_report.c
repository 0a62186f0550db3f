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

int routing_print_devices(struct output *out, const struct session *session,
                          const struct routing *routing)
{
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    struct row row = {.table = table};
    int r = table ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < routing->plan.n_devices; i++) {
        const struct routes_device *device = &routing->plan.devices[i];
        const struct origin *origin = &device->origin;

        r = ROW(&row, {NULL, "STATE", TEXT(routes_state_name(device->state)), COLUMN_STATE},
                {NULL, "DEVICE", NAME(device->name)},
                {NULL, "ADDRESSES", OWNED(addresses_text(routing, device)), COLUMN_WRAP},
                {NULL, "GATEWAY", OWNED(gateway_text(device))},
                {NULL, "TABLE", NUMBER(device->table), COLUMN_RIGHT},
                {NULL, "RULE", OWNED(place_text(origin->file, origin->line))});
    }
    return r < 0 ? r : table_print(table, out);
}
