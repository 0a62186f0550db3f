/* Writing a device's IPv4 setting by RTM_SETLINK: slower than /proc (it takes the lock of all link
 * changes), but it works where /proc/sys is read-only, and by ifindex alone. */
#include "agent/kernel/procsys.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

int setlink_write_device(struct netlink *nl, int ifindex, enum key key, int value)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_SETLINK, 0, sizeof(struct ifinfomsg));
    struct ifinfomsg *link = mnl_nlmsg_get_payload(request);
    struct nlattr *spec, *inet, *conf;

    link->ifi_family = AF_UNSPEC;
    link->ifi_index = ifindex;
    spec = mnl_attr_nest_start(request, IFLA_AF_SPEC);
    inet = mnl_attr_nest_start(request, AF_INET);
    conf = mnl_attr_nest_start(request, IFLA_INET_CONF);
    mnl_attr_put_u32(request, (uint16_t)key_info(key)->devconf, (uint32_t)value);
    mnl_attr_nest_end(request, conf);
    mnl_attr_nest_end(request, inet);
    mnl_attr_nest_end(request, spec);
    return netlink_talk(nl, request, NULL, NULL);
}
