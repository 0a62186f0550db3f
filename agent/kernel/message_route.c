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
    };
    r = read_route_attrs(tb, header, &route);
    if (r >= 0)
        r = read_route_extras(tb, header, &route);
    if (r >= 0)
        *ret = route;
    return r;
}
