/* What of the record can be put back: not what someone else has changed since. */
#include "restore.h"

void restore_done(struct restore *restore)
{
    free(restore->skipped);
    restore->skipped = NULL;
    restore->n_skipped = restore->skipped_capacity = 0;
}

static bool is_asked_for(const struct restore *restore, int ifindex)
{
    if (!restore->ifindexes)
        return true;
    for (size_t i = 0; i < restore->n_ifindexes; i++)
        if (restore->ifindexes[i] == ifindex)
            return true;
    return false;
}

static int skip(struct restore *restore, enum restore_skip why, const struct before_record *record,
                int value, const char *name)
{
    struct restore_skipped *skipped;
    int r = grow((void **)&restore->skipped, &restore->skipped_capacity, restore->n_skipped,
                 sizeof(*restore->skipped));

    if (r < 0)
        return r;
    skipped = &restore->skipped[restore->n_skipped++];
    *skipped = (struct restore_skipped){.why = why, .record = *record, .value = value};
    memcpy(skipped->name, name, strnlen(name, DEVICE_NAME_MAX));
    return 0;
}

/* What is there now is ours while it is one of the two values that we wrote last: an interrupted
 * plan may have written only the first. */
static bool is_ours(const struct before_record *record, int now)
{
    return now == record->wrote || now == record->wrote_earlier;
}

/* `all` of one key: what it was, and whether it goes back to that. */
struct restored_all {
    int was;
    bool comes_back;
};

static void look_at_all(const struct restore *restore, const struct before_record *records,
                        size_t n, const struct live *live,
                        struct restored_all ret[static KEY_COUNT])
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        ret[key] = (struct restored_all){.was = live->all[key], .comes_back = !restore->ifindexes};
    for (size_t i = 0; i < n; i++) {
        const struct before_record *record = &records[i];
        int now = live->all[record->key];

        if (record->ifindex != IFINDEX_ALL)
            continue;
        ret[record->key].was = record->value;
        ret[record->key].comes_back &= now == record->value || is_ours(record, now);
    }
}

/* The configured value that makes a device under the present `all` what it was; the recorded one
 * where none does. */
static int value_alone(const struct before_record *record, const struct device *device, int was_all,
                       int is_all)
{
    int effective = key_effective(record->key, was_all, record->value, device->forwarding);

    if (key_effective(record->key, is_all, record->value, device->forwarding) == effective ||
        !key_reachable(record->key, is_all, effective, device->forwarding))
        return record->value;
    return effective;
}

static bool is_recorded(const struct before_record *records, size_t n, enum key key, int ifindex,
                        const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].key == key && records[i].ifindex == ifindex && streq(records[i].name, name))
            return true;
    return false;
}

/* 1: *ret is to be there; 0: nothing is to be done for this record. */
static int value_of(struct restore *restore, const struct before_record *records, size_t n,
                    const struct before_record *record, const struct live *live,
                    const struct restored_all *all, struct wanted_value *ret)
{
    const struct device *device = NULL;
    int now, value = record->value;

    if (!is_asked_for(restore, record->ifindex))
        return 0;
    if (record->ifindex == IFINDEX_ALL) {
        now = live->all[record->key];
    } else if (record->ifindex == IFINDEX_DEFAULT) {
        now = live->def[record->key];
    } else {
        device = live_by_ifindex(live, record->ifindex);
        if (!device || !device->ipv4)
            return 0;
        now = device->conf[record->key];
        if (!streq(device->name, record->name)) {
            if (is_recorded(records, n, record->key, record->ifindex, device->name))
                return 0; /* it was written under its new name, too */
            return skip(restore, RESTORE_RENAMED, record, now, device->name);
        }
    }
    if (device && !all[record->key].comes_back)
        value = value_alone(record, device, all[record->key].was, live->all[record->key]);
    if (now == value)
        return 0;
    if (!is_ours(record, now))
        return now == record->value ? 0 : skip(restore, RESTORE_CHANGED, record, now, record->name);
    *ret = (struct wanted_value){record->key, record->ifindex, value};
    return 1;
}

/* Devices that were never written, and became what they are because `all` moved. */
static size_t values_of_unwritten(const struct restore *restore,
                                  const struct before_record *records, size_t n,
                                  const struct live *live, enum key key, int was_all,
                                  struct wanted_value *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < live->count; i++) {
        const struct device *device = &live->devices[i];
        struct before_record record = {.key = key, .value = device->conf[key]};
        int value = value_alone(&record, device, was_all, live->all[key]);

        if (!device->ipv4 || value == device->conf[key] ||
            !is_asked_for(restore, device->ifindex) ||
            is_recorded(records, n, key, device->ifindex, device->name))
            continue;
        ret[count++] = (struct wanted_value){key, device->ifindex, value};
    }
    return count;
}

int restore_plan(struct restore *restore, const struct before_record *records, size_t n,
                 const struct live *live, struct plan *ret)
{
    _cleanup_free_ struct wanted_value *values =
        calloc(n + live->count * KEY_COUNT + 1, sizeof(*values));
    struct restored_all all[KEY_COUNT];
    size_t count = 0;

    if (!values)
        return -ENOMEM;
    look_at_all(restore, records, n, live, all);
    restore->n_skipped = 0;
    for (size_t i = 0; i < n; i++) {
        int r = value_of(restore, records, n, &records[i], live, all, &values[count]);

        if (r < 0)
            return r;
        count += (size_t)r;
    }
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (all[key].was != live->all[key] && !all[key].comes_back)
            count +=
                values_of_unwritten(restore, records, n, live, key, all[key].was, &values[count]);
    return plan_values(values, count, live, ret);
}
