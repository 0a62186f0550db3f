/* From lines to rules, sets and exceptions. */
#pragma once

#include "policy/lang/policy.h"

/* Read one file into the policy. `file` is owned by policy.files. Errors go to diags; -ENOMEM, else
 * 0. */
int sections_read(struct policy *policy, const char *file, const char *bytes, size_t n,
                  struct diags *diags);
