/* Lock files and the run directory, for the files of this directory. */
#pragma once

#include "apply.h"

/* Make paths->run and what is missing above it, mode 0755. */
int run_directory_make(const struct paths *paths);

/* Give a file in paths->run to the owner of that directory: the agent's user adds to what root
 * made, and the other way round. Without the right to do so it stays as it is. */
void run_file_give(const struct paths *paths, int fd);

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
