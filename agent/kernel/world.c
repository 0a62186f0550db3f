/* One world, from dumps and from notifications. */
#include "agent/kernel/world.h"

#include <linux/if.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"

/* ----------------------------------------------------------------------------------- from dumps */

static void set_numbered(struct world *world)
{
    for (size_t i = 0; i < world->live.count; i++) {
        world->live.devices[i].numbered = false;
        world->live.devices[i].known |= FACT_ADDRESSES;
    }
    for (size_t i = 0; i < world->network.n_addresses; i++) {
        const struct route_address *address = &world->network.addresses[i];
        struct device *device = live_by_ifindex(&world->live, address->ifindex);

        if (device && address->local.ip.family == AF_INET)
            device->numbered = true;
    }
}

int world_read_again(struct netlink *nl, unsigned parts, struct world *world)
{
    struct picture_options options = world->picture;
    unsigned network = parts & world->parts & ROUTES_READ_ALL;
    struct live live;
    int r = 0;

    options.facts &= ~(uint32_t)FACT_ADDRESSES; /* known from the addresses themselves */
    if (parts & WORLD_DEVICES) {
        r = picture_read(nl, &options, &live);
        if (r < 0)
            return r;
        live_done(&world->live);
        world->live = live;
        world->capacity = live.count;
        world->without = 0;
    } else if (parts & world->parts & WORLD_UPLINKS) {
        r = picture_read_uplinks(nl, &world->live);
    }
    if (r >= 0 && network)
        r = routes_read_again(nl, network, &world->network);
    if (world->picture.facts & FACT_ADDRESSES)
        set_numbered(world);
    return r;
}

int world_read(struct netlink *nl, const struct picture_options *picture, bool routing,
               struct world *ret)
{
    _cleanup_(world_done) struct world world = {.picture = *picture, .parts = WORLD_DEVICES};
    int r;

    if (routing)
        world.parts |= ROUTES_READ_ALL;
    if (picture->facts & FACT_ADDRESSES)
        world.parts |= ROUTES_READ_ADDRESSES;
    if (picture->facts & FACT_ROUTES)
        world.parts |= WORLD_UPLINKS;
    r = world_read_again(nl, WORLD_ALL, &world);
    if (r < 0)
        return r;
    *ret = world;
    world = (struct world){0};
    return 0;
}

void world_done(struct world *world)
{
    live_done(&world->live);
    route_facts_done(&world->network);
    *world = (struct world){0};
}

/* --------------------------------------------------------------------------------- from messages
 */

void world_change_done(struct world_change *change)
{
    device_done(&change->before);
}

static size_t place_of(const struct live *live, int ifindex)
{
    /* ifindexes mostly grow */
    if (live->count > 0 && live->devices[live->count - 1].ifindex < ifindex)
        return live->count;
    return SORTED_PLACE(live->count, i, live->devices[i].ifindex < ifindex);
}

/* NULL where memory is short. */
static struct device *insert(struct world *world, struct device *device)
{
    struct live *live = &world->live;
    size_t at = place_of(live, device->ifindex);

    if (world->capacity < live->count) /* it was read */
        world->capacity = live->count;
    if (grow((void **)&live->devices, &world->capacity, live->count, sizeof(*device)) < 0)
        return NULL;
    memmove(live->devices + at + 1, live->devices + at, (live->count - at) * sizeof(*device));
    live->devices[at] = *device;
    live->count++;
    return &live->devices[at];
}

struct device *world_add_unseen(struct world *world, const char *name,
                                const struct netconf_values *values)
{
    struct device device = {.ifindex = values->ifindex,
                            .known = world->picture.facts & (FACT_ADDRESSES | FACT_ROUTES),
                            .unseen = true,
                            .ipv4 = true,
                            .forwarding = values->forwarding != 0};

    memcpy(device.name, name, sizeof(device.name));
    device.conf[KEY_RP_FILTER] = values->rp_filter;
    device.conf[KEY_FORWARDING] = values->forwarding;
    return insert(world, &device);
}

