/* Whether the agent may write what it has decided: the lock, and under it whether the policy and
 * the pauses that it went by are still those that people asked for. Both are replaced under the
 * same lock, and the messages about that may not have been read yet. For every part that writes. */
#pragma once

#include "agent/daemon/in_force.h"
#include "agent/daemon/paused.h"
#include "agent/daemon/presence.h"

struct writing {
    struct presence *presence; /* these live longer */
    struct in_force *in_force;
    struct paused *paused;
    /* Everything is to be read again, soon. reason: static text. */
    void (*read_again)(const char *reason, void *data);
    void *data;
};

/* Take the lock, without waiting for it. 0: the caller has it; -EBUSY: somebody else has; else as
 * below, and it is free again. */
int writing_begin(const struct writing *writing);
void writing_end(const struct writing *writing);

/* Under the lock, also where it was taken by agent/change. -ECANCELED: pauses were changed, and are
 * taken now; -ESTALE: another policy is accepted. Then nothing may be written, and everything is
 * read again soon. */
int writing_check(const struct writing *writing);
