/* Is an agent at work here, and does it write? Told by a file that the agent keeps write-locked
 * while it lives, so that a killed one leaves no false trace. */
#pragma once

#include "agent/base/paths.h"

enum agent_state {
    AGENT_ABSENT,  /* none runs; a crash looks the same */
    AGENT_STOPPED, /* none runs, and the last one was stopped on purpose: the helper stands back */
    AGENT_OBSERVING, /* runs and writes nothing */
    AGENT_ENFORCING,
};
const char *agent_state_name(enum agent_state state); /* "absent" … */

/* Needs no privilege. What cannot be read counts as absent. */
enum agent_state agent_state_read(const struct paths *paths);

/* For the agent itself: take the file's place with a new one. Returns a descriptor to keep open for
 * life; -EBUSY when another agent lives. Of two that start at the same moment the later one's
 * stays, and the earlier one sees its own removed. Then say what it does as often as that changes.
 */
int agent_state_take(const struct paths *paths);
int agent_state_say(int fd, bool enforcing);
