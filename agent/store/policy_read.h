/* The two halves of loading a policy, for the files of this directory: the bytes, and what they
 * say. Accepting needs both, since it keeps the very bytes that it validated. */
#pragma once

#include "agent/base/paths.h"
#include "agent/system/conf_files.h"
#include "policy/lang/policy.h"

/* The files that make the policy on disk, each read once; adds to *ret, also on failure. Errors are
 * in diags; 0 also then. */
int policy_read_files(const struct paths *paths, struct diags *diags, struct conf_files *ret);

/* Parse and validate. -EBADMSG when diags holds an error, also one from reading. */
int policy_from_files(const struct conf_files *files, struct diags *diags, struct policy **ret);

/* Both, as policy_load() does it; the files are added to *files, also on failure. */
int policy_load_files(const struct paths *paths, struct diags *diags, struct conf_files *files,
                      struct policy **ret);
