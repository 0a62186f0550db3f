/* What engines tell as a part of `check`: which of it the report is about, and its rows and lines
 * in the formats. */
#include <stdio.h>

#include "agent/cli/check/check.h"

bool check_shows(const struct check *check, int ifindex)
{
    const struct live *live = &check->session->live;
    const struct device *device;

    if (!check->some_devices)
        return true;
    device = live_by_ifindex(live, ifindex);
    return device && check->selected[device - live->devices];
}

/* What goes with the things that it serves only counts alone. */
static bool is_leftover(const struct check *check, const struct engine_report *report,
                        const struct engine_change *change)
{
    return change->phase == CHANGE_REMOVALS && check_shows(check, change->ifindex) &&
           !engine_report_has(report, change->ifindex);
}

static void sum_up(const struct check *check, const struct engine_report *report,
                   struct engine_sum *sum)
{
    for (size_t i = 0; i < report->n_items; i++) {
        if (!check_shows(check, report->items[i].ifindex))
            continue;
        sum->items++;
        sum->states[report->items[i].state]++;
        sum->held += report->items[i].held;
        sum->bad += engine_item_state(report, i)->concern == CONCERN_NOW;
    }
    for (size_t i = 0; i < report->n_changes; i++)
        sum->left += is_leftover(check, report, &report->changes[i]);
    sum->bad += sum->left > 0;
}

int check_engines_read(struct check *check)
{
    struct session *session = check->session;
    int r = reports_read(session, session->policy, false, &check->reports);

    if (r < 0)
        return r;
    reports_mark(&check->reports, &session->live);
    for (size_t i = 0; i < check->reports.count; i++)
        sum_up(check, &check->reports.items[i], &check->sums[i]);
    return 0;
}

unsigned check_engines_bad(const struct check *check)
{
    unsigned n = 0;

    for (size_t i = 0; i < check->reports.count; i++)
        n += check->sums[i].bad;
    return n;
}

/* It has no numbers. */
int check_put_item(const struct check *check, struct row *row, const struct engine_report *report,
                   size_t i)
{
    const struct engine_item *item = &report->items[i];
    const struct origin *origin = &item->origin;
    const char *state = engine_item_state(report, i)->name;
    const struct cell_value none = TEXT(NULL);
    bool guarded = check->session->guard == GUARD_AGENT;

    return ROW(row, {NULL, "STATE", TEXT(state), COLUMN_STATE},
               {"ifindex", NULL, NUMBER(item->ifindex), CELL_CSV_ONLY},
               {"device", "DEVICE", NAME(item->name), CELL_CSV_ONLY},
               {"key", "KEY", TEXT(report->engine->words.member), CELL_CSV_ONLY},
               {"state", NULL, TEXT(state), CELL_CSV_ONLY}, {NULL, "NOW", TEXT(item->now)},
               {NULL, "WANTED", TEXT(item->wanted)}, {"configured", NULL, none, CELL_CSV_ONLY},
               {"effective", NULL, none, CELL_CSV_ONLY}, {"wanted", NULL, none, CELL_CSV_ONLY},
               {"enforced", NULL, TRUTH(check->session->enforcing), CELL_CSV_ONLY},
               {"inherited", NULL, none, CELL_CSV_ONLY},
               {"guard", NULL, TEXT(guarded ? guard_name(GUARD_AGENT) : NULL), CELL_CSV_ONLY},
               {"rule_file", NULL, TEXT(origin->file), CELL_CSV_ONLY},
               {"rule_line", NULL, NUMBER_IF(origin->file, origin->line), CELL_CSV_ONLY},
               {NULL, "RULE",
                origin->file ? FOR_TABLE(row, place_text(origin->file, origin->line)) : none,
                COLUMN_WRAP},
               {"pattern", NULL, none, CELL_CSV_ONLY}, {"cause_file", NULL, none, CELL_CSV_ONLY},
               {"cause_line", NULL, none, CELL_CSV_ONLY},
               {"message", "CAUSE", TEXT(engine_item_why(item)), CELL_CSV_ONLY | COLUMN_WRAP});
}

static int add_left(const struct engine_report *report, size_t n, struct table *table)
{
    char left[64], see[64], number[16];

    snprintf(left, sizeof(left), "%s left", count_text(n, number));
    snprintf(see, sizeof(see), "see 'rpfpolicy %s'", report->engine->words.plan);
    return table_row(table, (const char *const[]){"drift", NULL, report->engine->words.member, left,
                                                  "none", NULL, see});
}

int check_engines_rows(const struct check *check, struct table *table)
{
    bool all = cli_given(check->session->cli, OPTION_ALL);
    int r = 0;

    for (size_t i = 0; i < check->reports.count; i++) {
        const struct engine_report *report = &check->reports.items[i];

        for (size_t j = 0; r == 0 && j < report->n_items; j++)
            if (check_shows(check, report->items[j].ifindex) &&
                (all || engine_item_state(report, j)->listed))
                r = check_put_item(check, &(struct row){.table = table}, report, j);
        if (r == 0 && check->sums[i].left > 0)
            r = add_left(report, check->sums[i].left, table);
    }
    return r;
}

void check_engines_sum(const struct check *check)
{
    struct output *out = check->out;
    char number[16];

    for (size_t i = 0; i < check->reports.count; i++) {
        const struct engine *engine = check->reports.items[i].engine;
        const struct engine_sum *sum = &check->sums[i];
        const char *separator = ": ";

        if (sum->items == 0)
            continue;
        fprintf(out->stream, "%s of %s %s", engine->words.member, count_text(sum->items, number),
                PLURAL(sum->items, "device"));
        for (unsigned state = 0; state < engine->n_states; state++) {
            const char *word = engine->state(state)->name;

            if (sum->states[state] == 0)
                continue;
            fprintf(out->stream, "%s%s %s%s%s", separator, count_text(sum->states[state], number),
                    output_color(out, word), word, output_color_end(out));
            separator = ", ";
        }
        fputc('\n', out->stream);
    }
}

void check_engines_json_summary(const struct check *check, json_t *object)
{
    for (size_t i = 0; i < check->reports.count; i++) {
        const struct engine *engine = check->reports.items[i].engine;
        const struct engine_sum *sum = &check->sums[i];
        json_t *own = json_make({"devices", json_integer(sum->items)});

        for (unsigned state = 0; state < engine->n_states; state++)
            json_object_set_new(own, engine->state(state)->name, json_integer(sum->states[state]));
        json_set(own, {"held", json_integer(sum->held)},
                 {"leftovers", json_integer((json_int_t)sum->left)});
        json_object_set_new(object, engine->words.member, own);
    }
}

unsigned check_bad(const struct check *check)
{
    return STATES_SUM(check->counts, state_info, it->concern == CONCERN_NOW) +
           STATES_SUM(check->specials, state_info, it->concern == CONCERN_NOW) +
           check_engines_bad(check);
}

unsigned check_later(const struct check *check)
{
    return STATES_SUM(check->counts, state_info, it->concern == CONCERN_LATER) +
           STATES_SUM(check->specials, state_info, it->concern == CONCERN_LATER);
}
