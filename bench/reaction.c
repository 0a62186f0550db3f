/* How long it takes until a device is as wanted: makes devices lxc*, or writes a wrong value to
 * them, and notes when RTM_NEWLINK and the RTM_NEWNETCONF with rp_filter = 0 arrive. Whoever is
 * measured runs beside it. Prints one JSON object: samples in microseconds, and how many devices
 * never became right.
 *
 *   reaction single FIRST N   pairs of veth one at a time, each when the one before is right
 *   reaction burst FIRST N    all of them as fast as the kernel makes them
 *   reaction repair FIRST N   a wrong value into N existing devices, one at a time
 *   reaction look FIRST N     the same, seen by reading the value instead of by messages
 *   reaction hold NAME        writes wrong values in a tight loop until it is killed
 *
 * It runs with a higher real-time priority than what it measures: its stamps shall not wait. */
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/base/util.h"

#define IFINDEX_MAX (1 << 20)
#define GROUP 7          /* the devices that the driver deletes together */
#define PATIENCE_MS 6000 /* without any progress */
#define WRONG "2"

struct stamps {
    double link, right; /* microseconds; 0: not yet */
};

static struct stamps *stamps; /* by ifindex */
static unsigned rights;

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* ------------------------------------------------------------------------------------ listening */

static struct mnl_socket *listen_to_kernel(void)
{
    int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_NETCONF}, size = 256 * 1024 * 1024;
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return NULL;
    (void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    for (size_t i = 0; i < ELEMENTSOF(groups); i++)
        if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) <
            0)
            return NULL;
    return socket;
}

static void on_link(const struct nlmsghdr *message, double at)
{
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
    const struct nlattr *attr;

    if (link->ifi_index >= IFINDEX_MAX || stamps[link->ifi_index].link > 0)
        return;
    mnl_attr_for_each(attr, message, sizeof(*link))
    {
        if (mnl_attr_get_type(attr) != IFLA_IFNAME)
            continue;
        if (startswith(mnl_attr_get_str(attr), "lxc")) {
            stamps[link->ifi_index].link = at;
            if (stamps[link->ifi_index].right > 0) { /* somebody was faster than the message */
                stamps[link->ifi_index].right = at;
                rights++;
            }
        }
        return;
    }
}

static void on_netconf(const struct nlmsghdr *message, double at)
{
    int ifindex = 0, value = -1;
    const struct nlattr *attr;

    mnl_attr_for_each(attr, message, sizeof(struct netconfmsg))
    {
        if (mnl_attr_get_type(attr) == NETCONFA_IFINDEX)
            ifindex = (int)mnl_attr_get_u32(attr);
        else if (mnl_attr_get_type(attr) == NETCONFA_RP_FILTER)
            value = (int)mnl_attr_get_u32(attr);
    }
    if (value != 0 || ifindex <= 0 || ifindex >= IFINDEX_MAX || stamps[ifindex].right > 0)
        return;
    stamps[ifindex].right = at;
    rights += stamps[ifindex].link > 0;
}

/* Read until nothing is left. */
static void take_messages(struct mnl_socket *socket)
{
    static char buffer[65536];

    for (;;) {
        ssize_t n = recv(mnl_socket_get_fd(socket), buffer, sizeof(buffer), 0);
        const struct nlmsghdr *message = (const void *)buffer;
        double at = now();
        int left = (int)n;

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno != EINTR) {
            perror("reaction: the meter lost messages");
            exit(1);
        }
        for (; n > 0 && mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
            if (message->nlmsg_type == RTM_NEWLINK)
                on_link(message, at);
            else if (message->nlmsg_type == RTM_NEWNETCONF)
                on_netconf(message, at);
    }
}

/* Until so many are right, or nothing happens any more. */
static void wait_for(struct mnl_socket *socket, unsigned wanted)
{
    struct pollfd fd = {.fd = mnl_socket_get_fd(socket), .events = POLLIN};
    double progress = now();
    unsigned before = rights;

    while (rights < wanted && now() < progress + PATIENCE_MS * 1e3) {
        (void)poll(&fd, 1, 100);
        take_messages(socket);
        if (rights != before)
            progress = now();
        before = rights;
    }
}

/* -------------------------------------------------------------------------------------- devices */

static void make_pair(struct mnl_socket *socket, unsigned i)
{
    char buffer[1024], name[16], peer[16], answer[8192];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct nlattr *info, *data, *nest;
    struct ifinfomsg *link;

    snprintf(name, sizeof(name), "lxc%u", i);
    snprintf(peer, sizeof(peer), "pod%u", i);
    request->nlmsg_type = RTM_NEWLINK;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(request, IFLA_IFNAME, name);
    mnl_attr_put_u32(request, IFLA_GROUP, GROUP);
    info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
    nest = mnl_attr_nest_start(request, VETH_INFO_PEER);
    link = mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
    link->ifi_family = 0;
    mnl_attr_put_strz(request, IFLA_IFNAME, peer);
    mnl_attr_nest_end(request, nest);
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, info);
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0 ||
        mnl_socket_recvfrom(socket, answer, sizeof(answer)) < 0 ||
        *(int *)mnl_nlmsg_get_payload((struct nlmsghdr *)answer) != 0) {
        fprintf(stderr, "reaction: cannot make %s\n", name);
        exit(1);
    }
}

