/* The pauses of this boot, as kept in a directory of root's. What they mean is pauses.h's matter.
 */
#pragma once

#include "agent/base/paths.h"
#include "policy/lang/pauses.h"

/* Those that are not over. None, too, where the file is of another boot or missing. -EBADMSG when
 * the file cannot be understood: nothing should be written then. Needs no privilege. */
int pauses_read(const struct paths *paths, struct pauses *ret);

/* Replace the file; those that are over are left out. On failure the old one stays. The caller
 * holds the lock, so that whoever wrote under an old pause has finished by then. */
int pauses_write(const struct paths *paths, const struct pauses *pauses);

/* CLOCK_BOOTTIME in microseconds: runs in suspend, and nobody sets it. */
uint64_t pauses_now(void);
