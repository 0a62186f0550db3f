/* The agent: one process, one thread, one event loop. It makes its parts and tells each what the
 * others have for it; decisions are the core's (plan.h), so that agent, helper and commands cannot
 * disagree. */
#pragma once

#include "agent/base/paths.h"
#include "agent/daemon/rights.h"
#include "agent/daemon/trials.h"

struct agent_options {
    struct path_options paths;
    struct rights *rights; /* outlive the agent */
    int receive_buffer;    /* bytes; tests force overruns with a small one */
    bool verbose;
    bool accept;                 /* also put the policy on disk into force: accepting.c */
    const struct trials *trials; /* for that; outlive the agent */
};

struct agent;

/* On an error *ret_message, where it is not NULL, says what file could not be had, and why; the
 * caller's. */
int agent_new(const struct agent_options *options, struct agent **ret, char **ret_message);
struct agent *agent_free(struct agent *agent);

enum agent_end {
    AGENT_COMES_BACK = 1, /* by starting afresh, in this process where rights.h says so */
    AGENT_IS_FOLLOWED,    /* it was told to end, and that another agent is to come */
};

/* Until it is told to end: 0, or an enum agent_end. */
int agent_run(struct agent *agent);
