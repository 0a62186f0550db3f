/* One lookup in the IPv6 routing tables, as for an output route. Rules are left to the kernel. */
#include "agent/kernel/fib6.h"

#include "agent/kernel/attrs.h"
#include "agent/kernel/fib_private.h"

static int add_way(struct fib_way *way, int ifindex, const struct nlattr *gateway)
{
    size_t at = way->found.n_hops;

    if (at == ROUTE_HOPS_MAX)
        return -E2BIG;
    if (gateway) {
        if (mnl_attr_get_payload_len(gateway) < sizeof(way->gateways[at].bytes))
            return -EBADMSG;
        way->gateways[at].family = AF_INET6;
        memcpy(way->gateways[at].bytes, mnl_attr_get_payload(gateway),
               sizeof(way->gateways[at].bytes));
    }
    way->found.hops[at] = ifindex;
    way->found.n_hops++;
    return 0;
}

static int take_hop(const struct rtnexthop *hop, const struct nlattr *gateway, void *data)
{
    return add_way(data, hop->rtnh_ifindex, gateway);
}

int fib6_read_way(const struct nlmsghdr *message, struct fib_way *ret, uint32_t *ret_nexthop)
{
    const struct nlattr *tb[RTA_NH_ID + 1] = {NULL};
    struct fib_way way = {0};
    const struct rtmsg *header;
    uint32_t nexthop = 0;
    int ifindex, r = 0;

    header = message_body(message, sizeof(*header), tb, RTA_NH_ID);
    if (!header || header->rtm_family != AF_INET6)
        return -EBADMSG;
    way.found.kind = fib_kind_of(header->rtm_type);
    if (tb[RTA_MULTIPATH]) {
        r = fib_each_hop(tb[RTA_MULTIPATH], take_hop, &way);
    } else if (tb[RTA_OIF]) {
        r = attr_s32(tb[RTA_OIF], &ifindex);
        if (r >= 0)
            r = add_way(&way, ifindex, tb[RTA_GATEWAY]);
    } else if (tb[RTA_NH_ID]) {
        r = attr_u32(tb[RTA_NH_ID], &nexthop);
    }
    if (r < 0)
        return r;
    *ret = way;
    *ret_nexthop = nexthop;
    return 0;
}

struct answer {
    struct fib_way way;
    uint32_t nexthop;
};

static int take_answer(const struct nlmsghdr *message, void *data)
{
    struct answer *answer = data;

    if (message->nlmsg_type != RTM_NEWROUTE)
        return -EBADMSG;
    return fib6_read_way(message, &answer->way, &answer->nexthop);
}

/* net.ipv4.nexthop_compat_mode = 0 leaves only the number of a nexthop object in the answer. */
static int resolve(struct netlink *nl, struct answer *answer)
{
    struct fib_route route = {.found = answer->way.found, .nexthop = answer->nexthop};
    int r = fib_resolve_nexthop(nl, &route);

    if (r >= 0)
        answer->way.found = route.found;
    return r;
}

int fib6_lookup(struct netlink *nl, const struct ip *from, const struct ip *to, int vrf,
                struct fib_way *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    struct answer answer = {0};
    enum route_kind kind;
    int r;

    header->rtm_family = AF_INET6;
    header->rtm_dst_len = header->rtm_src_len = 128;
    header->rtm_flags = RTM_F_FIB_MATCH;
    mnl_attr_put(request, RTA_DST, sizeof(to->bytes), to->bytes);
    mnl_attr_put(request, RTA_SRC, sizeof(from->bytes), from->bytes);
    if (vrf)
        mnl_attr_put_u32(request, RTA_OIF, (uint32_t)vrf);
    mnl_attr_put_u32(request, RTA_UID, 0);
    r = netlink_talk(nl, request, take_answer, &answer);
    if (r < 0) {
        r = fib_ends_in_nothing(r, &kind);
        if (r >= 0)
            *ret = (struct fib_way){.found = {.kind = kind}};
        return r;
    }
    r = resolve(nl, &answer);
    if (r >= 0)
        *ret = answer.way;
    return r;
}
