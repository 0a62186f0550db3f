/* The one lock under which settings are read, planned and written, the other lock files, and the
 * run directory that they are in. */
#pragma once

#include <sys/types.h>

#include "agent/base/paths.h"

/* Make paths->run and what is missing above it, mode 0755, and, where root calls it, paths->orders.
 * In a foreign namespace root gives paths->run to the owner of ROOT/run/rpfpolicy, without whom
 * nobody but root could work there; -ENOTDIR where something else, such as a link, is in its place.
 */
int run_directory_make(const struct paths *paths);
/* Both, with all that is in them, where a foreign namespace is gone; what only root may stays. */
void run_directory_remove(const struct paths *paths);

/* Open paths->lock, or make it (mode 0600), for whom paths->run belongs to in a foreign namespace.
 * Others than root and the agent's user shall not be able to hold it: what they may is taken from
 * them. flags: O_RDONLY or O_RDWR. Returns a descriptor. */
int lock_open(const struct paths *paths, int flags);

/* Open (mode 0600, so that no other user can hold it) and flock a file. Waits at most timeout_ms,
 * then -EBUSY. Returns a descriptor; lock_release() it. */
int lock_file(const char *path, int timeout_ms);

/* flock on paths->lock, waiting at most timeout_ms. Returns a descriptor; -EBUSY after the wait.
 * Makes the run directory where it is missing; where that fails, what it is for is missing, the
 * lock only if it is in there. */
int lock_acquire(const struct paths *paths, int timeout_ms);
void lock_release(int fd);

/* The process that holds it now; 0: none, or it cannot be told. */
pid_t lock_holder(const struct paths *paths);

static inline void lock_close(int *fd)
{
    lock_release(*fd);
    *fd = -1;
}
#define _cleanup_lock_ _cleanup_(lock_close)
