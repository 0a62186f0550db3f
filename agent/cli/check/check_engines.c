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

static int add_row(const struct engine_report *report, size_t i, struct table *table)
{
    const struct engine_item *item = &report->items[i];
    _cleanup_free_ char *place = NULL;
    char name[NAME_ESCAPED_SIZE];

    if (item->origin.file && !(place = place_text(item->origin.file, item->origin.line)))
        return -ENOMEM;
    return table_row(table,
                     (const char *const[]){
                         engine_item_state(report, i)->name,
                         item->name[0] ? name_escape_buf(item->name, name, sizeof(name)) : NULL,
                         report->engine->words.member, item->now, item->wanted, place,
                         engine_item_why(item)});
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
                r = add_row(report, j, table);
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
