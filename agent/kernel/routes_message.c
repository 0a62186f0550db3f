/* Readers of single rtnetlink messages: addresses, routes and rules of IPv4 and IPv6. Pure
 * functions that never look outside the message. */
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/routes_io.h"

#define RULE_ATTRS_MAX 63 /* far more than there are */

static bool is_ip_family(uint8_t family)
{
    return family == AF_INET || family == AF_INET6;
}

static unsigned bits_of(uint8_t family)
{
    return family == AF_INET ? 32 : 128;
}

static int read_ip(const struct nlattr *attr, uint8_t family, struct ip *ret)
{
    size_t n = bits_of(family) / 8;
    struct ip ip = {.family = family};

    if (mnl_attr_get_payload_len(attr) < n)
        return -EBADMSG;
    memcpy(ip.bytes, mnl_attr_get_payload(attr), n);
    *ret = ip;
    return 0;
}

/* The kernel leaves the attribute out where the length is 0. */
static int read_prefix(const struct nlattr *attr, uint8_t family, uint8_t length,
                       struct ip_prefix *ret)
{
    struct ip_prefix prefix = {.ip = {.family = family}, .length = length};
    int r = 0;

    if (length > bits_of(family) || (length > 0 && !attr))
        return -EBADMSG;
    if (attr)
        r = read_ip(attr, family, &prefix.ip);
    if (r >= 0)
        *ret = prefix;
    return r;
}

/* IPv4 states both always, and equal where there is no other end; IPv6 states IFA_LOCAL only where
 * there is one. */
static int read_ends(const struct nlattr *const *tb, struct route_address *address, uint8_t family)
{
    const struct nlattr *local = tb[IFA_LOCAL] ?: tb[IFA_ADDRESS];
    int r;

    if (!local)
        return -EBADMSG;
    r = read_ip(local, family, &address->local.ip);
    if (r >= 0 && tb[IFA_ADDRESS])
        r = read_ip(tb[IFA_ADDRESS], family, &address->peer);
    if (r >= 0 && memcmp(&address->peer, &address->local.ip, sizeof(address->peer)) == 0)
        address->peer = (struct ip){0};
    return r;
}

int route_address_read_message(const struct nlmsghdr *message, struct route_address *ret)
{
    const struct nlattr *tb[IFA_FLAGS + 1] = {NULL};
    struct route_address address = {0};
    const struct ifaddrmsg *header;
    int r;

    header = message_body(message, sizeof(*header), tb, IFA_FLAGS);
    if (!header)
        return -EBADMSG;
    if (!is_ip_family(header->ifa_family))
        return -ENOENT;
    if (header->ifa_prefixlen > bits_of(header->ifa_family) || header->ifa_index == 0 ||
        header->ifa_index > INT32_MAX)
        return -EBADMSG;
    address.ifindex = (int)header->ifa_index;
    address.local.length = header->ifa_prefixlen;
    address.scope = header->ifa_scope;
    address.flags = header->ifa_flags;
    r = read_ends(tb, &address, header->ifa_family);
    if (r >= 0 && tb[IFA_FLAGS])
        r = attr_u32(tb[IFA_FLAGS], &address.flags);
    if (r >= 0)
        *ret = address;
    return r;
}

/* RTAX_MTU; *ret_more where there is anything else. */
static int read_metrics(const struct nlattr *metrics, uint32_t *ret_mtu, bool *ret_more)
{
    const struct nlattr *attr;
    int r = 0;

    mnl_attr_for_each_nested(attr, metrics)
    {
        if (mnl_attr_get_type(attr) == RTAX_MTU)
            gather(&r, attr_u32(attr, ret_mtu));
        else
            *ret_more = true;
    }
    return r;
}

/* Only of our own routes more is asked than the way: what we did not set makes them another. */
static int read_route_extras(const struct nlattr *const *tb, const struct rtmsg *header,
                             struct route *route)
{
    bool more = tb[RTA_FLOW] != NULL;
    struct rta_cacheinfo info;
    int r = 0;

    if (tb[RTA_METRICS])
        r = read_metrics(tb[RTA_METRICS], &route->mtu, &more);
    if (tb[RTA_CACHEINFO] && mnl_attr_get_payload_len(tb[RTA_CACHEINFO]) >= sizeof(info)) {
        memcpy(&info, mnl_attr_get_payload(tb[RTA_CACHEINFO]), sizeof(info));
        more |= info.rta_expires != 0;
    }
    if (tb[RTA_PREF] && mnl_attr_get_payload_len(tb[RTA_PREF]) > 0 &&
        mnl_attr_get_u8(tb[RTA_PREF]) != 0)
        more = true;
    route->special = tb[RTA_MULTIPATH] || tb[RTA_NH_ID] || tb[RTA_ENCAP] || tb[RTA_VIA] ||
                     tb[RTA_NEWDST] || header->rtm_src_len != 0 ||
                     (more && header->rtm_protocol == ROUTING_PROTOCOL);
    route->way = tb[RTA_NH_ID] && tb[RTA_OIF] && !tb[RTA_MULTIPATH] && !tb[RTA_ENCAP] &&
                 !tb[RTA_VIA] && !tb[RTA_NEWDST] && header->rtm_src_len == 0;
    return r;
}

