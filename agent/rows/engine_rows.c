/* The rows, and nothing else: a program that has others has this file of its own. */
#include "agent/rows/engine_rows.h"

#include "agent/engines/routes/routes_engine.h"
#include "agent/engines/sysctl/sysctl_engine.h"

const struct engine *const engine_rows[] = {&engine_routes, &engine_sysctl, NULL};
