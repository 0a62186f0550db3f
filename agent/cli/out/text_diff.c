/* Comparing two short texts line by line: a table of longest common sequences, then hunks with
 * three lines around each change. Meant for policy files; long ones are compared as a whole. */
#include "agent/cli/out/text_diff.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "policy/base/name.h"
#include "policy/base/util.h"

#define LINES_MAX 2000
#define CONTEXT 3

struct lines {
    const char **start;
    size_t *length;
    size_t count, capacity;
};

static void lines_done(struct lines *lines)
{
    free(lines->start);
    free(lines->length);
}
#define _cleanup_lines_ _cleanup_(lines_done)

static int split(const char *text, struct lines *ret)
{
    size_t n = 1;

    for (const char *p = text; *p; p++)
        n += *p == '\n';
    ret->start = calloc(n, sizeof(*ret->start));
    ret->length = calloc(n, sizeof(*ret->length));
    if (!ret->start || !ret->length)
        return -ENOMEM;
    while (*text) {
        size_t length = strcspn(text, "\n");

        ret->start[ret->count] = text;
        ret->length[ret->count++] = length;
        text += length + (text[length] == '\n');
    }
    return 0;
}

struct change {
    char mark; /* ' ', '-' or '+' */
    const char *text;
    size_t length;
    size_t old_line, new_line; /* from 1; where it stands or would stand */
};

struct changes {
    struct change *items;
    size_t count, capacity;
};

static int add(struct changes *changes, char mark, const struct lines *from, size_t index,
               size_t old_line, size_t new_line)
{
    int r =
        grow((void **)&changes->items, &changes->capacity, changes->count, sizeof(*changes->items));

    if (r >= 0)
        changes->items[changes->count++] = (struct change){
            mark, from->start[index], from->length[index], old_line + 1, new_line + 1};
    return r;
}

static bool equal(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
    return a->length[i] == b->length[j] && memcmp(a->start[i], b->start[j], a->length[i]) == 0;
}

/* table[i][j]: how many lines the rests behind i and j have in common, in order. */
static uint16_t *common_lengths(const struct lines *a, const struct lines *b)
{
    size_t width = b->count + 1;
    uint16_t *table;

    if (a->count > LINES_MAX || b->count > LINES_MAX)
        return NULL;
    table = calloc((a->count + 1) * width, sizeof(*table));
    for (size_t i = a->count; table && i-- > 0;)
        for (size_t j = b->count; j-- > 0;) {
            uint16_t down = table[(i + 1) * width + j], right = table[i * width + j + 1];

            table[i * width + j] = equal(a, i, b, j)
                                       ? (uint16_t)(table[(i + 1) * width + j + 1] + 1)
                                       : (down >= right ? down : right);
        }
    return table;
}

static int compare(const struct lines *a, const struct lines *b, struct changes *ret)
{
    _cleanup_free_ uint16_t *table = common_lengths(a, b);
    size_t i = 0, j = 0, width = b->count + 1;
    int r = 0;

    while (r >= 0 && (i < a->count || j < b->count)) {
        bool same = table && i < a->count && j < b->count && equal(a, i, b, j);
        bool removed =
            !same && i < a->count &&
            (!table || j == b->count || table[(i + 1) * width + j] >= table[i * width + j + 1]);

        r = add(ret,
                same      ? ' '
                : removed ? '-'
                          : '+',
                removed || same ? a : b, removed || same ? i : j, i, j);
        i += same || removed;
        j += same || !removed;
    }
    return r;
}

/* Is there a change within the context of this line? */
static bool is_shown(const struct changes *changes, size_t at)
{
    size_t first = at > CONTEXT ? at - CONTEXT : 0;

    for (size_t i = first; i <= at + CONTEXT && i < changes->count; i++)
        if (changes->items[i].mark != ' ')
            return true;
    return false;
}

static void print_hunk_head(struct output *out, const struct changes *changes, size_t first)
{
    size_t n_old = 0, n_new = 0;

    for (size_t i = first; i < changes->count && is_shown(changes, i); i++) {
        n_old += changes->items[i].mark != '+';
        n_new += changes->items[i].mark != '-';
    }
    fprintf(out->stream, "@@ -%zu,%zu +%zu,%zu @@\n", changes->items[first].old_line - !n_old,
            n_old, changes->items[first].new_line - !n_new, n_new);
}

static int print_changes(struct output *out, const struct changes *changes)
{
    bool shown = false;

    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];
        _cleanup_free_ char *line = NULL;

        if (!is_shown(changes, i)) {
            shown = false;
            continue;
        }
        if (!shown)
            print_hunk_head(out, changes, i);
        shown = true;
        line = name_escape_n(change->text, change->length);
        if (!line)
            return -ENOMEM;
        fprintf(out->stream, "%c%s\n", change->mark, line);
    }
    return 0;
}

int text_diff_print(struct output *out, const char *old_name, const char *old_text,
                    const char *new_name, const char *new_text)
{
    _cleanup_lines_ struct lines a = {0}, b = {0};
    struct changes changes = {0};
    int r;

    if (streq(old_text, new_text))
        return 0;
    r = split(old_text, &a);
    if (r >= 0)
        r = split(new_text, &b);
    if (r >= 0)
        r = compare(&a, &b, &changes);
    if (r >= 0) {
        fprintf(out->stream, "--- %s\n+++ %s\n", NAME_SHOWN(old_name), NAME_SHOWN(new_name));
        r = print_changes(out, &changes);
    }
    free(changes.items);
    return r < 0 ? r : 1;
}
