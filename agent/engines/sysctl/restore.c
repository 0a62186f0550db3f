/* What of the record can be put back, and what it then has to be. */
#include "agent/engines/sysctl/restore.h"
#include "agent/store/before.h"

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

static int skip(struct restore *restore, const struct restore_skipped *what, const char *name)
{
    struct restore_skipped *skipped;
    int r = grow((void **)&restore->skipped, &restore->skipped_capacity, restore->n_skipped,
                 sizeof(*restore->skipped));

    if (r < 0)
        return r;
    skipped = &restore->skipped[restore->n_skipped++];
    *skipped = *what;
    memcpy(skipped->name, name, strnlen(name, DEVICE_NAME_MAX));
    return 0;
}

/* `all` of one key: what it was before our first write to it (what it is where there was none),
 * what it is to be, and whether what is there now is ours. */
struct restored_all {
    int was, will_be;
    bool ours;
};

static void look_at_all(const struct restore *restore, const struct before_record *records,
                        size_t n, const struct live *live,
                        struct restored_all ret[static KEY_COUNT])
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        ret[key] = (struct restored_all){.was = live->all[key], .will_be = live->all[key]};
    for (size_t i = 0; i < n; i++) {
        const struct before_record *record = &records[i];
        struct restored_all *all = &ret[record->key];

        if (record->ifindex != IFINDEX_ALL || record->noted)
            continue;
        all->was = record->value;
        all->ours = before_is_ours(record, live->all[record->key]);
        if (all->ours && !restore->ifindexes && live->all_writable)
            all->will_be = record->value;
    }
}

/* What is known of a device or `default` for one key. */
struct restored {
    enum key key;
    int value, was_all, will_be_all;
    bool forwarding;
};

static int effective_before(const struct restored *it)
{
    return key_effective(it->key, it->was_all, it->value, it->forwarding);
}

/* The configured value that makes it effectively what it was; the recorded one where none does. */
static int value_again(const struct restored *it)
{
    int effective = effective_before(it);

    if (key_effective(it->key, it->will_be_all, it->value, it->forwarding) == effective ||
        !key_reachable(it->key, it->will_be_all, effective, it->forwarding))
        return it->value;
    return effective;
}

static bool is_ruled_out(const struct restored *it, int value)
{
    return key_effective(it->key, it->will_be_all, value, it->forwarding) != effective_before(it);
}

static bool is_recorded(const struct before_record *records, size_t n, enum key key, int ifindex,
                        const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].key == key && records[i].ifindex == ifindex && !records[i].noted &&
            streq(records[i].name, name))
            return true;
    return false;
}

/* Was it written by a name that the device has since? */
static bool is_written(const struct before_record *records, size_t n,
                       const struct before_record *record)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].key == record->key && records[i].ifindex == record->ifindex &&
            !records[i].noted)
            return true;
    return false;
}

/* 1: *ret is to be there; 0: nothing is to be done for this record. */
static int value_of_all(struct restore *restore, const struct before_record *record, int now,
                        const struct restored_all *all, struct wanted_value *ret)
{
    if (now == record->value)
        return 0;
    if (!all->ours)
        return skip(restore, &(struct restore_skipped){.record = *record, .value = now},
                    record->name);
    *ret = (struct wanted_value){record->key, record->ifindex, record->value};
    return 1;
}

/* The same for a device that has the recorded name, and for `default`. */
static int value_of(struct restore *restore, const struct before_record *record, int now,
                    bool forwarding, const struct restored_all *all, struct wanted_value *ret)
{
    struct restored it = {.key = record->key,
                          .value = record->value,
                          .was_all = record->all_known ? record->all : all->was,
                          .will_be_all = all->will_be,
                          .forwarding = forwarding};
    struct restore_skipped skipped = {.record = *record, .value = now};
    int value = value_again(&it), r = 0;

    if (!before_is_ours(record, now))
        return now == value || now == record->value ? 0 : skip(restore, &skipped, record->name);
    if (is_ruled_out(&it, value)) {
        skipped.why = RESTORE_RULED_OUT;
        skipped.value = value;
        skipped.all = it.will_be_all;
        skipped.before = effective_before(&it);
        r = skip(restore, &skipped, record->name);
    }
    if (r < 0 || now == value)
        return r;
    *ret = (struct wanted_value){record->key, record->ifindex, value};
    return 1;
}

static int value_of_record(struct restore *restore, const struct before_record *records, size_t n,
                           const struct before_record *record, const struct live *live,
                           const struct restored_all *all, struct wanted_value *ret)
{
    const int32_t *now = live_configured(live, record->key, record->ifindex);
    const struct device *device = live_by_ifindex(live, record->ifindex);

    if (!is_asked_for(restore, record->ifindex) || !now)
        return 0;
    if (record->noted) /* who changed it nobody says */
        return *now == record->value || is_written(records, n, record)
                   ? 0
                   : skip(restore, &(struct restore_skipped){.record = *record, .value = *now},
                          device ? device->name : record->name);
    if (record->ifindex == IFINDEX_ALL)
        return value_of_all(restore, record, *now, &all[record->key], ret);
    if (device && !streq(device->name, record->name)) {
        if (is_recorded(records, n, record->key, record->ifindex, device->name))
            return 0; /* it was written under its new name, too */
        return skip(
            restore,
            &(struct restore_skipped){.why = RESTORE_RENAMED, .record = *record, .value = *now},
            device->name);
    }
    return value_of(restore, record, *now, device ? device->forwarding : live->def_forwarding,
                    &all[record->key], ret);
}

/* Devices that were never written, and are asked for since our `all` made them what they are. */
static size_t values_of_unwritten(const struct restore *restore,
                                  const struct before_record *records, size_t n,
                                  const struct live *live, enum key key,
                                  const struct restored_all *all, struct wanted_value *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < live->count; i++) {
        const struct device *device = &live->devices[i];
        struct restored it = {.key = key,
                              .value = device->conf[key],
                              .was_all = all->was,
                              .will_be_all = all->will_be,
                              .forwarding = device->forwarding};
        int value = value_again(&it);

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
        int r = value_of_record(restore, records, n, &records[i], live, all, &values[count]);

        if (r < 0)
            return r;
        count += (size_t)r;
    }
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (all[key].ours && all[key].was != all[key].will_be)
            count += values_of_unwritten(restore, records, n, live, key, &all[key], &values[count]);
    return plan_values(values, count, live, ret);
}
