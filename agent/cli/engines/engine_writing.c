/* What engines do for a verb: told line by line, or as JSON, and what went wrong. */
#include <stdio.h>

#include "agent/cli/engines/reports.h"
#include "policy/base/text.h"
#include "policy/decide/plan.h"

void engine_writing_begin(struct engine_writing *writing, const struct engine *engine,
                          const struct cli *cli)
{
    writing->engine = engine;
    if (cli->format != FORMAT_JSON)
        return;
    writing->changes = json_array();
    writing->held = json_array();
}

void engine_writing_done(struct engine_writing *writing)
{
    json_decref(writing->changes);
    json_decref(writing->held);
    for (size_t i = 0; i < writing->count; i++)
        free(writing->told[i].command);
    free(writing->told);
    *writing = (struct engine_writing){0};
}

/* Takes the command out of the change. */
static void note_told(struct engine_writing *writing, struct engine_change *change)
{
    struct told_change told = {.ifindex = change->ifindex};

    if (!change->command || grow((void **)&writing->told, &writing->capacity, writing->count,
                                 sizeof(*writing->told)) < 0) {
        writing->untold = true;
        return;
    }
    told.command = TAKE_PTR(change->command);
    if (change->value)
        told.key = change->value->key;
    writing->told[writing->count++] = told;
}

const char *writer_text(const char *by)
{
    return streq(by, "agent") ? "the agent" : "another program";
}

/* The list of values is open in the output, which they are many for; others are gathered. */
static void add_json(const struct engine_writing *writing, struct output *out,
                     const struct engine_change *change, json_t *object)
{
    if (change->value)
        json_element(out, NULL, object);
    else
        json_array_append_new(writing->changes, object);
}

static bool is_claimed(const struct engine_writing *writing, const struct engine_change *change)
{
    return change->value && writing->claimed && writing->claimed(change->value, writing->data);
}

static void tell_json(const struct engine_writing *writing, struct output *out,
                      const struct engine_change *change, const struct change_report *told)
{
    static const char *const words[] = {
        [CHANGE_DONE] = "done",     [CHANGE_GONE] = "gone", [CHANGE_RENAMED] = "renamed",
        [CHANGE_FAILED] = "failed", [CHANGE_HELD] = "held", [CHANGE_LEFT] = "left"};
    json_t *object;

    if (change->value && told->result == CHANGE_HELD) {
        json_array_append_new(writing->held, json_held(told->missing, change));
        return;
    }
    object = json_change(change);
    json_set(
        object,
        {"result", json_string(change->value && told->result == CHANGE_DONE ? "written"
                                                                            : words[told->result])},
        {"error",
         told->result == CHANGE_FAILED ? json_string(error_text(told->error)) : json_null()});
    if (writing->by)
        json_object_set_new(object, "by", json_string(writing->by));
    if (change->value && writing->claimed)
        json_object_set_new(object, "source",
                            json_string(is_claimed(writing, change) ? "agent" : "root"));
    add_json(writing, out, change, object);
}

/* What follows the line of a change. Owned; NULL when memory ran out. */
static char *result_text(const struct output *out, const struct change_report *told)
{
    switch (told->result) {
    case CHANGE_GONE:
        return strdup(" - the device is gone");
    case CHANGE_RENAMED:
        return strdup(" - renamed, judged again by its new name");
    case CHANGE_LEFT:
        return strdup(" - not tried, since something before it failed");
    case CHANGE_FAILED:
        return text_format(" - %sfailed%s: %s", output_color(out, "failed"), output_color_end(out),
                           error_text(told->error));
    default:
        return strdup("");
    }
}

static void print_lines(const struct engine_writing *writing, struct output *out)
{
    if (writing->lines)
        alike_print(writing->lines, out->stream);
}

/* Of devices alike as one, where they are gathered. */
static void tell_line(const struct engine_writing *writing, struct output *out,
                      const struct engine_change *change, const char *end)
{
    _cleanup_free_ char *said = NULL;

    if (change->value && writing->lines) {
        said = change_said(change, out);
        alike_add(writing->lines, change_device(change),
                  said && end ? text_format("%s%s", said, end) : NULL);
        return;
    }
    print_lines(writing, out);
    change_print(out, change, end ?: "");
    fputc('\n', out->stream);
}

static void tell_text(const struct engine_writing *writing, struct output *out,
                      const struct engine_change *change, const struct change_report *told)
{
    const char *word = is_claimed(writing, change) ? " (by the agent's word)" : "";
    _cleanup_free_ char *result = NULL, *end = NULL;

    if (told->result == CHANGE_HELD) {
        print_lines(writing, out);
        change_print_held(out, change, told->missing);
        return;
    }
    result = result_text(out, told);
    end = result ? text_format("%s%s", word, result) : NULL;
    tell_line(writing, out, change, end);
}

void engine_tell(struct engine_writing *writing, struct output *out,
                 const struct change_report *told)
{
    struct engine_change change = {.op = "?", .reason = "?"};
    const struct missing_way *way = NULL;

    (void)told->engine->describe(told->change, told->live, &change);
    if (told->result == CHANGE_HELD && change.value)
        way = missing_ways_find(told->missing, change.ifindex);
    if (way && !writing->waits_for)
        writing->waits_for = way->engine->words.awaited;
    if (writing->changes)
        tell_json(writing, out, &change, told);
    else
        tell_text(writing, out, &change, told);
    note_told(writing, &change);
    engine_change_done(&change);
}

void engine_tell_plan(const struct engine_writing *writing, struct output *out,
                      const struct engine_report *report)
{
    if (!writing->changes)
        report_show_changes(out, report, CHANGE_ALL_PHASES);
    for (size_t i = 0; writing->changes && i < report->n_changes; i++)
        add_json(writing, out, &report->changes[i], json_change(&report->changes[i]));
}

