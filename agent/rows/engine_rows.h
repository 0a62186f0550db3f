/* What command and agent change with, in this order; the last one is NULL. They go through the
 * rows; by name they know only sysctl's, whose values are what all of it is about, and the agent
 * that of routes, which it follows message by message. */
#pragma once

#include "agent/engines/engine.h"

extern const struct engine *const engine_rows[];
