/* A policy written from what is effective now, for people to keep and edit. Pure. */
#pragma once

#include "policy/facts/facts.h"
#include "policy/lang/policy.h"

/* A policy under which check is clean right now, owned text in *ret. Devices are grouped by pattern
 * (the same letters before a number or a random part) where one value serves the whole group and
 * nothing outside it is caught. keys: which keys to describe. */
int generate_policy(const struct live *live, key_mask keys, char **ret);
