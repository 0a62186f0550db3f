/* Named values, nested as JSON has them, which an engine tells of itself without knowing how a
 * program prints them. Running out of memory is looked at once, at the end. */
#pragma once

#include <stddef.h>

#include "policy/base/util.h"

enum field_kind { FIELD_NULL, FIELD_NUMBER, FIELD_TEXT, FIELD_OBJECT, FIELD_LIST };

struct fields {
    struct field *items; /* owned */
    size_t count, capacity;
    bool failed; /* memory ran out: what is there is not all of it */
};

struct field {
    const char *name; /* static; NULL in a list */
    enum field_kind kind;
    long long number;
    char *text;            /* owned */
    struct fields *inside; /* owned: of an object, or a list */
};

void field_number(struct fields *fields, const char *name, long long number);

/* Copied; NULL is null. */
void field_text(struct fields *fields, const char *name, const char *text);

/* The text is taken; NULL: memory ran out before. */
void field_take(struct fields *fields, const char *name, char *text);

/* What is to be filled; never NULL. */
struct fields *field_object(struct fields *fields, const char *name);
struct fields *field_list(struct fields *fields, const char *name);

/* Did memory run out anywhere in it? */
bool fields_failed(const struct fields *fields);
void fields_done(struct fields *fields);
