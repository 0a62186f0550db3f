/* The reader of RTM_NEWROUTE. */
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/messages.h"
#include "policy/lang/routing.h"

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

static int read_hop(const struct rtnexthop *header, const struct nlattr *gateway, uint8_t family,
                    struct route_hop *ret)
{
    *ret = (struct route_hop){
        .ifindex = header->rtnh_ifindex,
        .onlink = header->rtnh_flags & RTNH_F_ONLINK,
        .dead = header->rtnh_flags & RTNH_F_DEAD,
    };
    return gateway ? attr_ip(gateway, family, &ret->via) : 0;
}

/* Like rtnl_multipath hops are length-prefixed, not attributes; each has attributes of its own. */
static int each_hop(const struct nlattr *multipath, uint8_t family, route_hop_t fn, void *data)
{
    const char *p = mnl_attr_get_payload(multipath);
    size_t left = mnl_attr_get_payload_len(multipath);
    struct rtnexthop header;

    while (left >= sizeof(header)) {
        const struct nlattr *tb[RTA_GATEWAY + 1] = {NULL};
        struct route_hop hop;
        size_t step;
        int r;

        memcpy(&header, p, sizeof(header));
        if (header.rtnh_len < sizeof(header) || header.rtnh_len > left)
            return -EBADMSG;
        attrs_find(p + sizeof(header), header.rtnh_len - sizeof(header), tb, RTA_GATEWAY);
        r = read_hop(&header, tb[RTA_GATEWAY], family, &hop);
        if (r >= 0)
            r = fn(&hop, data);
        if (r < 0)
            return r;
        step = (size_t)RTNH_ALIGN(header.rtnh_len);
        if (step >= left)
            break;
        p += step;
        left -= step;
    }
    return 0;
}

static int look_at_hop(const struct route_hop *hop, void *data)
{
    bool *all_dead = data;

    *all_dead &= hop->dead;
    return 0;
}

static int read_route_attrs(const struct nlattr *const *tb, const struct rtmsg *header,
                            struct route *route)
{
    uint8_t family = header->rtm_family;
    int r = attr_ip_prefix(tb[RTA_DST], family, header->rtm_dst_len, &route->to);

    if (r >= 0 && tb[RTA_TABLE])
        r = attr_u32(tb[RTA_TABLE], &route->table);
    if (r >= 0 && tb[RTA_PRIORITY])
        r = attr_u32(tb[RTA_PRIORITY], &route->metric);
    if (r >= 0 && tb[RTA_GATEWAY])
        r = attr_ip(tb[RTA_GATEWAY], family, &route->via);
    if (r >= 0 && tb[RTA_PREFSRC])
        r = attr_ip(tb[RTA_PREFSRC], family, &route->prefsrc);
    if (r >= 0 && tb[RTA_OIF])
        r = attr_s32(tb[RTA_OIF], &route->oif);
    if (r >= 0 && tb[RTA_NH_ID])
        r = attr_u32(tb[RTA_NH_ID], &route->nexthop);
    if (r < 0 || !tb[RTA_MULTIPATH])
        return r;
    route->dead = true;
    return each_hop(tb[RTA_MULTIPATH], family, look_at_hop, &route->dead);
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
    if (!ip_is_family(header->rtm_family) || header->rtm_flags & RTM_F_CLONED)
        return -ENOENT;
    route = (struct route){
        .family = header->rtm_family,
        .type = header->rtm_type,
        .protocol = header->rtm_protocol,
        .scope = header->rtm_scope,
        .tos = header->rtm_tos,
        .table = header->rtm_table,
        .onlink = header->rtm_flags & RTNH_F_ONLINK,
        .dead = header->rtm_flags & RTNH_F_DEAD,
    };
    r = read_route_attrs(tb, header, &route);
    if (r >= 0)
        r = read_route_extras(tb, header, &route);
    if (r >= 0)
        *ret = route;
    return r;
}

int route_read_hops(const struct nlmsghdr *message, route_hop_t fn, void *data)
{
    const struct nlattr *tb[RTA_MULTIPATH + 1] = {NULL};
    const struct rtmsg *header = message_body(message, sizeof(*header), tb, RTA_MULTIPATH);
    struct rtnexthop only = {0};
    struct route_hop hop;
    int r;

    if (!header)
        return -EBADMSG;
    if (!ip_is_family(header->rtm_family))
        return -ENOENT;
    if (tb[RTA_MULTIPATH])
        return each_hop(tb[RTA_MULTIPATH], header->rtm_family, fn, data);
    if (!tb[RTA_OIF])
        return 0;
    only.rtnh_flags = (uint8_t)header->rtm_flags;
    r = attr_s32(tb[RTA_OIF], &only.rtnh_ifindex);
    if (r >= 0)
        r = read_hop(&only, tb[RTA_GATEWAY], header->rtm_family, &hop);
    return r < 0 ? r : fn(&hop, data);
}

bool route_is_uplink(const struct route *route)
{
    return route->family == AF_INET && route->to.length == 0 && route->type == RTN_UNICAST &&
           route->table == RT_TABLE_MAIN;
}
