/* Reports of engines: read, and printed as text and JSON. */
#include "agent/cli/engines/reports.h"

#include <stdio.h>

#include "agent/engines/sysctl/sysctl_engine.h"

size_t engine_row(const struct engine *engine)
{
    size_t i = 0;

    while (engine_rows[i] && engine_rows[i] != engine)
        i++;
    return i;
}

bool engine_has_values(const struct engine *engine)
{
    return engine == &engine_sysctl;
}

size_t values_row(void)
{
    return engine_row(&engine_sysctl);
}

static int say_unread(const struct engine *engine, int r)
{
    say("cannot read %s: %s", engine->words.facts, error_text(r));
    return r;
}

static struct engine_question question_of(const struct session *session,
                                          const struct policy *policy, bool forced)
{
    return (struct engine_question){
        .paths = &session->cli->paths, .policy = policy, .live = &session->live, .forced = forced};
}

int report_read(const struct session *session, const struct engine *engine,
                const struct policy *policy, bool forced, struct engine_report *ret)
{
    const struct engine_question question = question_of(session, policy, forced);
    int r = engine->tell(engine, &question, ret);

    return r < 0 ? say_unread(engine, r) : 0;
}

int reports_read(const struct session *session, const struct policy *policy, bool forced,
                 struct reports *ret)
{
    const struct engine_question question = question_of(session, policy, forced);
    const struct engine *broke;
    int r = engines_ask(engine_rows, &question, ret, &broke);

    return r < 0 ? say_unread(broke, r) : 0;
}

const struct engine_report *reports_of(const struct reports *reports, const struct engine *engine)
{
    for (size_t i = 0; i < reports->count; i++)
        if (reports->items[i].engine == engine)
            return &reports->items[i];
    return NULL;
}

void reports_missing(const struct reports *reports, struct missing_ways *ret)
{
    for (size_t i = 0; i < reports->count; i++)
        missing_ways_add_report(ret, &reports->items[i]);
}

/* A value, as its row describes it. */
static int add_value(struct engine_report *report, const struct write *write)
{
    struct engine_change *change = engine_report_change(report);

    return change ? report->engine->describe(write, NULL, change) : -ENOMEM;
}

int report_values(const struct write *writes, size_t n, struct engine_report *ret)
{
    struct engine_report report = {.engine = &engine_sysctl, .asked = true};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < n; i++)
        r = add_value(&report, &writes[i]);
    if (r < 0) {
        engine_report_done(&report);
        return r;
    }
    *ret = report;
    return 0;
}

int reports_in_order(const struct reports *reports, const struct engine_report *values,
                     int (*show)(const struct engine_report *report, unsigned phase, void *data),
                     void *data)
{
    int r = 0;

    for (unsigned phase = CHANGE_ADDITIONS; phase <= CHANGE_REMOVALS; phase *= 2)
        for (size_t i = 0; r >= 0 && engine_rows[i]; i++) {
            const struct engine_report *report =
                engine_has_values(engine_rows[i]) ? values : reports_of(reports, engine_rows[i]);

            if (report && report_count(report, phase) > 0)
                r = show(report, phase, data);
        }
    return r;
}

size_t reports_changes(const struct reports *reports)
{
    size_t n = 0;

    for (size_t i = 0; i < reports->count; i++)
        n += reports->items[i].n_changes;
    return n;
}

bool report_is_wrong(const struct engine_report *report)
{
    return report->n_changes > 0 || engine_report_blocked(report);
}

bool reports_are_wrong(const struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++)
        if (report_is_wrong(&reports->items[i]))
            return true;
    return false;
}

/* -- text -- */

static void print_note(FILE *stream, const struct engine_item *item, const char *text)
{
    if (text && item->name[0])
        fprintf(stream, "note: %s: %s\n", NAME_SHOWN(item->name), text);
    else if (text)
        fprintf(stream, "note: %s\n", text);
}

/* Made by us, but for names of devices and files, which were escaped or refused there. */
static void print_cure(FILE *stream, const char *line)
{
    for (const char *end; line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        fprintf(stream, "    %.*s\n", (int)(end ? end - line : (ptrdiff_t)strlen(line)), line);
    }
}

void report_print_notes(FILE *stream, const struct engine_report *report)
{
    const char *said = NULL; /* the same program is in the way of many devices */

    for (size_t i = 0; i < report->n_items; i++) {
        const struct engine_item *item = &report->items[i];

        print_note(stream, item, item->conflict);
        if (item->cure && (!said || !streq(said, item->cure)))
            print_cure(stream, item->cure);
        said = item->cure ?: said;
        if (!item->expected)
            print_note(stream, item, item->message);
        if (item->held)
            print_note(stream, item, "its rp_filter does not become stricter until that is cured");
        print_note(stream, item, item->advice);
    }
}

void reports_print_notes(FILE *stream, const struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++)
        report_print_notes(stream, &reports->items[i]);
}

size_t report_print_unmatched(FILE *stream, const struct engine_report *report)
{
    for (size_t i = 0; i < report->n_unmatched; i++) {
        const struct engine_unmatched *unmatched = &report->unmatched[i];
        _cleanup_free_ char *place = place_text(unmatched->origin.file, unmatched->origin.line);

        fprintf(stream, "note: there is no device '%s' (%s)\n", NAME_SHOWN(unmatched->name),
                place ?: "?");
    }
    return report->n_unmatched;
}

