/* INI text read through inih without its silent misreadings: inih gets exactly one clean line at a
 * time, and every line that it would misread is reported here instead. Pure: reads a buffer. */
#pragma once

#include "policy/base/diag.h"

/* Longest line, without leading and trailing blanks. inih's own limit is 200 with the line's end.
 */
#define INI_LINE_MAX 197
#define INI_SECTION_MAX 49

struct ini_events {
    /* A header. name is NULL where it could not be read (already reported). Returns false when its
     * lines are to be passed over without a word. */
    bool (*section)(const char *name, unsigned line, void *data);
    /* A line `name = value` of a section whose lines are read, or of none. Comments and blanks
     * around both are gone; both may be empty. */
    void (*entry)(const char *name, const char *value, unsigned line, void *data);
    /* NULL, or asked about each line of such a section, without the blanks around it, before inih
     * gets it: true where the reader has no need of it. */
    bool (*pass_over)(const char *line, size_t n, void *data);
    void *data;
};

/* Every line that is neither blank, comment, header nor entry becomes an error in diags, and the
 * reading goes on behind it. Returns 0, or -ENOMEM. */
int ini_read(const char *path, const char *bytes, size_t n, const struct ini_events *events,
             struct diags *diags);
