/* Which values of `all` and `default` a repair goes back to. Writes nothing. */
#include <stdlib.h>
#include <unistd.h>

#include "agent/daemon/keeper_private.h"
#include "agent/store/former.h"

/* What was written last in this boot, where something else is there now. */
static void take_written(struct kept *kept, key_mask keys, const struct before_record *record)
{
    int32_t *value = record->ifindex == IFINDEX_ALL       ? &kept->all[record->key]
                     : record->ifindex == IFINDEX_DEFAULT ? &kept->def[record->key]
                                                          : NULL;

    if (keys & KEY_BIT(record->key) && value && !record->noted && *value != record->wrote &&
        *value != record->wrote_earlier)
        *value = record->wrote;
}

/* What root knows of the time before somebody moved them. Returns the keys. */
static key_mask learn_from_root(struct keeper *keeper, const struct live *live)
{
    struct kept *kept = &keeper->kept;
    struct former former;

    if (former_read(keeper->options.paths, &former) < 0)
        return 0; /* what is there counts */
    former_update(&former, policy_of(keeper), former.known & kept->known, live);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!(former.known & kept->known & KEY_BIT(key)))
            continue;
        kept->all[key] = former.all[key];
        kept->def[key] = former.def[key];
    }
    return former.known & kept->known;
}

/* An agent before this one, or a command, may have written them; then somebody else. */
static void learn_from_record(struct keeper *keeper, key_mask keys)
{
    struct before_record *records = NULL;
    size_t n = 0;

    if (before_read(keeper->options.paths, &records, &n) < 0)
        return; /* nothing was written, or it cannot be told: what is there counts */
    for (size_t i = 0; i < n; i++)
        take_written(&keeper->kept, keys, &records[i]);
    free(records);
}

/* Keys of which nothing was known. */
static void learn(struct keeper *keeper, const struct live *live)
{
    struct kept *kept = &keeper->kept;
    key_mask keys = policy_of(keeper) ? policy_of(keeper)->keys : 0, new = keys & ~kept->known;

    kept->known = keys;
    if (new == 0)
        return;
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!(new &KEY_BIT(key)))
            continue;
        kept->all[key] = live->all[key];
        kept->def[key] = live->def[key];
        for (size_t i = 0; i < live->count; i++) {
            struct entry *entry = table_get(&keeper->table, live->devices[i].ifindex);

            if (entry)
                entry->kept[key] = live->devices[i].conf[key];
        }
    }
    if (!keeper->started) {
        key_mask root = learn_from_root(keeper, live);

        /* What root wrote is in its own record, and what it saw since. */
        learn_from_record(keeper, geteuid() == 0 ? kept->known & ~root : kept->known);
    }
}

/* Did this device only go with `default`? The kernel says nothing of it. */
static bool went_along(const struct keeper *keeper, const struct live *live, enum key key,
                       const struct entry *entry, const struct device *device)
{
    int was = keeper->kept.def[key], is = live->def[key];

    return was != is && entry->kept[key] == was && plan_may_follow(key, is, device);
}

void keeper_kept_fill(struct keeper *keeper, struct live *live)
{
    struct kept *kept = &keeper->kept;

    learn(keeper, live);
    live->kept = kept->known;
    memcpy(live->kept_all, kept->all, sizeof(live->kept_all));
    memcpy(live->kept_def, kept->def, sizeof(live->kept_def));
    for (size_t i = 0; i < live->count; i++) {
        struct device *device = &live->devices[i];
        const struct entry *entry = table_get(&keeper->table, device->ifindex);

        device->followed = 0;
        for (enum key key = 0; entry && key < KEY_COUNT; key++)
            if (kept->known & KEY_BIT(key) && went_along(keeper, live, key, entry, device))
                device->followed |= KEY_BIT(key);
    }
}

bool keeper_kept_drifts(const struct keeper *keeper, enum key key)
{
    return plan_key_drifts(&keeper->targets[key]);
}

/* Between the values that another writer puts there again and again may be ones that could stay. */
static bool is_settled(const struct keeper *keeper, enum key key)
{
    const struct key_target *target = &keeper->targets[key];

    if (!in_force_enforces(keeper->options.in_force))
        return true;
    return !keeper_kept_drifts(keeper, key) && !target->all_held &&
           (target->all_paused || conflict_delay(&keeper->specials.conflict) == 0);
}

void keeper_kept_take(struct keeper *keeper, struct live *live)
{
    struct kept *kept = &keeper->kept;

    kept->settled = 0;
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!(kept->known & KEY_BIT(key)) || !is_settled(keeper, key))
            continue;
        kept->settled |= KEY_BIT(key);
        kept->all[key] = live->kept_all[key] = live->all[key];
        kept->def[key] = live->kept_def[key] = live->def[key];
    }
}
