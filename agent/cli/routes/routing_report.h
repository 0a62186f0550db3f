/* Policy routing beside what every engine tells: what it was planned by, for those who ask what
 * that means for packets, and the table of `routes show`. */
#pragma once

#include "agent/cli/engines/reports.h"
#include "agent/engines/routes/routes_engine.h"

/* Read what the kernel has and plan with a policy, and the picture of the session, which was read.
 * A negative errno after saying why. */
int routing_read(const struct session *session, const struct policy *policy, struct routing *ret);

/* Devices that are asked for, in a table. */
int routing_print_devices(struct output *out, const struct session *session,
                          const struct routing *routing);
