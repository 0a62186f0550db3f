/* A policy said in sysctl.d terms, for hosts without agent and helper: systemd-sysctl alone reaches
 * it at boot and at every `add`. Pure. */
#pragma once

#include "policy/facts/facts.h"
#include "policy/lang/policy.h"
#include "policy/sysctl/sysctl_conf.h"

/* The name to save it under: behind nearly everything, and the name whose lines are ours. */
#define FRAGMENT_NAME "99-zz-rpfpolicy.conf"

/* Every counted comment begins with this, then key and pattern: "# not expressed: rp_filter veth*:
 * …". */
#define FRAGMENT_MISSING "# not expressed: "

/* The fragment as owned text in *ret. What cannot be expressed (sets, `unmanaged` below a wider
 * glob, keys that another file names exactly) becomes a comment; *ret_missing counts those. preset:
 * what the head says the policy is, "cilium, version 1"; NULL where it is no preset. Where others
 * say nothing, the fragment of a preset is the same on every host, and tells how to use it there.
 * others: what the other sysctl.d files say (without FRAGMENT_NAME itself), may be NULL. live: the
 * devices that it is for, as far as they are there, may be NULL: it tells which of them no line can
 * reach. The policy must be finished. -ENOMEM. */
int fragment_generate(const struct policy *policy, const char *preset,
                      const struct sysctl_conf *others, const struct live *live, char **ret,
                      unsigned *ret_missing);
