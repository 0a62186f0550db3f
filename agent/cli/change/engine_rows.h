/* What these verbs change with, in this order. */
#pragma once

#include "agent/engines/routes/routes_engine.h"
#include "agent/engines/sysctl/sysctl_engine.h"

enum { ROW_ROUTES, ROW_SYSCTL, ROW_COUNT };
extern const struct engine *const engine_rows[ROW_COUNT + 1];
