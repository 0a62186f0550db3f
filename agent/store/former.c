/* Root's record of what `all` and `default` are to be when others have moved them, and its first
 * look at every device. A text file: below a line that says which boot and which network namespace
 * it belongs to, one line per key, "KEY ALL DEFAULT". */
#include "agent/store/former.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/kernel/links.h"
#include "agent/store/before.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"
#include "agent/store/state_file.h"
#include "policy/decide/plan.h"

#define FORMER_MAX 4096 /* bytes; a line per key */

static bool is_root(void)
{
    return geteuid() == 0;
}

/* -- the file -- */

static void make_header(const struct paths *paths, char ret[static STATE_HEADER_SIZE])
{
    state_header(paths, paths->orders, "rpfpolicy-former 1", ret);
}

static void take_line(const char *line, struct former *former)
{
    char name[32];
    int all, def;
    enum key key;

    if (sscanf(line, "%31s %d %d", name, &all, &def) != 3 || key_from_name(name, &key) < 0)
        return;
    former->known |= KEY_BIT(key);
    former->all[key] = all;
    former->def[key] = def;
}

int former_read(const struct paths *paths, struct former *ret)
{
    _cleanup_text_ struct text text = {0};
    struct former former = {0};
    char header[STATE_HEADER_SIZE];
    char *line, *next;
    int r = file_load(paths->former, FORMER_MAX, &text);

    *ret = former;
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    make_header(paths, header);
    if (!startswith(text.bytes, header))
        return 0;
    for (line = text.bytes + strlen(header); (next = strchr(line, '\n')); line = next + 1) {
        *next = '\0';
        take_line(line, &former);
    }
    *ret = former;
    return 0;
}

static bool is_same(const struct former *a, const struct former *b)
{
    if (a->known != b->known)
        return false;
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (a->known & KEY_BIT(key) && (a->all[key] != b->all[key] || a->def[key] != b->def[key]))
            return false;
    return true;
}

int former_write(const struct paths *paths, const struct former *former)
{
    _cleanup_text_ struct text text = {0};
    char header[STATE_HEADER_SIZE];
    struct former is;
    int r;

    if (!is_root() || (former_read(paths, &is) >= 0 && is_same(&is, former)))
        return 0;
    make_header(paths, header);
    text_put(&text, header);
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (former->known & KEY_BIT(key))
            text_add(&text, "%s %d %d\n", key_info(key)->name, former->all[key], former->def[key]);
    if (text.failed)
        return -ENOMEM;
    r = directory_make(paths->orders);
    return r < 0 ? r : file_put(paths->former, text.bytes, text.n, NULL);
}

/* -- pictures -- */

/* Each for itself: one may stay while the other is put right. */
static void may_stay(const struct policy *in_force, enum key key, const struct live *live,
                     bool *ret_all, bool *ret_def)
{
    struct key_target target = {0};

    if (in_force && in_force->agent.mode == MODE_ENFORCE)
        plan_key_target(in_force, live, key, &target);
    *ret_all = !target.managed || (target.new_all == target.old_all && !target.all_held);
    *ret_def = !target.managed || target.new_default == target.old_default;
}

void former_update(struct former *former, const struct policy *in_force, key_mask keys,
                   const struct live *live)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        bool kept = live->kept & KEY_BIT(key), all = true, def = true;

        if (!(keys & KEY_BIT(key)))
            continue;
        if (!kept && former->known & KEY_BIT(key))
            may_stay(in_force, key, live, &all, &def);
        former->known |= KEY_BIT(key);
        if (all)
            former->all[key] = kept ? live->kept_all[key] : live->all[key];
        if (def)
            former->def[key] = kept ? live->kept_def[key] : live->def[key];
    }
}

