/* Finding and reading policy: from disk, or the accepted one; and accepting.
 *
 * diags may be NULL only where that is said. Errors other than those named come from the system
 * (-EACCES, -ENOSPC, -ENOMEM …). */
#pragma once

#include "agent/base/paths.h"
#include "policy/lang/policy.h"

/* Where policy files are, below root; NULL ends them. */
extern const char *const policy_directories[];

/* The policy on disk, validated: the directories, or only paths->policy. -EBADMSG when diags holds
 * an error; -ENOENT when there is no policy file at all. /dev/null as paths->policy is one that
 * says 'mode = observe' and nothing else. */
int policy_load(const struct paths *paths, struct diags *diags, struct policy **ret);

/* Only the names of the files that can be read, into an empty policy: what a report on a broken one
 * calls it. */
int policy_name_files(const struct paths *paths, struct policy *policy);

/* The accepted policy. -ENOENT when none was accepted; -EBADMSG when it is damaged, others than
 * root may write it, or this version does not know its words. diags may be NULL. */
int policy_load_accepted(const struct paths *paths, struct diags *diags, struct policy **ret);

/* The same for one device's name, in a fraction of the time: see policy.device. NULL: for all. What
 * lines say that were passed over is not judged again. */
int policy_load_accepted_for(const struct paths *paths, const char *device, struct diags *diags,
                             struct policy **ret);

/* Likewise, and which one it was, also where it cannot be used: for accepted_is_stale(). */
struct accepted_stamp;
int policy_load_stamped(const struct paths *paths, const char *device, struct diags *diags,
                        struct accepted_stamp *ret_stamp, struct policy **ret);

/* The same from bytes, without I/O (fuzzed). Rules keep the file and line they had when they were
 * accepted. What only leads to warnings is not looked for again. diags may be NULL. */
int policy_parse_accepted(const char *bytes, size_t n, const char *device, struct diags *diags,
                          struct policy **ret);

/* Put the policy on disk, which policy_load() gave and which has this hash, into force: read it
 * once more, validate it, and replace accepted.conf atomically and durably by the very bytes that
 * were validated. -ESTALE where what is on disk is another one by now; -ENODATA where it has no
 * rules and would end the enforcement of those in force, see policy_disarms(), and that is not
 * ACCEPT_FORCED; other errors as policy_load(), -EFBIG over 64 MiB. On a negative errno nothing
 * is replaced, on a positive one it may be undone where the power fails. Under the lock, and not
 * while somebody else's trial lives: see confirm_check(). ACCEPT_ON_TRIAL: it is in force only
 * while the guardian of the caller lives, until policy_keep(). */
#define ACCEPT_FORCED (1U << 0)
#define ACCEPT_ON_TRIAL (1U << 1)
int policy_accept(const struct paths *paths, uint64_t hash, unsigned flags, struct diags *diags);

/* What is on trial is accepted for good. By its guardian; -ESTALE where accepted.conf has nothing
 * that is on trial; a positive errno as above. */
int policy_keep(const struct paths *paths);
