/* Whole readings: what only the agent knows of devices is kept over them. */
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "agent/daemon/keeper_private.h"
#include "agent/system/udevdb.h"

static struct picture_options picture_of(const struct keeper *keeper)
{
    struct picture_options options = {
        .keys = policy_of(keeper) ? policy_of(keeper)->keys : 0,
        .facts = facts_of(keeper),
        .proc_sys_net = keeper->options.paths->proc_sys_net,
    };

    if (keeper->options.paths->foreign)
        options.facts &= ~(uint32_t)FACT_UDEV;
    return options;
}

int keeper_read(struct keeper *keeper, struct live *ret)
{
    const struct picture_options options = picture_of(keeper);

    return keeper->options.kernel->read(keeper->options.nl, &options, ret);
}

/* `was` and, until `until`, still counts as one. */
static void keep_membership(struct keeper *keeper, bool was, uint64_t span, uint64_t *until,
                            bool *is)
{
    uint64_t now = loop_now(keeper->options.loop);

    if (*is || !was) {
        *until = 0;
        return;
    }
    if (*until == 0)
        *until = now + span;
    *is = now < *until;
    if (*is)
        keeper_schedule(keeper, *until);
    else
        *until = 0;
}

/* Sets with time conditions: a device counts as numbered until it had no address for 10 s, as an
 * uplink until 60 s after its last default route went. At the start nothing is known of the past.
 */
static void keep_memberships(struct keeper *keeper, struct entry *entry, bool was_numbered,
                             bool was_uplink, struct device *device)
{
    if (facts_of(keeper) & FACT_ADDRESSES)
        keep_membership(keeper, was_numbered, UNNUMBERED_AFTER, &entry->numbered_until,
                        &device->numbered);
    if (facts_of(keeper) & FACT_ROUTES)
        keep_membership(keeper, was_uplink, UPLINK_FOR, &entry->uplink_until, &device->uplink);
}

/* udev's properties do not come with the dump: kept, and read where they are asked for first. */
static int read_properties(const struct keeper *keeper, struct live *live)
{
    bool missing = false;

    if (!(facts_of(keeper) & FACT_UDEV) || keeper->options.paths->foreign)
        return 0;
    for (size_t i = 0; i < live->count; i++) {
        const struct device *was = live_by_ifindex(&keeper->world.live, live->devices[i].ifindex);

        missing |= !was || !(was->known & FACT_UDEV);
    }
    return missing ? udevdb_read(live) : 0;
}

static void keep_properties(struct device *was, struct device *device)
{
    if ((device->known & FACT_UDEV) || !(was->known & FACT_UDEV))
        return;
    device->properties = TAKE_PTR(was->properties);
    device->known |= FACT_UDEV;
    was->known &= ~(uint32_t)FACT_UDEV;
}

/* A device that no message announced, at the start or after losses: may udev still be at work on
 * it? At the start that matters only for those that it may rename. */
static void found(struct keeper *keeper, struct entry *entry, const struct device *device)
{
    entry->appeared = keeper->started ? loop_now(keeper->options.loop) : 0;
    if ((keeper->started || device->bus_parent) &&
        !udev_watch_is_initialized(keeper->options.udev, device->ifindex))
        keeper_schedule(keeper, udev_wait_begin(keeper->options.udev, &entry->udev));
}

static int take_device(struct keeper *keeper, struct device *device)
{
    struct device *was = live_by_ifindex(&keeper->world.live, device->ifindex);
    bool is_new, was_numbered = was ? was->numbered : keeper->started;
    struct entry *entry = table_add(&keeper->table, device->ifindex, &is_new);

    if (!entry)
        return -ENOMEM;
    if (is_new)
        found(keeper, entry, device);
    if (was && !streq(was->name, device->name))
        entry_renamed(entry);
    keep_memberships(keeper, entry, was_numbered, was && was->uplink, device);
    if (was)
        keep_properties(was, device);
    entry_keep(entry, device, !was || was->unseen ? KEY_MASK_ALL : keeper->kept.settled);
    return 0;
}

