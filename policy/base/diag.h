/* Messages about what a person or another program wrote: collected, never printed here.
 * A parser adds them and goes on, so that one run shows every error of every file. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy/base/util.h"

enum diag_level {
    DIAG_NOTE,    /* worth knowing, never counted */
    DIAG_WARNING, /* counted by validate --strict */
    DIAG_ERROR,   /* the policy is refused as a whole */
};

struct diag {
    enum diag_level level;
    char *file;    /* owned; NULL where no file is to blame */
    unsigned line; /* from 1; 0 where the file as a whole is meant */
    char *text;    /* owned; one line, bytes of foreign origin already escaped (name.h) */
};

struct diags {
    struct diag *items;
    size_t count;
    size_t capacity;
    size_t errors;
    size_t warnings;
    bool lost; /* memory ran out while adding: the list is not complete, counts as an error */
};

#define DIAGS_INIT ((struct diags){0})

/* Add one message. diags may be NULL: then nothing happens. Never fails visibly: see `lost`. */
void diags_add(struct diags *diags, enum diag_level level, const char *file, unsigned line,
               const char *format, ...) _printf_(5, 6);

/* Hand a sentence to the caller in *ret_message, owned. Always returns an error: -EINVAL, or
 * -ENOMEM when memory ran out, and then *ret_message is untouched. */
int diag_refuse(char **ret_message, const char *format, ...) _printf_(2, 3);

/* Put the messages into the order in which their files were read, each file's by line; what belongs
 * to no file of the list stays in front. `files` are names as in diag.file. */
void diags_sort(struct diags *diags, char *const *files, size_t n_files);

/* Put the messages into the order of `files`, names as in diag.file, and of their lines. What
 * belongs to no file of the list stands in front; equals stay as they were. Without memory nothing
 * moves. */
void diags_sort(struct diags *diags, char *const *files, size_t n_files);

/* True when an error was added or a message was lost. */
bool diags_failed(const struct diags *diags);

/* Free what is in it and make it empty again. NULL is fine. */
void diags_done(struct diags *diags);
#define _cleanup_diags_ _cleanup_(diags_done)
