/* From messages to the picture, and from what they changed there to what is to be put right. */
#include <linux/rtnetlink.h>

#include "agent/daemon/keeper_private.h"
#include "agent/system/udevdb.h"

static void appeared(struct keeper *keeper, struct entry *entry, struct device *device)
{
    uint64_t now = loop_taken_up(keeper->options.loop);

    entry->appeared = now;
    keeper_schedule(keeper, udev_wait_begin(keeper->options.udev, &entry->udev));
    device->numbered = true; /* it has its time to get an address: sets of policy.h */
    device->known |= FACT_ADDRESSES | FACT_ROUTES;
    if (facts_of(keeper) & FACT_ADDRESSES) {
        entry->numbered_until = now + UNNUMBERED_AFTER;
        keeper_schedule(keeper, entry->numbered_until);
    }
    keeper_changed(keeper);
}

/* The driver does not come with a message, where a set asks for it. */
static void complete_facts(struct keeper *keeper, struct device *device)
{
    struct picture_options options = {.facts = FACT_DRIVER,
                                      .ifindex = device->ifindex,
                                      .proc_sys_net = keeper->options.paths->proc_sys_net};
    struct live live = {0};

    if (device->unseen || !(facts_of(keeper) & FACT_DRIVER) || (device->known & FACT_DRIVER) ||
        keeper->options.kernel->read(keeper->options.nl, &options, &live) < 0)
        return;
    if (live.count == 1) {
        memcpy(device->driver, live.devices[0].driver, sizeof(device->driver));
        device->known |= FACT_DRIVER;
    }
    live_done(&live);
}

static void device_changed(struct keeper *keeper, struct entry *entry, struct device *device,
                           const char *event)
{
    complete_facts(keeper, device);
    keeper_enforce(keeper, entry, device, event);
}

static void on_link(struct keeper *keeper, const struct world_change *change)
{
    struct device *device = live_by_ifindex(&keeper->world.live, change->ifindex);
    bool renamed = change->before.ifindex && !streq(change->before.name, device->name), is_new;
    bool announced = change->event == WORLD_NEW_DEVICE;
    struct entry *entry = table_add(&keeper->table, change->ifindex, &is_new);

    if (!entry) {
        keeper_read_again(keeper, "memory ran out");
        return;
    }
    if (is_new)
        appeared(keeper, entry, device);
    if (renamed) {
        entry_renamed(entry);
        if (facts_of(keeper) & FACT_MASTER_NAME)
            keeper_read_again(keeper, NULL); /* it may be somebody's master */
    }
    if (announced)
        entry_keep(entry, device, KEY_MASK_ALL);
    ways_on_link(keeper->options.ways, announced ? NULL : &change->before, device);
    device_changed(keeper, entry, device,
                   renamed     ? "rename"
                   : announced ? "new device"
                               : "link event");
}

static void on_gone(struct keeper *keeper, int ifindex)
{
    table_remove(&keeper->table, ifindex);
    ways_on_gone(keeper->options.ways, ifindex);
    keeper_changed(keeper);
}

/* A device has its settings, and tells of them, before its RTM_NEWLINK (in inetdev_init(), which
 * register_netdevice() calls; the other comes with rtnl_configure_link()). Where its name alone
 * decides about rp_filter it is put right by then; the RTM_NEWLINK brings the rest. Forwarding is
 * told together with rp_filter only of a new or renamed device. */
static void on_unknown(struct keeper *keeper, const struct netconf_values *told)
{
    const struct keeper_options *options = &keeper->options;
    char name[DEVICE_NAME_MAX + 1];
    struct device *device;
    struct entry *entry;
    bool is_new;

    if (!in_force_enforces(options->in_force) || ways_are_asked(options->ways) ||
        !told->has_forwarding ||
        !(told->has_rp_filter && policy_of(keeper)->keys & KEY_BIT(KEY_RP_FILTER)) ||
        options->kernel->current_name(options->nl, told->ifindex, name) < 0)
        return;
    device = world_add_unseen(&keeper->world, name, told);
    entry = device ? table_add(&keeper->table, told->ifindex, &is_new) : NULL;
    if (!entry)
        return; /* once more with RTM_NEWLINK */
    appeared(keeper, entry, device);
    device->bus_parent = udev_watch_may_be_on_bus(options->udev, name);
    entry_keep(entry, device, KEY_BIT(KEY_RP_FILTER));
    device_changed(keeper, entry, device, "new device");
}

