/* What this program changes with, in this order; the last one is NULL. Verbs go through the rows;
 * by name they know only sysctl's, whose values are what the program is about. */
#pragma once

#include "agent/engines/sysctl/sysctl_engine.h"

extern const struct engine *const engine_rows[];

/* Which one it is. */
size_t engine_row(const struct engine *engine);
