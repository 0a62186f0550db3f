/* Cuts a stream of reports of `check --json`, however they follow one another, into pieces that are
 * small whatever the size of a report: each element of its list `devices`, and its head, which is
 * the report with that list empty. Only strings and brackets are looked at; whether a piece is JSON
 * is for the handler to find out. A report that is cut off does not take the next one with it where
 * that begins a line with {"schema", as `check` writes it. Blanks, commas, square brackets (a list
 * of reports), record separators and byte order marks between reports are passed over. */
#pragma once

#include <stddef.h>

#define PIECES_DEVICE_MAX (1024 * 1024)   /* bytes of one device */
#define PIECES_HEAD_MAX (4 * 1024 * 1024) /* bytes of a report without its devices */

enum pieces_fault {
    PIECES_WHOLE,
    PIECES_CUT_OFF,   /* the stream, or the next report, comes before its end */
    PIECES_TOO_LARGE, /* a piece is larger than one of the two limits */
    PIECES_BAD_LIST,  /* the list `devices` is there twice, or is no list of JSON */
};

/* Each returns 0 or a negative errno, which ends the feeding. Text is not ended by NUL. */
struct pieces_handler {
    int (*device)(void *data, const char *text, size_t n);
    /* After the last device of a report. With a fault, head is what there is of it. */
    int (*report)(void *data, enum pieces_fault fault, const char *head, size_t n);
    /* Between reports stands what is not JSON; once for all bytes up to the next report. */
    int (*noise)(void *data);
};

struct pieces;

/* NULL when memory ran out. The handler must live as long. */
struct pieces *pieces_new(const struct pieces_handler *handler, void *data);
struct pieces *pieces_free(struct pieces *pieces); /* returns NULL; NULL is fine */

/* The next bytes of the stream. -ENOMEM, or what the handler returned. */
int pieces_feed(struct pieces *pieces, const char *bytes, size_t n);

/* The stream is at its end; another one may follow. */
int pieces_end(struct pieces *pieces);
