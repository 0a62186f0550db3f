/* Finding the patterns for a picture of values: globs where a family of names shares one, ranges
 * for numbers in a row, exact names for the rest, and `?` for bytes that the language reserves. */
#include "policy/lang/generate_groups.h"

#include <stdio.h>

#include "policy/base/util.h"
#include "policy/facts/families.h"

/* Where the part of a name begins that differs within its family; 0: no such part. The names of
 * container plugins go first, since their random part may begin with a letter. */
static size_t stem_length(const char *name, unsigned attempt)
{
    size_t n;

    switch (attempt) {
    case 0:
        n = family_prefix(name, FAMILY_RANDOM);
        return name[n] ? n : 0;
    case 1:
        n = strcspn(name, "-_");
        return name[n] && n > 0 ? n + 1 : 0;
    default:
        n = strcspn(name, "0123456789");
        return name[n] ? n : 0;
    }
}

static int add_line(struct group_lines *lines, const struct group_line *line)
{
    int r = grow((void **)&lines->items, &lines->capacity, lines->count, sizeof(*lines->items));

    if (r < 0)
        return r;
    lines->items[lines->count++] = *line;
    return 0;
}

/* The items whose names begin with the stem of items[at], which are neighbours. */
static void find_block(const struct group_item *items, size_t n, size_t at, size_t stem,
                       size_t *ret_first, size_t *ret_end)
{
    size_t first = at, end = at + 1;

    while (first > 0 && strncmp(items[first - 1].name, items[at].name, stem) == 0)
        first--;
    while (end < n && strncmp(items[end].name, items[at].name, stem) == 0)
        end++;
    *ret_first = first;
    *ret_end = end;
}

static int try_family(struct group_item *items, size_t n, size_t at, size_t stem,
                      struct group_lines *lines)
{
    struct group_line line = {.class = GROUP_FAMILY, .value = items[at].value};
    char text[DEVICE_NAME_MAX + 1] = "";
    size_t first, end;

    memcpy(text, items[at].name, stem);
    if (pattern_of_name(text, line.pattern) > 0)
        return 0;
    find_block(items, n, at, stem, &first, &end);
    for (size_t i = first; i < end; i++)
        if (items[i].value != line.value)
            return 0;
    if (end - first < 2)
        return 0;
    for (size_t i = first; i < end; i++)
        items[i].done = true;
    line.pattern[stem] = '*';
    line.pattern[stem + 1] = '\0';
    line.count = (unsigned)(end - first);
    return add_line(lines, &line);
}

static int find_families(struct group_item *items, size_t n, struct group_lines *lines)
{
    char tried[3][DEVICE_NAME_MAX + 1] = {"", "", ""};

    for (size_t i = 0; i < n; i++)
        for (unsigned attempt = 0; attempt < 3 && items[i].need && !items[i].done; attempt++) {
            size_t stem = stem_length(items[i].name, attempt);
            int r;

            /* Names are sorted, so one that did not work comes again at once. */
            if (stem == 0 ||
                (strncmp(tried[attempt], items[i].name, stem) == 0 && tried[attempt][stem] == '\0'))
                continue;
            memset(tried[attempt], 0, sizeof(tried[attempt]));
            memcpy(tried[attempt], items[i].name, stem);
            r = try_family(items, n, i, stem, lines);
            if (r < 0)
                return r;
        }
    return 0;
}

/* What the `?` of one name catch beside it. Who has another value then needs a line of its own; two
 * that catch each other cannot be told apart. Sets *ret_changed where a value was given up, then
 * all is to be found anew. */
static void settle(struct group_item *items, size_t n, size_t at, const char *pattern,
                   bool *ret_again, bool *ret_changed)
{
    char other[DEVICE_NAME_MAX + 1];

    for (size_t i = 0; i < n; i++) {
        struct group_item *item = &items[i];

        if (i == at || item->value == items[at].value || item->done ||
            !glob_matches(pattern, item->name))
            continue;
        if (!item->need)
            *ret_again = item->need = true;
        if (item->exact)
            continue;
        pattern_of_name(item->name, other);
        if (!glob_matches(other, items[at].name))
            continue;
        item->value = items[at].value = GENERATE_UNMANAGED;
        item->clash = items[at].clash = true;
        *ret_changed = true;
        return;
    }
}

