/* `protect` in [agent]: the peers that no change may cut unless somebody insists. */
#pragma once

#include "policy/lang/policy.h"

/* One word, "tcp/22" or "10.0.0.0/24"; the text, owned, is set, the origin is not. On -EINVAL
 * *ret_message is an owned sentence. -ENOMEM otherwise. */
int protect_parse(const char *word, struct protected_peer *ret, char **ret_message);
