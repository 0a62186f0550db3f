/* The live picture: one dump of links for all devices and all their settings, GETNETCONF and
 * /proc/sys for `all` and `default`, and one further dump per kind of fact that is asked for. */
#include "agent/kernel/links.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/procsys.h"

struct devices {
    struct device *items;
    size_t count, capacity;
    uint32_t facts;
};

static void devices_reset(void *data)
{
    struct devices *devices = data;

    for (size_t i = 0; i < devices->count; i++)
        device_done(&devices->items[i]);
    devices->count = 0;
}

static void devices_done(struct devices *devices)
{
    devices_reset(devices);
    free(devices->items);
}

static int add_device(const struct nlmsghdr *message, void *data)
{
    struct devices *devices = data;
    int r;

    if (message->nlmsg_type != RTM_NEWLINK)
        return 0;
    r = grow((void **)&devices->items, &devices->capacity, devices->count, sizeof(struct device));
    if (r >= 0)
        r = link_read_message(message, devices->facts, &devices->items[devices->count]);
    if (r >= 0)
        devices->count++;
    return r;
}

static int by_ifindex(const void *a, const void *b)
{
    const struct device *x = a, *y = b;

    return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static int read_links(struct netlink *nl, const struct picture_options *options, struct live *live)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
    _cleanup_(devices_done) struct devices devices = {.facts = options->facts};
    struct ifinfomsg *link = mnl_nlmsg_get_payload(request);
    int r;

    link->ifi_family = AF_UNSPEC;
    link->ifi_index = options->ifindex;
    mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (options->ifindex != 0)
        r = netlink_talk(nl, request, add_device, &devices);
    else
        r = netlink_dump(nl, request, add_device, devices_reset, &devices);
    if (r < 0)
        return r;
    if (devices.count > 1)
        qsort(devices.items, devices.count, sizeof(struct device), by_ifindex);
    live->count = devices.count;
    live->devices = TAKE_PTR(devices.items);
    devices.count = 0;
    return 0;
}

static int take_netconf(const struct nlmsghdr *message, void *data)
{
    return netconf_read_message(message, data);
}

/* rp_filter and forwarding of `all` (-1) or `default` (-2), without a look at /proc. */
static int read_netconf(struct netlink *nl, int which, struct netconf_values *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request =
        netlink_request(buffer, RTM_GETNETCONF, 0, sizeof(struct netconfmsg));
    struct netconfmsg *netconf = mnl_nlmsg_get_payload(request);
    int r;

    netconf->ncm_family = AF_INET;
    mnl_attr_put_u32(request, NETCONFA_IFINDEX, (uint32_t)which);
    r = netlink_talk(nl, request, take_netconf, ret);
    if (r < 0)
        return r;
    return ret->has_rp_filter && ret->has_forwarding ? 0 : -EOPNOTSUPP;
}

static int read_specials(struct netlink *nl, struct procsys *procsys, key_mask keys,
                         struct live *live)
{
    struct netconf_values all = {0}, def = {0};
    int r;

    r = read_netconf(nl, NETCONFA_IFINDEX_ALL, &all);
    if (r >= 0)
        r = read_netconf(nl, NETCONFA_IFINDEX_DEFAULT, &def);
    if (r < 0)
        return r;
    live->all_writable = !procsys->read_only;
    live->all[KEY_RP_FILTER] = all.rp_filter;
    live->def[KEY_RP_FILTER] = def.rp_filter;
    live->def_forwarding = def.forwarding != 0;
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (key_info(key)->announced || !(keys & KEY_BIT(key)))
            continue;
        r = procsys_read_special(procsys, "all", key, &live->all[key]);
        if (r >= 0)
            r = procsys_read_special(procsys, "default", key, &live->def[key]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Only the initial network namespace has this file. */
static int read_devconf_inherit(const struct picture_options *options)
{
    char path[PATH_MAX], digit;
    ssize_t n;
    int fd;

    if (snprintf(path, sizeof(path), "%s/core/devconf_inherit_init_net", options->proc_sys_net) >=
        (int)sizeof(path))
        return -1;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = read(fd, &digit, 1);
    (void)close(fd);
    return n == 1 && digit >= '0' && digit <= '9' ? digit - '0' : -1;
}

static void forget_addresses(void *data)
{
    struct live *live = data;

    for (size_t i = 0; i < live->count; i++)
        live->devices[i].numbered = false;
}

static int take_address(const struct nlmsghdr *message, void *data)
{
    struct route_address address;
    struct device *device;
    int r;

    if (message->nlmsg_type != RTM_NEWADDR)
        return 0;
    r = route_address_read_message(message, &address);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    device = live_by_ifindex(data, address.ifindex);
    if (device)
        device->numbered = true;
    return 0;
}

static int read_addresses(struct netlink *nl, const struct picture_options *options,
                          struct live *live)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
    struct ifaddrmsg *address = mnl_nlmsg_get_payload(request);

    address->ifa_family = AF_INET;
    address->ifa_index = (uint32_t)options->ifindex;
    return netlink_dump(nl, request, take_address, forget_addresses, live);
}

static void forget_routes(void *data)
{
    struct live *live = data;

    for (size_t i = 0; i < live->count; i++)
        live->devices[i].uplink = false;
}

static int take_hop(const struct route_hop *hop, void *data)
{
    struct device *device = live_by_ifindex(data, hop->ifindex);

    if (device)
        device->uplink = true;
    return 0;
}

/* Of all but default routes only the header is looked at: there may be very many. */
static int take_route(const struct nlmsghdr *message, void *data)
{
    const struct rtmsg *header = message_body(message, sizeof(*header), NULL, 0);
    struct route route;
    int r;

    if (!header)
        return -EBADMSG;
    if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_dst_len > 0)
        return 0;
    r = route_read_message(message, &route);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return route_is_uplink(&route) ? route_read_hops(message, take_hop, data) : 0;
}