static int find_bytes(struct group_item *items, size_t n, struct group_lines *lines,
                      bool *ret_changed)
{
    struct group_line line = {.class = GROUP_BYTES, .count = 1};

    for (bool again = true; again && !*ret_changed;) {
        again = false;
        for (size_t i = 0; i < n && !*ret_changed; i++)
            if (items[i].need && !items[i].exact && !items[i].done) {
                pattern_of_name(items[i].name, line.pattern);
                settle(items, n, i, line.pattern, &again, ret_changed);
            }
    }
    for (size_t i = 0; i < n && !*ret_changed; i++) {
        int r;

        if (!items[i].need || items[i].exact || items[i].done)
            continue;
        line.wild = pattern_of_name(items[i].name, line.pattern);
        line.value = items[i].value;
        line.name = items[i].name;
        line.clash = items[i].clash;
        items[i].done = true;
        r = add_line(lines, &line);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A name split at its last number. */
struct numbered {
    struct group_item *item;
    size_t before;     /* length of what stands before the number */
    const char *after; /* what follows it */
    unsigned number;
    bool countable; /* there is one, without leading zeros, of at most nine digits */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct numbered split_number(struct group_item *item)
{
    const char *name = item->name;
    size_t end = strlen(name), first;
    struct numbered split = {.item = item};

    while (end > 0 && !is_digit(name[end - 1]))
        end--;
    first = end;
    while (first > 0 && is_digit(name[first - 1]))
        first--;
    split.before = first;
    split.after = name + end;
    split.countable = end > first && end - first <= 9 && (name[first] != '0' || end - first == 1);
    for (size_t i = first; split.countable && i < end; i++)
        split.number = split.number * 10 + (unsigned)(name[i] - '0');
    return split;
}

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    size_t shorter = x->before < y->before ? x->before : y->before;
    int r = memcmp(x->item->name, y->item->name, shorter);

    if (r != 0)
        return r;
    if (x->before != y->before)
        return x->before < y->before ? -1 : 1;
    r = strcmp(x->after, y->after);
    if (r != 0)
        return r;
    if (x->countable != y->countable)
        return x->countable ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

static bool in_a_row(const struct numbered *a, const struct numbered *b)
{
    return a->countable && b->countable && a->before == b->before &&
           memcmp(a->item->name, b->item->name, a->before) == 0 && streq(a->after, b->after) &&
           b->number == a->number + 1 && a->item->value == b->item->value;
}

/* One line for `count` names in a row, unless the language reads it otherwise. */
static int add_row(const struct numbered *first, size_t count, struct group_lines *lines)
{
    struct group_line line = {
        .class = GROUP_EXACT, .value = first->item->value, .count = (unsigned)count};
    struct pattern pattern;
    char *message = NULL;
    bool fits;

    if (count > 1) {
        snprintf(line.pattern, sizeof(line.pattern), "%.*s%u..%u%s", (int)first->before,
                 first->item->name, first->number, first[count - 1].number, first->after);
        if (pattern_parse(line.pattern, &pattern, &message) < 0) {
            free(message);
            fits = false;
        } else {
            fits = pattern.kind == PATTERN_RANGE;
            for (size_t i = 0; i < count; i++)
                fits = fits && pattern_matches_name(&pattern, first[i].item->name);
            pattern_done(&pattern);
        }
        if (fits)
            return add_line(lines, &line);
        line.count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        int r;

        snprintf(line.pattern, sizeof(line.pattern), "%s", first[i].item->name);
        r = add_line(lines, &line);
        if (r < 0)
            return r;
    }
    return 0;
}

static int find_rows(struct group_item *items, size_t n, struct group_lines *lines)
{
    _cleanup_free_ struct numbered *names = calloc(n ? n : 1, sizeof(*names));
    size_t count = 0, length;

    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (items[i].need && items[i].exact && !items[i].done)
            names[count++] = split_number(&items[i]);
    qsort(names, count, sizeof(*names), by_number);
    for (size_t i = 0; i < count; i += length) {
        int r;

        for (length = 1; i + length < count && length < PATTERN_RANGE_MAX; length++)
            if (!in_a_row(&names[i + length - 1], &names[i + length]))
                break;
        r = add_row(&names[i], length, lines);
        if (r < 0)
            return r;
    }
    return 0;
}

static int by_class(const void *a, const void *b)
{
    const struct group_line *x = a, *y = b;

    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    /* The vaguer one first: the later line wins. */
    if (x->wild != y->wild)
        return x->wild > y->wild ? -1 : 1;
    return strcmp(x->pattern, y->pattern);
}

int generate_groups(struct group_item *items, size_t n, bool have_any, int any,
                    struct group_lines *ret)
{
    struct group_lines lines = {0};
    char pattern[DEVICE_NAME_MAX + 1];
    bool changed = true;
    int r = 0;

    while (changed && r >= 0) {
        changed = false;
        lines.count = 0;
        for (size_t i = 0; i < n; i++) {
            items[i].exact = pattern_of_name(items[i].name, pattern) == 0;
            items[i].need = !have_any || items[i].value != any;
            items[i].done = false;
        }
        r = find_families(items, n, &lines);
        if (r >= 0)
            r = find_bytes(items, n, &lines, &changed);
    }
    if (r >= 0)
        r = find_rows(items, n, &lines);
    if (r < 0) {
        free(lines.items);
        return r;
    }
    if (lines.count > 0)
        qsort(lines.items, lines.count, sizeof(*lines.items), by_class);
    *ret = lines;
    return 0;
}
