/* Not locking the administrator out: SSH sessions among the peers that a plan would cut. */
#pragma once

#include "impact_report.h"

/* The session that this program was started in, by SSH_CONNECTION. False where there is none, it is
 * not over IPv4, or it does not look as sshd(8) writes it. */
bool lockout_own_session(struct session_peer *ret);

/* The same from the text of the variable. */
bool lockout_parse_session(const char *text, struct session_peer *ret);

/* Is this peer the other end of an SSH session to this host: by the port, 22 or that of our own
 * session, or by the process? own: NULL for none. */
bool lockout_is_ssh(const struct peer *peer, const struct session_peer *own);

/* Before `apply` changes anything: say on stderr who would be cut. -EPERM after refusing, where an
 * SSH session is among them; with --force, --confirm and --dry-run it is only warned. */
int lockout_check(struct session *session, const struct plan *plan);

/* For `check`: hand a warning to the judge for each device on which a session would be cut. */
int lockout_warn(struct session *session);
