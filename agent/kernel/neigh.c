/* Dumps of RTM_GETADDR and RTM_GETNEIGH. */
#include "agent/kernel/neigh.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/kernel/attrs.h"

int neighbour_read_message(const struct nlmsghdr *message, struct neighbour *ret)
{
    const struct nlattr *attrs[NDA_DST + 1] = {0};
    const struct ndmsg *body = message_body(message, sizeof(*body), attrs, NDA_DST);
    struct neighbour neighbour;
    int r;

    if (!body)
        return -EBADMSG;
    /* Nobody answered, nobody can (broadcast, multicast), or a proxy entry: not heard there. */
    if (body->ndm_family != AF_INET || !attrs[NDA_DST] ||
        (body->ndm_state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP)) ||
        body->ndm_state == NUD_NONE || (body->ndm_flags & NTF_PROXY))
        return -ENOENT;
    r = attr_ip(attrs[NDA_DST], AF_INET, &neighbour.address);
    if (r < 0)
        return r;
    neighbour.ifindex = body->ndm_ifindex;
    *ret = neighbour;
    return 0;
}

static int take_address(const struct nlmsghdr *message, void *ret, bool *ret_is)
{
    int r = message->nlmsg_type == RTM_NEWADDR ? route_address_read_message(message, ret) : -ENOENT;

    *ret_is = r == 0;
    return r == -ENOENT ? 0 : r;
}

int addresses_read(struct netlink *nl, struct route_address **ret, size_t *ret_count)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));

    ((struct ifaddrmsg *)mnl_nlmsg_get_payload(request))->ifa_family = AF_INET;
    return netlink_dump_array(nl, request, take_address, sizeof(**ret), (void **)ret, ret_count);
}

static int take_neighbour(const struct nlmsghdr *message, void *ret, bool *ret_is)
{
    int r = message->nlmsg_type == RTM_NEWNEIGH ? neighbour_read_message(message, ret) : -ENOENT;

    *ret_is = r == 0;
    return r == -ENOENT ? 0 : r;
}

int neighbours_read(struct netlink *nl, struct neighbour **ret, size_t *ret_count)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETNEIGH, 0, sizeof(struct ndmsg));

    ((struct ndmsg *)mnl_nlmsg_get_payload(request))->ndm_family = AF_INET;
    return netlink_dump_array(nl, request, take_neighbour, sizeof(**ret), (void **)ret, ret_count);
}
