/* Values as they were: before our first write since boot, or when a trial began. */
#include "agent/engines/sysctl/sysctl_engine.h"

#include "agent/store/former.h"

static int read_values(const struct paths *paths, struct live *ret)
{
    struct picture_options options = {
        .keys = KEY_MASK_ALL, .facts = FACT_ADDRESSES, .proc_sys_net = paths->proc_sys_net};

    return picture_read(NULL, &options, ret);
}

/* What another writer has moved for a moment is not gone back to. */
static int read_former(const struct paths *paths, struct live *ret)
{
    int r = read_values(paths, ret);

    return r < 0 ? r : former_picture(paths, KEY_MASK_ALL, ret);
}

int sysctl_back_note(const struct paths *paths, void **ret)
{
    struct sysctl_back *back = calloc(1, sizeof(*back));
    int r;

    if (!back)
        return -ENOMEM;
    back->trial = true;
    back->keys = KEY_MASK_ALL;
    r = read_former(paths, &back->was);
    if (r < 0) {
        sysctl_back_done(back);
        free(back);
        return r;
    }
    *ret = back;
    return 0;
}

int sysctl_back_remember(void *noted, const void *record)
{
    struct sysctl_back *back = noted;
    int r = grow((void **)&back->records, &back->capacity, back->n_records, sizeof(*back->records));

    if (r < 0)
        return r;
    memcpy(&back->records[back->n_records], record, sizeof(*back->records));
    back->records[back->n_records].wrote_earlier = back->records[back->n_records].wrote;
    back->n_records++;
    return 0;
}

void sysctl_back_done(struct sysctl_back *back)
{
    restore_done(&back->restore);
    free(back->records);
    live_done(&back->was);
}

void sysctl_back_forget(void *noted)
{
    if (noted)
        sysctl_back_done(noted);
    free(noted);
}

static struct before_record *find_announced(struct before_record *records, size_t n,
                                            const struct before_record *record)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].key == record->key && records[i].ifindex == record->ifindex)
            return &records[i];
    return NULL;
}

/* Is there what an agent or the hook wrote by the new policy? Then *record becomes one of that
 * write: of a device that was there with the value it had, of one that came with its first. */
static bool is_of_others(const struct sysctl_back *back, const struct live *live,
                         struct before_record *record)
{
    const int32_t *was = live_configured(&back->was, record->key, record->ifindex);
    const int32_t *is = live_configured(live, record->key, record->ifindex);

    if (!is || record->noted || !before_is_ours(record, *is))
        return false;
    if (was) {
        record->value = *was;
        record->all = back->was.all[record->key];
        record->all_known = true;
    }
    return record->value != *is;
}

static void add_of_others(struct before_record *records, size_t *n, size_t n_announced,
                          const struct before_record *record)
{
    struct before_record *announced = find_announced(records, n_announced, record);

    if (!announced) {
        records[(*n)++] = *record;
        return;
    }
    announced->wrote = record->wrote;
    announced->wrote_earlier = record->wrote_earlier;
    announced->claimed_write = record->claimed_write;
    announced->claimed = record->claimed;
    announced->claimed_earlier = record->claimed_earlier;
}

/* Of the keys of which something was announced: of others the policy that was tried says nothing.
 */
static unsigned count_unrecorded(const struct sysctl_back *back, const struct live *live,
                                 struct before_record *records, size_t n)
{
    key_mask keys = 0;
    unsigned count = 0;

    for (size_t i = 0; i < back->n_records; i++)
        keys |= KEY_BIT(back->records[i].key);
    for (enum key key = 0; key < KEY_COUNT; key++)
        for (size_t i = 0; keys & KEY_BIT(key) && i < back->was.count + 2; i++) {
            int ifindex = i < back->was.count    ? back->was.devices[i].ifindex
                          : i == back->was.count ? IFINDEX_ALL
                                                 : IFINDEX_DEFAULT;
            const struct before_record of = {.key = key, .ifindex = ifindex};
            const int32_t *was = live_configured(&back->was, key, ifindex);
            const int32_t *is = live_configured(live, key, ifindex);

            count += was && is && *was != *is && !find_announced(records, n, &of);
        }
    return count;
}

/* What was announced, and what others of us wrote meanwhile as far as they could record it. Owned.
 */
static int gather_records(const struct sysctl_back *back, const struct paths *paths,
                          const struct live *live, struct before_record **ret, size_t *ret_count)
{
    _cleanup_free_ struct before_record *others = NULL, *records = NULL;
    size_t n = 0, count = back->n_records;

    (void)before_read(paths, &others, &n); /* without it the complete picture alone goes back */
    records = calloc(back->n_records + n + 1, sizeof(*records));
    if (!records)
        return -ENOMEM;
    for (size_t i = 0; i < back->n_records; i++)
        records[i] = back->records[i];
    for (size_t i = 0; i < n; i++)
        if (is_of_others(back, live, &others[i]))
            add_of_others(records, &count, back->n_records, &others[i]);
    *ret = TAKE_PTR(records);
    *ret_count = count;
    return 0;
}

/* The record may have grown until the lock was taken; of keys that are in the picture. */
static int read_again(struct sysctl_back *back, const struct paths *paths)
{
    struct before_record *records;
    size_t n, kept = 0;
    int r = before_read(paths, &records, &n);

    if (r == -ENOENT) /* other engines are not in the record */
        return 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        if (back->keys & KEY_BIT(records[i].key))
            records[kept++] = records[i];
    free(back->records);
    back->records = records;
    back->n_records = kept;
    return 0;
}

static int plan_trial(struct sysctl_back *back, const struct paths *paths, const struct live *live,
                      struct plan *ret)
{
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;
    int r = back->merged ? 0 : before_merge(back->records, &back->n_records);

    if (r < 0)
        return r;
    back->merged = true;
    r = gather_records(back, paths, live, &records, &n);
    if (r < 0)
        return r;
    back->unrecorded = count_unrecorded(back, live, records, n);
    return restore_plan(&back->restore, records, n, live, ret);
}

int sysctl_back_plan(struct sysctl_back *back, const struct paths *paths, const struct live *live,
                     struct plan *ret)
{
    int r;

    if (back->trial)
        return plan_trial(back, paths, live, ret);
    r = read_again(back, paths);
    return r < 0 ? r : restore_plan(&back->restore, back->records, back->n_records, live, ret);
}
