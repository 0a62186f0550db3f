/* Text tables. On a terminal they go through libsmartcols, and where the columns do not fit, those
 * that may be wrapped are: between words, or, where that would leave a pillar of fragments, on
 * lines of their own below the row. Anything else than a terminal gets every cell whole, by plain
 * padding, since a listing of ten thousand devices spends most of its time there.
 */
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>

#include "agent/cli/out/output.h"
#include "policy/base/name.h"
#include "policy/base/text.h"

#define LINES_MAX 3 /* a cell is wrapped into about as many lines at most, else folded */
#define FOLD_INDENT 6

/* Of a list: blanks before the first cell, between cells, before what goes below; and how long its
 * lines may be where there is no terminal. */
#define LIST_INDENT 4
#define LIST_GAP 2
#define LIST_BELOW 8
#define LIST_WIDTH 140

static const struct column untitled[COLUMNS_MAX];

struct table {
    const struct column *columns;
    struct column taken[COLUMNS_MAX];
    unsigned n_columns;
    size_t widths[COLUMNS_MAX];
    size_t words[COLUMNS_MAX]; /* the longest word, where the column may be wrapped */
    struct text cells;         /* one after the other, each ended by NUL */
    size_t rows;
};

struct table *table_free(struct table *table)
{
    if (table)
        text_done(&table->cells);
    free(table);
    return NULL;
}

struct table *table_new(const struct column *columns, unsigned n_columns)
{
    struct table *table = n_columns <= COLUMNS_MAX ? calloc(1, sizeof(*table)) : NULL;

    if (!table)
        return NULL;
    if (columns)
        table_take_columns(table, columns, n_columns);
    else
        table->columns = untitled;
    table->n_columns = n_columns;
    return table;
}

void table_take_columns(struct table *table, const struct column *columns, unsigned n_columns)
{
    if (table->n_columns > 0)
        return;
    memcpy(table->taken, columns, n_columns * sizeof(*columns));
    table->columns = table->taken;
    table->n_columns = n_columns;
    for (unsigned i = 0; i < n_columns; i++)
        table->widths[i] = table->words[i] = strlen(columns[i].title);
}

static bool is_printable(const char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e)
            return false;
    return true;
}

static int add_text(struct table *table, unsigned column, const char *s, size_t n)
{
    text_put_bytes(&table->cells, s, n + 1);
    if (n > table->widths[column])
        table->widths[column] = n;
    return table->cells.failed ? -ENOMEM : 0;
}

int table_row(struct table *table, const char *const *cells)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < table->n_columns; i++) {
        const char *text = cells[i] && *cells[i] ? cells[i] : "-";
        size_t n = strlen(text);

        if (is_printable(text)) {
            r = add_text(table, i, text, n);
        } else {
            _cleanup_free_ char *escaped = name_escape(text);

            r = escaped ? add_text(table, i, escaped, strlen(escaped)) : -ENOMEM;
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
    const char *text = table->cells.bytes;

    for (unsigned i = 0; i < table->n_columns; i++)
        print_cell(table, out, i, table->columns[i].title);
    for (size_t row = 0; row < table->rows; row++)
        for (unsigned i = 0; i < table->n_columns; i++) {
            print_cell(table, out, i, text);
            text += strlen(text) + 1;
        }
}

static void print_list(const struct table *table, struct output *out)
{
    unsigned last = table->n_columns - 1;
    const char *text = table->cells.bytes;
    size_t width = LIST_INDENT + LIST_GAP * last;
    bool fits;

    for (unsigned i = 0; i <= last; i++)
        width += table->widths[i];
    fits = width <= (out->width ?: LIST_WIDTH);
    for (size_t row = 0; row < table->rows; row++)
        for (unsigned i = 0; i <= last; i++) {
            bool ends = i == last || (!fits && i + 1 == last);

            pad(out->stream, i == 0 ? LIST_INDENT : !fits && i == last ? LIST_BELOW : LIST_GAP);
            fprintf(out->stream, "%-*s%s", ends ? 0 : (int)table->widths[i], text,
                    ends ? "\n" : "");
            text += strlen(text) + 1;
        }
}

/* -- on a terminal -- */

struct fit {
    size_t room[COLUMNS_MAX]; /* what a column that is wrapped gets */
    bool folded[COLUMNS_MAX];
    bool fold; /* any */
};

static bool may_wrap(const struct table *table, unsigned i)
{
    return table->columns[i].flags & COLUMN_WRAP;
}

static void measure_words(struct table *table)
{
    const char *text = table->cells.bytes;

    for (size_t row = 0; row < table->rows; row++)
        for (unsigned i = 0; i < table->n_columns; i++) {
            size_t word = may_wrap(table, i) ? wrap_longest_word(text) : 0;

            table->words[i] = word > table->words[i] ? word : table->words[i];
            text += strlen(text) + 1;
        }
}

/* At least the longest word, and not so little that a text becomes a pillar. */
static size_t least_room(const struct table *table, unsigned i)
{
    size_t share = (table->widths[i] + LINES_MAX - 1) / LINES_MAX;

    if (!may_wrap(table, i))
        return table->widths[i];
    return share > table->words[i] ? share : table->words[i];
}

/* The last column that can still be folded is; false where there is none. */
static bool fold_one(const struct table *table, struct fit *fit)
{
    for (unsigned i = table->n_columns; i-- > 0;)
        if (may_wrap(table, i) && !fit->folded[i]) {
            fit->folded[i] = fit->fold = true;
            return true;
        }
    return false;
}

/* What is left over goes to the columns that are wrapped, from the first one on. */
static void share_out(const struct table *table, struct fit *fit, size_t spare)
{
    for (unsigned i = 0; i < table->n_columns; i++) {
        size_t least = least_room(table, i), more = table->widths[i] - least;

        if (!may_wrap(table, i) || fit->folded[i])
            continue;
        more = more < spare ? more : spare;
        fit->room[i] = least + more;
        spare -= more;
    }
}

/* Whole rows where they fit; else wrapped ones; where that does not do, one column after the other
 * is folded, the last one first, until what is left makes a line per row. */
static struct fit find_fit(const struct table *table, size_t width)
{
    struct fit fit = {0};
    size_t natural, least;

    do {
        natural = least = 0;
        for (unsigned i = 0; i < table->n_columns; i++) {
            natural += fit.folded[i] ? 0 : table->widths[i] + 1;
            least += fit.folded[i] ? 0 : least_room(table, i) + 1;
        }
    } while ((fit.fold ? natural : least) > width + 1 && fold_one(table, &fit));
    if (!fit.fold && natural > width + 1 && least <= width + 1)
        share_out(table, &fit, width + 1 - least);
    return fit;
}

static int add_line(const struct table *table, struct libscols_table *cols,
                    const struct output *out, const struct fit *fit, char **text)
{
    struct libscols_line *line = scols_table_new_line(cols, NULL);
    int r = line ? 0 : -ENOMEM;

    for (unsigned i = 0, cell = 0; r == 0 && i < table->n_columns; i++) {
        const char *color = table->columns[i].flags & COLUMN_STATE ? output_color(out, *text) : "";
        size_t n = strlen(*text);

        if (!fit->folded[i]) {
            if (fit->room[i])
                wrap_words(*text, fit->room[i]);
            r = scols_line_set_data(line, cell, *text);
            if (r == 0 && *color)
                r = scols_cell_set_color(scols_line_get_cell(line, cell), color);
            cell++;
        }
        *text += n + 1;
    }
    return r;
}

static int add_column(const struct table *table, struct libscols_table *cols, const struct fit *fit,
                      unsigned i)
{
    unsigned flags = table->columns[i].flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0;
    struct libscols_column *column;

    if (fit->folded[i])
        return 0;
    column = scols_table_new_column(cols, table->columns[i].title, 0,
                                    flags | (fit->room[i] ? SCOLS_FL_WRAP : 0));
    if (!column)
        return -ENOMEM;
    return fit->room[i] ? scols_column_set_wrapfunc(column, scols_wrapnl_chunksize,
                                                    scols_wrapnl_nextchunk, NULL)
                        : 0;
}

static int fill(struct table *table, struct libscols_table *cols, const struct output *out,
                const struct fit *fit)
{
    char *text = table->cells.bytes;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < table->n_columns; i++)
        r = add_column(table, cols, fit, i);
    for (size_t row = 0; r == 0 && row < table->rows; row++)
        r = add_line(table, cols, out, fit, &text);
    return r;
}

