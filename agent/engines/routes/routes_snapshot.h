/* The way back, for an apply that is not confirmed. */
#pragma once

#include "agent/engines/routes/routes_carry.h"

/* What is ours (rules and routes) at one moment. */
struct routes_snapshot {
    struct route_facts facts;
};
int routes_snapshot_take(struct routes_snapshot *ret);
void routes_snapshot_done(struct routes_snapshot *snapshot);

/* What leads back to it. What cannot be put back since its device is gone is passed over. only_add:
 * what is missing, and nothing is taken away yet. */
int routes_snapshot_plan(const struct routes_snapshot *snapshot, bool only_add,
                         struct routes_plan *ret);
