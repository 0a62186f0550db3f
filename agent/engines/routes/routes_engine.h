/* Policy routing. What it reports is a struct routes_change; what a report has of its own kind, a
 * struct routing. */
#pragma once

#include "agent/engines/engine.h"
#include "agent/engines/routes/routes_carry.h"

extern const struct engine engine_routes;

struct routing {
    struct route_facts facts;
    struct routes_plan plan;
};
void routing_done(struct routing *routing);
#define _cleanup_routing_ _cleanup_(routing_done)

/* Keys of the live picture that it wants beside those of the policy. */
#define ROUTING_KEYS (KEY_BIT(KEY_ARP_FILTER) | KEY_BIT(KEY_ARP_ANNOUNCE))

/* Read what the kernel has, and plan. */
int routing_gather(const struct engine_question *question, struct routing *ret);

/* What the report of this engine was made of; NULL for one of another. */
const struct routing *routing_of(const struct engine_report *report);

/* What becomes of policy routing by what all engines tell; NULL: nothing. */
const struct routes_plan *routing_plan_of(const struct reports *reports);
