/* Beginning a trial for an agent with --accept. The process that watches over it must be able to
 * write, to ask probes, and to outlive an agent that comes back: all that the agent has no system
 * calls for once its filter is there. So before that a process is started which does nothing but
 * start such guardians (confirm.h) when the agent asks for one, and ends with the agent. */
#pragma once

#include "agent/base/paths.h"
#include "agent/change/confirm.h"
#include "policy/lang/policy.h"

struct trials {
    int fd; /* to that process; -1: there is none */
    const struct engine *const *engines;
};
#define TRIALS_INIT ((struct trials){.fd = -1})

/* Once, by a process that has no other children. */
int trials_start(const struct path_options *options, const struct engine *const *engines,
                 struct trials *ret);

/* Ask for a guardian for this policy; the answer makes trials.fd readable. -EPIPE: the process is
 * gone. */
int trials_ask(const struct trials *trials, const struct policy *policy);

/* The answer for the policy of this hash, as confirm_begin(); -EAGAIN: it was one to an earlier
 * question; -EPIPE as above. */
int trials_take(const struct trials *trials, uint64_t hash, struct confirm *ret);
