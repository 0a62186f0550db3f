/* What the two halves of suspects.h share: one search, and looking at the lines of one file. */
#pragma once

#include "agent/system/conf_files.h"
#include "agent/system/suspects.h"

struct search {
    const char *root;
    const char *device;
    enum key key;
    struct suspects *found;
    unsigned files_left; /* so that no configuration can keep us busy */
};

/* Read a file whole. False when it is absent, odd, unreadable or without bytes. */
bool scan_read(struct search *search, const char *path, struct conf_files *ret);

/* The next line without blanks around it, cut to the buffer. Comments and empty lines are passed
 * over. Start with *cursor = file->bytes and *number = 0. */
#define SCAN_LINE_SIZE 512
bool scan_line(const struct conf_file *file, const char **cursor, unsigned *number,
               char line[SCAN_LINE_SIZE]);

/* One word list of globs separated by blanks: does any match? */
bool scan_globs_match(const char *globs, const char *name);

int scan_add(struct search *search, const char *writer, const char *file, unsigned line,
             const char *text, const char *what);

/* Add every line that mentions the key and does not plainly speak of another device. */
int scan_mentions(struct search *search, const char *writer, const struct conf_file *file,
                  const char *what);

int suspects_networkd(struct search *search);
int suspects_tuned(struct search *search);
