/* Policy routing. What it reports is a struct routes_change, its plan a struct routes_plan. */
#pragma once

#include "agent/engines/engine.h"
#include "agent/engines/routes/routes_carry.h"

extern const struct engine engine_routes;