/* Nothing to decide while another writer is sat out: the value is noted, the timer does the rest.
 */
static bool waits(const struct keeper *keeper, const struct entry *entry)
{
    return entry->keys &&
           entry->keys[KEY_RP_FILTER].retry_at > loop_taken_up(keeper->options.loop) &&
           state_info(entry->state)->concern == CONCERN_NOW;
}

static void on_values(struct keeper *keeper, const struct world_change *change)
{
    const struct netconf_values *told = &change->told;
    struct device *device = live_by_ifindex(&keeper->world.live, change->ifindex);
    struct entry *entry = table_get(&keeper->table, change->ifindex);
    bool changed = device->conf[KEY_RP_FILTER] != change->before.conf[KEY_RP_FILTER] ||
                   device->forwarding != change->before.forwarding;

    if (!entry)
        return;                                       /* memory ran out: all is read again */
    if (told->has_rp_filter && !told->has_forwarding) /* its own, see on_unknown() */
        entry->kept[KEY_RP_FILTER] = told->rp_filter;
    if (entry->nameless) /* all keys are sent when the directory of a new name is there */
        device_changed(keeper, entry, device, "rename");
    else if (changed && !waits(keeper, entry))
        device_changed(keeper, entry, device, "netconf");
}

/* What is not our own write leads to a full read. */
static void on_special(struct keeper *keeper, const struct world_change *change)
{
    const struct netconf_values *told = &change->told;

    if (change->event == WORLD_SPECIAL)
        keeper_special_moved(keeper, change->ifindex == IFINDEX_ALL ? "`all` was changed"
                                                                    : "`default` was changed");
    else if (told->has_forwarding && !told->has_rp_filter)
        keeper_read_again(keeper, "forwarding was changed");
}

static void on_change(struct keeper *keeper, const struct world_change *change)
{
    switch (change->event) {
    case WORLD_NEW_DEVICE:
    case WORLD_LINK:
    case WORLD_RENAMED:
        on_link(keeper, change);
        break;
    case WORLD_GONE:
        on_gone(keeper, change->ifindex);
        return; /* what is stale went with it */
    case WORLD_UNKNOWN:
        on_unknown(keeper, &change->told);
        break;
    case WORLD_VALUES:
        on_values(keeper, change);
        break;
    case WORLD_SPECIAL:
    case WORLD_NOTHING:
        if (change->told.ifindex < 0) {
            on_special(keeper, change);
            return;
        }
        break;
    }
    /* By a message about a link only the ways of this one can have gone. */
    if (change->stale & WORLD_DEVICES ||
        (change->stale & WORLD_UPLINKS &&
         (change->event == WORLD_NOTHING || change->before.uplink)))
        keeper_read_again(keeper, NULL);
}

static void on_address(struct keeper *keeper, const struct nlmsghdr *message)
{
    struct route_address address;
    struct device *device;
    struct entry *entry;

    if (!(facts_of(keeper) & FACT_ADDRESSES) || route_address_read_message(message, &address) < 0 ||
        address.local.ip.family != AF_INET)
        return;
    device = live_by_ifindex(&keeper->world.live, address.ifindex);
    entry = table_get(&keeper->table, address.ifindex);
    if (!device || !entry)
        return;
    if (message->nlmsg_type == RTM_DELADDR) {
        keeper_read_again(keeper, NULL); /* were there others? a read tells */
        return;
    }
    entry->numbered_until = 0;
    if (device->numbered)
        return;
    device->numbered = true;
    device_changed(keeper, entry, device, "address");
}

void keeper_on_message(struct keeper *keeper, const struct nlmsghdr *message)
{
    struct world_change change;

    if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR) {
        on_address(keeper, message);
        return;
    }
    world_update(&keeper->world, message, &change);
    on_change(keeper, &change);
    world_change_done(&change);
}

/* systemd-sysctl was at work, and the name is final. */
void keeper_on_udev(struct keeper *keeper, int ifindex, struct udev_device *from)
{
    struct device *device = live_by_ifindex(&keeper->world.live, ifindex);
    struct entry *entry = table_get(&keeper->table, ifindex);

    if (!device || !entry)
        return;
    entry->udev.until = 0;
    if (facts_of(keeper) & FACT_UDEV)
        (void)udevdb_take_properties(from, device); /* without memory the properties before stay */
    keeper_ask(keeper, device);
    device_changed(keeper, entry, device, "udev");
}
