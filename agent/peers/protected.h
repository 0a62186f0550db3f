/* Telling what a policy protects among the peers that would be cut. */
#pragma once

#include "agent/peers/peers.h"
#include "policy/lang/policy.h"

/* A port stands for connections of this host with it at either end; a prefix for everybody in it,
 * neighbours and what is only forwarded here, too. */
bool protect_covers(const struct protected_peer *item, const struct peer *peer);

/* The first item that covers the peer, NULL for none. */
const struct protected_peer *protect_find(const struct policy *policy, const struct peer *peer);
