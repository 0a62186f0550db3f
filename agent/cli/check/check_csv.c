/* `check` as comma separated values (RFC 4180, lines end with a newline only): one line per key of
 * a device, and of all and default. */
#include <stdio.h>

#include "agent/cli/check/check.h"

static void place(FILE *stream, const char *file, unsigned line)
{
    csv_cell(stream, file, ',');
    if (file)
        fprintf(stream, "%u", line);
    fputc(',', stream);
}

/* device: NULL for all and default */
static int print(struct check *check, const char *name, int ifindex, const struct device *device,
                 const struct key_state *state)
{
    const struct rule *rule = state->rule;
    FILE *stream = check->out->stream;
    char text[JUDGE_TEXT_SIZE];

    fprintf(stream, "%d,", ifindex);
    csv_cell(stream, name, ',');
    fprintf(stream, "%s,%s,%d,%d,", key_info(state->key)->name, state_name(state->state),
            state->configured, state->effective);
    if (state->wanted_known)
        fprintf(stream, "%d", state->wanted);
    fprintf(stream, ",%s,%d,", state->enforced ? "yes" : "no", state->inherited);
    csv_cell(stream, guard_name(state->guard), ',');
    place(stream, rule ? rule->origin.file : NULL, rule ? rule->origin.line : 0);
    csv_cell(stream, rule ? rule->pattern.text : NULL, ',');
    place(stream, state->cause.file, state->cause.line);
    csv_cell(stream, judge_text(check->session->judge, device, state, text), '\n');
    return 0;
}

/* Routing has no numbers; a line of its own for each device that it is asked for. */
static int end(struct check *check)
{
    const struct routes_plan *plan = &check->routing.plan;
    const struct session *session = check->session;
    FILE *stream = check->out->stream;

    for (size_t i = 0; i < plan->n_devices; i++) {
        const struct routes_device *device = &plan->devices[i];

        if (!check_shows_routing(check, device->ifindex))
            continue;
        fprintf(stream, "%d,", device->ifindex);
        csv_cell(stream, device->name, ',');
        fprintf(stream, "routing,%s,,,,%s,,", routes_state_name(device->state),
                session->enforcing ? "yes" : "no");
        csv_cell(stream, session->guard == GUARD_AGENT ? guard_name(session->guard) : NULL, ',');
        place(stream, device->origin.file, device->origin.line);
        fputs(",,,", stream);
        csv_cell(stream, check_routing_why(device), '\n');
    }
    return 0;
}

static int begin(struct check *check)
{
    fputs("ifindex,device,key,state,configured,effective,wanted,enforced,inherited,guard,"
          "rule_file,rule_line,pattern,cause_file,cause_line,message\n",
          check->out->stream);
    return 0;
}

static int special(struct check *check, int which, const struct key_state *state)
{
    return print(check, which == IFINDEX_ALL ? "all" : "default", which, NULL, state);
}

static int device(struct check *check, const struct device *device, const struct key_state *states,
                  unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        print(check, device->name, device->ifindex, device, &states[i]);
    return 0;
}

const struct check_format check_csv = {
    .begin = begin, .special = special, .device = device, .end = end};