int picture_read_uplinks(struct netlink *nl, struct live *live)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *route = mnl_nlmsg_get_payload(request);
    int r;

    forget_routes(live);
    /* The kernel can filter by table and kind, not by prefix length. */
    route->rtm_family = AF_INET;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_type = RTN_UNICAST;
    r = netlink_dump(nl, request, take_route, forget_routes, live);
    return r == -ENOENT ? 0 : r; /* no table yet: no routes */
}

/* The driver's name by SIOCETHTOOL, which has to be asked by name: it only counts when the device
 * has this name before (the link dump said so) and after. Many devices have no driver: "". */
static void read_driver(struct netlink *nl, struct device *device)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (void *)&info};
    char now[IFNAMSIZ];

    memcpy(request.ifr_name, device->name, sizeof(device->name));
    if (device_current_name(nl, device->ifindex, now) < 0 || !streq(now, device->name))
        return;
    if (ioctl(mnl_socket_get_fd(nl->socket), SIOCETHTOOL, &request) < 0)
        info.driver[0] = '\0';
    if (device_current_name(nl, device->ifindex, now) < 0 || !streq(now, device->name))
        return;
    memcpy(device->driver, info.driver, sizeof(device->driver));
    device->driver[sizeof(device->driver) - 1] = '\0';
    device->known |= FACT_DRIVER;
}

static void read_master_name(struct netlink *nl, const struct live *live, struct device *device)
{
    const struct device *master = live_by_ifindex(live, device->master);

    if (device->master == 0)
        device->master_name[0] = '\0';
    else if (master)
        memcpy(device->master_name, master->name, sizeof(device->master_name));
    else if (device_current_name(nl, device->master, device->master_name) < 0)
        return;
    device->known |= FACT_MASTER_NAME;
}

static int read_facts(struct netlink *nl, const struct picture_options *options, struct live *live)
{
    int r = 0;

    if (options->facts & FACT_ADDRESSES)
        r = read_addresses(nl, options, live);
    if (r >= 0 && options->facts & FACT_ROUTES)
        r = picture_read_uplinks(nl, live);
    if (r < 0)
        return r;
    for (size_t i = 0; i < live->count; i++) {
        live->devices[i].known |= options->facts & (FACT_ADDRESSES | FACT_ROUTES);
        if (options->facts & FACT_DRIVER)
            read_driver(nl, &live->devices[i]);
        if (options->facts & FACT_MASTER_NAME)
            read_master_name(nl, live, &live->devices[i]);
    }
    return 0;
}

int picture_read(struct netlink *nl, const struct picture_options *options, struct live *ret)
{
    _cleanup_(live_done) struct live live = {.devconf_inherit = -1};
    _cleanup_procsys_ struct procsys own = PROCSYS_INIT;
    _cleanup_netlink_ struct netlink opened = {0};
    struct procsys *procsys = options->procsys ?: &own;
    int r = nl ? 0 : netlink_open(&opened);

    nl = nl ?: &opened;
    if (r >= 0)
        r = read_links(nl, options, &live);
    if (r >= 0 && procsys == &own)
        r = procsys_open(options->proc_sys_net, &own);
    if (r >= 0)
        r = read_specials(nl, procsys, options->keys, &live);
    if (r >= 0)
        r = read_facts(nl, options, &live);
    if (r < 0)
        return r;
    if (options->ifindex == 0)
        live.devconf_inherit = read_devconf_inherit(options);
    *ret = live;
    live = (struct live){0};
    return 0;
}
