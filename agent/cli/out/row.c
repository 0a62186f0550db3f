/* A row of cells to a table, to JSON, to CSV. */
#include "agent/cli/out/row.h"

#include <errno.h>

#include "policy/base/name.h"
#include "policy/base/util.h"

/* Of tables and CSV; NULL for nothing. */
static const char *cell_text(const struct cell *cell, char buf[static NAME_ESCAPED_SIZE])
{
    const struct cell_value *value = &cell->value;

    if (value->kind == CELL_TRUTH)
        return value->number ? "yes" : "no";
    if (value->kind == CELL_NAME && value->text)
        return name_escape_buf(value->text, buf, NAME_ESCAPED_SIZE);
    if (value->kind != CELL_NUMBER)
        return value->text;
    if (value->unknown)
        return NULL;
    if (cell->flags & CELL_COUNT && value->number >= 0)
        return count_text((unsigned long)value->number, buf);
    snprintf(buf, NAME_ESCAPED_SIZE, "%lld", value->number);
    return buf;
}

static int put_table(struct table *table, const struct cell *cells, size_t n)
{
    char buffers[COLUMNS_MAX][NAME_ESCAPED_SIZE];
    struct column columns[COLUMNS_MAX];
    const char *texts[COLUMNS_MAX];
    unsigned used = 0;

    for (size_t i = 0; i < n && used < COLUMNS_MAX; i++)
        if (cells[i].title) {
            columns[used] = (struct column){cells[i].title, cells[i].flags};
            texts[used] = cell_text(&cells[i], buffers[used]);
            used++;
        }
    table_take_columns(table, columns, used);
    return table_row(table, texts);
}

static json_t *json_value(const struct cell_value *value)
{
    switch (value->kind) {
    case CELL_NUMBER:
        return value->unknown ? json_null() : json_integer(value->number);
    case CELL_REAL:
        return json_real(value->real);
    case CELL_TRUTH:
        return json_boolean(value->number);
    case CELL_JSON:
        return value->json;
    default:
        return json_bytes(value->text);
    }
}

static void put_json(json_t *object, const struct cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!cells[i].name || cells[i].flags & CELL_CSV_ONLY)
            continue;
        else if (cells[i].value.kind == CELL_NAME && cells[i].value.text)
            json_set_name(object, cells[i].name, cells[i].value.text);
        else
            json_object_set_new_nocheck(object, cells[i].name, json_value(&cells[i].value));
}

static bool is_in_csv(const struct cell *cell)
{
    return cell->name && cell->flags & (CELL_CSV | CELL_CSV_ONLY);
}

static void put_csv(FILE *stream, const struct cell *cells, size_t n, bool names)
{
    char buf[NAME_ESCAPED_SIZE];

    while (n > 0 && !is_in_csv(&cells[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++)
        if (is_in_csv(&cells[i]))
            csv_cell(stream,
                     names                              ? cells[i].name
                     : cells[i].value.kind == CELL_NAME ? cells[i].value.text
                                                        : cell_text(&cells[i], buf),
                     i + 1 < n ? ',' : '\n');
}

int row_put(struct row *row, const struct cell *cells, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n; i++)
        if (cells[i].value.kind == CELL_OWNED && !cells[i].value.owned)
            r = -ENOMEM;
    if (r == 0 && row->table)
        r = put_table(row->table, cells, n);
    if (row->object)
        put_json(row->object, cells, n);
    if (row->csv && !row->headed)
        put_csv(row->csv, cells, n, true);
    if (row->csv)
        put_csv(row->csv, cells, n, false);
    row->headed = true;
    for (size_t i = 0; i < n; i++)
        if (cells[i].value.kind == CELL_OWNED)
            free(cells[i].value.owned);
    return r;
}
