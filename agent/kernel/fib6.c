/* One lookup in the IPv6 routing tables, as for an output route. Rules are left to the kernel. */
#include "agent/kernel/fib6.h"

#include "agent/kernel/fib_private.h"

static int take_way(const struct nlmsghdr *message, void *data)
{
    return message->nlmsg_type == RTM_NEWROUTE ? fib_read_way(message, data) : -EBADMSG;
}

int fib6_lookup(struct netlink *nl, const struct ip *from, const struct ip *to, int vrf,
                struct fib_way *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    struct fib_way way;
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
    r = netlink_talk(nl, request, take_way, &way);
    if (r < 0) {
        r = fib_ends_in_nothing(r, &kind);
        if (r >= 0)
            *ret = (struct fib_way){.found = {.kind = kind}};
        return r;
    }
    /* net.ipv4.nexthop_compat_mode = 0 leaves only the number of a nexthop object in the answer. */
    r = fib_resolve_nexthop(nl, &way);
    if (r >= 0)
        *ret = way;
    return r;
}
