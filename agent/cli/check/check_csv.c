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

/* What engines tell has no numbers; a line of its own for each device that is asked for. */
static void print_item(const struct check *check, const struct engine_report *report, size_t i)
{
    const struct engine_item *item = &report->items[i];
    const struct session *session = check->session;
    FILE *stream = check->out->stream;

    fprintf(stream, "%d,", item->ifindex);
    csv_cell(stream, item->name, ',');
    fprintf(stream, "%s,%s,,,,%s,,", report->engine->words.member,
            engine_item_state(report, i)->name, session->enforcing ? "yes" : "no");
    csv_cell(stream, session->guard == GUARD_AGENT ? guard_name(session->guard) : NULL, ',');
    place(stream, item->origin.file, item->origin.line);
    fputs(",,,", stream);
    csv_cell(stream, engine_item_why(item), '\n');
}

static int end(struct check *check)
{
    for (size_t i = 0; i < check->reports.count; i++)
        for (size_t j = 0; j < check->reports.items[i].n_items; j++)
            if (check_shows(check, check->reports.items[i].items[j].ifindex))
                print_item(check, &check->reports.items[i], j);
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