/* What a message about a link does not say, of the same device. */
static void keep_facts(struct device *device, struct device *old)
{
    const uint32_t kept = ~(uint32_t)(FACT_MAC | FACT_ALTNAMES | FACT_MASTER_NAME);

    device->numbered = old->numbered;
    device->uplink = old->uplink;
    device->pinned = old->pinned;
    device->paused = old->paused;
    device->held = old->held;
    memcpy(device->driver, old->driver, sizeof(device->driver));
    device->properties = TAKE_PTR(old->properties);
    device->known |= old->known & kept;
    old->known &= ~(uint32_t)FACT_UDEV;
}

static void set_master_name(const struct world *world, struct device *device)
{
    const struct device *master = live_by_ifindex(&world->live, device->master);

    if (!(world->picture.facts & FACT_MASTER_NAME))
        return;
    device->master_name[0] = '\0';
    if (master)
        memcpy(device->master_name, master->name, sizeof(device->master_name));
    if (master || device->master == 0)
        device->known |= FACT_MASTER_NAME;
}

/* The kernel lets a rule go with the device that it names, and come back, without a word. */
static void look_at_rules(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->network.n_rules; i++) {
        struct route_rule *rule = &world->network.rules[i];

        if (!streq(rule->iif_name, name) && !streq(rule->oif_name, name))
            continue;
        rule->detached = (rule->iif_name[0] && !live_by_name(&world->live, rule->iif_name)) ||
                         (rule->oif_name[0] && !live_by_name(&world->live, rule->oif_name));
    }
}

static void on_new_name(struct world *world, int ifindex)
{
    look_at_rules(world, live_by_ifindex(&world->live, ifindex)->name);
    for (size_t i = 0; world->picture.facts & FACT_MASTER_NAME && i < world->live.count; i++)
        if (world->live.devices[i].ifindex == ifindex || world->live.devices[i].master == ifindex)
            set_master_name(world, &world->live.devices[i]);
}

static void on_new_link(struct world *world, const struct nlmsghdr *message,
                        struct world_change *change)
{
    struct device device = {0}, *old;
    int r = link_read_message(message, world->picture.facts, &device);

    if (r < 0) {
        change->stale |= r == -ENOMEM ? WORLD_DEVICES : 0;
        return;
    }
    if (world->without == device.ifindex)
        world->without = 0;
    change->ifindex = device.ifindex;
    old = live_by_ifindex(&world->live, device.ifindex);
    if (!old) {
        device.known |= world->picture.facts & (FACT_ADDRESSES | FACT_ROUTES);
        if (!insert(world, &device)) {
            device_done(&device);
            change->stale |= WORLD_DEVICES;
            return;
        }
        change->event = WORLD_NEW_DEVICE;
        on_new_name(world, change->ifindex);
        return;
    }
    keep_facts(&device, old);
    set_master_name(world, &device);
    if (old->unseen) /* what was told of since may be newer than what this one tells */
        device.conf[KEY_RP_FILTER] = old->conf[KEY_RP_FILTER];
    change->before = *old;
    *old = device;
    change->event = change->before.unseen                     ? WORLD_NEW_DEVICE
                    : streq(change->before.name, device.name) ? WORLD_LINK
                                                              : WORLD_RENAMED;
    if (change->event != WORLD_LINK) {
        look_at_rules(world, change->before.name);
        on_new_name(world, device.ifindex);
    }
    /* IPv4 routes go with it, and their next hops die and live again, without a word. */
    if ((device.flags ^ change->before.flags) & IFF_UP)
        change->stale |= WORLD_UPLINKS | ROUTES_READ_OURS | ROUTES_READ_FOREIGN;
}

