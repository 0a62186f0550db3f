/* The lines in which two texts differ, in the manner of diff -u. */
#pragma once

#include "agent/cli/out/output.h"

/* Print nothing where they are equal. Returns 1 when they differ, 0 when not, -ENOMEM. */
int text_diff_print(struct output *out, const char *old_name, const char *old_text,
                    const char *new_name, const char *new_text);
