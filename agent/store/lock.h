/* Lock files and the run directory, for the files of this directory. */
#pragma once

#include <sys/types.h>

#include "agent/change/apply.h"

/* Make paths->run and what is missing above it, mode 0755. In a foreign namespace root gives it to
 * the owner of ROOT/run/rpfpolicy, without whom nobody but root could work there; -ENOTDIR where
 * something else, such as a link, is in its place. */
int run_directory_make(const struct paths *paths);

/* Give a file in paths->run to the owner of that directory: the agent's user adds to what root
 * made, and the other way round. Without the right to do so it stays as it is. */
void run_file_give(const struct paths *paths, int fd);

/* Open paths->lock, or make it (mode 0600), for whom paths->run belongs to in a foreign namespace.
 * Others than root and the agent's user shall not be able to hold it: what they may is taken from
 * them. flags: O_RDONLY or O_RDWR. Returns a descriptor. */
int lock_open(const struct paths *paths, int flags);

/* Open (mode 0600, so that no other user can hold it) and flock a file. Waits at most timeout_ms,
 * then -EBUSY. Returns a descriptor; lock_release() it. */
int lock_file(const char *path, int timeout_ms);

static inline void lock_close(int *fd)
{
    lock_release(*fd);
    *fd = -1;
}
#define _cleanup_lock_ _cleanup_(lock_close)

/* flush_request() with another interval than 10 s. */
int flush_at_most_once_in(const struct paths *paths, const struct procsys *procsys,
                          uint64_t interval_usec, bool *ret_flushed);
