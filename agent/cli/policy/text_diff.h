/* The lines in which two texts differ, by diff -u. */
#pragma once

#include "agent/cli/out/output.h"

#define DIFF_PROGRAM "/usr/bin/diff"

/* Print nothing where they are equal. Returns 1 when they differ, 0 when not. -ENOENT: there is no
 * such program. -EIO: it failed, and has said why. */
int text_diff_print(struct output *out, const char *old_name, const char *old_text,
                    const char *new_name, const char *new_text);
