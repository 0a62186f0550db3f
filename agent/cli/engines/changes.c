/* One change in words. The reasons come from the plan; nothing is decided here. */
#include "agent/cli/engines/changes.h"

#include <stdio.h>

#include "policy/base/text.h"
#include "policy/decide/plan.h"

static char *value_said(const struct engine_change *change, const struct output *out)
{
    static const struct output plain = {0}; /* no colours */
    const struct write *value = change->value;
    const struct output *colors = value->before != value->after ? out : &plain;
    _cleanup_free_ char *reason = write_reason_text(value);
    char before[12], after[12];

    if (!reason)
        return NULL;
    return text_format("%s, effectively %s%s%s -> %s%s%s: %s", change->command,
                       output_color(colors, "removed"),
                       key_value_format(value->key, value->before, before, sizeof(before)),
                       output_color_end(colors), output_color(colors, "added"),
                       key_value_format(value->key, value->after, after, sizeof(after)),
                       output_color_end(colors), reason);
}

char *change_said(const struct engine_change *change, const struct output *out)
{
    const char *word = change->phase == CHANGE_ADDITIONS  ? "added"
                       : change->phase == CHANGE_REMOVALS ? "removed"
                                                          : "";

    if (change->value)
        return value_said(change, out);
    return text_format("%s%s%s: %s", output_color(out, word), change->command ?: "?",
                       output_color_end(out), change->reason ?: "?");
}

const char *change_device(const struct engine_change *change)
{
    return change->value ? change->name : NULL;
}

void change_print(struct output *out, const struct engine_change *change, const char *end)
{
    _cleanup_free_ char *said = change_said(change, out);
    const char *device = change_device(change);

    fprintf(out->stream, "%s%s%s%s", device ? NAME_SHOWN(device) : "", device ? ": " : "",
            said ?: "memory ran out", end);
}

static int put_value(struct row *row, const struct engine_change *change, size_t step)
{
    const struct write *value = change->value;
    char before[12], after[12];

    return ROW(
        row, {NULL, "STEP", NUMBER(step), COLUMN_RIGHT}, {"step", NULL, NUMBER(value->step)},
        {"ifindex", NULL, NUMBER(value->ifindex)}, {"name", "DEVICE", NAME(value->name)},
        {"key", "KEY", TEXT(key_info(value->key)->name)}, {"old", NULL, NUMBER(value->old_value)},
        {"new", NULL, NUMBER(value->new_value)},
        {NULL, "WRITE",
         FOR_TABLE(row, text_format("%d -> %d", value->old_value, value->new_value))},
        {"before", NULL, NUMBER(value->before)}, {"after", NULL, NUMBER(value->after)},
        {NULL, "EFFECTIVE",
         FOR_TABLE(row,
                   text_format("%s -> %s",
                               key_value_format(value->key, value->before, before, sizeof(before)),
                               key_value_format(value->key, value->after, after, sizeof(after))))},
        {"reason", NULL, TEXT(change->reason)},
        {"rule", NULL, FOR_JSON(row, json_rule(value->rule))},
        {"message", "WHY", OWNED(write_reason_text(value)), COLUMN_WRAP});
}

int change_put(struct row *row, const struct engine_change *change, const char *title, size_t step)
{
    if (change->value)
        return put_value(row, change, step);
    return ROW(row, {NULL, "STEP", NUMBER(step), COLUMN_RIGHT}, {"op", NULL, TEXT(change->op)},
               {"name", NULL, NAME(change->name[0] ? change->name : NULL)},
               {NULL, title, TEXT(change->command)},
               {"reason", "WHY", TEXT(change->reason), COLUMN_WRAP},
               {"command", NULL, TEXT(change->command)});
}

json_t *json_change(const struct engine_change *change)
{
    return ROW_OBJECT(row, change_put(&row, change, NULL, 0));
}

static const char *error_of(const struct missing_way *way)
{
    return way && way->reason  ? way->reason
           : way && way->error ? error_text(way->error)
                               : "not tried";
}

void change_print_held(struct output *out, const struct engine_change *change,
                       const struct missing_ways *missing)
{
    const struct missing_way *way = missing_ways_find(missing, change->ifindex);

    change_print(out, change, " - ");
    fprintf(out->stream, "%sheld back%s, ", output_color(out, "failed"), output_color_end(out));
    if (way && way->reason)
        fprintf(out->stream, "%s cannot be set up: %s\n", way->engine->words.title, way->reason);
    else
        fprintf(out->stream, "%s is missing: '%s': %s\n",
                way ? way->engine->words.needed : "something", way ? way->command : "?",
                error_of(way));
}

json_t *json_held(const struct missing_ways *missing, const struct engine_change *change)
{
    const struct missing_way *way = missing_ways_find(missing, change->ifindex);
    json_t *object = json_change(change);

    json_set(object, {"command", way ? json_bytes(way->command) : json_null()},
             {"error", json_string(error_of(way))},
             {"reason", way ? json_bytes(way->reason) : json_null()});
    return object;
}
