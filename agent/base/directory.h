/* Names in a directory below the root that match a glob, sorted and bounded; and replacing a file
 * of ours as a whole, durably. For presets and for what is looked at as evidence. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct names {
    char **items; /* owned paths, below root and without it, in byte order */
    size_t count, capacity;
};

#define NAMES_MAX 512 /* of one call; more are left out */

/* Append the files that `pattern` matches: an absolute path whose last component may be a glob
 * (fnmatch(3), a leading dot is not matched by a wildcard). root: "" for none, else links are
 * followed as if root were /. What cannot be read is as good as absent. -ENOMEM, else 0. */
int names_find(const char *root, const char *pattern, struct names *ret);
void names_done(struct names *names);

/* Whether a path can be there, asked of what one call found in its directory: so that one look at
 * a directory saves opening many files that are not there. True also where some were left out. */
bool names_may_have(const struct names *names, const char *path);
#define _cleanup_names_ _cleanup_(names_done)

/* Create a directory and what is missing above it, readable by all (0755) whatever the umask:
 * reading commands need no privilege. What is there already stays as it is. */
int directory_make(const char *path);

/* Put `n` bytes at root + path with mode 0644: a file of another name beside it, made durable and
 * renamed over it. Directories that are missing are made. -ELOOP where a link
 * in `path` leads out of root. On an error nothing is replaced (only a
 * failure to make the replacement durable comes after it). */
int file_replace(const char *root, const char *path, const char *bytes, size_t n);
