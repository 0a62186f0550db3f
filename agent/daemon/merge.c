/* From a whole picture to the table: what only the table knows is kept, what is gone is dropped. */
#include "agent/daemon/agent.h"
#include "agent/system/udevdb.h"

/* `was` and, until `until`, still counts as one. */
static void keep_membership(struct agent *agent, bool was, uint64_t span, uint64_t *until, bool *is)
{
    uint64_t now = loop_now(agent->loop);

    if (*is || !was) {
        *until = 0;
        return;
    }
    if (*until == 0)
        *until = now + span;
    *is = now < *until;
    if (*is)
        agent_schedule_retry(agent, *until);
    else
        *until = 0;
}

/* Sets with time conditions: a device counts as numbered until it had no address for 10 s, as an
 * uplink until 60 s after its last default route went. At the start nothing is known of the past.
 */
static void keep_memberships(struct agent *agent, struct entry *entry, struct device *device,
                             bool fresh)
{
    const uint32_t facts = policy_of(agent) ? policy_of(agent)->facts : 0;

    if (facts & FACT_ADDRESSES)
        keep_membership(agent, entry->device.numbered && !fresh, UNNUMBERED_AFTER,
                        &entry->numbered_until, &device->numbered);
    if (facts & FACT_ROUTES)
        keep_membership(agent, entry->device.uplink && !fresh, UPLINK_FOR, &entry->uplink_until,
                        &device->uplink);
}

/* udev's properties do not come with the dump: kept, and read where they are asked for first. */
static int read_properties(struct agent *agent, struct live *live)
{
    bool missing = false;

    if (!policy_of(agent) || !(policy_of(agent)->facts & FACT_UDEV) || agent->paths.foreign)
        return 0;
    for (size_t i = 0; i < live->count; i++) {
        struct entry *entry = table_get(&agent->table, live->devices[i].ifindex);

        missing |= !entry || !(entry->device.known & FACT_UDEV);
    }
    return missing ? udevdb_read(live) : 0;
}

static void keep_properties(struct entry *entry, struct device *device)
{
    if ((device->known & FACT_UDEV) || !(entry->device.known & FACT_UDEV))
        return;
    device->properties = TAKE_PTR(entry->device.properties);
    device->known |= FACT_UDEV;
}

/* A device that no message announced, at the start or after losses: may udev still be at work on
 * it? At the start that matters only for those that it may rename. */
static void found(struct agent *agent, struct entry *entry, const struct device *device, bool first)
{
    entry->appeared = first ? 0 : loop_now(agent->loop);
    entry->device.numbered = !first;
    if ((!first || device->bus_parent) && !udev_watch_is_initialized(agent->udev, device->ifindex))
        agent_schedule_retry(agent, udev_wait_begin(agent->udev, &entry->udev));
}

int agent_merge(struct agent *agent, struct live *live)
{
    bool first = agent->generation++ == 0;
    int r = read_properties(agent, live);

    if (r < 0)
        return r;
    for (size_t i = 0; i < live->count; i++) {
        struct device *device = &live->devices[i];
        bool is_new, is_unseen;
        struct entry *entry = table_add(&agent->table, device->ifindex, &is_new);

        if (!entry)
            return -ENOMEM;
        if (is_new)
            found(agent, entry, device, first);
        else if (!streq(entry->device.name, device->name))
            entry_renamed(entry);
        is_unseen = is_new || entry->device.unseen;
        entry->generation = agent->generation;
        keep_memberships(agent, entry, device, is_new && first);
        keep_properties(entry, device);
        entry_take(entry, device);
        entry_keep(entry, is_unseen ? KEY_MASK_ALL : agent->kept.settled);
    }
    table_sweep(&agent->table, agent->generation);
    return 0;
}

/* A whole plan reads its own picture: without this it would judge by the moment alone, and by a
 * name that udev may still change. */
int agent_amend_devices(struct live *live, void *data)
{
    struct agent *agent = data;
    uint64_t now = loop_now(agent->loop);

    for (size_t i = 0; i < live->count; i++) {
        struct device *device = &live->devices[i];
        const struct entry *entry = table_get(&agent->table, device->ifindex);

        device->numbered |= entry && entry->numbered_until > now;
        device->uplink |= entry && entry->uplink_until > now;
        device->paused |= udev_watch_may_rename(agent->udev, device, entry ? &entry->udev : NULL);
    }
    return 0;
}

int agent_amend(struct live *live, void *data)
{
    (void)agent_amend_devices(live, data);
    kept_fill(data, live);
    return 0;
}