static int read_route_attrs(const struct nlattr *const *tb, const struct rtmsg *header,
                            struct route *route)
{
    uint8_t family = header->rtm_family;
    int r = read_prefix(tb[RTA_DST], family, header->rtm_dst_len, &route->to);

    if (r >= 0 && tb[RTA_TABLE])
        r = attr_u32(tb[RTA_TABLE], &route->table);
    if (r >= 0 && tb[RTA_PRIORITY])
        r = attr_u32(tb[RTA_PRIORITY], &route->metric);
    if (r >= 0 && tb[RTA_GATEWAY])
        r = read_ip(tb[RTA_GATEWAY], family, &route->via);
    if (r >= 0 && tb[RTA_PREFSRC])
        r = read_ip(tb[RTA_PREFSRC], family, &route->prefsrc);
    if (r >= 0 && tb[RTA_OIF])
        r = attr_s32(tb[RTA_OIF], &route->oif);
    return r;
}

int route_read_message(const struct nlmsghdr *message, struct route *ret)
{
    const struct nlattr *tb[RTA_NH_ID + 1] = {NULL};
    const struct rtmsg *header;
    struct route route;
    int r;

    header = message_body(message, sizeof(*header), tb, RTA_NH_ID);
    if (!header)
        return -EBADMSG;
    if (!is_ip_family(header->rtm_family) || header->rtm_flags & RTM_F_CLONED)
        return -ENOENT;
    route = (struct route){
        .family = header->rtm_family,
        .type = header->rtm_type,
        .protocol = header->rtm_protocol,
        .scope = header->rtm_scope,
        .tos = header->rtm_tos,
        .table = header->rtm_table,
        .onlink = header->rtm_flags & RTNH_F_ONLINK,
    };
    r = read_route_attrs(tb, header, &route);
    if (r >= 0)
        r = read_route_extras(tb, header, &route);
    if (r >= 0)
        *ret = route;
    return r;
}

/* Whether the rule looks at something that is not held in struct route_rule. */
static bool looks_at_more(const struct nlattr *const *tb, const struct fib_rule_hdr *header)
{
    static const uint16_t known[] = {
        FRA_DST, FRA_SRC, FRA_PRIORITY, FRA_TABLE, FRA_PROTOCOL, FRA_SUPPRESS_PREFIXLEN, FRA_PAD};

    if (header->tos || header->flags & (FIB_RULE_INVERT | FIB_RULE_UNRESOLVED) ||
        (header->action != FR_ACT_TO_TBL && header->action != FR_ACT_NOP &&
         header->action < FR_ACT_BLACKHOLE))
        return true;
    for (uint16_t type = 0; type <= RULE_ATTRS_MAX; type++) {
        bool is_known = false;
        uint32_t value;

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
            is_known |= known[i] == type;
        if (!tb[type] || is_known)
            continue;
        /* Stated by the kernel in every rule, as "none". */
        if (type == FRA_SUPPRESS_IFGROUP && attr_u32(tb[type], &value) == 0 && value == UINT32_MAX)
            continue;
        return true;
    }
    return false;
}

static int read_rule_attrs(const struct nlattr *const *tb, const struct fib_rule_hdr *header,
                           struct route_rule *rule)
{
    int r = read_prefix(tb[FRA_SRC], header->family, header->src_len, &rule->from);

    if (r >= 0)
        r = read_prefix(tb[FRA_DST], header->family, header->dst_len, &rule->to);
    if (r >= 0 && tb[FRA_TABLE])
        r = attr_u32(tb[FRA_TABLE], &rule->table);
    if (r >= 0 && tb[FRA_PRIORITY])
        r = attr_u32(tb[FRA_PRIORITY], &rule->priority);
    if (r >= 0 && tb[FRA_SUPPRESS_PREFIXLEN])
        r = attr_s32(tb[FRA_SUPPRESS_PREFIXLEN], &rule->suppress_prefixlength);
    if (r >= 0 && tb[FRA_PROTOCOL]) {
        if (mnl_attr_get_payload_len(tb[FRA_PROTOCOL]) < 1)
            return -EBADMSG;
        rule->protocol = mnl_attr_get_u8(tb[FRA_PROTOCOL]);
    }
    return r;
}

int route_rule_read_message(const struct nlmsghdr *message, struct route_rule *ret)
{
    const struct nlattr *tb[RULE_ATTRS_MAX + 1] = {NULL};
    const struct fib_rule_hdr *header;
    struct route_rule rule;
    int r;

    header = message_body(message, sizeof(*header), tb, RULE_ATTRS_MAX);
    if (!header)
        return -EBADMSG;
    if (!is_ip_family(header->family))
        return -ENOENT;
    rule = (struct route_rule){
        .family = header->family,
        .action = header->action,
        .table = header->table,
        .suppress_prefixlength = -1,
        .special = looks_at_more(tb, header),
    };
    r = read_rule_attrs(tb, header, &rule);
    if (r >= 0)
        *ret = rule;
    return r;
}
