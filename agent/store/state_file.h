/* Small text files in the run directory that are valid for one boot and one network namespace: a
 * first line says which. */
#pragma once

#include "agent/base/paths.h"
#include "policy/base/text.h"

#define STATE_HEADER_SIZE 128

/* The first line, newline included, of a file of this kind ("rpfpolicy-before 1") that is valid
 * now. */
void state_header(const struct paths *paths, const char *kind, char ret[static STATE_HEADER_SIZE]);

int state_read_fd(int fd, struct text *ret);
int state_write_fd(int fd, const char *bytes, size_t n);

/* A new file takes the old one's place in one step, so that a reader never sees half of it, and on
 * failure the old one stays. The run directory must be there; the file belongs to whom that
 * belongs to, so that an agent without privilege can add to it. */
int state_replace(const struct paths *paths, const char *path, const char *bytes, size_t n);
