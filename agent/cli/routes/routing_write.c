/* Carrying out policy routing for a verb: told line by line, or as JSON, and what went wrong. */
#include <stdio.h>

#include "agent/change/confirm.h"
#include "agent/change/routes_apply.h"
#include "agent/cli/routes/routing_report.h"

struct writing {
    struct session *session;
    const struct policy *policy; /* NULL: everything of ours goes */
    json_t *changes;
    struct missing_ways *missing;    /* NULL: nobody asks */
    const struct missing_ways *told; /* these were told already; NULL: none */
};

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

static int amend(struct live *live, void *data)
{
    const struct writing *writing = data;
    int r = confirm_check(&writing->session->cli->paths, writing->session->confirm);

    return r < 0 || !writing->policy ? r : session_amend(writing->session, live);
}

/* The same addition failed again, or was left out again for it. */
static bool was_told(const struct missing_ways *told, const struct live *live,
                     const struct routes_change *change, enum routes_result result, int error)
{
    const struct missing_way *way =
        told && routes_change_adds(change) ? find_own(told, change) : NULL;
    _cleanup_free_ char *command = NULL;

    if (!way || result == ROUTES_LEFT)
        return way;
    if (result != ROUTES_FAILED || way->error != error)
        return false;
    command = routing_command_text(live, change);
    return command && streq(way->command, command);
}

static void report(const struct routes_change *change, const char *name, enum routes_result result,
                   int error, void *data)
{
    static const char *const words[] = {[ROUTES_DONE] = "done",
                                        [ROUTES_GONE] = "gone",
                                        [ROUTES_FAILED] = "failed",
                                        [ROUTES_LEFT] = "left"};
    const struct writing *writing = data;
    const struct live *live = &writing->session->live;
    struct output *out = &writing->session->cli->out;

    if (writing->missing && (result == ROUTES_FAILED || result == ROUTES_LEFT))
        add_missing(writing->missing, live, change, error);
    if (was_told(writing->told, live, change, result, error))
        return;
    if (writing->changes) {
        json_t *object = json_routes_change(live, change);

        json_object_set_new(object, "result", json_string(words[result]));
        json_object_set_new(object, "error",
                            result == ROUTES_FAILED ? json_string(error_text(error)) : json_null());
        json_array_append_new(writing->changes, object);
        return;
    }
    routing_print_change(out->stream, live, change);
    if (result == ROUTES_GONE)
        fputs(" - the device is gone", out->stream);
    else if (result == ROUTES_LEFT)
        fputs(" - not tried, since something before it failed", out->stream);
    else if (result == ROUTES_FAILED)
        fprintf(out->stream, " - %sfailed%s: %s", output_color(out, "failed"),
                output_color_end(out), error_text(error));
    fputc('\n', out->stream);
}

static int say_error(const struct cli *cli, int r)
{
    if (r == -EBUSY)
        say_busy(cli, "no route was changed");
    else if (r == -EINPROGRESS)
        say_on_trial("no route was changed");
    else if (r == -EOWNERDEAD)
        say("the process that would put everything back is gone, no route was changed");
    else
        say("cannot change routes: %s", error_text(r));
    return EXIT_ERROR;
}

static int status_of(const struct routes_plan *plan, const struct routes_outcome *outcome)
{
    char number[16];

    if (outcome->failed > 0) {
        say("%s %s of routes and rules failed: %s%s", count_text(outcome->failed, number),
            PLURAL(outcome->failed, "change"), error_text(outcome->first_error),
            outcome->first_error == -EPERM ? " (this needs root, or CAP_NET_ADMIN)" : "");
        return outcome->first_error == -EPERM && outcome->done == 0 ? EXIT_ERROR : EXIT_WRITES;
    }
    return plan->states[ROUTES_CONFLICT] > 0 || plan->states[ROUTES_IMPOSSIBLE] > 0 ? EXIT_DRIFT
                                                                                    : EXIT_OK;
}

/* missing: only what is added, and what of it could not be; told: what was told of that. A negative
 * errno: nothing was changed. */
static int write_part(struct session *session, const struct policy *policy, bool forced,
                      struct missing_ways *missing, const struct missing_ways *told,
                      json_t *changes, struct routes_plan *ret_plan, struct routes_outcome *ret)
{
    struct writing writing = {
        .session = session, .policy = policy, .changes = changes, .missing = missing, .told = told};
    struct routes_apply_options options = {
        .paths = &session->cli->paths,
        .policy = policy,
        .forced = forced,
        .additions_only = missing != NULL,
        .ignore_pauses = session->unpaused,
        .locked = session->locked,
        .lock_timeout_ms = LOCK_TIMEOUT_MS,
        .amend = amend,
        .report = report,
        .data = &writing,
    };

    return routes_apply(&options, ret_plan, ret);
}

int routing_write_additions(struct session *session, const struct policy *policy, bool forced,
                            json_t *changes, size_t *ret_count, struct routes_outcome *ret,
                            struct missing_ways *ret_missing)
{
    struct routes_plan plan = {0};
    int r;

    *ret = (struct routes_outcome){0};
    r = write_part(session, policy, forced, ret_missing, NULL, changes, &plan, ret);
    *ret_count = routes_plan_additions(&plan);
    if (r >= 0)
        missing_ways_add_held(ret_missing, &plan);
    routes_plan_done(&plan);
    return r < 0 ? say_error(session->cli, r) : EXIT_OK;
}

int routing_write(struct session *session, const struct policy *policy, bool forced,
                  const struct missing_ways *told, json_t *changes, size_t *ret_count,
                  struct routes_outcome *ret)
{
    struct routes_plan plan = {0};
    int r, status;

    *ret = (struct routes_outcome){0};
    r = write_part(session, policy, forced, NULL, told, changes, &plan, ret);
    if (r >= 0 && !changes)
        routing_print_notes(session->cli->out.stream, &plan);
    status = r < 0 ? say_error(session->cli, r) : status_of(&plan, ret);
    *ret_count = plan.n_changes;
    routes_plan_done(&plan);
    return status;
}
