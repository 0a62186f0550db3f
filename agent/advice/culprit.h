/* What is guilty that a packet is lost, in one sentence: the rule, the route, the value. */
#pragma once

#include "agent/advice/complaint.h"
#include "policy/lang/policy.h"

/* Owned; NULL when memory ran out. result: not cured, and known. */
char *culprit_text(const struct world *world, const struct policy *policy,
                   const struct complaint *complaint, const struct complaint_result *result);

/* "'default via 172.16.4.1 dev eth0' in table main, asked by rule 32766 'from all lookup main'".
 * Owned; NULL when memory ran out. */
char *culprit_way_text(const struct world *world, const struct fib_way *way);
