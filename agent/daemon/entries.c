/* A sorted array of pointers: ifindexes mostly grow, so adding is appending. */
#include "agent/daemon/entries.h"

#include "policy/base/util.h"

static size_t find(const struct table *table, int ifindex)
{
    size_t n = table->count;

    if (n > 0 && table->entries[n - 1]->ifindex < ifindex)
        return n;
    return SORTED_PLACE(n, i, table->entries[i]->ifindex < ifindex);
}

struct entry *table_get(const struct table *table, int ifindex)
{
    size_t i = find(table, ifindex);

    if (i == table->count || table->entries[i]->ifindex != ifindex)
        return NULL;
    return table->entries[i];
}

struct entry *table_add(struct table *table, int ifindex, bool *ret_new)
{
    size_t i = find(table, ifindex);
    struct entry *entry;

    if (i < table->count && table->entries[i]->ifindex == ifindex) {
        *ret_new = false;
        return table->entries[i];
    }
    entry = calloc(1, sizeof(*entry));
    if (!entry || grow((void **)&table->entries, &table->capacity, table->count,
                       sizeof(*table->entries)) < 0) {
        free(entry);
        return NULL;
    }
    entry->ifindex = ifindex;
    entry->state = STATE_UNMANAGED;
    table->states[STATE_UNMANAGED]++;
    memmove(table->entries + i + 1, table->entries + i,
            (table->count - i) * sizeof(*table->entries));
    table->entries[i] = entry;
    table->count++;
    *ret_new = true;
    return entry;
}

void entry_forget_conflicts(struct entry *entry)
{
    for (size_t k = 0; entry->keys && k < KEY_COUNT; k++)
        free(entry->keys[k].conflict);
    free(entry->keys);
    entry->keys = NULL;
}

void entry_renamed(struct entry *entry)
{
    entry_forget_conflicts(entry);
    entry->given = entry->given_again = 0;
}

static void entry_free(struct table *table, struct entry *entry)
{
    table->states[entry->state]--;
    entry_forget_conflicts(entry);
    free(entry);
}

void table_remove(struct table *table, int ifindex)
{
    size_t i = find(table, ifindex);

    if (i == table->count || table->entries[i]->ifindex != ifindex)
        return;
    entry_free(table, table->entries[i]);
    table->count--;
    memmove(table->entries + i, table->entries + i + 1,
            (table->count - i) * sizeof(*table->entries));
}

void table_keep(struct table *table, const struct live *live)
{
    size_t kept = 0, at = 0;

    for (size_t i = 0; i < table->count; i++) {
        struct entry *entry = table->entries[i];

        while (at < live->count && live->devices[at].ifindex < entry->ifindex)
            at++;
        if (at < live->count && live->devices[at].ifindex == entry->ifindex)
            table->entries[kept++] = entry;
        else
            entry_free(table, entry);
    }
    table->count = kept;
}

struct entry_key *entry_keys(struct entry *entry)
{
    if (!entry->keys)
        entry->keys = calloc(KEY_COUNT, sizeof(*entry->keys));
    return entry->keys;
}

void table_set_state(struct table *table, struct entry *entry, enum state state)
{
    table->states[entry->state]--;
    table->states[state]++;
    entry->state = state;
}

void entry_keep(struct entry *entry, const struct device *device, key_mask keys)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (keys & KEY_BIT(key))
            entry->kept[key] = device->conf[key];
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        entry_free(table, table->entries[i]);
    free(table->entries);
    *table = (struct table){.count = 0};
}