/* What root knows of a device: what it wrote last, else what it saw first. */
static void unmark_others(const struct before_record *records, size_t n, key_mask keys,
                          struct live *live)
{
    for (size_t i = 0; i < n; i++) {
        enum key key = records[i].key;
        int known = records[i].noted ? records[i].value : records[i].wrote;
        struct device *device =
            keys & KEY_BIT(key) ? live_by_ifindex(live, records[i].ifindex) : NULL;

        if (device && known != live->kept_def[key])
            device->followed &= ~KEY_BIT(key);
    }
}

static int mark_followed(const struct paths *paths, key_mask keys, struct live *live)
{
    _cleanup_free_ struct before_record *records = NULL;
    size_t n = 0;
    int r = before_read_noted(paths, false, &records, &n);

    if (r < 0)
        return r;
    for (enum key key = 0; key < KEY_COUNT; key++)
        for (size_t i = 0; keys & KEY_BIT(key) && i < live->count; i++)
            if (plan_may_follow(key, live->def[key], &live->devices[i]))
                live->devices[i].followed |= KEY_BIT(key);
    unmark_others(records, n, keys, live);
    return 0;
}

int former_fill(const struct former *former, const struct paths *paths, struct live *live)
{
    key_mask new = former->known & ~live->kept, went = 0;

    live->kept |= new;
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!(new &KEY_BIT(key)))
            continue;
        live->kept_all[key] = former->all[key];
        live->kept_def[key] = former->def[key];
        if (live->def[key] != former->def[key])
            went |= KEY_BIT(key);
    }
    return went ? mark_followed(paths, went, live) : 0;
}

/* Is there anything else than root knows? Mostly not, and then no policy is asked. */
static bool moved(const struct former *former, key_mask keys, const struct live *live)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (keys & KEY_BIT(key) &&
            (former->all[key] != live->all[key] || former->def[key] != live->def[key]))
            return true;
    return false;
}

/* By the policy in force; while one cannot be read, which an agent may hold on to, what is known
 * stays. Marks what is paused. */
static int update_by_force(struct former *former, const struct paths *paths, key_mask keys,
                           struct live *live)
{
    _cleanup_pauses_ struct pauses pauses = {0};
    _cleanup_policy_ struct policy *policy = NULL;
    int r;

    if (!moved(former, keys & former->known, live) && !(keys & ~former->known))
        return 0;
    r = policy_load_accepted(paths, NULL, &policy);
    if (r == -ENOMEM)
        return r;
    if (r < 0 && r != -ENOENT)
        keys &= ~former->known;
    r = pauses_read(paths, &pauses);
    if (r < 0)
        return r;
    pauses_mark(&pauses, live, pauses_now());
    former_update(former, policy, keys, live);
    return 0;
}

int former_look(const struct paths *paths, key_mask keys, struct live *live)
{
    struct former former;
    int r = former_read(paths, &former);

    if (r >= 0)
        r = update_by_force(&former, paths, keys & former.known, live);
    return r < 0 ? r : former_fill(&former, paths, live);
}

int former_picture(const struct paths *paths, key_mask keys, struct live *live)
{
    int r = former_look(paths, keys, live);

    for (enum key key = 0; r >= 0 && key < KEY_COUNT; key++) {
        if (!(live->kept & KEY_BIT(key)))
            continue;
        for (size_t i = 0; i < live->count; i++)
            if (live->devices[i].followed & KEY_BIT(key))
                live->devices[i].conf[key] = live->kept_def[key];
        live->all[key] = live->kept_all[key];
        live->def[key] = live->kept_def[key];
    }
    return r;
}

static int read_live(const struct paths *paths, key_mask keys, struct live *ret)
{
    struct picture_options options = {
        .keys = keys, .facts = FACT_ADDRESSES, .proc_sys_net = paths->proc_sys_net};
    _cleanup_netlink_ struct netlink nl = {0};
    int r = netlink_open(&nl);

    return r < 0 ? r : picture_read(&nl, &options, ret);
}

