/* The peers that a plan would cut, for `plan --impact`, `apply` and `check`: read, in words, as
 * JSON. */
#pragma once

#include "agent/cli/session/report.h"
#include "agent/peers/peers.h"

/* routes: what becomes of policy routing, NULL: nothing. A negative errno after saying why. The
 * session was read with IMPACT_KEYS and FACT_ADDRESSES. */
int impact_read(const struct session *session, const struct plan *plan,
                const struct routes_plan *routes, struct peers *ret);

/* A table, and what to know about it; one line where nobody would be cut. -ENOMEM, else 0. */
int impact_print(struct output *out, const struct session *session, const struct peers *peers);

/* Members `impact` (list), `impact_unknown`, `impact_truncated` and `impact_unseen` (list of UDP
 * servers whose clients are not seen) of an object. */
void impact_set_json(json_t *object, const struct session *session, const struct peers *peers);

/* One element of `impact`. */
json_t *impact_peer_json(const struct session *session, const struct peer *peer);

/* "tcp 192.0.2.9:4711"; the port and protocol where there are any. */
#define PEER_TEXT_SIZE 40
const char *peer_text(const struct peer *peer, char buf[static PEER_TEXT_SIZE]);

/* Why, as a word and as a sentence. */
const char *peer_step_name(const struct peer *peer);
const char *peer_step_text(const struct peer *peer);

/* "the way back uses another device (eth0)". Owned; NULL when memory ran out. */
char *peer_why(const struct session *session, const struct peer *peer);

/* Where the line that would keep the peer goes: "[rp_filter]", or the exception whose rule would
 * beat it. And that line. Owned, NULL when memory ran out; only where peer->cure.known. */
char *peer_keep_section(const struct session *session, const struct peer *peer);
char *peer_keep_line(const struct session *session, const struct peer *peer);

/* The name of a device by index. */
const char *impact_device(const struct session *session, int ifindex);

const char *protocol_name(uint8_t proto, char buf[static 4]);
