/* What `apply` is about to do, as it is at one moment: the policy on disk, the devices, the plan by
 * it, and whom that would cut. It can be shown, and held against a later one. */
#pragma once

#include "agent/cli/peers/lockout.h"

struct look {
    struct session session;
    struct reports reports;    /* what engines do beside values */
    struct plan plan;          /* values */
    struct lockout_plan ahead; /* what a running agent does when pauses with an end are over */
    bool agent_writes;         /* then that decides who would be cut */
    struct peers peers;
    bool blind; /* not known who */
};

/* Everything but the peers; flags as of session_load(). A negative errno after saying why. */
int look_read(struct look *look, struct cli *cli, unsigned flags);
void look_done(struct look *look);
#define _cleanup_look_ _cleanup_(look_done)

/* The peers, as by lockout_check(); or without a word unless they cannot be told, and without
 * refusing. A negative errno after saying why. */
int look_at_peers(struct look *look, enum lockout_verb verb);
int look_at_peers_again(struct look *look);

/* Is there anything to write? And anything at all to do, accepting included? */
bool look_writes(const struct look *look);
bool look_has_work(const struct look *look);

/* What would be done, in its order, and what is to be known beside it; devices alike are one line.
 */
void look_print(const struct look *look, struct output *out);

/* Would now be done what nobody was shown? What has changed, static; NULL: nothing but devices that
 * are gone or new, or that somebody else has put right. */
const char *look_differs(const struct look *shown, const struct look *now);
