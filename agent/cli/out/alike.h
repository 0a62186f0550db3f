/* Lines of which each is about one device. Those that say the same are one line, however many
 * devices there are: "lxc1, lxc2, lxc3 and 37 more: rp_filter 2 -> 0, …". */
#pragma once

#include "agent/cli/out/output.h"

struct alike_line;

struct alike {
    struct alike_line *lines; /* in the order in which the first of each came */
    size_t count, capacity;
    bool failed; /* memory ran out: a line is missing */
};

void alike_done(struct alike *alike);
#define _cleanup_alike_ _cleanup_(alike_done)

/* said: what stands behind the name, or without a name the whole line, which is no other's; taken,
 * NULL: memory ran out. */
void alike_add(struct alike *alike, const char *name, char *said);

/* Print them and forget them. */
void alike_print(struct alike *alike, FILE *stream);
