/* What the engines of the program tell, printed the same way whichever it is: notes, tables, JSON;
 * and what they do, told line by line. */
#pragma once

#include "agent/cli/engines/changes.h"
#include "agent/cli/out/alike.h"
#include "agent/rows/engine_rows.h"

/* Which one of the rows it is. */
size_t engine_row(const struct engine *engine);

/* Is it the one that gives keys of devices their values? That has no state but theirs, which the
 * program judges by itself. And which one of the rows that is. */
bool engine_has_values(const struct engine *engine);
size_t values_row(void);

/* Ask one, or all, with the session's picture, which was read. policy NULL: what would take
 * everything of ours away. A negative errno after saying why. */
int report_read(const struct session *session, const struct engine *engine,
                const struct policy *policy, bool forced, struct engine_report *ret);
int reports_read(const struct session *session, const struct policy *policy, bool forced,
                 struct reports *ret);

/* Of one engine; NULL where the program does not have it. */
const struct engine_report *reports_of(const struct reports *reports, const struct engine *engine);

/* What is not to be had; for missing_ways_done(). */
void reports_missing(const struct reports *reports, struct missing_ways *ret);

/* The writes of a plan as changes of their engine; the writes are borrowed. -ENOMEM, else 0. */
int report_values(const struct write *writes, size_t n, struct engine_report *ret);

/* In the order of `apply`: phase by phase, in each those that have any changes then, by row. The
 * first negative errno ends it. */
int reports_in_order(const struct reports *reports, const struct engine_report *values,
                     int (*show)(const struct engine_report *report, unsigned phase, void *data),
                     void *data);

size_t reports_changes(const struct reports *reports);    /* that there are to make */
bool report_is_wrong(const struct engine_report *report); /* … or something cannot be had */
bool reports_are_wrong(const struct reports *reports);

/* -- as text -- */

/* What stands in the way and what cannot be had, one line each, as "note: …". */
void report_print_notes(FILE *stream, const struct engine_report *report);
void reports_print_notes(FILE *stream, const struct reports *reports);

/* "note: there is no device …" for what was asked for by an exact name; their number. */
size_t report_print_unmatched(FILE *stream, const struct engine_report *report);

/* The changes of some phases in order with their reasons, in a table whose first step is *step,
 * which becomes the next one. */
int report_print_changes(struct output *out, const struct engine_report *report, unsigned phases,
                         size_t *step);

size_t report_count(const struct engine_report *report, unsigned phases);

/* The same as lines; devices alike are one. */
void report_show_changes(struct output *out, const struct engine_report *report, unsigned phases);

/* What of a plan waits for what the engines cannot set up, a line each; and the list `held`. */
void reports_print_held(struct output *out, const struct reports *reports,
                        const struct engine_report *held);
void reports_json_held(struct output *out, const struct reports *reports,
                       const struct engine_report *held);

/* -- as JSON -- */

/* {ifindex, name, state, rule {file, line}, …, conflict, cure, message, held, advice}: what stands
 * in the place of the dots is the engine's. null for what there is not. */
json_t *json_engine_item(const struct engine_report *report, size_t i);

/* Put out for each engine the list of its items. */
void reports_json(struct output *out, const struct reports *reports);

/* Put out the elements of a list of changes; and for each engine its list. */
void report_json_changes(struct output *out, const struct engine_report *report);
void reports_json_changes(struct output *out, const struct reports *reports);

/* {devices, a number for each state, changes}. */
json_t *json_report_summary(const struct engine_report *report);

/* {done, gone, failed, left}: numbers. */
json_t *json_engine_outcome(const struct change_counts *counts);

/* -- what they do -- */

struct told_change {
    enum key key; /* of a value, of … */
    int ifindex;
    char *command; /* owned */
};

/* One line per change to the output, or in JSON an element of `changes`: json_change() with
 * `result` (done, gone, failed, or left: something before it failed for this device; of a value
 * written) and `error`. Values are many: in JSON they go out at once, into the list that is open.
 */
struct engine_writing {
    const struct engine *engine;
    json_t *changes;       /* owned; NULL where nothing is said in JSON */
    json_t *held;          /* owned: values that wait, in JSON: json_held() */
    const char *waits_for; /* what values wait for; NULL: none does */
    const char *by;        /* "apply", where JSON says who made a change; NULL: it does not */
    struct alike *lines;   /* NULL, or lines of values gather there until another one comes */
    /* NULL, or is what a device had known only by the word of an agent that is another user's? */
    bool (*claimed)(const struct write *value, const void *data);
    const void *data;         /* of that */
    struct told_change *told; /* owned: each change that there was to make … */
    size_t count, capacity;
    bool untold;        /* … but for some, since memory ran out */
    unsigned by_others; /* changes that somebody else made meanwhile */
    bool wrong;         /* somebody stands in the way, or something is not to be had */
};
void engine_writing_begin(struct engine_writing *writing, const struct engine *engine,
                          const struct cli *cli);
void engine_writing_done(struct engine_writing *writing);
void engine_tell(struct engine_writing *writing, struct output *out,
                 const struct change_report *told);

/* What is only looked at, without a word on what came of it. */
void engine_tell_plan(const struct engine_writing *writing, struct output *out,
                      const struct engine_report *report);

/* All was told that belongs to the phases. */
void engine_tell_end(struct engine_writing *writing, struct output *out, unsigned phases,
                     const struct engine_report *found);

/* What was to be done when it began, and is done although it was not told here: somebody else made
 * it, by: writer_text(). now: how it is. */
void engine_tell_others(struct engine_writing *writing, struct output *out,
                        const struct engine_report *began, const struct engine_report *now,
                        const struct live *live, const char *by);
void engine_tell_other(struct engine_writing *writing, struct output *out,
                       const struct engine_change *change, const char *by);

/* Was a write of it told? */
bool engine_told_value(const struct engine_writing *writing, enum key key, int ifindex);

/* "the agent", "another program": who is meant by the word in JSON. */
const char *writer_text(const char *by);

/* The exit status, after saying what failed. */
int engine_status(const struct engine_writing *writing, const struct change_counts *counts);

/* How far they came, also where it was not to the end: "nothing was written", or what was. */
#define WRITTEN_TEXT_SIZE 160
const char *written_text(const struct engine *const *engines, const struct change_outcome *outcome,
                         char buffer[static WRITTEN_TEXT_SIZE]);

/* Why it did not come to the end. done: how far. Returns EXIT_ERROR. */
int engine_say_error(const struct cli *cli, const struct engine *engine, int r, const char *done);

/* The same of every row of the program. */
struct writings {
    struct engine_writing items[ENGINES_MAX]; /* by row */
};
void writings_begin(struct writings *writings, const struct cli *cli);
void writings_done(struct writings *writings);
size_t writings_count(const struct writings *writings);

/* What values wait for; NULL: none does. */
const char *writings_wait_for(const struct writings *writings);

/* Put out the list `held`: values that wait. */
void writings_json_held(struct output *out, const struct writings *writings);

/* Put out for each engine that tells the list of its changes. */
void writings_json(struct output *out, const struct writings *writings);
