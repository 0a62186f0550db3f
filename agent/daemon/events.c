/* From messages to the table: what each kernel event says about a device, `all` or `default`. */
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <time.h>

#include "agent/daemon/agent.h"
#include "agent/system/udevdb.h"

static void entry_appeared(struct agent *agent, struct entry *entry)
{
    entry->appeared = loop_taken_up(agent->loop);
    entry->generation = agent->generation;
    agent_schedule_retry(agent, udev_wait_begin(agent->udev, &entry->udev));
    entry->device.numbered = true; /* it has its time to get an address: sets of policy.h */
    entry->device.known = FACT_ADDRESSES | FACT_ROUTES;
    if (policy_of(agent) && (policy_of(agent)->facts & FACT_ADDRESSES)) {
        entry->numbered_until = loop_taken_up(agent->loop) + UNNUMBERED_AFTER;
        agent_schedule_retry(agent, entry->numbered_until);
    }
    agent_status_changed(agent);
}

/* Keep what only the table knows, then judge the device by what the message says. */
static void on_new_link(struct agent *agent, const struct nlmsghdr *message)
{
    struct device device = {0};
    struct entry *entry;
    struct device before;
    bool is_new, renamed;
    int r;

    r = link_read_message(message, policy_of(agent) ? policy_of(agent)->facts : 0, &device);
    if (r < 0)
        return; /* malformed or not about a device (AF_BRIDGE) */
    entry = table_add(&agent->table, device.ifindex, &is_new);
    if (!entry) {
        device_done(&device);
        agent_schedule_resync(agent, "memory ran out");
        return;
    }
    before = entry->device; /* to compare with; it owns nothing */
    renamed = !is_new && !streq(entry->device.name, device.name);
    if (is_new)
        entry_appeared(agent, entry);
    device.numbered = entry->device.numbered;
    device.uplink = entry->device.uplink;
    memcpy(device.driver, entry->device.driver, sizeof(device.driver));
    memcpy(device.master_name, entry->device.master_name, sizeof(device.master_name));
    device.properties = TAKE_PTR(entry->device.properties);
    device.known |= entry->device.known;
    if (before.unseen) /* what was told of since may be newer than what this message tells */
        device.conf[KEY_RP_FILTER] = before.conf[KEY_RP_FILTER];
    entry_take(entry, &device);
    if (renamed) {
        entry_renamed(entry);
        if (policy_of(agent) && (policy_of(agent)->facts & FACT_MASTER_NAME))
            agent_schedule_resync(agent, NULL); /* it may be somebody's master */
    }
    is_new |= before.unseen;
    if (is_new)
        entry_keep(entry, KEY_MASK_ALL);
    ways_on_link(agent->ways, is_new ? NULL : &before, &entry->device);
    agent_device_changed(agent, entry, renamed ? "rename" : is_new ? "new device" : "link event");
}

static void on_link(const struct nlmsghdr *message, void *data)
{
    struct agent *agent = data;
    const struct ifinfomsg *info;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
        return;
    info = mnl_nlmsg_get_payload(message);
    if (info->ifi_family != AF_UNSPEC)
        return; /* a bridge speaks of its port */
    if (message->nlmsg_type == RTM_DELLINK) {
        table_remove(&agent->table, info->ifi_index);
        ways_on_gone(agent->ways, info->ifi_index);
        agent_status_changed(agent);
    } else if (message->nlmsg_type == RTM_NEWLINK) {
        on_new_link(agent, message);
    }
}

/* `all` or `default`: what is not our own write leads to a full read. */
static void on_special(struct agent *agent, const struct netconf_values *values)
{
    bool all = values->ifindex == NETCONFA_IFINDEX_ALL;
    const int32_t *known = all ? agent->special.all : agent->special.def;

    if (values->has_rp_filter && known[KEY_RP_FILTER] != values->rp_filter)
        agent_special_changed(agent, all ? "`all` was changed" : "`default` was changed");
    else if (values->has_forwarding && !values->has_rp_filter)
        agent_schedule_resync(agent, "forwarding was changed");
}

