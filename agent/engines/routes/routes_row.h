/* What the row is made of. */
#pragma once

#include "agent/engines/routes/routes_engine.h"

int routes_tell(const struct engine *engine, const struct engine_question *question,
                struct engine_report *ret);
void routes_disown(void *own);
int routes_describe(const void *change, const struct live *live, struct engine_change *ret);

/* Of what was read and planned already, to which the report leaves no pointer. */
int routes_report(const struct engine *engine, const struct engine_question *question,
                  const struct routing *routing, struct engine_report *ret);

/* The devices that hold their value. */
void routes_hold(struct change *change, const struct routes_plan *plan);
