/* A policy said in sysctl.d terms, for hosts without agent and helper: systemd-sysctl alone reaches
 * it at boot and at every `add`. Pure. */
#pragma once

#include "facts.h"
#include "policy.h"
#include "sysctl/sysctl_conf.h"

/* The name to save it under: behind nearly everything, and the name whose lines are ours. */
#define FRAGMENT_NAME "99-zz-rpfpolicy.conf"

/* Every counted comment begins with this, then key and pattern: "# not expressed: rp_filter veth*:
 * …". */
#define FRAGMENT_MISSING "# not expressed: "

/* The fragment as owned text in *ret. What cannot be expressed (sets, `unmanaged` below a wider
 * glob, keys that another file names exactly) becomes a comment; *ret_missing counts those. others:
 * what the other sysctl.d files say (without FRAGMENT_NAME itself), may be NULL. live: the devices
 * that it is for, as far as they are there, may be NULL: it tells which of them no line can reach.
 * The policy must be finished. -ENOMEM. */
int fragment_generate(const struct policy *policy, const struct sysctl_conf *others,
                      const struct live *live, char **ret, unsigned *ret_missing);