/* With these keys, which may not be in it yet; *live has them all. */
static int refresh(const struct paths *paths, key_mask keys, struct live *live)
{
    struct former former;
    int r = former_read(paths, &former);

    keys |= former.known;
    if (r < 0 || keys == 0)
        return r;
    r = read_live(paths, keys, live);
    if (r >= 0)
        r = update_by_force(&former, paths, keys, live);
    return r < 0 ? r : former_write(paths, &former);
}

int former_refresh(const struct paths *paths)
{
    _cleanup_(live_done) struct live live = {0};

    return is_root() ? refresh(paths, 0, &live) : 0;
}

/* -- the first look -- */

struct noted {
    struct before_record *items;
    size_t count, capacity;
};

static void noted_done(struct noted *noted)
{
    free(noted->items);
}

static int note(struct noted *noted, enum key key, int ifindex, const char *name, int value,
                int all)
{
    struct before_record *record;

    if (grow((void **)&noted->items, &noted->capacity, noted->count, sizeof(*record)) < 0)
        return -ENOMEM;
    record = &noted->items[noted->count++];
    *record = (struct before_record){.key = key,
                                     .ifindex = ifindex,
                                     .value = value,
                                     .wrote = value,
                                     .wrote_earlier = value,
                                     .noted = true,
                                     .all = all,
                                     .all_known = true};
    memcpy(record->name, name, strlen(name) + 1);
    return 0;
}

/* known: of `all`, of `default`, and of the devices in their order. */
static int note_key(struct noted *noted, const key_mask *known, enum key key,
                    const struct live *live)
{
    key_mask bit = KEY_BIT(key);
    int all = live->all[key], r = 0;

    if (!(known[0] & bit))
        r = note(noted, key, IFINDEX_ALL, "all", all, all);
    if (r >= 0 && !(known[1] & bit))
        r = note(noted, key, IFINDEX_DEFAULT, "default", live->def[key], all);
    for (size_t i = 0; r >= 0 && i < live->count; i++) {
        const struct device *device = &live->devices[i];

        if (device->ipv4 && !(known[i + 2] & bit))
            r = note(noted, key, device->ifindex, device->name, device->conf[key], all);
    }
    return r;
}

/* What is known counts with the claims on it: a device that came since root noted has a value of
 * the agent's by now, and only its claim tells the former one. That trusts the agent no further,
 * since a claim counts for nothing but such devices. Owned. */
static int read_known(const struct paths *paths, const struct live *live, key_mask **ret)
{
    _cleanup_free_ key_mask *known = calloc(live->count + 2, sizeof(*known));
    _cleanup_free_ struct before_record *records = NULL;
    size_t n = 0;
    int r = known ? before_read_noted(paths, true, &records, &n) : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < n; i++) {
        int ifindex = records[i].ifindex;
        const struct device *device = live_by_ifindex(live, ifindex);

        if (device)
            known[device - live->devices + 2] |= KEY_BIT(records[i].key);
        else if (ifindex == IFINDEX_ALL || ifindex == IFINDEX_DEFAULT)
            known[ifindex == IFINDEX_DEFAULT] |= KEY_BIT(records[i].key);
    }
    if (r >= 0)
        *ret = TAKE_PTR(known);
    return r;
}

static int note_values(const struct paths *paths, key_mask keys, const struct live *live)
{
    _cleanup_(noted_done) struct noted noted = {0};
    _cleanup_free_ key_mask *known = NULL;
    int r = read_known(paths, live, &known);

    for (enum key key = 0; r >= 0 && key < KEY_COUNT; key++)
        if (keys & KEY_BIT(key))
            r = note_key(&noted, known, key, live);
    return r < 0 || noted.count == 0 ? r : before_append(paths, noted.items, noted.count);
}

int former_note(const struct paths *paths, key_mask keys)
{
    _cleanup_(live_done) struct live live = {0};
    int r;

    if (!is_root())
        return 0;
    r = refresh(paths, keys, &live);
    if (r >= 0)
        r = former_picture(paths, keys, &live);
    return r < 0 ? r : note_values(paths, keys, &live);
}
