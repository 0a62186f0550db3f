/* A fleet as one JSON object, everything in it, written piece by piece. */
#include "agent/report/fleet_view.h"

static json_t *json_states(const unsigned long states[static FLEET_STATES])
{
    json_t *object = json_object();

    for (enum fleet_state state = 0; state < FLEET_STATES; state++)
        json_object_set_new(object, fleet_state_name(state),
                            json_integer((json_int_t)states[state]));
    return object;
}

static json_t *json_counts(const unsigned long counts[static STATE_COUNT])
{
    json_t *object = json_object();

    for (enum state state = 0; state < STATE_COUNT; state++)
        json_object_set_new(object, state_name(state), json_integer((json_int_t)counts[state]));
    return object;
}

static json_t *json_summary(const struct fleet_report *report)
{
    const struct fleet_sum *sum = report->sum;

    return json_make({"hosts", json_integer((json_int_t)report->n_hosts)},
                     {"host_states", json_states(sum->states)},
                     {"devices", json_integer((json_int_t)sum->devices)},
                     {"device_states", json_counts(sum->device_states)},
                     {"exceptions", json_integer((json_int_t)sum->n_exceptions)},
                     {"expired", json_integer((json_int_t)sum->expired)},
                     {"superseded", json_integer((json_int_t)fleet_superseded(report->fleet))});
}

static json_t *json_place(const char *file, unsigned line, const char *name, const char *text)
{
    json_t *object;

    if (!file)
        return json_null();
    object = json_object();
    json_set(object, {"file", json_bytes(file)}, {"line", json_integer(line)},
             {name, json_bytes(text)});
    return object;
}

enum about { ABOUT_CAUSE, ABOUT_RULE, ABOUT_NAMES };

static json_t *json_line(const struct fleet_line *line, enum about about)
{
    const struct fleet_finding *finding = line->finding;
    json_t *object = json_object(), *example = json_object();

    json_set(object, {"state", json_string(state_name(line->state))},
             {"hosts", json_integer((json_int_t)line->hosts)},
             {"devices", json_integer((json_int_t)line->count)}, {"key", json_bytes(finding->key)});
    if (about == ABOUT_CAUSE) {
        json_set(
            object,
            {"cause", json_place(finding->cause_file, finding->cause_line, "text", finding->cause)},
            {"message", finding->cause_file ? json_null() : json_bytes(finding->cause)});
    } else if (about == ABOUT_RULE) {
        json_set(object,
                 {"rule",
                  json_place(finding->rule_file, finding->rule_line, "pattern", finding->pattern)},
                 {"wanted", json_bytes(finding->wanted)});
    } else {
        json_object_set_new(object, "names", json_bytes(line->devices));
    }
    json_set(example, {"host", json_bytes(line->example_host->name)},
             {"device", json_bytes(line->example)});
    json_object_set_new(object, "example", example);
    return object;
}

static void print_lines(struct output *out, const char *name, const struct fleet_lines *lines,
                        enum about about)
{
    json_open(out, name, '[');
    for (size_t i = 0; i < lines->count; i++)
        json_element(out, NULL, json_line(&lines->items[i], about));
    json_close(out, ']');
}

static json_t *json_exception(const struct fleet_exception *exception)
{
    char until[16];

    snprintf(until, sizeof(until), "%04d-%02d-%02d", exception->until / 10000,
             exception->until / 100 % 100, exception->until % 100);
    return json_make({"name", json_bytes(exception->name)},
                     {"reason", json_bytes(exception->reason)}, {"ref", json_bytes(exception->ref)},
                     {"until", exception->until ? json_string(until) : json_null()},
                     {"expired", json_boolean(exception->expired)},
                     {"devices", json_bytes(exception->devices)},
                     {"hosts", json_integer((json_int_t)exception->hosts)});
}

static void print_shares(struct output *out, const char *list, const char *name,
                         const struct fleet_shares *shares, bool policies)
{
    json_open(out, list, '[');
    for (size_t i = 0; i < shares->count; i++) {
        const struct fleet_share *share = &shares->items[i];
        json_t *object = json_object();

        json_object_set_new(object, name, json_bytes(share->text));
        if (policies)
            json_set(object, {"mode", json_bytes(share->mode)},
                     {"revision", json_bytes(share->revision)});
        json_set(object, {"hosts", json_integer((json_int_t)share->hosts)},
                 {"host_states", json_states(share->states)});
        json_element(out, NULL, object);
    }
    json_close(out, ']');
}

static json_t *json_host(const struct fleet_host *host)
{
    bool read = host->state != FLEET_UNREADABLE;
    json_t *object = json_object(), *policy = json_object();

    json_set(object, {"host", json_bytes(host->name)}, {"machine_id", json_bytes(host->machine_id)},
             {"state", json_string(fleet_state_name(host->state))}, {"why", json_bytes(host->why)},
             {"time", read ? json_time((time_t)host->time) : json_null()},
             {"version", json_bytes(host->version)});
    json_set(policy, {"hash", json_bytes(host->hash)}, {"mode", json_bytes(host->mode)},
             {"revision", json_bytes(host->revision)},
             {"accepted", read ? json_boolean(host->accepted) : json_null()});
    json_set(object, {"policy", policy}, {"agent", json_bytes(host->agent)},
             {"devices", json_integer((json_int_t)host->devices)},
             {"device_states", json_counts(host->counts)}, {"reports", json_integer(host->reports)},
             {"source", json_bytes(host->source)});
    return object;
}

int fleet_print_json(struct fleet_report *report)
{
    const struct fleet_sum *sum = report->sum;
    struct output *out = report->out;

    json_open(out, NULL, '{');
    json_element(out, "schema", json_integer(FLEET_SCHEMA));
    json_element(out, "version", json_string(PROJECT_VERSION));
    json_element(out, "time", json_time((time_t)report->now));
    json_element(out, "stale_after", json_integer((json_int_t)report->stale));
    json_element(out, "summary", json_summary(report));
    print_lines(out, "causes", &sum->causes, ABOUT_CAUSE);
    print_lines(out, "rules", &sum->rules, ABOUT_RULE);
    print_lines(out, "names", &sum->patterns, ABOUT_NAMES);
    json_open(out, "exceptions", '[');
    for (size_t i = 0; i < sum->n_exceptions; i++)
        json_element(out, NULL, json_exception(sum->exceptions[i]));
    json_close(out, ']');
    print_shares(out, "policies", "hash", &sum->policies, true);
    print_shares(out, "versions", "version", &sum->versions, false);
    json_open(out, "hosts", '[');
    for (size_t i = 0; i < report->n_hosts; i++)
        json_element(out, NULL, json_host(report->hosts[i]));
    json_close(out, ']');
    json_close(out, '}');
    return 0;
}
