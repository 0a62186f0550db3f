/* Which rule wins for a device, in the order of precedence.h. Pure. */
#pragma once

#include "policy/facts/facts.h"
#include "policy/lang/policy.h"

/* Ask for the winner. Only facts in device->known are used: when a rule that stands before the
 * winner depends on another one, the strongest such rule is *ret_undecided (it may win, it may not;
 * NULL when there is none) and the result is the next certain winner; the helper then leaves the
 * key alone. ret_undecided may be NULL. Returns NULL when no rule speaks of the device. O(rules)
 * with a one-word prefix test each. */
const struct rule *policy_match(const struct policy *policy, enum key key,
                                const struct device *device, const struct rule **ret_undecided);

/* Every rule that matches, strongest first, for explain. Calls fn(rule, undecided, data); stops
 * when it returns non-zero and returns that. */
int policy_match_each(const struct policy *policy, enum key key, const struct device *device,
                      int (*fn)(const struct rule *rule, bool undecided, void *data), void *data);

/* Does the device belong to the set? 1 yes, 0 no, -1 not known. set as in pattern.set. lo belongs
 * to none. A condition on what a device does not have (no kind, no master, no such property) holds
 * for the glob "" only. */
int set_matches(const struct policy *policy, int set, const struct device *device);

/* The facts that membership depends on: a mask of enum fact. */
uint32_t set_facts(const struct policy *policy, int set);

/* policy_finish() only: the rules of each key, sorted by precedence. -ENOMEM, else 0. */
int matcher_new(const struct policy *policy, struct matcher **ret);
struct matcher *matcher_free(struct matcher *matcher); /* returns NULL; NULL is fine */

/* The rules of a key as indices into policy.rules, strongest first, without pins. */
const uint32_t *matcher_order(const struct matcher *matcher, enum key key, size_t *ret_count);
