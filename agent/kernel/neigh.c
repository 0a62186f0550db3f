/* Dumps of RTM_GETADDR and RTM_GETNEIGH. */
#include "neigh.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "attrs.h"

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

struct address_list {
    struct address *items;
    size_t count, capacity;
};

static int take_address(const struct nlmsghdr *message, void *data)
{
    struct address_list *list = data;
    bool is;
    int r = grow((void **)&list->items, &list->capacity, list->count, sizeof(*list->items));

    if (r >= 0)
        r = address_read(message, &list->items[list->count], &is);
    if (r >= 0 && is)
        list->count++;
    return r;
}

static void forget_addresses(void *data)
{
    ((struct address_list *)data)->count = 0;
}

int addresses_read(struct netlink *nl, struct address **ret, size_t *ret_count)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
    struct address_list list = {0};
    int r;

    ((struct ifaddrmsg *)mnl_nlmsg_get_payload(request))->ifa_family = AF_INET;
    r = netlink_dump(nl, request, take_address, forget_addresses, &list);
    if (r < 0) {
        free(list.items);
        return r;
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}

struct neighbour_list {
    struct neighbour *items;
    size_t count, capacity;
};

static int take_neighbour(const struct nlmsghdr *message, void *data)
{
    struct neighbour_list *list = data;
    bool is;
    int r = grow((void **)&list->items, &list->capacity, list->count, sizeof(*list->items));

    if (r >= 0)
        r = neighbour_read(message, &list->items[list->count], &is);
    if (r >= 0 && is)
        list->count++;
    return r;
}

static void forget_neighbours(void *data)
{
    ((struct neighbour_list *)data)->count = 0;
}

int neighbours_read(struct netlink *nl, struct neighbour **ret, size_t *ret_count)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETNEIGH, 0, sizeof(struct ndmsg));
    struct neighbour_list list = {0};
    int r;

    ((struct ndmsg *)mnl_nlmsg_get_payload(request))->ndm_family = AF_INET;
    r = netlink_dump(nl, request, take_neighbour, forget_neighbours, &list);
    if (r < 0) {
        free(list.items);
        return r;
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}
