/* Who else writes these settings: signs of other writers found in files. They are suspects and no
 * proof: a value written at run time leaves no trace of its writer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policy/facts/keys.h"

struct suspect {
    const char *writer; /* static: "systemd-networkd" */
    char *file;         /* owned; below root and without it */
    unsigned line;      /* 0: the file as a whole */
    char *text;         /* owned; the line, trimmed and cut; "" where line is 0. Not escaped */
    const char *what;   /* static: what it does, one sentence */
};

struct suspects {
    struct suspect *items;
    size_t count, capacity;
};

#define SUSPECTS_MAX 64 /* of one call; more are left out */

/* Look for what may write `key` of the device, of `all` or of `default`. Files that cannot be read,
 * are odd or too large count as absent. root: "" for none. -ENOMEM, else 0. */
int suspects_find(const char *root, const char *device, enum key key, struct suspects *ret);
void suspects_done(struct suspects *suspects);
#define _cleanup_suspects_ _cleanup_(suspects_done)
