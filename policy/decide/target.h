/* Pieces of targets and plans that only the files of the planner need. */
#pragma once

#include "policy/decide/plan.h"

/* Make `default` one that only keeps its effective value, for a plan that is not about it. */
void plan_key_hold_default(const struct policy *policy, const struct live *live, enum key key,
                           struct key_target *target);

/* The configured value that is kept: what is there, unless the device only went with `default`,
 * which goes back. A person who paused the device wants it left as it is. */
int plan_stored_before(const struct key_target *target, enum key key, const struct device *device);

/* The target of a device of which nothing is asked: it keeps its effective value. */
void plan_device_keep(const struct key_target *target, enum key key, const struct device *device,
                      struct device_target *ret);

/* The value `default` has while `all` moves, see target.c. */
int plan_middle_default(enum key key, const struct key_target *target, bool forwarding);

/* Add to a plan what a target asks for; -ENOMEM. Then put the writes of one key, from index `first`
 * on, into their order. */
int plan_add_device(struct plan *plan, const struct key_target *target, enum key key,
                    const struct device *device, const struct device_target *t);
int plan_add_all(struct plan *plan, const struct key_target *target, enum key key);
int plan_add_default(struct plan *plan, const struct key_target *target, enum key key);
void plan_sort_steps(struct plan *plan, size_t first, const struct key_target *target,
                     size_t *until_reread);
