/* Pieces of a target that only plan.c needs. */
#pragma once

#include "plan.h"

/* Make `default` one that only keeps its effective value, for a plan that is not about it. */
void plan_key_hold_default(const struct policy *policy, const struct live *live, enum key key,
                           struct key_target *target);

/* The target of a device of which nothing is asked: it keeps its effective value. */
void plan_device_keep(const struct key_target *target, enum key key, const struct device *device,
                      struct device_target *ret);