static void on_gone_link(struct world *world, int ifindex, struct world_change *change)
{
    struct live *live = &world->live;
    struct device *device = live_by_ifindex(live, ifindex);
    struct route_facts *network = &world->network;
    size_t kept = 0;

    for (size_t i = 0; i < network->n_addresses; i++)
        if (network->addresses[i].ifindex != ifindex)
            network->addresses[kept++] = network->addresses[i];
    network->n_addresses = kept;
    if (world->without == ifindex)
        world->without = 0;
    if (!device)
        return;
    *change = (struct world_change){.event = WORLD_GONE, .ifindex = ifindex, .before = *device};
    change->stale = WORLD_UPLINKS | ROUTES_READ_OURS | ROUTES_READ_FOREIGN;
    live->count--;
    memmove(device, device + 1, (size_t)(live->devices + live->count - device) * sizeof(*device));
    look_at_rules(world, change->before.name);
}

static void on_link(struct world *world, const struct nlmsghdr *message,
                    struct world_change *change)
{
    const struct ifinfomsg *info = message_body(message, sizeof(*info), NULL, 0);

    if (!info || info->ifi_family != AF_UNSPEC)
        return; /* a bridge speaks of its port */
    if (message->nlmsg_type == RTM_DELLINK)
        on_gone_link(world, info->ifi_index, change);
    else
        on_new_link(world, message, change);
}

/* Who follows `default` is changed with it without a word. */
static void on_special(struct world *world, const struct netconf_values *values,
                       struct world_change *change)
{
    bool is_all = values->ifindex == NETCONFA_IFINDEX_ALL;
    int32_t *present = is_all ? world->live.all : world->live.def;

    if (values->has_forwarding)
        present[KEY_FORWARDING] = values->forwarding;
    if (values->has_forwarding && is_all)
        change->stale |= WORLD_DEVICES; /* accept_redirects goes with it: inet_forward_change() */
    else if (values->has_forwarding)
        world->live.def_forwarding = values->forwarding != 0;
    if (!values->has_rp_filter || present[KEY_RP_FILTER] == values->rp_filter)
        return;
    change->event = WORLD_SPECIAL;
    change->ifindex = is_all ? IFINDEX_ALL : IFINDEX_DEFAULT;
    memcpy(change->special, present, sizeof(change->special));
    present[KEY_RP_FILTER] = values->rp_filter;
    if (!is_all)
        change->stale |= WORLD_DEVICES;
}

static void on_values(struct world *world, const struct netconf_values *values,
                      struct world_change *change)
{
    struct device *device = live_by_ifindex(&world->live, values->ifindex);

    if (world->without == values->ifindex)
        world->without = 0; /* its directory got another name */
    if (!device) {
        change->event = WORLD_UNKNOWN;
        change->ifindex = values->ifindex;
        return;
    }
    if (!device->ipv4) { /* it gets settings again, of which these are only some */
        change->stale |= WORLD_DEVICES;
        return;
    }
    change->event = WORLD_VALUES;
    change->ifindex = device->ifindex;
    change->before = *device; /* owns nothing: */
    change->before.altnames = change->before.properties = NULL;
    change->before.mac = change->before.permanent_mac = NULL;
    change->before.known &= ~(uint32_t)(FACT_MAC | FACT_ALTNAMES | FACT_UDEV);
    if (values->has_rp_filter)
        device->conf[KEY_RP_FILTER] = values->rp_filter;
    if (values->has_forwarding) {
        device->conf[KEY_FORWARDING] = values->forwarding;
        device->forwarding = values->forwarding != 0;
    }
}

static void on_netconf(struct world *world, const struct nlmsghdr *message,
                       struct world_change *change)
{
    struct netconf_values values;
    const struct device *device;

