/* `probe` in [agent]: what must be reachable for as long as a policy is on trial. */
#pragma once

#include "policy/lang/policy.h"

/* One word, "tcp/10.0.0.1:6443"; the line is not set. On -EINVAL *ret_message is an owned sentence.
 * -ENOMEM otherwise. */
int probe_parse(const char *word, struct probe *ret, char **ret_message);
