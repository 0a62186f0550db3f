/* The reader of RTM_NEWADDR. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/messages.h"

/* IPv4 states both always, and equal where there is no other end; IPv6 states IFA_LOCAL only where
 * there is one. */
static int read_ends(const struct nlattr *const *tb, struct route_address *address, uint8_t family)
{
    const struct nlattr *local = tb[IFA_LOCAL] ?: tb[IFA_ADDRESS];
    int r;

    if (!local)
        return -EBADMSG;
    r = attr_ip(local, family, &address->local.ip);
    if (r >= 0 && tb[IFA_ADDRESS])
        r = attr_ip(tb[IFA_ADDRESS], family, &address->peer);
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
    if (!ip_is_family(header->ifa_family))
        return -ENOENT;
    if (header->ifa_prefixlen > ip_bits(header->ifa_family) || header->ifa_index == 0 ||
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
