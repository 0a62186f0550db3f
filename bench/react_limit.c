/* The least that reacting to new devices can cost: a netlink loop that writes rp_filter = 0 to
 * every device lxc* when its first RTM_NEWLINK arrives, and again when RTM_NEWNETCONF shows another
 * value. It decides nothing, checks nothing, and knows one rule. With the argument `ahead` it takes
 * the RTM_NEWNETCONF that comes before for the first message of a device, and asks for its name.
 * With the argument `drain` it only reads. */
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <linux/sched/types.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/base/util.h"

#define IFINDEX_MAX (1 << 20)

static char (*names)[16]; /* by ifindex */

static void set_off(const char *name)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "0", 1);
    close(fd);
}

static void on_link(const struct nlmsghdr *message)
{
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
    const struct nlattr *attr;

    if (link->ifi_index >= IFINDEX_MAX || names[link->ifi_index][0])
        return;
    mnl_attr_for_each(attr, message, sizeof(*link))
    {
        if (mnl_attr_get_type(attr) != IFLA_IFNAME)
            continue;
        snprintf(names[link->ifi_index], sizeof(*names), "%s", mnl_attr_get_str(attr));
        if (startswith(names[link->ifi_index], "lxc"))
            set_off(names[link->ifi_index]);
        return;
    }
}

static void ask_for_name(int fd, int ifindex)
{
    struct ifreq request = {.ifr_ifindex = ifindex};

    if (!names[ifindex][0] && ioctl(fd, SIOCGIFNAME, &request) == 0)
        memcpy(names[ifindex], request.ifr_name, sizeof(*names));
}

static void on_netconf(const struct nlmsghdr *message, int ask)
{
    int ifindex = 0, value = 0;
    const struct nlattr *attr;

    mnl_attr_for_each(attr, message, sizeof(struct netconfmsg))
    {
        if (mnl_attr_get_type(attr) == NETCONFA_IFINDEX)
            ifindex = (int)mnl_attr_get_u32(attr);
        else if (mnl_attr_get_type(attr) == NETCONFA_RP_FILTER)
            value = (int)mnl_attr_get_u32(attr);
    }
    if (value == 0 || ifindex <= 0 || ifindex >= IFINDEX_MAX)
        return;
    if (ask >= 0)
        ask_for_name(ask, ifindex);
    if (startswith(names[ifindex], "lxc"))
        set_off(names[ifindex]);
}

/* As the agent does. */
static void ask_for_short_slices(void)
{
    struct sched_attr attr = {.size = sizeof(attr)};

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0)
        return;
    attr.sched_runtime = 100000;
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

int main(int argc, char **argv)
{
    static char buffer[65536];
    int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_NETCONF}, size = 16 * 1024 * 1024;
    struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
    bool drain = argc > 1 && streq(argv[1], "drain"), ahead = argc > 1 && !drain;

    ask_for_short_slices();
    names = calloc(IFINDEX_MAX, sizeof(*names));
    if (!names || !socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return 1;
    (void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    for (size_t i = 0; i < ELEMENTSOF(groups); i++)
        (void)mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i]));
    puts("ready");
    fflush(stdout);
    for (;;) {
        ssize_t n = recv(mnl_socket_get_fd(socket), buffer, sizeof(buffer), 0);
        const struct nlmsghdr *message = (const void *)buffer;
        int left = (int)n;

        for (; !drain && n > 0 && mnl_nlmsg_ok(message, left);
             message = mnl_nlmsg_next(message, &left))
            if (message->nlmsg_type == RTM_NEWLINK)
                on_link(message);
            else if (message->nlmsg_type == RTM_NEWNETCONF)
                on_netconf(message, ahead ? mnl_socket_get_fd(socket) : -1);
    }
}
