/* Text tables through libsmartcols: the columns fit the terminal, and on anything that is not a
 * terminal nothing is ever cut. */
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>

#include "name.h"
#include "output.h"
#include "util.h"

struct table {
    const struct column *columns;
    unsigned n_columns;
    struct libscols_table *cols;
    int state_column; /* -1: none */
};

struct table *table_free(struct table *table)
{
    if (table) {
        scols_unref_table(table->cols);
        free(table);
    }
    return NULL;
}

struct table *table_new(const struct column *columns, unsigned n_columns)
{
    _cleanup_table_ struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->columns = columns;
    table->n_columns = n_columns;
    table->state_column = -1;
    table->cols = scols_new_table();
    if (!table->cols)
        return NULL;
    scols_table_enable_noencoding(table->cols, 1); /* escaped already: it would escape again */
    for (unsigned i = 0; i < n_columns; i++) {
        int flags = columns[i].flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0;

        if (columns[i].flags & COLUMN_WRAP)
            flags |= SCOLS_FL_WRAP;
        if (columns[i].flags & COLUMN_STATE)
            table->state_column = (int)i;
        if (!scols_table_new_column(table->cols, columns[i].title, 0, flags))
            return NULL;
    }
    return TAKE_PTR(table);
}

static bool is_printable(const char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e)
            return false;
    return true;
}

int table_row(struct table *table, const char *const *cells)
{
    struct libscols_line *line = scols_table_new_line(table->cols, NULL);
    int r = line ? 0 : -ENOMEM;

    for (unsigned i = 0; r == 0 && i < table->n_columns; i++) {
        const char *text = cells[i] && *cells[i] ? cells[i] : "-";

        if (is_printable(text))
            r = scols_line_set_data(line, i, text);
        else {
            char *escaped = name_escape(text);

            r = escaped ? scols_line_refer_data(line, i, escaped) : -ENOMEM;
        }
    }
    return r;
}

static void color_states(struct table *table, struct output *out)
{
    struct libscols_iter *iter = scols_new_iter(SCOLS_ITER_FORWARD);
    struct libscols_line *line;

    while (iter && scols_table_next_line(table->cols, iter, &line) == 0) {
        struct libscols_cell *cell = scols_line_get_cell(line, (size_t)table->state_column);
        const char *color = output_color(out, scols_cell_get_data(cell));

        if (*color)
            scols_cell_set_color(cell, color);
    }
    scols_free_iter(iter);
}

int table_print(struct table *table, struct output *out)
{
    int r;

    if (scols_table_is_empty(table->cols))
        return 0;
    scols_table_set_stream(table->cols, out->stream);
    scols_table_set_termforce(table->cols,
                              out->width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    if (out->width)
        scols_table_set_termwidth(table->cols, out->width);
    if (out->color) {
        scols_table_enable_colors(table->cols, 1);
        if (table->state_column >= 0)
            color_states(table, out);
    }
    r = scols_print_table(table->cols);
    return r < 0 ? r : 0;
}
