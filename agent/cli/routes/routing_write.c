/* Carrying out policy routing for a verb: told line by line, or as JSON, and what went wrong. */
#include <stdio.h>

#include "agent/cli/routes/routing_report.h"

void missing_ways_done(struct missing_ways *missing)
{
    for (size_t i = 0; i < missing->count; i++) {
        free(missing->items[i].command);
        free(missing->items[i].reason);
    }
    free(missing->items);
    *missing = (struct missing_ways){0};
}

/* What all devices need stands for any of them. */
const struct missing_way *missing_ways_find(const struct missing_ways *missing, int ifindex)
{
    for (size_t i = 0; i < missing->count; i++)
        if (missing->items[i].family == AF_INET &&
            (missing->items[i].ifindex == ifindex || missing->items[i].ifindex == 0 || ifindex < 0))
            return &missing->items[i];
    return NULL;
}

void missing_ways_mark(const struct missing_ways *missing, struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].held =
            missing->unknown || missing_ways_find(missing, live->devices[i].ifindex);
}

static const struct missing_way *find_own(const struct missing_ways *missing,
                                          const struct routes_change *change)
{
    for (size_t i = 0; i < missing->count; i++)
        if (missing->items[i].command && missing->items[i].ifindex == change->ifindex &&
            missing->items[i].family == routes_change_family(change))
            return &missing->items[i];
    return NULL;
}

/* What it has goes over to the list. */
static void add_way(struct missing_ways *missing, struct missing_way *way)
{
    if ((way->command || way->reason) && grow((void **)&missing->items, &missing->capacity,
                                              missing->count, sizeof(*missing->items)) >= 0) {
        missing->items[missing->count++] = *way;
        return;
    }
    missing->unknown = true;
    free(way->command);
    free(way->reason);
}

/* The first one of a family of a device tells why. */
static void add_missing(struct missing_ways *missing, const struct live *live,
                        const struct routes_change *change, int error)
{
    struct missing_way way = {
        .ifindex = change->ifindex, .family = routes_change_family(change), .error = error};

    if (find_own(missing, change))
        return;
    way.command = routing_command_text(live, change);
    add_way(missing, &way);
}

void missing_ways_add_held(struct missing_ways *missing, const struct routes_plan *plan)
{
    for (size_t i = 0; i < plan->n_devices; i++) {
        const struct routes_device *device = &plan->devices[i];
        struct missing_way way = {.ifindex = device->ifindex, .family = AF_INET};

        if (!device->holds_value)
            continue;
        if (asprintf(&way.reason, "%s: %s", NAME_SHOWN(device->name), routes_hold_reason(device)) <
            0)
            way.reason = NULL;
        add_way(missing, &way);
    }
}

/* The same addition failed again, or was left out again for it. */
static bool was_told(const struct missing_ways *told, const struct live *live,
                     const struct routes_change *change, enum change_result result, int error)
{
    const struct missing_way *way =
        told && routes_change_adds(change) ? find_own(told, change) : NULL;
    _cleanup_free_ char *command = NULL;

    if (!way || result == CHANGE_LEFT)
        return way;
    if (result != CHANGE_FAILED || way->error != error)
        return false;
    command = routing_command_text(live, change);
    return command && streq(way->command, command);
}

void routing_tell(struct routing_writing *writing, const struct change_report *told)
{
    static const char *const words[] = {[CHANGE_DONE] = "done",
                                        [CHANGE_GONE] = "gone",
                                        [CHANGE_FAILED] = "failed",
                                        [CHANGE_LEFT] = "left"};
    const struct live *live = &writing->session->live;
    struct output *out = &writing->session->cli->out;
    const struct routes_change *change = told->change;
    enum change_result result = told->result;
    int error = told->error;

    if (was_told(&writing->missing, live, change, result, error))
        return;
    if (told->phases == CHANGE_ADDITIONS && (result == CHANGE_FAILED || result == CHANGE_LEFT))
        add_missing(&writing->missing, live, change, error);
    if (writing->changes) {
        json_t *object = json_routes_change(live, change);

        json_set(object, {"result", json_string(words[result])},
                 {"error", result == CHANGE_FAILED ? json_string(error_text(error)) : json_null()});
        json_array_append_new(writing->changes, object);
        return;
    }
    routing_print_change(out->stream, live, change);
    if (result == CHANGE_GONE)
        fputs(" - the device is gone", out->stream);
    else if (result == CHANGE_LEFT)
        fputs(" - not tried, since something before it failed", out->stream);
    else if (result == CHANGE_FAILED)
        fprintf(out->stream, " - %sfailed%s: %s", output_color(out, "failed"),
                output_color_end(out), error_text(error));
    fputc('\n', out->stream);
}

const char *written_text(const struct change_counts *values, const struct change_counts *ways,
                         char buffer[static WRITTEN_TEXT_SIZE])
{
    unsigned n_values = values ? values->done : 0, n_ways = ways ? ways->done : 0;
    char first[32] = "", second[32] = "";

    if (n_values + n_ways == 0)
        return "nothing was written";
    if (n_values > 0)
        snprintf(first, sizeof(first), " %u %s", n_values, PLURAL(n_values, "value"));
    if (n_ways > 0)
        snprintf(second, sizeof(second), "%s %u of routes and rules", n_values > 0 ? "," : "",
                 n_ways);
    snprintf(buffer, WRITTEN_TEXT_SIZE, "written until then:%s%s", first, second);
    return buffer;
}

int routing_say_error(const struct cli *cli, int r, const char *done)
{
    if (!say_who_hinders(cli, r, done))
        say("cannot change routes: %s%s; %s", error_text(r),
            r == -EPERM ? " (this needs root, or CAP_NET_ADMIN)" : "", done);
    return EXIT_ERROR;
}

void routing_tell_end(struct routing_writing *writing, unsigned phases,
                      const struct routes_plan *plan)
{
    if (phases == CHANGE_ADDITIONS) {
        writing->count += routes_plan_additions(plan);
        missing_ways_add_held(&writing->missing, plan);
        return;
    }
    writing->count += plan->n_changes;
    writing->wrong = STATES_SUM(plan->states, routes_state_info, it->stuck) > 0;
    if (!writing->changes)
        routing_print_notes(writing->session->cli->out.stream, plan);
}

int routing_status(const struct routing_writing *writing, const struct change_counts *counts)
{
    char number[16];

    if (counts->failed > 0) {
        say("%s %s of routes and rules failed: %s%s", count_text(counts->failed, number),
            PLURAL(counts->failed, "change"), error_text(counts->first_error),
            counts->first_error == -EPERM ? " (this needs root, or CAP_NET_ADMIN)" : "");
        return counts->first_error == -EPERM && counts->done == 0 ? EXIT_ERROR : EXIT_WRITES;
    }
    return writing->wrong ? EXIT_DRIFT : EXIT_OK;
}

void routing_writing_done(struct routing_writing *writing)
{
    missing_ways_done(&writing->missing);
    json_decref(writing->changes);
}
