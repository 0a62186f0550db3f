/* Small text files that are valid for one boot and one network namespace: a
 * first line says which. */
#pragma once

#include "agent/base/paths.h"

#define STATE_HEADER_SIZE 128
#define STATE_MAX ((size_t)256 << 20) /* bytes; what is larger is none of ours */

/* Which network namespace this is: inode numbers are used again, so what is found by one may be of
 * a dead one. 0 in the host's, and where the kernel does not tell (before 5.14). */
uint64_t state_namespace(const struct paths *paths);

/* The first line, newline included, of a file of this kind ("rpfpolicy-before 1") in this directory
 * that is valid now. */
void state_header(const struct paths *paths, const char *directory, const char *kind,
                  char ret[static STATE_HEADER_SIZE]);
