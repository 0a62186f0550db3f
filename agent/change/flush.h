/* Flushing the route cache, so that a stricter value is obeyed by flows that were let in before. */
#pragma once

#include "agent/base/paths.h"
#include "agent/kernel/procsys.h"

/* Flush the route cache: at most once in 10 s over all processes, the last one never lost. Waits
 * when another one was done less than 10 s ago, unless someone else already waits to do it: then
 * *ret_flushed is false. Not to be called with the lock held. */
int flush_request(const struct paths *paths, const struct procsys *procsys, bool *ret_flushed);

/* flush_request() with another interval than 10 s. */
int flush_at_most_once_in(const struct paths *paths, const struct procsys *procsys,
                          uint64_t interval_usec, bool *ret_flushed);
