/* Which devices would answer nobody because another one is in their subnet, too. */
#pragma once

#include "agent/cli/session/session.h"

/* A warning for each selected device (NULL: all; else one per device of the picture) that is
 * strict, or shall be, and shares a subnet with another device by which replies leave: what a host
 * of that subnet sends to it is dropped, and its ARP requests are not answered. The session was
 * read with FIB_KEYS and FACT_ADDRESSES. A negative errno after saying why. */
int subnets_warn(struct session *session, const bool *selected);