int keeper_take(struct keeper *keeper, struct live *live)
{
    int r;

    keeper_kept_take(keeper, live);
    r = read_properties(keeper, live);
    for (size_t i = 0; r >= 0 && i < live->count; i++)
        r = take_device(keeper, &live->devices[i]);
    if (r < 0)
        return r;
    table_keep(&keeper->table, live);
    world_done(&keeper->world);
    keeper->world = (struct world){.picture = picture_of(keeper),
                                   .parts = WORLD_DEVICES,
                                   .live = *live,
                                   .capacity = live->count};
    if (facts_of(keeper) & FACT_ROUTES)
        keeper->world.parts |= WORLD_UPLINKS;
    *live = (struct live){0};
    keeper->started = true;
    return 0;
}

void keeper_enforce_all(struct keeper *keeper, const char *event)
{
    for (size_t i = 0; i < keeper->table.count; i++) {
        struct entry *entry = keeper->table.entries[i];
        struct device *device = live_by_ifindex(&keeper->world.live, entry->ifindex);

        if (device)
            keeper_enforce(keeper, entry, device, event);
    }
    keeper_changed(keeper);
}

/* A picture that others read would be judged by the moment alone, and by a name that udev may still
 * change. */
void keeper_amend(const struct keeper *keeper, struct live *live)
{
    uint64_t now = loop_now(keeper->options.loop);

    for (size_t i = 0; i < live->count; i++) {
        struct device *device = &live->devices[i];
        const struct entry *entry = table_get(&keeper->table, device->ifindex);

        device->numbered |= entry && entry->numbered_until > now;
        device->uplink |= entry && entry->uplink_until > now;
        device->paused |=
            udev_watch_may_rename(keeper->options.udev, device, entry ? &entry->udev : NULL);
    }
}

/* The dump without names. */

struct sweep {
    struct keeper *keeper;
    size_t seen;
    bool surprise; /* a device that is not known: read everything */
};

static void sweep_reset(void *data)
{
    struct sweep *sweep = data;

    sweep->seen = 0;
    sweep->surprise = false;
}

static int sweep_message(const struct nlmsghdr *message, void *data)
{
    struct sweep *sweep = data;
    struct live *live = &sweep->keeper->world.live;
    struct netconf_values told = {0};
    struct device *device;
    struct entry *entry;

    if (netconf_read_message(message, &told) < 0 || !told.has_rp_filter)
        return MNL_CB_OK;
    if (told.ifindex < 0) {
        const int32_t *known = told.ifindex == NETCONFA_IFINDEX_ALL ? live->all : live->def;

        sweep->surprise |= known[KEY_RP_FILTER] != told.rp_filter;
        return MNL_CB_OK;
    }
    sweep->seen++;
    device = live_by_ifindex(live, told.ifindex);
    entry = table_get(&sweep->keeper->table, told.ifindex);
    if (!device || !entry) {
        sweep->surprise = true;
    } else if (device->conf[KEY_RP_FILTER] != told.rp_filter) {
        device->conf[KEY_RP_FILTER] = told.rp_filter;
        entry->changed = true; /* repaired when the dump is read: the socket is in use */
    }
    return MNL_CB_OK;
}

static bool is_enough(const struct keeper *keeper)
{
    const struct policy *policy = policy_of(keeper);

    return policy && !(policy->keys & ~keys_announced()) && !policy->facts;
}

bool keeper_sweep(struct keeper *keeper)
{
    struct sweep sweep = {.keeper = keeper};
    char buffer[64];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETNETCONF, NLM_F_DUMP, 0);
    struct netconfmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
    size_t with_ipv4 = 0;
    int r;

    if (!is_enough(keeper))
        return true;
    header->ncm_family = AF_INET;
    (void)loop_take_up(keeper->options.loop); /* the time is noted, not needed here */
    r = keeper->options.kernel->dump(keeper->options.nl, request, sweep_message, sweep_reset,
                                     &sweep);
    for (size_t i = 0; i < keeper->table.count; i++) {
        struct entry *entry = keeper->table.entries[i];
        struct device *device = live_by_ifindex(&keeper->world.live, entry->ifindex);

        with_ipv4 += device && device->ipv4;
        if (entry->changed && device)
            keeper_enforce(keeper, entry, device, "sweep");
        entry->changed = false;
    }
    return r < 0 || sweep.surprise || sweep.seen != with_ipv4;
}

/* A moment at which nobody waits; when the lock is taken, the next sweep will do. */
void keeper_tidy_record(struct keeper *keeper)
{
    if (!presence_lock(keeper->options.writing->presence))
        return;
    (void)before_log_tidy(&keeper->before, keeper->options.paths); /* the next sweep tries again */
    presence_unlock(keeper->options.writing->presence);
}
