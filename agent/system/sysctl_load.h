/* Finding sysctl.d of this namespace as its reader finds it. */
#pragma once

#include "agent/base/paths.h"
#include "policy/base/diag.h"
#include "policy/sysctl/sysctl_conf.h"

/* sysctl.d of this namespace, NULL in *ret (and 0) where it is not to be used. */
int sysctl_load(const struct paths *paths, int flavor, struct diags *diags,
                struct sysctl_conf **ret);

/* As systemd-sysctl reads it, without the file of this name in any directory. */
int sysctl_load_others(const struct paths *paths, const char *without, struct diags *diags,
                       struct sysctl_conf **ret);
