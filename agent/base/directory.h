/* Names in a directory below the root that match a glob, sorted and bounded, for presets and for
 * what is looked at as evidence. */
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

/* The same, upper and lower case of the last component not told apart. */
int names_find_any_case(const char *root, const char *pattern, struct names *ret);
void names_done(struct names *names);

/* Whether a path can be there, asked of what one call found in its directory: so that one look at
 * a directory saves opening many files that are not there. True also where some were left out. */
bool names_may_have(const struct names *names, const char *path);
#define _cleanup_names_ _cleanup_(names_done)
