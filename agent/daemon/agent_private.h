/* What agent.c and agent_status.c share. */
#pragma once

#include "agent/daemon/accepting.h"
#include "agent/daemon/agent.h"
#include "agent/daemon/evidence.h"
#include "agent/daemon/namespace.h"
#include "agent/daemon/publisher.h"
#include "agent/daemon/reader.h"

/* The parts, the lower ones first: each uses those above it here, and calls back to those below. */
struct agent {
    struct paths paths;
    struct logger logger;
    unsigned entries_lost;
    struct loop *loop;
    struct namespace_watch *namespace; /* NULL in the host's */
    struct netlink nl;
    struct rights *rights; /* not its own */
    struct presence *presence;
    struct udev_watch *udev;
    struct paused *paused;
    struct in_force *in_force;
    struct writing writing;
    struct listening *listening;
    struct ways *ways;
    struct others *others;
    struct keeper *keeper;
    struct reader *reader;
    struct accepting *accepting; /* NULL without --accept */
    struct evidence *evidence;   /* NULL: every rule is enforced */
    struct publisher *publisher;
    uint64_t started; /* wall clock */
    bool gone;        /* leave the loop: the namespace was deleted */
    bool restart;     /* leave the loop to come back: with the capability, or new files */
    bool successor;   /* another agent follows at once: the helper need not stand back */
};

static inline const struct policy *policy_of(const struct agent *agent)
{
    return in_force_policy(agent->in_force);
}

/* agent_status.c: what there is to tell. */
int agent_make_publisher(struct agent *agent);
