/* Dumps of RTM_GETADDR and RTM_GETNEIGH. */
#include "agent/kernel/neigh.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/kernel/attrs.h"

static int attr_address(const struct nlattr *attr, struct in_addr *ret)
{
    return attr_u32(attr, &ret->s_addr);
}

int address_read(const struct nlmsghdr *message, struct address *ret, bool *ret_is)
{
    const struct nlattr *attrs[IFA_MAX + 1] = {0};
    const struct ifaddrmsg *body = message_body(message, sizeof(*body), attrs, IFA_MAX);
    struct address address;
    int r;

    if (!body)
        return -EBADMSG;
    if (body->ifa_family != AF_INET || message->nlmsg_type != RTM_NEWADDR || !attrs[IFA_LOCAL]) {
        *ret_is = false;
        return 0;
    }
    r = attr_address(attrs[IFA_LOCAL], &address.local);
    if (r < 0)
        return r;
    address.ifindex = (int)body->ifa_index;
    address.prefix_length = body->ifa_prefixlen <= 32 ? body->ifa_prefixlen : 32;
    *ret = address;
    *ret_is = true;
    return 0;
}

int neighbour_read(const struct nlmsghdr *message, struct neighbour *ret, bool *ret_is)
{
    const struct nlattr *attrs[NDA_MAX + 1] = {0};
    const struct ndmsg *body = message_body(message, sizeof(*body), attrs, NDA_MAX);
    struct neighbour neighbour;
    int r;

    if (!body)
        return -EBADMSG;
    /* Nobody answered, nobody can (broadcast, multicast), or a proxy entry: not heard there. */
    if (body->ndm_family != AF_INET || message->nlmsg_type != RTM_NEWNEIGH || !attrs[NDA_DST] ||
        (body->ndm_state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP)) ||
        body->ndm_state == NUD_NONE || (body->ndm_flags & NTF_PROXY)) {
        *ret_is = false;
        return 0;
    }
    r = attr_address(attrs[NDA_DST], &neighbour.address);
    if (r < 0)
        return r;
    neighbour.ifindex = body->ndm_ifindex;
    *ret = neighbour;
    *ret_is = true;
    return 0;
}

static int read_address(const struct nlmsghdr *message, void *ret, bool *ret_is)
{
    return address_read(message, ret, ret_is);
}

int addresses_read(struct netlink *nl, struct address **ret, size_t *ret_count)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));

    ((struct ifaddrmsg *)mnl_nlmsg_get_payload(request))->ifa_family = AF_INET;
    return netlink_dump_array(nl, request, read_address, sizeof(**ret), (void **)ret, ret_count);
}

static int read_neighbour(const struct nlmsghdr *message, void *ret, bool *ret_is)
{
    return neighbour_read(message, ret, ret_is);
}

int neighbours_read(struct netlink *nl, struct neighbour **ret, size_t *ret_count)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETNEIGH, 0, sizeof(struct ndmsg));

    ((struct ndmsg *)mnl_nlmsg_get_payload(request))->ndm_family = AF_INET;
    return netlink_dump_array(nl, request, read_neighbour, sizeof(**ret), (void **)ret, ret_count);
}
