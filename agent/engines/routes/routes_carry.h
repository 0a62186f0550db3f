/* What a plan of policy routing wants to know, and carrying out its changes one by one. Logs
 * nothing: every result goes to a callback. */
#pragma once

#include "agent/base/paths.h"
#include "agent/engines/engine.h"
#include "agent/kernel/links.h"
#include "agent/kernel/routes_io.h"

/* All that a plan wants to know: addresses, rules, routes, leases, other programs at work. For
 * route_facts_done(). */
int routes_gather(struct netlink *nl, const struct paths *paths, const struct policy *policy,
                  const struct live *live, struct route_facts *ret);

/* Look up for the plan where what the devices send leaves, and judge it: see routes_judge(). Once
 * with written = false for devices of which nothing is to be added, and once they are written with
 * true for the others. */
int routes_prove(struct netlink *nl, const struct policy *policy, const struct live *live,
                 const struct route_facts *facts, bool forced, bool written,
                 struct routes_plan *plan);

/* routes_plan(), of which that is proven which needs nothing to be added. */
int routes_plan_proven(struct netlink *nl, const struct policy *policy, const struct live *live,
                       const struct route_facts *facts, bool forced, struct routes_plan *ret);

/* name: of the device, "" where it is not known any more or it is the rule for main. */
typedef void (*routes_report_t)(const struct routes_change *change, const char *name,
                                enum change_result result, int error, void *data);

/* The changes of a plan, in order; a failure stops only what comes after it for the same family
 * of the same device, which keeps what it has rather than lose it. live: for the names, may be
 * NULL. The caller holds the lock. */
void routes_carry_out(struct netlink *nl, const struct routes_change *changes, size_t n,
                      const struct live *live, routes_report_t report, void *data);
