/* The readers of RTM_NEWLINK and RTM_NEWNETCONF. Attributes are first found and measured, then
 * read. */
#include "agent/kernel/messages.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "agent/kernel/attrs.h"

/* The word for a kind of device, cut where a module calls itself by a longer one. */
static void read_kind(const struct nlattr *attr, char *ret, size_t size)
{
    const char *s = mnl_attr_get_payload(attr);
    size_t n = strnlen(s, mnl_attr_get_payload_len(attr));

    if (n >= size)
        n = size - 1;
    memcpy(ret, s, n);
    ret[n] = '\0';
}

static int read_mac(const struct nlattr *attr, char **ret)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *bytes = mnl_attr_get_payload(attr);
    size_t n = mnl_attr_get_payload_len(attr);
    char *text, *p;

    if (n == 0)
        return 0;
    text = p = malloc(3 * n);
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15];
        *p++ = ':';
    }
    p[-1] = '\0';
    free(*ret);
    *ret = text;
    return 0;
}

static int read_altnames(const struct nlattr *list, char ***ret)
{
    const struct nlattr *attr;
    char **names, name[ALTIFNAMSIZ];
    size_t n = 0;

    mnl_attr_for_each_nested(attr, list) n++;
    if (n == 0)
        return 0;
    names = calloc(n + 1, sizeof(*names));
    if (!names)
        return -ENOMEM;
    *ret = names;
    mnl_attr_for_each_nested(attr, list)
    {
        if (mnl_attr_get_type(attr) != IFLA_ALT_IFNAME)
            continue;
        if (attr_string(attr, name, sizeof(name)) < 0)
            return -EBADMSG;
        *names = strdup(name);
        if (!*names++)
            return -ENOMEM;
    }
    return 0;
}

/* The VRF itself and its ports tell it, each in an attribute of its own with one number. */
static int read_vrf_table(const struct nlattr *data, uint32_t *ret)
{
    const struct nlattr *tb[IFLA_VRF_TABLE + 1] = {NULL};

    _Static_assert((int)IFLA_VRF_TABLE == (int)IFLA_VRF_PORT_TABLE, "one reader for both");
    if (!data)
        return 0;
    attrs_find_nested(data, tb, IFLA_VRF_TABLE);
    return tb[IFLA_VRF_TABLE] ? attr_u32(tb[IFLA_VRF_TABLE], ret) : 0;
}

static int read_kinds(const struct nlattr *info, struct device *device)
{
    const struct nlattr *tb[IFLA_INFO_SLAVE_DATA + 1] = {NULL};

    attrs_find_nested(info, tb, IFLA_INFO_SLAVE_DATA);
    if (tb[IFLA_INFO_KIND])
        read_kind(tb[IFLA_INFO_KIND], device->kind, sizeof(device->kind));
    if (tb[IFLA_INFO_SLAVE_KIND])
        read_kind(tb[IFLA_INFO_SLAVE_KIND], device->slave_kind, sizeof(device->slave_kind));
    if (device_is_vrf(device))
        return read_vrf_table(tb[IFLA_INFO_DATA], &device->vrf_table);
    if (device_vrf(device) != 0)
        return read_vrf_table(tb[IFLA_INFO_SLAVE_DATA], &device->vrf_table);
    return 0;
}

/* One number of IFLA_INET_CONF, an array of 32-bit numbers that grew with the kernel's versions: a
 * setting this kernel does not have reads as 0. */
static int inet_conf(const struct nlattr *conf, unsigned devconf)
{
    size_t at = (size_t)(devconf - 1) * sizeof(int32_t);
    int32_t value;

    if (at + sizeof(value) > mnl_attr_get_payload_len(conf))
        return 0;
    memcpy(&value, (const char *)mnl_attr_get_payload(conf) + at, sizeof(value));
    return value;
}

