/* What a plan does beside its writes: notes, and how much is left. The same for `plan`, `apply` and
 * `apply --dry-run`. */
#pragma once

#include "agent/cli/engines/reports.h"
#include "policy/decide/plan.h"

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
