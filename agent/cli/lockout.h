/* Not locking the administrator out: SSH sessions among the peers that a plan would cut. */
#pragma once

#include "impact_report.h"

/* The session that this program was started in, by SSH_CONNECTION. False where there is none, it is
 * not over IPv4, or it does not look as sshd(8) writes it. */
bool lockout_own_session(struct session_peer *ret);

/* Who is about to write, or to let a running agent do so. */
enum lockout_verb {
    LOCKOUT_APPLY,
    LOCKOUT_ACCEPT,
    LOCKOUT_ROUTES,
    LOCKOUT_PAUSE, /* with an end, where there was none */
    LOCKOUT_RESUME,
    LOCKOUT_RESTORE,
};

/* Before that: say on stderr who would be cut. -EPERM after refusing, where an SSH session is among
 * them; with --force, --confirm and --dry-run it is only warned. The peers are put into *ret (to be
 * freed by peers_done()); 1 where it is not known who they are, and that was allowed. */
int lockout_check(struct session *session, const struct plan *plan, enum lockout_verb verb,
                  struct peers *ret);

/* Does an agent that runs carry the policy of the session out on the devices that are there, once
 * that is in force? Without an agent only devices that come are written. */
bool lockout_agent_writes(const struct session *session);

/* What that agent will have written when it goes by the policy of the session and every pause that
 * has an end is over: at that time nobody is there who could be refused. At a pause without an end
 * `resume` looks. The session was read; its marks of what is paused stay. -ENOMEM, else 0. */
int lockout_plan(struct session *session, struct plan *ret);

/* For `check`: hand a warning to the judge for each device on which a session would be cut. Looks
 * for nobody where no device becomes stricter. */
int lockout_warn(struct session *session);
