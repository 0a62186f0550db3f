/* A policy as text from what is effective now. Which patterns serve is generate_groups.c's
 * matter. */
#include "policy/lang/generate.h"

#include "policy/base/text.h"
#include "policy/lang/generate_groups.h"

static int by_name(const void *a, const void *b)
{
    const struct group_item *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int expressible(enum key key, int value)
{
    return key_out_of_range(key, value) ? GENERATE_UNMANAGED : value;
}

/* The bare * is also what `default` is to be, so it can only be the value new devices begin with.
 * It stands for devices that are there only where some have it. */
static bool star_serves(enum key key, const struct live *live, const struct group_item *items,
                        size_t n, int *ret)
{
    int born = key_effective(key, live->all[key], live->def[key], live->def_forwarding);

    for (size_t i = 0; i < n && !key_out_of_range(key, born); i++)
        if (items[i].value == born) {
            *ret = born;
            return true;
        }
    return false;
}

static const char *value_text(enum key key, int value, char *buf, size_t size)
{
    return value == GENERATE_UNMANAGED ? "unmanaged" : key_value_format(key, value, buf, size);
}

static void put_lines(struct text *text, enum key key, const struct group_lines *lines)
{
    char number[12], name[NAME_ESCAPED_SIZE];

    for (size_t i = 0; i < lines->count; i++) {
        const struct group_line *line = &lines->items[i];

        if (line->class == GROUP_BYTES)
            text_add(text, "# %s%s\n", name_escape_buf(line->name, name, sizeof(name)),
                     line->clash ? ": cannot be told apart from another name with another value"
                                 : "");
        else if (line->count > 1)
            text_add(text, "# %u devices\n", line->count);
        if (line->value == GENERATE_UNMANAGED && !line->clash)
            text_add(text, "# its value is none that a policy can ask for\n");
        text_add(text, "%-15s = %s\n", line->pattern, value_text(key, line->value, number, 12));
    }
}

static int put_key(struct text *text, const struct live *live, enum key key)
{
    _cleanup_free_ struct group_item *items = NULL;
    struct group_lines lines = {0};
    bool have_any;
    char number[12];
    int any = 0, r;
    size_t n = 0;

    items = calloc(live->count ? live->count : 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < live->count; i++) {
        const struct device *d = &live->devices[i];

        if (!d->ipv4 || device_is_port(d) || streq(d->name, "lo"))
            continue;
        items[n++] = (struct group_item){
            .name = d->name,
            .value =
                expressible(key, key_effective(key, live->all[key], d->conf[key], d->forwarding))};
    }
    qsort(items, n, sizeof(*items), by_name);
    have_any = star_serves(key, live, items, n, &any);
    text_add(text, "\n[%s]\n", key_info(key)->name);
    if (!have_any)
        text_add(text, "# No * line: no device here has the value that new ones begin with.\n");
    r = generate_groups(items, n, have_any, any, &lines);
    if (r < 0)
        return r;
    put_lines(text, key, &lines);
    free(lines.items);
    if (have_any)
        text_add(text, "# all others, and new ones\n%-15s = %s\n", "*",
                 key_value_format(key, any, number, sizeof(number)));
    return 0;
}

int generate_policy(const struct live *live, key_mask keys, char **ret)
{
    _cleanup_text_ struct text text = {0};
    int r = 0;

    text_add(
        &text,
        "# What was effective when this was written, as a policy. Left out are lo, the ports of\n"
        "# bridges and bonds (their master decides) and devices without IPv4 settings.\n"
        "# Nothing is written to the kernel on its own while [agent] does not say mode = "
        "enforce.\n");
    for (enum key key = 0; key < KEY_COUNT && r >= 0; key++)
        if (keys & KEY_BIT(key))
            r = put_key(&text, live, key);
    if (r < 0 || text.failed)
        return r < 0 ? r : -ENOMEM;
    *ret = text_take(&text);
    return 0;
}
