/* Files as a whole: opened so that nobody can make the reader wait or follow a link, read to their
 * end up to a limit, written to the last byte, replaced in one step; and looking below a root. */
#pragma once

#include <unistd.h>

#include "policy/base/text.h"

static inline void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}
#define _cleanup_close_ _cleanup_(close_fd)

/* Open for reading, whoever may write in its directory: no link is followed (-ELOOP), no FIFO is
 * waited for. */
int file_open(const char *path);

/* What is left to read, ended by NUL. -EFBIG beyond `max` bytes. */
int file_load_fd(int fd, size_t max, struct text *ret);

/* The same of an ordinary file, by file_open(); -EBADMSG where it is none. */
int file_load(const char *path, size_t max, struct text *ret);

/* Where root calls it: to whom the directory belongs, whose files others than root may write. Only
 * a file of one name: another one may be anybody's. */
void file_give(int fd, const char *directory);

int file_write_fd(int fd, const char *bytes, size_t n);

/* Create a directory and what is missing above it, readable by all (0755) whatever the umask:
 * reading commands need no privilege. What is there already stays as it is. */
int directory_make(const char *path);

/* Put `n` bytes at path with mode 0644, whatever the umask: the new file takes the old one's place
 * in one step, so that a reader never sees half of it, and on failure the old one stays. One writer
 * at a time. give_by: a directory for file_give(), or NULL. */
int file_put(const char *path, const char *bytes, size_t n, const char *give_by);

/* The same at root + path, durably, and for any number of writers at a time. Directories that are
 * missing are made. -ELOOP where a link in `path` leads out of root. On a negative errno nothing is
 * replaced; a positive one: it is, but may be undone where the power fails. */
int file_replace(const char *root, const char *path, const char *bytes, size_t n);

/* Remove what file_replace() of this path left where it was killed: ordinary files of this user
 * with one name, but not `keep` (NULL for none). Nobody replaces it meanwhile. */
void file_replace_clean(const char *path, const char *keep);

/* Where paths below root are looked up: a descriptor, or AT_FDCWD where root is NULL or "". */
int root_open(const char *root);
/* For reading, O_NONBLOCK; links are followed as if root were /. */
int open_below(int root_fd, const char *path, int flags);
