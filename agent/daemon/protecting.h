/* What `rpfpolicy accept` looks for before it accepts, for an agent with --accept, where `protect`
 * asks for it: whom the policy would cut once this agent carries it out. Reads only. */
#pragma once

#include "agent/base/paths.h"
#include "agent/engines/engine.h"
#include "policy/lang/policy.h"

/* Does it name anybody to guard, and enforce? */
bool protecting_is_asked(const struct policy *policy);

/* 0: nobody who is guarded, or the policy protects nothing, or observes. 1: an SSH
 * session or a protected peer, *ret_reason (owned) says which. A negative errno where that is not
 * known. */
int protecting_look(const struct paths *paths, const struct engine *const *engines,
                    const struct policy *policy, char **ret_reason);
