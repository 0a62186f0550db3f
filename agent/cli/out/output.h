/* The one place that knows how results leave the program: text tables sized to the terminal, JSON
 * written piece by piece, and whether stdout took all of it. Results go to stdout through here,
 * messages to stderr through say(). Everything of foreign origin is escaped here or by name.h. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct output {
    FILE *stream;   /* to stdout, fully buffered */
    char *buffer;   /* of the stream; owned */
    int error;      /* the first one that stdout answered, a negative errno */
    bool color;     /* decided from --color, NO_COLOR, TERM and whether it is a terminal */
    unsigned width; /* columns of the terminal; 0: not a terminal, nothing is cut or wrapped */
    bool comma;     /* inside a JSON stream: something stands before the next element */
    unsigned depth; /* of the JSON stream */
};

void output_init(struct output *out, enum color_when color);

/* What goes to stderr although it is printed like a result. Not to be finished. */
void output_to_messages(struct output *out, enum color_when color);

/* Write everything out. A negative errno when stdout did not take all of it, now or earlier. */
int output_finish(struct output *out);

/* -- text tables -- */

enum column_flags {
    COLUMN_RIGHT = 1 << 0, /* numbers */
    COLUMN_WRAP = 1 << 1,  /* wrapped, or put below the row, on a narrow terminal */
    COLUMN_STATE = 1 << 2, /* coloured by the word in it: drift red, latent yellow … */
};

struct column {
    const char *title;
    unsigned flags;
};

#define COLUMNS_MAX 16

struct table;

/* Collects rows; columns must live as long as the table. NULL when memory ran out. Without columns
 * it is a list: no titles, indented, its last cells below the others where lines are too long; and
 * with none at all it takes those that it is given first. */
struct table *table_new(const struct column *columns, unsigned n_columns);

/* Titles stay borrowed. */
void table_take_columns(struct table *table, const struct column *columns, unsigned n_columns);

/* One cell per column; copied. NULL counts as "-". Control bytes become \xHH. -ENOMEM else 0. */
int table_row(struct table *table, const char *const *cells);

/* Print title line and rows, once; nothing at all when there is no row. */
int table_print(struct table *table, struct output *out);
struct table *table_free(struct table *table); /* returns NULL; NULL is fine */
static inline void table_freep(struct table **table)
{
    table_free(*table);
}
#define _cleanup_table_ __attribute__((cleanup(table_freep)))

/* The escape sequence that starts the colour of a state word, "" without colour; and its end. */
const char *output_color(const struct output *out, const char *word);
const char *output_color_end(const struct output *out);

/* -- words -- */

/* 1003 as "1,003". buf holds at least 16 bytes. */
const char *count_text(unsigned long n, char buf[static 16]);

/* "device" or "devices". */
#define PLURAL(n, word) ((n) == 1 ? word : word "s")

size_t wrap_longest_word(const char *text);

/* Turn blanks into newlines so that lines have at most `room` bytes. A word that is longer stays
 * whole. */
void wrap_words(char *text, size_t room);

/* Print n bytes of text, wrapped to the width unless that is too little to be read, without a
 * newline at the end. `column` bytes stand before it already; the lines that follow are indented.
 */
void output_wrapped(struct output *out, unsigned width, unsigned column, unsigned indent,
                    const char *text, size_t n);

/* The same of a whole text, wrapped where there is a terminal. */
void output_words(struct output *out, unsigned column, unsigned indent, const char *text);

/* Each line of it, wrapped where it is long. Lines that begin with four blanks are to be copied and
 * stay whole. NULL: nothing. */
void output_lines(struct output *out, unsigned indent, const char *text);

/* An empty line, and a title of what follows. */
void output_heading(struct output *out, const char *title);

/* -- CSV -- */

/* A cell and what ends it, ',' or '\n'. As printable ASCII, in quotes where RFC 4180 wants them;
 * NULL is an empty one. */
void csv_cell(FILE *stream, const char *text, char end);

/* -- JSON -- ASCII only on the wire; jansson's allocations never fail (the program ends). */

/* End the program with a message when memory runs out inside jansson. Call once, first. */
void json_prepare(void);

/* A string of foreign origin: valid UTF-8 as it is, else with \xHH escapes. NULL gives null. */
json_t *json_bytes(const char *s);
json_t *json_owned(char *s); /* frees it */

/* Member `key` as json_bytes(); and where that had to escape, also "KEY_bytes" in hex. */
void json_set_name(json_t *object, const char *key, const char *name);

/* Set members in their order: json_set(object, {"key", json_integer(1)}, {"name", json_bytes(s)});
 * takes the values. */
struct json_member {
    const char *name;
    json_t *value;
};
json_t *json_set_members(json_t *object, const struct json_member *members); /* returns object */
#define json_set(object, ...)                                                                      \
    (void)json_set_members(object, (const struct json_member[]){__VA_ARGS__, {NULL, NULL}})
/* An object of these members. */
#define json_make(...)                                                                             \
    json_set_members(json_object(), (const struct json_member[]){__VA_ARGS__, {NULL, NULL}})

/* As RFC 3339, UTC. */
json_t *json_time(time_t seconds);

/* One whole value and a newline. Takes the reference. */
void output_json(struct output *out, json_t *value);

/* A stream: one element per line, each freed once written. name is NULL inside arrays. */
void json_open(struct output *out, const char *name, char bracket); /* '{' or '[' */
void json_element(struct output *out, const char *name, json_t *value);
/* An object that begins with the members of `head`, whose reference is taken. */
void json_open_object(struct output *out, json_t *head);
void json_close(struct output *out, char bracket); /* '}' or ']'; newline after the outermost */
