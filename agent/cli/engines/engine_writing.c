/* What engines do for a verb: told line by line, or as JSON, and what went wrong. */
#include <stdio.h>

#include "agent/cli/engines/reports.h"

void engine_writing_begin(struct engine_writing *writing, const struct engine *engine,
                          const struct cli *cli)
{
    writing->engine = engine;
    if (cli->format == FORMAT_JSON)
        writing->changes = json_array();
}

void engine_writing_done(struct engine_writing *writing)
{
    json_decref(writing->changes);
    writing->changes = NULL;
    for (size_t i = 0; i < writing->count; i++)
        free(writing->told[i]);
    free(writing->told);
    writing->told = NULL;
    writing->count = writing->capacity = 0;
}

/* Takes the command out of the change. */
static void note_told(struct engine_writing *writing, struct engine_change *change)
{
    if (!change->command || grow((void **)&writing->told, &writing->capacity, writing->count,
                                 sizeof(*writing->told)) < 0)
        writing->untold = true;
    else
        writing->told[writing->count++] = TAKE_PTR(change->command);
}

const char *writer_text(const char *by)
{
    return streq(by, "agent") ? "the agent" : "another program";
}

static void tell_json(const struct engine_writing *writing, const struct engine_change *change,
                      const struct change_report *told)
{
    static const char *const words[] = {
        [CHANGE_DONE] = "done",     [CHANGE_GONE] = "gone", [CHANGE_RENAMED] = "renamed",
        [CHANGE_FAILED] = "failed", [CHANGE_HELD] = "held", [CHANGE_LEFT] = "left"};
    json_t *object = json_engine_change(change);

    json_set(object, {"result", json_string(words[told->result])},
             {"error",
              told->result == CHANGE_FAILED ? json_string(error_text(told->error)) : json_null()});
    if (writing->by)
        json_object_set_new(object, "by", json_string(writing->by));
    json_array_append_new(writing->changes, object);
}

static void tell_line(struct output *out, const struct engine_change *change,
                      const struct change_report *told)
{
    engine_change_print(out, change, "");
    if (told->result == CHANGE_GONE)
        fputs(" - the device is gone", out->stream);
    else if (told->result == CHANGE_LEFT)
        fputs(" - not tried, since something before it failed", out->stream);
    else if (told->result == CHANGE_FAILED)
        fprintf(out->stream, " - %sfailed%s: %s", output_color(out, "failed"),
                output_color_end(out), error_text(told->error));
    fputs(told->result == CHANGE_HELD ? " - " : "\n", out->stream);
    if (told->result == CHANGE_HELD)
        held_print(missing_ways_find(told->missing, change->ifindex), out);
}

void engine_tell(struct engine_writing *writing, struct output *out,
                 const struct change_report *told)
{
    struct engine_change change = {.op = "?", .reason = "?"};

    (void)told->engine->describe(told->change, told->live, &change);
    if (writing->changes)
        tell_json(writing, &change, told);
    else
        tell_line(out, &change, told);
    note_told(writing, &change);
    engine_change_done(&change);
}

static bool is_told(const struct engine_writing *writing, const char *command)
{
    for (size_t i = 0; i < writing->count; i++)
        if (streq(writing->told[i], command))
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

static void tell_other(struct engine_writing *writing, struct output *out,
                       const struct engine_change *change, const char *by)
{
    json_t *object;

    writing->by_others++;
    if (!writing->changes) {
        engine_change_print(out, change, " - made by ");
        fprintf(out->stream, "%s meanwhile\n", writer_text(by));
        return;
    }
    object = json_engine_change(change);
    json_set(object, {"result", json_string("done")}, {"error", json_null()},
             {"by", json_string(by)});
    json_array_append_new(writing->changes, object);
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
            tell_other(writing, out, change, by);
    }
}

void engine_tell_end(struct engine_writing *writing, struct output *out, unsigned phases,
                     const struct engine_report *found)
{
    if ((writing->engine->phases & ~phases) > phases) /* its last phase is still to come */
        return;
    writing->wrong = engine_report_blocked(found);
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
        if (engines[i] == &engine_sysctl)
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

void writings_json(struct output *out, const struct writings *writings)
{
    for (size_t i = 0; engine_rows[i]; i++)
        if (engine_rows[i]->tell)
            json_element(out, engine_rows[i]->words.changes,
                         json_incref(writings->items[i].changes));
}
