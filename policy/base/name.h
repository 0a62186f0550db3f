/* Bytes of foreign origin (device names, file names, policy text) made safe to print.
 * The kernel accepts nearly every byte in a device name: see dev_valid_name(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DEVICE_NAME_MAX 15 /* IFNAMSIZ - 1 */

/* Write `n` bytes as printable ASCII: a byte outside 0x20..0x7e and the backslash become \xHH.
 * Spaces stay. Returns an owned string, NULL when memory ran out. */
char *name_escape_n(const char *bytes, size_t n);
char *name_escape(const char *s);

/* The same for the value of a label in the exposition format of Prometheus. */
char *name_escape_label(const char *s);

/* name_escape() into a buffer, cut (with a final "~") when it does not fit; returns buf.
 * NAME_ESCAPED_SIZE is enough for every device name. */
#define NAME_ESCAPED_SIZE (4 * DEVICE_NAME_MAX + 1)
const char *name_escape_buf(const char *s, char *buf, size_t size);

/* The same for a message: at most 160 characters, in a buffer that lives as long as the enclosing
 * block. */
#define NAME_SHOWN_SIZE 161
#define NAME_SHOWN(s) name_escape_buf((s), (char[NAME_SHOWN_SIZE]){0}, NAME_SHOWN_SIZE)

/* A word to paste into a shell, whatever bytes the text has: as it is, between single quotes, or,
 * where it has other bytes than printable ASCII, between $' and ' as bash, ksh and zsh read it.
 * What begins with a dash is quoted, too, so that it is seen. Owned; NULL when memory ran out. */
char *name_quote(const char *text);

/* Turn what name_escape() made back, in place. False, with the text half done, where it did not
 * make it: another escape than \xHH, or one for NUL. */
bool name_unescape(char *text);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool name_is_utf8(const char *s, size_t n);

/* A byte that no device name may hold: slash, colon and what the kernel's isspace() takes. */
bool name_byte_is_refused(unsigned char c);

/* Would the kernel take this as a device name? Mirrors dev_valid_name() plus the two reserved
 * directory names all and default. */
bool name_is_valid_device(const char *s);
