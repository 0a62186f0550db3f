/* What is an SSH session to this host: by the variable that sshd(8) sets, and among the peers that
 * were found. */
#pragma once

#include "agent/peers/peers.h"

/* SSH_CONNECTION: "client address, client port, server address, server port". False where it is
 * not over IPv4 or not as sshd writes it; mapped addresses (::ffff:192.0.2.1) are IPv4. */
bool ssh_parse_connection(const char *text, struct session_peer *ret);

/* Our own session, where we are in one. */
bool ssh_own_session(struct session_peer *ret);

/* Is this peer the other end of an SSH session to this host: by the port, 22 or that of our own
 * session, or by root's program that has it? One that is half closed is none any more. own: NULL
 * for none. */
bool ssh_is_session(const struct peer *peer, const struct session_peer *own);
