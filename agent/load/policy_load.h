/* Finding and reading policy: from disk, or the accepted one; and accepting. */
#pragma once

#include "paths.h"
#include "policy.h"

/* The policy on disk, validated. *ret is NULL and -EBADMSG comes back when diags holds an error;
 * -ENOENT when there is no policy file at all. */
int policy_load(const struct paths *paths, struct diags *diags, struct policy **ret);

/* The accepted policy. -ENOENT when none was accepted; -EBADMSG when it is damaged. */
int policy_load_accepted(const struct paths *paths, struct diags *diags, struct policy **ret);

/* The same from bytes, without I/O (fuzzed). */
int policy_parse_accepted(const char *bytes, size_t n, struct diags *diags, struct policy **ret);

/* Put the policy on disk into force: read it, validate it, and replace accepted.conf atomically and
 * durably. On any error nothing is replaced. ret may be NULL. */
int policy_accept(const struct paths *paths, struct diags *diags, struct policy **ret);

/* sysctl.d of this namespace, NULL in *ret (and 0) where it is not to be used. */
struct sysctl_conf;
int sysctl_load(const struct paths *paths, int flavor, struct diags *diags,
                struct sysctl_conf **ret);
