/* Who keeps writing values back, as far as the agent has noticed. */
#pragma once

#include "agent/cli/session/session.h"

/* The judge's knowledge, before it judges, and a warning for `all` and each key of a selected
 * device (NULL: of all; else one per device of the picture) of which the agent says so now. None
 * where no agent is at work, or has not written for a while, or what it wrote cannot be used:
 * `status` tells of that. */
void writers_warn(struct session *session, const bool *selected);
