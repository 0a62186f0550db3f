/* Policy routing as a part of `check`: which of it the report is about, and its rows and lines in
 * the formats. */
#include <stdio.h>

#include "agent/cli/check/check.h"

bool check_shows_routing(const struct check *check, int ifindex)
{
    const struct live *live = &check->session->live;
    const struct device *device;

    if (!check->some_devices)
        return true;
    device = live_by_ifindex(live, ifindex);
    return device && check->selected[device - live->devices];
}

static bool is_asked_for(const struct routes_plan *plan, int ifindex)
{
    for (size_t i = 0; i < plan->n_devices; i++)
        if (plan->devices[i].ifindex == ifindex)
            return true;
    return false;
}

/* The rule for main comes with the devices behind it: as a leftover it only counts alone. */
static bool is_leftover(const struct check *check, const struct routes_change *change)
{
    bool deletes = change->op == ROUTES_DELETE_RULE || change->op == ROUTES_DELETE_ROUTE;

    return deletes && check_shows_routing(check, change->ifindex) &&
           !is_asked_for(&check->routing.plan, change->ifindex);
}

int check_routing_read(struct check *check)
{
    const struct session *session = check->session;
    int r = routing_read(session, session->policy, false, &check->routing);
    const struct routes_plan *plan = &check->routing.plan;

    if (r < 0)
        return r;
    routes_mark_held(plan, &check->session->live);
    for (size_t i = 0; i < plan->n_devices; i++) {
        if (!check_shows_routing(check, plan->devices[i].ifindex))
            continue;
        check->routing_counts[plan->devices[i].state]++;
        check->routing_held += plan->devices[i].held;
    }
    for (size_t i = 0; i < plan->n_changes; i++)
        check->routing_left += is_leftover(check, &plan->changes[i]);
    return 0;
}

unsigned check_routing_devices(const struct check *check)
{
    unsigned n = 0;

    for (enum routes_state state = 0; state < ROUTES_STATE_COUNT; state++)
        n += check->routing_counts[state];
    return n;
}

unsigned check_routing_bad(const struct check *check)
{
    return STATES_SUM(check->routing_counts, routes_state_info, it->concern == CONCERN_NOW) +
           (check->routing_left > 0);
}

const char *check_routing_why(const struct routes_device *device)
{
    return device->conflict                ? device->conflict
           : device->message               ? device->message
           : device->state == ROUTES_DRIFT ? "see 'rpfpolicy routes plan'"
                                           : "";
}

int check_routing_rows(const struct check *check, struct table *table)
{
    const struct routes_plan *plan = &check->routing.plan;
    bool all = cli_given(check->session->cli, OPTION_ALL);
    char left[64], number[16];

    for (size_t i = 0; i < plan->n_devices; i++) {
        const struct routes_device *device = &plan->devices[i];
        _cleanup_free_ char *place = NULL;
        char name[NAME_ESCAPED_SIZE];

        if (!check_shows_routing(check, device->ifindex) ||
            (!all && !routes_state_info(device->state)->listed))
            continue;
        place = place_text(device->origin.file, device->origin.line);
        if (!place ||
            table_row(table, (const char *const[]){
                                 routes_state_name(device->state),
                                 name_escape_buf(device->name, name, sizeof(name)), "routing", NULL,
                                 "auto", place, check_routing_why(device)}) < 0)
            return -ENOMEM;
    }
    if (check->routing_left == 0)
        return 0;
    snprintf(left, sizeof(left), "%s left", count_text(check->routing_left, number));
    return table_row(table, (const char *const[]){"drift", NULL, "routing", left, "none", NULL,
                                                  "see 'rpfpolicy routes plan'"});
}

void check_routing_sum(const struct check *check)
{
    FILE *stream = check->out->stream;
    unsigned devices = check_routing_devices(check);
    const char *separator = ": ";
    char number[16];

    if (devices == 0)
        return;
    fprintf(stream, "routing of %s %s", count_text(devices, number), PLURAL(devices, "device"));
    for (enum routes_state state = 0; state < ROUTES_STATE_COUNT; state++) {
        if (check->routing_counts[state] == 0)
            continue;
        fprintf(stream, "%s%s %s%s%s", separator, count_text(check->routing_counts[state], number),
                output_color(check->out, routes_state_name(state)), routes_state_name(state),
                output_color_end(check->out));
        separator = ", ";
    }
    fputc('\n', stream);
}

json_t *check_routing_json(const struct check *check)
{
    const struct routes_plan *plan = &check->routing.plan;
    json_t *list = json_array();

    for (size_t i = 0; i < plan->n_devices; i++)
        if (check_shows_routing(check, plan->devices[i].ifindex))
            json_array_append_new(list, json_routing_device(&check->routing, &plan->devices[i]));
    return list;
}

json_t *check_routing_json_summary(const struct check *check)
{
    json_t *object = json_object();

    json_object_set_new(object, "devices", json_integer(check_routing_devices(check)));
    for (enum routes_state state = 0; state < ROUTES_STATE_COUNT; state++)
        json_object_set_new(object, routes_state_name(state),
                            json_integer(check->routing_counts[state]));
    json_set(object, {"held", json_integer(check->routing_held)},
             {"leftovers", json_integer((json_int_t)check->routing_left)});
    return object;
}

unsigned check_bad(const struct check *check)
{
    return STATES_SUM(check->counts, state_info, it->concern == CONCERN_NOW) +
           STATES_SUM(check->specials, state_info, it->concern == CONCERN_NOW) +
           check_routing_bad(check);
}

unsigned check_later(const struct check *check)
{
    return STATES_SUM(check->counts, state_info, it->concern == CONCERN_LATER) +
           STATES_SUM(check->specials, state_info, it->concern == CONCERN_LATER);
}