bool engine_told_value(const struct engine_writing *writing, enum key key, int ifindex)
{
    for (size_t i = 0; i < writing->count; i++)
        if (writing->told[i].key == key && writing->told[i].ifindex == ifindex)
            return true;
    return false;
}

static bool is_told(const struct engine_writing *writing, const char *command)
{
    for (size_t i = 0; i < writing->count; i++)
        if (streq(writing->told[i].command, command))
            return true;
    return false;
}

static bool is_to_do(const struct engine_report *report, const char *command)
{
    for (size_t i = 0; i < report->n_changes; i++)
        if (streq(report->changes[i].command, command))
            return true;
    return false;
}

void engine_tell_other(struct engine_writing *writing, struct output *out,
                       const struct engine_change *change, const char *by)
{
    _cleanup_free_ char *end = NULL;
    json_t *object;

    writing->by_others++;
    if (!writing->changes) {
        end = text_format(" - %s by %s meanwhile", change->value ? "written" : "made",
                          writer_text(by));
        tell_line(writing, out, change, end);
        return;
    }
    object = json_change(change);
    json_set(object, {"result", json_string(change->value ? "written" : "done")},
             {"error", json_null()}, {"by", json_string(by)});
    add_json(writing, out, change, object);
}

void engine_tell_others(struct engine_writing *writing, struct output *out,
                        const struct engine_report *began, const struct engine_report *now,
                        const struct live *live, const char *by)
{
    for (size_t i = 0; !writing->untold && i < began->n_changes; i++) {
        const struct engine_change *change = &began->changes[i];

        /* What a device needs that is gone is not made, it is not needed. */
        if ((change->ifindex == 0 || live_by_ifindex(live, change->ifindex)) &&
            !is_told(writing, change->command) && !is_to_do(now, change->command))
            engine_tell_other(writing, out, change, by);
    }
}

void engine_tell_end(struct engine_writing *writing, struct output *out, unsigned phases,
                     const struct engine_report *found)
{
    if ((writing->engine->phases & ~phases) > phases) /* its last phase is still to come */
        return;
    writing->wrong = engine_report_blocked(found);
    print_lines(writing, out);
    if (!writing->changes)
        report_print_notes(out->stream, found);
}

int engine_status(const struct engine_writing *writing, const struct change_counts *counts)
{
    char number[16];

    if (counts->failed > 0) {
        say("%s %s of %s failed: %s%s", count_text(counts->failed, number),
            PLURAL(counts->failed, "change"), writing->engine->words.parts,
            error_text(counts->first_error),
            counts->first_error == -EPERM ? " (this needs root, or CAP_NET_ADMIN)" : "");
        return counts->first_error == -EPERM && counts->done == 0 ? EXIT_ERROR : EXIT_WRITES;
    }
    if (counts->held > 0)
        return EXIT_WRITES;
    return writing->wrong ? EXIT_DRIFT : EXIT_OK;
}

/* Values first, which are more than anything else. */
const char *written_text(const struct engine *const *engines, const struct change_outcome *outcome,
                         char buffer[static WRITTEN_TEXT_SIZE])
{
    char values[32] = "", others[WRITTEN_TEXT_SIZE - 64] = "";
    size_t used = 0;

    for (size_t i = 0; engines[i]; i++) {
        unsigned done = outcome->counts[i].done;

        if (done == 0 || used >= sizeof(others))
            continue;
        if (engine_has_values(engines[i]))
            snprintf(values, sizeof(values), " %u %s", done, PLURAL(done, "value"));
        else
            used += (size_t)snprintf(others + used, sizeof(others) - used, "%s %u of %s",
                                     used > 0 ? "," : "", done, engines[i]->words.parts);
    }
    if (!*values && !*others)
        return "nothing was written";
    snprintf(buffer, WRITTEN_TEXT_SIZE, "written until then:%s%s%s", values,
             *values && *others ? "," : "", others);
    return buffer;
}

int engine_say_error(const struct cli *cli, const struct engine *engine, int r, const char *done)
{
    if (!say_who_hinders(cli, r, done))
        say("cannot change %s: %s%s; %s", engine->words.many, error_text(r),
            r == -EPERM ? " (this needs root, or CAP_NET_ADMIN)" : "", done);
    return EXIT_ERROR;
}

void writings_begin(struct writings *writings, const struct cli *cli)
{
    for (size_t i = 0; engine_rows[i]; i++)
        engine_writing_begin(&writings->items[i], engine_rows[i], cli);
}

void writings_done(struct writings *writings)
{
    for (size_t i = 0; i < ENGINES_MAX; i++)
        engine_writing_done(&writings->items[i]);
}

size_t writings_count(const struct writings *writings)
{
    size_t n = 0;

    for (size_t i = 0; i < ENGINES_MAX; i++)
        n += writings->items[i].count;
    return n;
}

const char *writings_wait_for(const struct writings *writings)
{
    for (size_t i = 0; i < ENGINES_MAX; i++)
        if (writings->items[i].waits_for)
            return writings->items[i].waits_for;
    return NULL;
}

void writings_json_held(struct output *out, const struct writings *writings)
{
    json_t *held = json_array();

    for (size_t i = 0; engine_rows[i]; i++)
        json_array_extend(held, writings->items[i].held);
    json_element(out, "held", held);
}

void writings_json(struct output *out, const struct writings *writings)
{
    for (size_t i = 0; engine_rows[i]; i++)
        if (engine_rows[i]->tell)
            json_element(out, engine_rows[i]->words.changes,
                         json_incref(writings->items[i].changes));
}
