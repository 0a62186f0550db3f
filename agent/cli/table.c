/* Text tables. On a terminal libsmartcols makes the columns fit; anything else gets every cell
 * whole, by plain padding, since a listing of ten thousand devices spends most of its time there.
 */
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>

#include "name.h"
#include "output.h"
#include "util.h"

#define COLUMNS_MAX 16

struct table {
    const struct column *columns;
    unsigned n_columns;
    size_t widths[COLUMNS_MAX];
    char *text; /* the cells one after the other, each ended by NUL */
    size_t used, size;
    size_t rows;
};

struct table *table_free(struct table *table)
{
    if (table)
        free(table->text);
    free(table);
    return NULL;
}

struct table *table_new(const struct column *columns, unsigned n_columns)
{
    struct table *table = n_columns <= COLUMNS_MAX ? calloc(1, sizeof(*table)) : NULL;

    if (!table)
        return NULL;
    table->columns = columns;
    table->n_columns = n_columns;
    for (unsigned i = 0; i < n_columns; i++)
        table->widths[i] = strlen(columns[i].title);
    return table;
}

static bool is_printable(const char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e)
            return false;
    return true;
}

static int add_text(struct table *table, unsigned column, const char *s)
{
    size_t n = strlen(s);

    if (table->used + n + 1 > table->size) {
        size_t size = 2 * (table->used + n + 1);
        char *text = realloc(table->text, size);

        if (!text)
            return -ENOMEM;
        table->text = text;
        table->size = size;
    }
    memcpy(table->text + table->used, s, n + 1);
    table->used += n + 1;
    if (n > table->widths[column])
        table->widths[column] = n;
    return 0;
}

int table_row(struct table *table, const char *const *cells)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < table->n_columns; i++) {
        const char *text = cells[i] && *cells[i] ? cells[i] : "-";

        if (is_printable(text)) {
            r = add_text(table, i, text);
        } else {
            _cleanup_free_ char *escaped = name_escape(text);

            r = escaped ? add_text(table, i, escaped) : -ENOMEM;
        }
    }
    table->rows += r == 0;
    return r;
}

/* -- without a terminal -- */

static void pad(FILE *stream, size_t n)
{
    while (n-- > 0)
        putc_unlocked(' ', stream);
}

static void print_cell(const struct table *table, struct output *out, unsigned i, const char *text)
{
    size_t n = strlen(text), missing = table->widths[i] - n;
    const char *color = table->columns[i].flags & COLUMN_STATE ? output_color(out, text) : "";

    if (table->columns[i].flags & COLUMN_RIGHT)
        pad(out->stream, missing);
    fputs_unlocked(color, out->stream);
    fwrite_unlocked(text, 1, n, out->stream);
    if (*color)
        fputs_unlocked(output_color_end(out), out->stream);
    if (i + 1 == table->n_columns) {
        putc_unlocked('\n', out->stream);
        return;
    }
    if (!(table->columns[i].flags & COLUMN_RIGHT))
        pad(out->stream, missing);
    putc_unlocked(' ', out->stream);
}

static void print_plain(const struct table *table, struct output *out)
{
    const char *text = table->text;

    for (unsigned i = 0; i < table->n_columns; i++)
        print_cell(table, out, i, table->columns[i].title);
    for (size_t row = 0; row < table->rows; row++)
        for (unsigned i = 0; i < table->n_columns; i++) {
            print_cell(table, out, i, text);
            text += strlen(text) + 1;
        }
}

/* -- on a terminal -- */

static int add_line(const struct table *table, struct libscols_table *cols, struct output *out,
                    const char **text)
{
    struct libscols_line *line = scols_table_new_line(cols, NULL);
    int r = line ? 0 : -ENOMEM;

    for (unsigned i = 0; r == 0 && i < table->n_columns; i++) {
        const char *color = table->columns[i].flags & COLUMN_STATE ? output_color(out, *text) : "";

        r = scols_line_set_data(line, i, *text);
        if (r == 0 && *color)
            r = scols_cell_set_color(scols_line_get_cell(line, i), color);
        *text += strlen(*text) + 1;
    }
    return r;
}

static int fill(const struct table *table, struct libscols_table *cols, struct output *out)
{
    const char *text = table->text;
    int r = 0;

    for (unsigned i = 0; i < table->n_columns; i++) {
        unsigned flags = table->columns[i].flags;

        if (!scols_table_new_column(cols, table->columns[i].title, 0,
                                    (flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0) |
                                        (flags & COLUMN_WRAP ? SCOLS_FL_WRAP : 0)))
            return -ENOMEM;
    }
    for (size_t row = 0; r == 0 && row < table->rows; row++)
        r = add_line(table, cols, out, &text);
    return r;
}

static int print_fitting(const struct table *table, struct output *out)
{
    struct libscols_table *cols = scols_new_table();
    int r = cols ? fill(table, cols, out) : -ENOMEM;

    if (r == 0) {
        scols_table_set_stream(cols, out->stream);
        scols_table_enable_noencoding(cols, 1); /* escaped already: it would escape again */
        scols_table_enable_colors(cols, out->color);
        scols_table_set_termforce(cols, SCOLS_TERMFORCE_ALWAYS);
        scols_table_set_termwidth(cols, out->width);
        r = scols_print_table(cols);
    }
    scols_unref_table(cols);
    return r < 0 ? r : 0;
}

int table_print(struct table *table, struct output *out)
{
    if (table->rows == 0)
        return 0;
    if (out->width > 0)
        return print_fitting(table, out);
    print_plain(table, out);
    return 0;
}
