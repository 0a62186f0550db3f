/* Where what the addresses of routed devices send leaves: the lookups that routes_effects() asks
 * for. No packet is sent, nothing is validated or logged. */
#pragma once

#include "agent/kernel/netlink.h"
#include "policy/routes/routes.h"

/* The kernel is asked, a message for each, and no table is read. Those that are pending are asked
 * for only where `written` says that they are there by now; the others only where not. The rules of
 * the facts tell which one leads elsewhere. Errors as the kernel gives them. */
int effects_find(struct netlink *nl, const struct route_facts *facts, bool written,
                 struct route_effects *effects);