static int print_columns(struct table *table, const struct output *out, const struct fit *fit,
                         FILE *stream)
{
    struct libscols_table *cols = scols_new_table();
    int r = cols ? fill(table, cols, out, fit) : -ENOMEM;

    if (r == 0) {
        scols_table_set_stream(cols, stream);
        scols_table_enable_noencoding(cols, 1); /* escaped already: it would escape again */
        scols_table_enable_colors(cols, out->color);
        scols_table_set_termforce(cols, SCOLS_TERMFORCE_ALWAYS);
        scols_table_set_termwidth(cols, out->width);
        r = scols_print_table(cols);
    }
    scols_unref_table(cols);
    return r < 0 ? r : 0;
}

/* The cells of one row that are folded, each behind the title of its column. */
static char *print_folded(const struct table *table, struct output *out, const struct fit *fit,
                          char *text)
{
    unsigned longest = 0;

    for (unsigned i = 0; i < table->n_columns; i++)
        if (fit->folded[i] && strlen(table->columns[i].title) > longest)
            longest = (unsigned)strlen(table->columns[i].title);
    for (unsigned i = 0; i < table->n_columns; i++) {
        unsigned column = FOLD_INDENT + longest + 1;
        char *next = text + strlen(text) + 1;

        if (fit->folded[i] && !streq(text, "-")) {
            fprintf(out->stream, "%*s%-*s ", FOLD_INDENT, "", (int)longest,
                    table->columns[i].title);
            output_words(out, column, column, text);
            fputc('\n', out->stream);
        }
        text = next;
    }
    return text;
}

static int print_fold(struct table *table, struct output *out, const struct fit *fit)
{
    _cleanup_free_ char *lines = NULL;
    char *text = table->cells.bytes;
    size_t size = 0;
    FILE *stream = open_memstream(&lines, &size);
    int r = stream ? print_columns(table, out, fit, stream) : -ENOMEM;

    if (stream && fclose(stream) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    for (const char *line = lines; *line; line = strchrnul(line, '\n') + 1) {
        fprintf(out->stream, "%.*s\n", (int)strcspn(line, "\n"), line);
        if (line != lines)
            text = print_folded(table, out, fit, text);
    }
    return 0;
}

int table_print(struct table *table, struct output *out)
{
    struct fit fit;

    if (table->rows == 0)
        return 0;
    if (table->columns == untitled || out->width == 0) {
        (table->columns == untitled ? print_list : print_plain)(table, out);
        return 0;
    }
    measure_words(table);
    fit = find_fit(table, out->width);
    return fit.fold ? print_fold(table, out, &fit) : print_columns(table, out, &fit, out->stream);
}
