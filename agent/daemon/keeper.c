/* Life and end, another policy, and what is to be looked at again at a time. */
#include <stdlib.h>

#include "agent/daemon/keeper_private.h"

/* When this key wants attention next. */
static uint64_t settle_key(struct keeper *keeper, const struct entry *entry, enum key key,
                           uint64_t now)
{
    const struct device *device = live_by_ifindex(&keeper->world.live, entry->ifindex);
    struct conflict *conflict = entry->keys[key].conflict;
    char name[NAME_ESCAPED_SIZE];

    if (!conflict)
        return UINT64_MAX;
    if (conflict_settles_at(conflict) <= now && conflict_settle(conflict, now) && device)
        keeper_say_settled(keeper, conflict, name_escape_buf(device->name, name, sizeof(name)),
                           key_info(key)->name);
    return conflict_settles_at(conflict);
}

/* A conflict that stayed quiet is over; a key whose time has come is looked at again. Returns the
 * next time at which this entry wants attention. */
static uint64_t retry_entry(struct keeper *keeper, struct entry *entry, uint64_t now)
{
    uint64_t next = UINT64_MAX, *const sets[] = {&entry->numbered_until, &entry->uplink_until};
    struct device *device = live_by_ifindex(&keeper->world.live, entry->ifindex);
    bool due = udev_wait_ended(keeper->options.udev, &entry->udev, entry->ifindex);

    if (entry->udev.until)
        next = entry->udev.ask_at;
    for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
        if (*sets[i] > now)
            next = earlier(next, *sets[i]);
        else if (*sets[i])
            keeper_read_again(keeper, NULL);
    }
    for (enum key key = 0; entry->keys && key < KEY_COUNT; key++) {
        uint64_t at = entry->keys[key].retry_at;

        if (at && at <= now) {
            entry->keys[key].retry_at = 0;
            due = true;
        } else if (at) {
            next = earlier(next, at);
        }
        next = earlier(next, settle_key(keeper, entry, key, now));
    }
    if (due && device) {
        keeper_ask(keeper, device);
        keeper_enforce(keeper, entry, device, "retry");
    }
    return next;
}

static void on_retry(void *data)
{
    struct keeper *keeper = data;
    uint64_t now = loop_take_up(keeper->options.loop), next = keeper_retry_specials(keeper, now);

    for (size_t i = 0; i < keeper->table.count; i++)
        next = earlier(next, retry_entry(keeper, keeper->table.entries[i], now));
    keeper_schedule(keeper, next);
}

/* What is known of the device by the policy before. */
static void begin_anew(const struct keeper *keeper, struct entry *entry)
{
    entry_forget_conflicts(entry);
    entry->taking_over = KEY_MASK_ALL;
    if (!(facts_of(keeper) & FACT_ADDRESSES))
        entry->numbered_until = 0;
    if (!(facts_of(keeper) & FACT_ROUTES))
        entry->uplink_until = 0;
}

void keeper_begin(struct keeper *keeper)
{
    memset(keeper->targets, 0, sizeof(keeper->targets)); /* they borrow its rules */
    for (size_t i = 0; i < keeper->table.count; i++)
        begin_anew(keeper, keeper->table.entries[i]);
    keeper->specials = (struct specials){.taking_over = true};
    keeper->world.picture.facts = facts_of(keeper);
}

struct live *keeper_live(struct keeper *keeper)
{
    return &keeper->world.live;
}

int keeper_new(const struct keeper_options *options, struct keeper **ret, const char **ret_where)
{
    static const struct keeper_kernel kernel = {.read = picture_read,
                                                .dump = netlink_dump,
                                                .carry_out = change_run,
                                                .current_name = device_current_name,
                                                .read_special = procsys_read_special,
                                                .read_device = procsys_read_device,
                                                .open_key = procsys_open_key};
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    int r;

    if (!keeper)
        return -ENOMEM;
    keeper->options = *options;
    if (!options->kernel)
        keeper->options.kernel = &kernel;
    keeper->procsys = PROCSYS_INIT;
    keeper->before = BEFORE_LOG_INIT;
    deadline_init(&keeper->retry, options->loop, on_retry, keeper);
    deadline_init(&keeper->flush, options->loop, keeper_on_flush, keeper);
    r = procsys_open(options->paths->proc_sys_net, &keeper->procsys);
    if (r < 0) {
        *ret_where = options->paths->proc_sys_net;
        keeper_free(keeper);
        return r;
    }
    *ret = keeper;
    return 0;
}

struct keeper *keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return NULL;
    deadline_done(&keeper->retry);
    deadline_done(&keeper->flush);
    table_done(&keeper->table);
    world_done(&keeper->world);
    before_log_close(&keeper->before);
    procsys_close(&keeper->procsys);
    free(keeper);
    return NULL;
}
