/* Readers of single rtnetlink messages about routes and nexthop objects. They never look outside
 * the message, except for what a nexthop's number stands for. */
#include <linux/nexthop.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/fib_private.h"
#include "agent/kernel/messages.h"

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

static int add_hop(const struct route_hop *hop, void *data)
{
    struct fib_way *way = data;
    size_t at = way->found.n_hops;

    if (at == ROUTE_HOPS_MAX)
        return -E2BIG;
    way->found.hops[at] = hop->ifindex;
    way->gateways[at] = hop->via;
    way->found.n_hops++;
    return 0;
}

int fib_read_way(const struct nlmsghdr *message, struct fib_way *ret)
{
    struct fib_way way = {0};
    int r = route_read_message(message, &way.route);

    if (r >= 0)
        r = route_read_hops(message, add_hop, &way);
    if (r < 0)
        return r;
    way.found.kind = fib_kind_of(way.route.type);
    /* While `local` and `main` are one trie a lookup names `main` for both (fib_unmerge()); the
     * kernel's own routes go to `main` only where they are unicast: fib_magic(). */
    if (way.route.family == AF_INET && way.route.table == RT_TABLE_MAIN &&
        way.route.protocol == RTPROT_KERNEL && way.route.type != RTN_UNICAST)
        way.route.table = RT_TABLE_LOCAL;
    *ret = way;
    return 0;
}

struct nexthop {
    bool blackhole;
    struct route_hop hop;
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
        r = attr_s32(tb[NHA_OIF], &nexthop->hop.ifindex);
    if (r >= 0 && tb[NHA_GATEWAY] && ip_is_family(header->nh_family))
        r = attr_ip(tb[NHA_GATEWAY], header->nh_family, &nexthop->hop.via);
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

static int add_nexthop(struct fib_way *way, const struct nexthop *nexthop)
{
    struct route_hop hop = nexthop->hop;

    if (nexthop->blackhole)
        way->found.kind = ROUTE_BLACKHOLE;
    if (hop.via.family != way->route.family)
        hop.via = (struct ip){0};
    return hop.ifindex > 0 ? add_hop(&hop, way) : 0;
}

/* Groups hold no groups. */
int fib_resolve_nexthop(struct netlink *nl, struct fib_way *way)
{
    struct nexthop nexthop, member;
    int r;

    if (way->route.nexthop == 0 || way->found.n_hops > 0)
        return 0;
    r = ask_nexthop(nl, way->route.nexthop, &nexthop);
    if (r >= 0)
        r = add_nexthop(way, &nexthop);
    for (size_t i = 0; r >= 0 && i < nexthop.n_members; i++) {
        r = ask_nexthop(nl, nexthop.members[i], &member);
        if (r >= 0)
            r = add_nexthop(way, &member);
    }
    return r;
}
