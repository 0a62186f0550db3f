/* The one order in which things are changed, the same for every program: under the lock a policy is
 * accepted, then come new ways, values, and what goes, by each engine that the program passes; at
 * last, with the lock released, the flush of the route cache. Logs nothing: a listener is told. */
#pragma once

#include "agent/engines/engine.h"

/* A negative errno: nothing more than what *ret counts was done. 0: it was carried out to its end,
 * the counts tell of failures in it; -EPERM: additions were tried, and not permitted. Each change
 * whose engine fails as a whole is the last one, but that values go back without the ways they had.
 * *ret is always set. The flush may take 10 s; with no_flush it never waits, and ret->stricter
 * tells whether it is asked for. */
int change_run(const struct change_request *request, struct change_outcome *ret);

/* What all engines did. */
struct change_counts change_total(const struct change_outcome *outcome);