/* A device has its settings, and tells of them, before its RTM_NEWLINK (in inetdev_init(), which
 * register_netdevice() calls; the other comes with rtnl_configure_link()). Where its name alone
 * decides about rp_filter it is put right by then; the RTM_NEWLINK fills the entry and brings the
 * other keys. Forwarding is told together with rp_filter only of a new or renamed device. */
static void on_unannounced(struct agent *agent, const struct netconf_values *values)
{
    char name[DEVICE_NAME_MAX + 1];
    struct device *device;
    struct entry *entry;
    bool is_new;

    if (!in_force_enforces(agent->in_force) || ways_are_asked(agent->ways) ||
        !values->has_forwarding ||
        !(values->has_rp_filter && policy_of(agent)->keys & KEY_BIT(KEY_RP_FILTER)) ||
        device_current_name(&agent->nl, values->ifindex, name) < 0)
        return;
    entry = table_add(&agent->table, values->ifindex, &is_new);
    if (!entry)
        return; /* once more with RTM_NEWLINK */
    entry_appeared(agent, entry);
    device = &entry->device;
    memcpy(device->name, name, sizeof(name));
    device->unseen = device->ipv4 = true;
    device->bus_parent = udev_watch_may_be_on_bus(agent->udev, name);
    device->forwarding = values->forwarding != 0;
    device->conf[KEY_RP_FILTER] = values->rp_filter;
    entry_keep(entry, KEY_BIT(KEY_RP_FILTER));
    agent_device_changed(agent, entry, "new device");
}

/* Where a device could not be made after all, no RTM_DELLINK follows. */
static void on_settings_gone(struct agent *agent, int ifindex)
{
    const struct entry *entry = table_get(&agent->table, ifindex);

    if (!entry || !entry->device.unseen)
        return;
    table_remove(&agent->table, ifindex);
    agent_status_changed(agent);
}

/* Nothing to decide while another writer is sat out: the value is noted, the timer does the rest.
 */
static bool waits(const struct agent *agent, const struct entry *entry)
{
    return entry->keys && entry->keys[KEY_RP_FILTER].retry_at > loop_taken_up(agent->loop) &&
           state_info(entry->state)->concern == CONCERN_NOW;
}

static void on_netconf(const struct nlmsghdr *message, void *data)
{
    struct agent *agent = data;
    struct netconf_values values = {0};
    struct entry *entry;
    bool changed;

    if (netconf_read_message(message, &values) < 0)
        return;
    if (message->nlmsg_type == RTM_DELNETCONF) {
        on_settings_gone(agent, values.ifindex);
        return;
    }
    if (values.ifindex == NETCONFA_IFINDEX_ALL || values.ifindex == NETCONFA_IFINDEX_DEFAULT) {
        on_special(agent, &values);
        return;
    }
    entry = table_get(&agent->table, values.ifindex);
    if (!entry) {
        on_unannounced(agent, &values);
        return;
    }
    /* Its MTU is large enough again, of which a link message came before. */
    if (!entry->device.ipv4)
        agent_schedule_resync(agent, NULL);
    changed = entry->nameless > 0; /* all keys are sent when the directory of a new name is there */
    if (values.has_rp_filter && entry->device.conf[KEY_RP_FILTER] != values.rp_filter) {
        entry->device.conf[KEY_RP_FILTER] = values.rp_filter;
        changed = true;
    }
    if (values.has_rp_filter && !values.has_forwarding) /* its own, see on_unannounced */
        entry->kept[KEY_RP_FILTER] = values.rp_filter;
    if (values.has_forwarding && entry->device.forwarding != (values.forwarding != 0)) {
        entry->device.forwarding = values.forwarding != 0;
        changed = true;
    }
    if (changed && (entry->nameless || !waits(agent, entry)))
        agent_device_changed(agent, entry, entry->nameless ? "rename" : "netconf");
}

