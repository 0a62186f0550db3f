/* The least that policy routing can cost: the messages alone, each acknowledged, with nothing read,
 * compared or decided.
 *   route-limit react DEVICE    waits for IPv4 addresses on DEVICE and sends for each that comes a
 *                               subnet and a default route, a rule, and takes them away when it
 * goes route-limit add|remove DEVICES ADDRESSES   the same for nic0…, of which device D has the
 *                               addresses 10.D.0.2… in 10.D.0.0/16 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE 31000
#define PRIORITY 20300

static struct mnl_socket *sender;

static void *begin(char *buffer, uint16_t type, size_t extra)
{
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    uint16_t add = NLM_F_CREATE | NLM_F_EXCL;

    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    if (type == RTM_NEWROUTE || type == RTM_NEWRULE)
        request->nlmsg_flags |= add;
    return mnl_nlmsg_put_extra_header(request, extra);
}

static void finish(char *buffer)
{
    char answer[4096];

    (void)mnl_socket_sendto(sender, buffer, ((struct nlmsghdr *)buffer)->nlmsg_len);
    (void)mnl_socket_recvfrom(sender, answer, sizeof(answer));
}

/* gateway 0: the subnet itself. */
static void send_route(uint16_t type, int ifindex, uint32_t subnet, uint8_t length,
                       uint32_t gateway)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {0};
    struct rtmsg *route = begin(buffer, type, sizeof(*route));
    struct nlmsghdr *request = (void *)buffer;

    route->rtm_family = AF_INET;
    route->rtm_protocol = 250;
    route->rtm_type = RTN_UNICAST;
    route->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    route->rtm_dst_len = gateway ? 0 : length;
    mnl_attr_put_u32(request, RTA_TABLE, TABLE + (uint32_t)ifindex);
    if (gateway)
        mnl_attr_put_u32(request, RTA_GATEWAY, gateway);
    else
        mnl_attr_put_u32(request, RTA_DST, subnet);
    mnl_attr_put_u32(request, RTA_OIF, (uint32_t)ifindex);
    finish(buffer);
}

static void send_rule(uint16_t type, int ifindex, uint32_t address)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {0};
    struct fib_rule_hdr *rule = begin(buffer, type, sizeof(*rule));
    struct nlmsghdr *request = (void *)buffer;

    rule->family = AF_INET;
    rule->src_len = 32;
    rule->action = FR_ACT_TO_TBL;
    mnl_attr_put_u32(request, FRA_SRC, address);
    mnl_attr_put_u32(request, FRA_PRIORITY, PRIORITY);
    mnl_attr_put_u32(request, FRA_TABLE, TABLE + (uint32_t)ifindex);
    mnl_attr_put_u8(request, FRA_PROTOCOL, 250);
    finish(buffer);
}

static void on_address(const struct nlmsghdr *message, int wanted)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    bool add = message->nlmsg_type == RTM_NEWADDR;
    const struct nlattr *attr;
    uint32_t address = 0, subnet;

    if ((int)header->ifa_index != wanted)
        return;
    mnl_attr_for_each(attr, message, sizeof(*header)) if (mnl_attr_get_type(attr) == IFA_LOCAL)
        address = mnl_attr_get_u32(attr);
    subnet = address & htonl(UINT32_MAX << (32 - header->ifa_prefixlen));
    if (!add)
        send_rule(RTM_DELRULE, wanted, address);
    send_route(add ? RTM_NEWROUTE : RTM_DELROUTE, wanted, subnet, header->ifa_prefixlen, 0);
    send_route(add ? RTM_NEWROUTE : RTM_DELROUTE, wanted, 0, 0, subnet + htonl(1));
    if (add)
        send_rule(RTM_NEWRULE, wanted, address);
}

static int react(const char *device)
{
    struct mnl_socket *receiver = mnl_socket_open(NETLINK_ROUTE);
    int group = RTNLGRP_IPV4_IFADDR, wanted = (int)if_nametoindex(device);
    static char buffer[65536];

    if (!receiver || mnl_socket_bind(receiver, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_setsockopt(receiver, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
        return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(receiver, buffer, sizeof(buffer));
        const struct nlmsghdr *message = (const void *)buffer;
        int left = (int)n;

        for (; n > 0 && mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
            on_address(message, wanted);
    }
}

static void do_all(bool add, int devices, int addresses)
{
    for (int d = 0; d < devices; d++) {
        uint32_t subnet = 10U << 24 | (uint32_t)d << 16;
        char name[16];
        int ifindex;

        snprintf(name, sizeof(name), "nic%d", d);
        ifindex = (int)if_nametoindex(name);
        send_route(add ? RTM_NEWROUTE : RTM_DELROUTE, ifindex, htonl(subnet), 16, 0);
        send_route(add ? RTM_NEWROUTE : RTM_DELROUTE, ifindex, 0, 0, htonl(subnet + 1));
        for (int a = 0; a < addresses; a++)
            send_rule(add ? RTM_NEWRULE : RTM_DELRULE, ifindex, htonl(subnet + 2 + (uint32_t)a));
    }
}

int main(int argc, char **argv)
{
    sender = mnl_socket_open(NETLINK_ROUTE);
    if (argc < 3 || !sender || mnl_socket_bind(sender, 0, MNL_SOCKET_AUTOPID) < 0)
        return 1;
    if (strcmp(argv[1], "react") == 0)
        return react(argv[2]);
    if (argc < 4)
        return 1;
    do_all(strcmp(argv[1], "add") == 0, atoi(argv[2]), atoi(argv[3]));
    return 0;
}
