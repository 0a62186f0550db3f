/* One description of a row for all formats: an array of cells, of which a table takes those with a
 * title, JSON those with a name, CSV those that say so. What only one of them has is a cell of its
 * own, and is not made where the row goes elsewhere. */
#pragma once

#include "agent/cli/out/output.h"

/* Where a row goes: one of these. */
struct row {
    struct table *table; /* without columns it takes those of its first row */
    json_t *object;      /* gets the members */
    FILE *csv;
    bool headed; /* CSV: the names of its columns were printed */
};

enum cell_kind {
    CELL_TEXT,   /* NULL: null, "-" or nothing */
    CELL_OWNED,  /* the same, freed; NULL: memory ran out */
    CELL_NAME,   /* bytes, as json_set_name() has them */
    CELL_NUMBER, /* null where it is not known */
    CELL_REAL,   /* JSON only */
    CELL_TRUTH,
    CELL_JSON, /* takes the reference */
};

struct cell_value {
    enum cell_kind kind;
    bool unknown;
    union {
        const char *text;
        char *owned;
        long long number;
        double real;
        json_t *json;
    };
};
#define TEXT(x) ((struct cell_value){CELL_TEXT, .text = (x)})
#define OWNED(x) ((struct cell_value){CELL_OWNED, .owned = (x)})
#define NAME(x) ((struct cell_value){CELL_NAME, .text = (x)})
#define NUMBER(x) ((struct cell_value){CELL_NUMBER, .number = (long long)(x)})
#define NUMBER_IF(known, x) ((struct cell_value){CELL_NUMBER, !(known), .number = (long long)(x)})
#define REAL(x) ((struct cell_value){CELL_REAL, .real = (x)})
#define TRUTH(x) ((struct cell_value){CELL_TRUTH, .number = (x)})

/* Made for the one format only: x is owned text, or a reference. */
#define FOR_TABLE(row, x) ((row)->table ? OWNED(x) : TEXT(NULL))
#define FOR_JSON(row, x) ((struct cell_value){CELL_JSON, .json = (row)->object ? (x) : NULL})

enum cell_flags {                         /* beside those of columns */
                  CELL_CSV = 1 << 8,      /* the name is one of CSV, too */
                  CELL_CSV_ONLY = 1 << 9, /* and not of JSON */
                  CELL_COUNT = 1 << 10,   /* "1,003" in tables */
};

struct cell {
    const char *name, *title;
    struct cell_value value;
    unsigned flags;
};

/* -ENOMEM, else 0. */
int row_put(struct row *row, const struct cell *cells, size_t n);
#define ROW(row, ...)                                                                              \
    row_put(row, (const struct cell[]){__VA_ARGS__},                                               \
            sizeof((const struct cell[]){__VA_ARGS__}) / sizeof(struct cell))

/* An object by a function that puts a row: ROW_OBJECT(row, put_peer(&row, peer)). */
#define ROW_OBJECT(to, put)                                                                        \
    ({                                                                                             \
        struct row to = {.object = json_object()};                                                 \
        (void)(put);                                                                               \
        to.object;                                                                                 \
    })