static void on_address(const struct nlmsghdr *message, void *data)
{
    struct agent *agent = data;
    struct route_address address;
    struct entry *entry;

    ways_on_address(agent->ways, message);
    if (!(policy_of(agent) && (policy_of(agent)->facts & FACT_ADDRESSES)))
        return;
    if (route_address_read_message(message, &address) < 0 || address.local.ip.family != AF_INET)
        return;
    entry = table_get(&agent->table, address.ifindex);
    if (!entry)
        return;
    if (message->nlmsg_type == RTM_NEWADDR) {
        entry->numbered_until = 0;
        if (!entry->device.numbered) {
            entry->device.numbered = true;
            agent_device_changed(agent, entry, "address");
        }
    } else {
        agent_schedule_resync(agent, NULL); /* were there others? a read tells */
    }
}

static void on_route(const struct nlmsghdr *message, void *data)
{
    struct agent *agent = data;
    struct route route;

    ways_on_route(agent->ways, message);
    if (!(policy_of(agent) && (policy_of(agent)->facts & FACT_ROUTES)))
        return;
    if (route_read_message(message, &route) == 0 && route_is_uplink(&route))
        agent_schedule_resync(agent, NULL);
}

static void on_rule(const struct nlmsghdr *message, void *data)
{
    const struct agent *agent = data;

    ways_on_rule(agent->ways, message);
}

/* Facts that do not come with a link message, where sets ask for them. */
static void complete_facts(struct agent *agent, struct entry *entry)
{
    const uint32_t facts = policy_of(agent) ? policy_of(agent)->facts : 0;
    struct picture_options options = {.facts = FACT_DRIVER,
                                      .ifindex = entry->device.ifindex,
                                      .proc_sys_net = agent->paths.proc_sys_net};
    struct live live = {0};

    if (facts & FACT_MASTER_NAME) {
        const struct entry *master =
            entry->device.master ? table_get(&agent->table, entry->device.master) : NULL;

        memset(entry->device.master_name, 0, sizeof(entry->device.master_name));
        if (master)
            memcpy(entry->device.master_name, master->device.name,
                   sizeof(entry->device.master_name));
        entry->device.known |= FACT_MASTER_NAME;
    }
    if (!(facts & FACT_DRIVER) || (entry->device.known & FACT_DRIVER) ||
        picture_read(&agent->nl, &options, &live) < 0)
        return;
    if (live.count == 1) {
        memcpy(entry->device.driver, live.devices[0].driver, sizeof(entry->device.driver));
        entry->device.known |= FACT_DRIVER;
    }
    live_done(&live);
}

void agent_device_changed(struct agent *agent, struct entry *entry, const char *event)
{
    if (!entry->device.unseen)
        complete_facts(agent, entry);
    agent_enforce(agent, entry, event);
}

/* systemd-sysctl was at work, and the name is final. */
void agent_on_udev_finished(int ifindex, struct udev_device *device, void *data)
{
    struct agent *agent = data;
    struct entry *entry = table_get(&agent->table, ifindex);

    if (!entry)
        return;
    entry->udev.until = 0;
    if (policy_of(agent) && (policy_of(agent)->facts & FACT_UDEV))
        (void)udevdb_take_properties(device, &entry->device);
    agent_read_values(agent, entry);
    agent_device_changed(agent, entry, "udev");
}

/* One message of whatever kind. */
void agent_on_message(const struct nlmsghdr *message, void *data)
{
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        on_link(message, data);
        break;
    case RTM_NEWNETCONF:
    case RTM_DELNETCONF:
        on_netconf(message, data);
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        on_address(message, data);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        on_route(message, data);
        break;
    case RTM_NEWRULE:
    case RTM_DELRULE:
        on_rule(message, data);
        break;
    default:
        break;
    }
}

/* Only what the policy needs. */
int agent_listen(struct agent *agent)
{
    uint32_t facts = policy_of(agent) ? policy_of(agent)->facts : 0;
    unsigned kinds = 0;

    if (facts & FACT_ADDRESSES)
        kinds |= 1U << WATCH_ADDRESS;
    if (facts & FACT_ROUTES)
        kinds |= 1U << WATCH_ROUTE;
    if (ways_are_asked(agent->ways))
        kinds |= 1U << WATCH_ADDRESS | 1U << WATCH_ADDRESS6 | 1U << WATCH_ROUTE |
                 1U << WATCH_ROUTE6 | 1U << WATCH_RULE | 1U << WATCH_RULE6;
    return listening_to(agent->listening, kinds);
}
