/* The rows of this program, and nothing else: a program that has others has this file of its own.
 */
#include "agent/cli/engines/engine_rows.h"

#include "agent/engines/routes/routes_engine.h"

const struct engine *const engine_rows[] = {&engine_routes, &engine_sysctl, NULL};
