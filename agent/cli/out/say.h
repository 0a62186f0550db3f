/* Messages to the person: always on stderr. */
#pragma once

#include "policy/base/diag.h"

/* "rpfpolicy: …" and a newline to stderr. Bytes of foreign origin are escaped by the caller. */
void say(const char *format, ...) _printf_(1, 2);

/* Warn where the error is a positive errno: the file was replaced, but is not durable yet. */
void say_unsafe(const char *path, int error);

/* What a negative errno means, in words. */
const char *error_text(int error);

/* Print what parsers had to say to stderr as "file:line: message", errors plain, the others with
 * "warning:" or "note:" before the message. Nothing below `least` is shown. */
void say_diags(const struct diags *diags, enum diag_level least);