static void read_inet_conf(const struct nlattr *spec, struct device *device)
{
    const struct nlattr *families[AF_INET + 1] = {NULL};
    const struct nlattr *tb[IFLA_INET_CONF + 1] = {NULL};

    attrs_find_nested(spec, families, AF_INET);
    if (!families[AF_INET])
        return;
    attrs_find_nested(families[AF_INET], tb, IFLA_INET_CONF);
    if (!tb[IFLA_INET_CONF])
        return;
    device->ipv4 = true;
    device->forwarding = inet_conf(tb[IFLA_INET_CONF], IPV4_DEVCONF_FORWARDING) != 0;
    for (enum key key = 0; key < KEY_COUNT; key++)
        device->conf[key] = inet_conf(tb[IFLA_INET_CONF], key_info(key)->devconf);
}

static int read_kept_facts(const struct nlattr *const *tb, struct device *device)
{
    int r = 0;

    if (device->known & FACT_MAC) {
        if (tb[IFLA_ADDRESS])
            r = read_mac(tb[IFLA_ADDRESS], &device->mac);
        if (r >= 0 && tb[IFLA_PERM_ADDRESS])
            r = read_mac(tb[IFLA_PERM_ADDRESS], &device->permanent_mac);
    }
    if (r >= 0 && device->known & FACT_ALTNAMES && tb[IFLA_PROP_LIST])
        r = read_altnames(tb[IFLA_PROP_LIST], &device->altnames);
    return r;
}

static int read_link_attrs(const struct nlattr *const *tb, struct device *device)
{
    int r;

    if (!tb[IFLA_IFNAME])
        return -EBADMSG;
    r = attr_string(tb[IFLA_IFNAME], device->name, sizeof(device->name));
    if (r >= 0 && !device->name[0])
        r = -EBADMSG;
    if (r >= 0 && tb[IFLA_MASTER])
        r = attr_s32(tb[IFLA_MASTER], &device->master);
    if (r >= 0 && tb[IFLA_LINKINFO])
        r = read_kinds(tb[IFLA_LINKINFO], device);
    if (r < 0)
        return r;
    device->bus_parent = tb[IFLA_PARENT_DEV_NAME] != NULL;
    if (tb[IFLA_AF_SPEC])
        read_inet_conf(tb[IFLA_AF_SPEC], device);
    return read_kept_facts(tb, device);
}

int link_read_message(const struct nlmsghdr *message, uint32_t facts, struct device *ret)
{
    const struct nlattr *tb[IFLA_PARENT_DEV_NAME + 1] = {NULL};
    struct device device = {.known = facts & (FACT_MAC | FACT_ALTNAMES)};
    const struct ifinfomsg *link;
    int r;

    link = message_body(message, sizeof(*link), tb, IFLA_PARENT_DEV_NAME);
    if (!link || link->ifi_index <= 0)
        return -EBADMSG;
    device.ifindex = link->ifi_index;
    device.flags = link->ifi_flags;
    device.type = link->ifi_type;
    r = read_link_attrs(tb, &device);
    if (r < 0) {
        device_done(&device);
        return r;
    }
    *ret = device;
    return 0;
}

int netconf_read_message(const struct nlmsghdr *message, struct netconf_values *ret)
{
    const struct nlattr *tb[NETCONFA_RP_FILTER + 1] = {NULL};
    struct netconf_values values = {0};
    int r;

    if (!message_body(message, sizeof(struct netconfmsg), tb, NETCONFA_RP_FILTER) ||
        !tb[NETCONFA_IFINDEX])
        return -EBADMSG;
    r = attr_s32(tb[NETCONFA_IFINDEX], &values.ifindex);
    if (r >= 0 && tb[NETCONFA_RP_FILTER]) {
        values.has_rp_filter = true;
        r = attr_s32(tb[NETCONFA_RP_FILTER], &values.rp_filter);
    }
    if (r >= 0 && tb[NETCONFA_FORWARDING]) {
        values.has_forwarding = true;
        r = attr_s32(tb[NETCONFA_FORWARDING], &values.forwarding);
    }
    if (r < 0)
        return r;
    *ret = values;
    return 0;
}
