/* Not locking the administrator out: SSH sessions among the peers that a plan would cut. */
#pragma once

#include "impact_report.h"

/* The session that this program was started in, by SSH_CONNECTION. False where there is none, it is
 * not over IPv4, or it does not look as sshd(8) writes it. */
bool lockout_own_session(struct session_peer *ret);

/* Before `apply` changes anything, or `accept` lets a running agent do so (verb): say on stderr who
 * would be cut. -EPERM after refusing, where an SSH session is among them; with --force, --confirm
 * and --dry-run it is only warned. The peers are put into *ret (to be freed by peers_done()); 1
 * where it is not known who they are, and that was allowed. */
int lockout_check(struct session *session, const struct plan *plan, const char *verb,
                  struct peers *ret);

/* For `check`: hand a warning to the judge for each device on which a session would be cut. Looks
 * for nobody where no device becomes stricter. */
int lockout_warn(struct session *session);
