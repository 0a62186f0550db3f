/* A text that grows, and text made at once by a format: the one place where memory for either is
 * had. Running out of it is looked at once, at the end. */
#pragma once

#include <stdarg.h>

#include "policy/base/util.h"

struct text {
    char *bytes; /* owned; ended by NUL where anything was added */
    size_t n, capacity;
    bool failed; /* memory ran out: what is there is not all of it */
};

void text_done(struct text *text);
#define _cleanup_text_ _cleanup_(text_done)

void text_add(struct text *text, const char *format, ...) _printf_(2, 3);
void text_put(struct text *text, const char *s);
void text_put_bytes(struct text *text, const void *bytes, size_t n);

/* Room for n more bytes and a NUL, and where they go; whoever writes them counts them in text->n.
 * NULL when memory ran out. */
char *text_room(struct text *text, size_t n);

/* The text, "" where nothing was added, which the caller then owns; NULL when memory ran out. */
char *text_take(struct text *text);

/* Is there nothing to be read: no byte, or only blanks, those of Unicode included? */
bool text_is_blank(const char *s);

/* NULL when memory ran out. */
char *text_format(const char *format, ...) _printf_(1, 2);
char *text_vformat(const char *format, va_list ap) _printf_(1, 0);
