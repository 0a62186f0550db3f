/* Other programs that configure policy routing, found at work by the files they leave: they would
 * remove our rules, or set up the same devices in their own way. */
#pragma once

#include "agent/base/paths.h"
#include "policy/routes/routes.h"

/* Add them, with the file that tells and what to do about it. Only those that touch a device that
 * the policy wants routing for. Files that cannot be read count as absent. Nothing where this
 * network namespace is not the host's, unless there is a root. -ENOMEM, else 0. */
int meddlers_read(const struct paths *paths, const struct policy *policy, const struct live *live,
                  struct route_facts *facts);
