/* Which rule wins for a device: exception, then exact name or range, then glob or set, then the
 * bare
 * *; within each class the later line. Pure. */
#pragma once

#include "facts.h"
#include "policy.h"

/* Ask for the winner. `facts` is the mask of what may be judged (device.known of the device is
 * respected too). When a rule that stands before the winner depends on a fact that is not known,
 * *ret_undecided is set to it (it may win, it may not) and the result is the next certain winner;
 * the helper then leaves the key alone. ret_undecided may be NULL.
 * Returns NULL when no rule speaks of the device. O(rules) with a one-word prefix test each. */
const struct rule *policy_match(const struct policy *policy, enum key key,
                                const struct device *device, const struct rule **ret_undecided);

/* Every rule that matches, strongest first, for explain. Calls fn(rule, undecided, data). */
int policy_match_each(const struct policy *policy, enum key key, const struct device *device,
                      int (*fn)(const struct rule *rule, bool undecided, void *data), void *data);

/* Does the device belong to the set? 1 yes, 0 no, -1 not known. set as in pattern.set. */
int set_matches(const struct policy *policy, int set, const struct device *device);