    if (netconf_read_message(message, &values) < 0)
        return;
    change->told = values;
    device = live_by_ifindex(&world->live, values.ifindex);
    if (message->nlmsg_type == RTM_DELNETCONF && device && device->unseen) {
        on_gone_link(world, values.ifindex, change); /* it could not be made, or has another name */
    } else if (message->nlmsg_type == RTM_DELNETCONF) {
        /* A rename: they are told anew at once. The end of the device: that follows. Else the MTU
         * became too small for IPv4. */
        change->stale |= world_settle(world);
        world->without = values.ifindex;
    } else if (values.ifindex < 0) {
        on_special(world, &values, change);
    } else {
        on_values(world, &values, change);
    }
}

unsigned world_settle(struct world *world)
{
    bool missed = world->without != 0 && live_by_ifindex(&world->live, world->without);

    world->without = 0;
    return missed ? WORLD_DEVICES : 0;
}

/* An IPv6 address is on a device once; of IPv4 the subnet counts, too (inet_rtm_newaddr()). */
static bool is_same_address(const struct route_address *a, const struct route_address *b)
{
    return a->ifindex == b->ifindex && ip_compare(&a->local.ip, &b->local.ip) == 0 &&
           (a->local.ip.family == AF_INET6 ||
            (a->local.length == b->local.length && ip_compare(&a->peer, &b->peer) == 0));
}

static void look_at_addresses(struct world *world, int ifindex)
{
    struct device *device = live_by_ifindex(&world->live, ifindex);

    if (!device)
        return;
    device->numbered = false;
    for (size_t i = 0; i < world->network.n_addresses && !device->numbered; i++)
        device->numbered = world->network.addresses[i].ifindex == ifindex &&
                           world->network.addresses[i].local.ip.family == AF_INET;
}

static void on_address(struct world *world, const struct nlmsghdr *message,
                       struct world_change *change)
{
    struct route_facts *network = &world->network;
    struct route_address address;
    size_t at = 0;

    if (!(world->parts & ROUTES_READ_ADDRESSES) ||
        route_address_read_message(message, &address) < 0)
        return;
    while (at < network->n_addresses && !is_same_address(&network->addresses[at], &address))
        at++;
    if (message->nlmsg_type == RTM_DELADDR) {
        if (at < network->n_addresses)
            network->addresses[at] = network->addresses[--network->n_addresses];
        /* It takes routes with it, without a word for IPv4. */
        change->stale |= WORLD_UPLINKS | ROUTES_READ_OURS | ROUTES_READ_FOREIGN;
    } else if (at < network->n_addresses) {
        network->addresses[at] = address;
    } else if (grow((void **)&network->addresses, &network->addresses_capacity,
                    network->n_addresses, sizeof(address)) < 0) {
        change->stale |= ROUTES_READ_ADDRESSES;
    } else {
        network->addresses[network->n_addresses++] = address;
    }
    if (address.local.ip.family == AF_INET && world->picture.facts & FACT_ADDRESSES)
        look_at_addresses(world, address.ifindex);
}

static void on_route(struct world *world, const struct nlmsghdr *message,
                     struct world_change *change)
{
    struct route route;

    if (route_read_message(message, &route) < 0)
        return;
    if (route_is_uplink(&route))
        change->stale |= WORLD_UPLINKS;
    if (route.protocol == ROUTING_PROTOCOL)
        change->stale |= ROUTES_READ_OURS;
    else if (route.to.length == 0)
        change->stale |= ROUTES_READ_FOREIGN;
}

void world_update(struct world *world, const struct nlmsghdr *message, struct world_change *ret)
{
    *ret = (struct world_change){0};
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        on_link(world, message, ret);
        break;
    case RTM_NEWNETCONF:
    case RTM_DELNETCONF:
        on_netconf(world, message, ret);
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        on_address(world, message, ret);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        on_route(world, message, ret);
        break;
    case RTM_NEWRULE:
    case RTM_DELRULE:
        ret->stale |= ROUTES_READ_RULES;
        break;
    default:
        break;
    }
    ret->stale &= world->parts;
}
