/* Can what a policy names as `probe` be reached from here? */
#pragma once

#include "policy/lang/policy.h"

/* Open a connection to each, all at the same time, and close it: one bit per probe that failed. It
 * takes PROBES_LIMIT_MS at most, long enough for a second SYN. */
#define PROBES_LIMIT_MS 2500
uint32_t probes_ask(const struct probe *probes, size_t n);