size_t report_count(const struct engine_report *report, unsigned phases)
{
    size_t n = 0;

    for (size_t i = 0; i < report->n_changes; i++)
        n += (report->changes[i].phase & phases) != 0;
    return n;
}

void report_show_changes(struct output *out, const struct engine_report *report, unsigned phases)
{
    _cleanup_alike_ struct alike alike = {0};

    for (size_t i = 0; i < report->n_changes; i++)
        if (report->changes[i].phase & phases)
            alike_add(&alike, change_device(&report->changes[i]),
                      change_said(&report->changes[i], out));
    alike_print(&alike, out->stream);
}

/* "ROUTES AND RULES"; owned. Values have columns of their own. */
static char *title_text(const struct engine *engine)
{
    char *title = strdup(engine->words.parts ?: "");

    for (char *c = title; c && *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return title;
}

int report_print_changes(struct output *out, const struct engine_report *report, unsigned phases,
                         size_t *step)
{
    _cleanup_free_ char *title = title_text(report->engine);
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    struct row row = {.table = table};
    int r = table && title ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < report->n_changes; i++)
        if (report->changes[i].phase & phases)
            r = change_put(&row, &report->changes[i], title, (*step)++);
    return r < 0 ? r : table_print(table, out);
}

void reports_print_held(struct output *out, const struct reports *reports,
                        const struct engine_report *held)
{
    struct missing_ways missing = {0};

    reports_missing(reports, &missing);
    for (size_t i = 0; i < held->n_changes; i++)
        change_print_held(out, &held->changes[i], &missing);
    missing_ways_done(&missing);
}

/* -- JSON -- */

static json_t *json_fields(const struct fields *fields, bool list);

static json_t *json_field(const struct field *field)
{
    switch (field->kind) {
    case FIELD_NUMBER:
        return json_integer((json_int_t)field->number);
    case FIELD_TEXT:
        return json_bytes(field->text);
    case FIELD_OBJECT:
        return json_fields(field->inside, false);
    case FIELD_LIST:
        return json_fields(field->inside, true);
    default:
        return json_null();
    }
}

static json_t *json_fields(const struct fields *fields, bool list)
{
    json_t *value = list ? json_array() : json_object();

    for (size_t i = 0; i < fields->count; i++) {
        json_t *field = json_field(&fields->items[i]);

        if (list)
            json_array_append_new(value, field);
        else
            json_object_set_new(value, fields->items[i].name, field);
    }
    return value;
}

static void set_name(json_t *object, const char *name)
{
    if (name[0])
        json_set_name(object, "name", name);
    else
        json_object_set_new(object, "name", json_null());
}

json_t *json_engine_item(const struct engine_report *report, size_t i)
{
    const struct engine_item *item = &report->items[i];
    const struct origin *origin = &item->origin;
    json_t *object = json_object(), *more = json_fields(&item->more, false);

    json_object_set_new(object, "ifindex", json_integer(item->ifindex));
    set_name(object, item->name);
    json_set(object, {"state", json_string(engine_item_state(report, i)->name)},
             {"rule", origin->file ? json_make({"file", json_bytes(origin->file)},
                                               {"line", json_integer(origin->line)})
                                   : json_null()});
    json_object_update(object, more);
    json_decref(more);
    json_set(object, {"conflict", json_bytes(item->conflict)}, {"cure", json_bytes(item->cure)},
             {"message", json_bytes(item->message)}, {"held", json_boolean(item->held)},
             {"advice", json_bytes(item->advice)});
    return object;
}

void reports_json(struct output *out, const struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++) {
        const struct engine_report *report = &reports->items[i];

        json_open(out, report->engine->words.member, '[');
        for (size_t j = 0; j < report->n_items; j++)
            json_element(out, NULL, json_engine_item(report, j));
        json_close(out, ']');
    }
}

void report_json_changes(struct output *out, const struct engine_report *report)
{
    for (size_t i = 0; i < report->n_changes; i++)
        json_element(out, NULL, json_change(&report->changes[i]));
}

void reports_json_changes(struct output *out, const struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++) {
        const struct engine_report *report = &reports->items[i];

        json_open(out, report->engine->words.changes, '[');
        report_json_changes(out, report);
        json_close(out, ']');
    }
}

void reports_json_held(struct output *out, const struct reports *reports,
                       const struct engine_report *held)
{
    struct missing_ways missing = {0};

    reports_missing(reports, &missing);
    json_open(out, "held", '[');
    for (size_t i = 0; i < held->n_changes; i++)
        json_element(out, NULL, json_held(&missing, &held->changes[i]));
    json_close(out, ']');
    missing_ways_done(&missing);
}

json_t *json_report_summary(const struct engine_report *report)
{
    const struct engine *engine = report->engine;
    unsigned states[ENGINE_STATES_MAX] = {0};
    json_t *object = json_object();

    for (size_t i = 0; i < report->n_items; i++)
        states[report->items[i].state]++;
    json_object_set_new(object, "devices", json_integer((json_int_t)report->n_items));
    for (unsigned state = 0; state < engine->n_states; state++)
        json_object_set_new(object, engine->state(state)->name, json_integer(states[state]));
    json_object_set_new(object, "changes", json_integer((json_int_t)report->n_changes));
    return object;
}

json_t *json_engine_outcome(const struct change_counts *counts)
{
    return json_make({"done", json_integer(counts->done)}, {"gone", json_integer(counts->gone)},
                     {"failed", json_integer(counts->failed)},
                     {"left", json_integer(counts->left)});
}