static struct mnl_socket *open_requests(void)
{
    struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        exit(1);
    return socket;
}

static int open_value(const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", name);
    return open(path, flags | O_CLOEXEC);
}

static int read_ifindex(const char *name)
{
    char path[64], text[16] = "";
    int fd;

    snprintf(path, sizeof(path), "/sys/class/net/%s/ifindex", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        exit(1);
    close(fd);
    return atoi(text);
}

/* ------------------------------------------------------------------------------- what is measured
 */

static void print_samples(unsigned wanted)
{
    const char *comma = "";

    printf("{\"never\": %u, \"samples\": [", wanted - rights);
    for (int i = 0; i < IFINDEX_MAX; i++)
        if (stamps[i].right > 0 && stamps[i].link > 0) {
            printf("%s%.1f", comma, stamps[i].right - stamps[i].link);
            comma = ", ";
        }
    puts("]}");
}

static void single(struct mnl_socket *socket, unsigned first, unsigned n)
{
    struct mnl_socket *requests = open_requests();

    for (unsigned i = 0; i < n; i++) {
        struct timespec pause = {.tv_nsec = 2000000}; /* everybody sleeps again */

        make_pair(requests, first + i);
        wait_for(socket, rights + 1);
        nanosleep(&pause, NULL);
    }
    print_samples(n);
}

/* Who makes the devices has the same priority as who reacts to them. */
static void be_like_the_measured(void)
{
    const char *fifo = getenv("REACTION_FIFO");
    bool is_fifo = fifo && streq(fifo, "1");
    struct sched_param priority = {.sched_priority = is_fifo};

    (void)sched_setscheduler(0, is_fifo ? SCHED_FIFO : SCHED_OTHER, &priority);
    if (!is_fifo)
        (void)setpriority(PRIO_PROCESS, 0, -20);
}

static void burst(struct mnl_socket *socket, unsigned first, unsigned n)
{
    pid_t child = fork();

    if (child == 0) {
        struct mnl_socket *requests = open_requests();

        be_like_the_measured();
        for (unsigned i = 0; i < n; i++)
            make_pair(requests, first + i);
        _exit(0);
    }
    wait_for(socket, n);
    (void)waitpid(child, NULL, 0);
    take_messages(socket);
    print_samples(n);
}

static void repair(struct mnl_socket *socket, unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct timespec pause = {.tv_nsec = 2000000};
        char name[16];
        int fd, ifindex;

        snprintf(name, sizeof(name), "lxc%u", first + i);
        ifindex = read_ifindex(name);
        fd = open_value(name, O_WRONLY);
        take_messages(socket);
        stamps[ifindex] = (struct stamps){.link = now()};
        if (fd < 0 || write(fd, WRONG, 1) != 1)
            exit(1);
        close(fd);
        wait_for(socket, rights + 1);
        nanosleep(&pause, NULL);
    }
    print_samples(n);
}

static void look(unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct timespec pause = {.tv_nsec = 1000000}, spread = {.tv_nsec = 137000000};
        char name[16], value = WRONG[0];
        double start;
        int fd;

        snprintf(name, sizeof(name), "lxc%u", first + i);
        fd = open_value(name, O_RDWR);
        start = now();
        if (fd < 0 || pwrite(fd, WRONG, 1, 0) != 1)
            exit(1);
        while (value != '0' && now() < start + PATIENCE_MS * 1e3) {
            nanosleep(&pause, NULL);
            if (pread(fd, &value, 1, 0) != 1)
                exit(1);
        }
        if (value == '0') {
            stamps[i + 1] = (struct stamps){.link = start, .right = now()};
            rights++;
        }
        close(fd);
        nanosleep(&spread, NULL);
    }
    print_samples(n);
}

/* Two wrong values in turn: the kernel says nothing of an equal one. */
static void hold(const char *name)
{
    int fd = open_value(name, O_WRONLY);

    while (fd >= 0) {
        (void)!pwrite(fd, "1", 1, 0);
        (void)!pwrite(fd, "2", 1, 0);
    }
    exit(1);
}

int main(int argc, char **argv)
{
    struct sched_param urgent = {.sched_priority = 10};
    struct mnl_socket *socket;
    unsigned first, n;

    if (argc == 3 && streq(argv[1], "hold"))
        hold(argv[2]);
    if (argc != 4)
        return 1;
    first = (unsigned)atoi(argv[2]);
    n = (unsigned)atoi(argv[3]);
    (void)sched_setscheduler(0, SCHED_FIFO, &urgent);
    stamps = calloc(IFINDEX_MAX, sizeof(*stamps));
    socket = listen_to_kernel();
    if (!stamps || !socket)
        return 1;
    if (streq(argv[1], "single"))
        single(socket, first, n);
    else if (streq(argv[1], "burst"))
        burst(socket, first, n);
    else if (streq(argv[1], "repair"))
        repair(socket, first, n);
    else if (streq(argv[1], "look"))
        look(first, n);
    return 0;
}
