/* Which patterns describe the values of one key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policy/lang/pattern.h"

/* A value for `unmanaged`: what the policy language cannot ask for, or not for this device alone.
 */
#define GENERATE_UNMANAGED (-1)

struct group_item {
    const char *name; /* borrowed */
    int value;        /* effective, or GENERATE_UNMANAGED */
    bool need;        /* the bare * does not serve it, or something else catches it */
    bool exact;       /* the language can say this very name */
    bool clash;       /* became unmanaged because it cannot be told apart from another */
    bool done;        /* a line speaks of it */
};

enum group_class {
    /* In this order they stand in the file: later globs win over earlier ones. */
    GROUP_EXACT, /* exact names and ranges */
    GROUP_BYTES, /* one name, `?` for the bytes that the language reserves */
    GROUP_FAMILY,
};

struct group_line {
    enum group_class class;
    char pattern[2 * DEVICE_NAME_MAX + 16];
    int value;
    unsigned count;   /* devices it serves */
    const char *name; /* GROUP_BYTES: the name itself */
    bool clash;       /* see above */
    unsigned wild;    /* number of `?` */
};

struct group_lines {
    struct group_line *items;
    size_t count, capacity;
};

/* Find the lines for items sorted by name; `any`: a bare * with this value stands below them all
 * (have_any). Changes the items. -ENOMEM, else 0. The caller frees ret->items. */
int generate_groups(struct group_item *items, size_t n, bool have_any, int any,
                    struct group_lines *ret);
