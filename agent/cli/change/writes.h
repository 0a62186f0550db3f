/* Writes of a plan as text and JSON, the same for `plan`, `apply --dry-run` and `apply`. */
#pragma once

#include "agent/cli/engines/reports.h"
#include "policy/decide/plan.h"

/* "lxc1: rp_filter 2 -> 0, effectively loose -> off: lxc*=off (FILE:3)", and the same without the
 * name. Coloured as the output wants it; NULL: not. Owned; NULL when memory ran out. */
char *write_text(const struct write *write, const struct output *out);
char *write_said(const struct write *write, const struct output *out);

/* A row of writes; the step is that of the table. */
int write_put(struct row *row, const struct write *write, size_t step);
json_t *json_write(const struct write *write);

/* A value that waits for what is missing: as a line, and {json_write(), command, error, reason}. */
void write_print_held(const struct missing_ways *missing, struct output *out,
                      const struct write *write);
json_t *json_held(const struct missing_ways *missing, const struct write *write);

json_t *json_casualties(const struct plan *plan);

/* The list `impossible`: what no write can give, each with ifindex, name, key and what `check` says
 * of the key. Goes out as it is judged. */
void json_impossible(struct output *out, const struct session *session);

/* What a plan does beside its writes, or cannot do: devices that a pin of `all` changes although no
 * rule speaks of them, what is paused, `all` and `default` that must not or cannot move. Printed as
 * "note: …". */
void notes_print(FILE *stream, const struct session *session, const struct plan *plan);

/* Keys that are not as wanted now: by a rule that writes, by one that only observes. */
struct keys_left {
    unsigned written, observed;
};
struct keys_left keys_left(const struct session *session);

/* EXIT_DRIFT when there is something to do or something that no write can give, else EXIT_OK. */
int plan_status(const struct session *session, const struct plan *plan,
                const struct reports *reports);
