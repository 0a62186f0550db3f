/* Readers of single rtnetlink messages about routes and nexthop objects. They never look outside
 * the message, except for what a nexthop's number stands for. */
#include <linux/nexthop.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/fib_private.h"

enum route_kind fib_kind_of(uint8_t type)
{
    static const enum route_kind kinds[] = {
        [RTN_UNSPEC] = ROUTE_NONE,         [RTN_UNICAST] = ROUTE_UNICAST,
        [RTN_LOCAL] = ROUTE_LOCAL,         [RTN_BROADCAST] = ROUTE_BROADCAST,
        [RTN_ANYCAST] = ROUTE_MULTICAST,   [RTN_MULTICAST] = ROUTE_MULTICAST,
        [RTN_BLACKHOLE] = ROUTE_BLACKHOLE, [RTN_UNREACHABLE] = ROUTE_UNREACHABLE,
        [RTN_PROHIBIT] = ROUTE_PROHIBIT,
    };

    return type < ELEMENTSOF(kinds) ? kinds[type] : ROUTE_NONE;
}

static int read_address(const struct nlattr *attr, struct in_addr *ret)
{
    if (mnl_attr_get_payload_len(attr) < sizeof(*ret))
        return -EBADMSG;
    memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
    return 0;
}

static int add_hop(struct fib_route *route, int ifindex, const struct nlattr *gateway)
{
    struct route_found *found = &route->found;

    if (found->n_hops == ROUTE_HOPS_MAX)
        return -E2BIG;
    if (gateway && read_address(gateway, &route->gateways[found->n_hops]) < 0)
        return -EBADMSG;
    found->hops[found->n_hops++] = ifindex;
    return 0;
}

/* Length-prefixed hops, each with attributes of its own. */
int fib_each_hop(const struct nlattr *multipath, fib_hop_t fn, void *data)
{
    const char *p = mnl_attr_get_payload(multipath);
    size_t left = mnl_attr_get_payload_len(multipath);
    struct rtnexthop hop;

    while (left >= sizeof(hop)) {
        const struct nlattr *tb[RTA_GATEWAY + 1] = {NULL};
        size_t step;
        int r;

        memcpy(&hop, p, sizeof(hop));
        if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
            return -EBADMSG;
        attrs_find(p + sizeof(hop), hop.rtnh_len - sizeof(hop), tb, RTA_GATEWAY);
        r = fn(&hop, tb[RTA_GATEWAY], data);
        if (r < 0)
            return r;
        step = (size_t)RTNH_ALIGN(hop.rtnh_len);
        if (step >= left)
            break;
        p += step;
        left -= step;
    }
    return 0;
}

static int take_hop(const struct rtnexthop *hop, const struct nlattr *gateway, void *data)
{
    struct fib_route *route = data;

    if (!(hop->rtnh_flags & RTNH_F_DEAD))
        route->dead = false;
    return add_hop(route, hop->rtnh_ifindex, gateway);
}

static int read_route_hops(const struct nlattr *const *tb, struct fib_route *route)
{
    int ifindex, r;

    if (tb[RTA_MULTIPATH]) {
        route->dead = true;
        return fib_each_hop(tb[RTA_MULTIPATH], take_hop, route);
    }
    if (!tb[RTA_OIF])
        return 0;
    r = attr_s32(tb[RTA_OIF], &ifindex);
    return r < 0 ? r : add_hop(route, ifindex, tb[RTA_GATEWAY]);
}

int fib_read_route(const struct nlmsghdr *message, struct fib_route *ret)
{
    const struct nlattr *tb[RTA_NH_ID + 1] = {NULL};
    struct fib_route route = {0};
    const struct rtmsg *header;
    int r = 0;

    header = message_body(message, sizeof(*header), tb, RTA_NH_ID);
    if (!header || header->rtm_family != AF_INET || header->rtm_dst_len > 32)
        return -EBADMSG;
    route.found.kind = fib_kind_of(header->rtm_type);
    route.throws = header->rtm_type == RTN_THROW;
    route.prefix_length = header->rtm_dst_len;
    route.tos = header->rtm_tos;
    route.table = header->rtm_table;
    route.dead = header->rtm_flags & RTNH_F_DEAD;
    if (tb[RTA_DST])
        r = read_address(tb[RTA_DST], &route.prefix);
    if (r >= 0 && tb[RTA_TABLE])
        r = attr_u32(tb[RTA_TABLE], &route.table);
    if (r >= 0 && tb[RTA_PRIORITY])
        r = attr_u32(tb[RTA_PRIORITY], &route.metric);
    if (r >= 0 && tb[RTA_NH_ID])
        r = attr_u32(tb[RTA_NH_ID], &route.nexthop);
    if (r >= 0)
        r = read_route_hops(tb, &route);
    if (r < 0)
        return r;
    *ret = route;
    return 0;
}

struct nexthop {
    bool blackhole;
    int ifindex;
    struct in_addr gateway;
    uint32_t members[ROUTE_HOPS_MAX];
    size_t n_members;
};

static int take_nexthop(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *tb[NHA_GATEWAY + 1] = {NULL};
    struct nexthop *nexthop = data;
    const struct nhmsg *header;
    struct nexthop_grp member;
    int r = 0;

    header = message_body(message, sizeof(*header), tb, NHA_GATEWAY);
    if (!header)
        return -EBADMSG;
    nexthop->blackhole = tb[NHA_BLACKHOLE] != NULL;
    if (tb[NHA_OIF])
        r = attr_s32(tb[NHA_OIF], &nexthop->ifindex);
    if (r >= 0 && tb[NHA_GATEWAY] && header->nh_family == AF_INET)
        r = read_address(tb[NHA_GATEWAY], &nexthop->gateway);
    for (size_t at = 0;
         r >= 0 && tb[NHA_GROUP] && at + sizeof(member) <= mnl_attr_get_payload_len(tb[NHA_GROUP]);
         at += sizeof(member)) {
        if (nexthop->n_members == ELEMENTSOF(nexthop->members))
            return -E2BIG;
        memcpy(&member, (const char *)mnl_attr_get_payload(tb[NHA_GROUP]) + at, sizeof(member));
        nexthop->members[nexthop->n_members++] = member.id;
    }
    return r;
}

static int ask_nexthop(struct netlink *nl, uint32_t id, struct nexthop *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETNEXTHOP, 0, sizeof(struct nhmsg));

    *ret = (struct nexthop){0};
    mnl_attr_put_u32(request, NHA_ID, id);
    return netlink_talk(nl, request, take_nexthop, ret);
}

static int add_nexthop(struct fib_route *route, const struct nexthop *nexthop)
{
    size_t at = route->found.n_hops;
    int r;

    if (nexthop->blackhole)
        route->found.kind = ROUTE_BLACKHOLE;
    r = nexthop->ifindex > 0 ? add_hop(route, nexthop->ifindex, NULL) : 0;
    if (r == 0 && nexthop->ifindex > 0)
        route->gateways[at] = nexthop->gateway;
    return r;
}

/* Groups hold no groups. */
int fib_resolve_nexthop(struct netlink *nl, struct fib_route *route)
{
    struct nexthop nexthop, member;
    int r;

    if (route->nexthop == 0 || route->found.n_hops > 0)
        return 0;
    r = ask_nexthop(nl, route->nexthop, &nexthop);
    if (r >= 0)
        r = add_nexthop(route, &nexthop);
    for (size_t i = 0; r >= 0 && i < nexthop.n_members; i++) {
        r = ask_nexthop(nl, nexthop.members[i], &member);
        if (r >= 0)
            r = add_nexthop(route, &member);
    }
    return r;
}
