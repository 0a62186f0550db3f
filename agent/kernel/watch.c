/* Multicast sockets of rtnetlink, read without blocking. */
#include "agent/kernel/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "policy/base/util.h"
#include "policy/lang/routing.h"

#define BUFFER_SIZE (64 * 1024)
#define DISCARD_MAX 200000 /* more than any buffer holds: a flood does not keep us here */
#define DRAIN_MAX 256      /* datagrams in one go: other sources get their turn */

static const struct {
    const char *name;
    unsigned group;
} kinds[WATCH_COUNT] = {
    [WATCH_LINK] = {"link", RTNLGRP_LINK},
    [WATCH_NETCONF] = {"netconf", RTNLGRP_IPV4_NETCONF},
    [WATCH_ADDRESS] = {"address", RTNLGRP_IPV4_IFADDR},
    [WATCH_ROUTE] = {"route", RTNLGRP_IPV4_ROUTE},
    [WATCH_ADDRESS6] = {"address6", RTNLGRP_IPV6_IFADDR},
    [WATCH_ROUTE6] = {"route6", RTNLGRP_IPV6_ROUTE},
    [WATCH_RULE] = {"rule", RTNLGRP_IPV4_RULE},
    [WATCH_RULE6] = {"rule6", RTNLGRP_IPV6_RULE},
};

/* More are all told of: a filter holds 4096 instructions. */
#define TABLES_MAX 1000

/* The kernel drops what no one here looks at: a router changes thousands of routes in a second. */
static int keep_telling_routes(int fd, const uint32_t *tables, size_t n_tables)
{
    const struct sock_filter accept = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    const struct sock_filter head[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_dst_len)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_protocol)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ROUTING_PROTOCOL, 0, 1),
        accept,
        BPF_STMT(BPF_LD | BPF_IMM, NLMSG_SPACE(sizeof(struct rtmsg))),
        BPF_STMT(BPF_LDX | BPF_IMM, RTA_TABLE),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN), /* it is always there */
    };
    struct sock_filter *code = calloc(ELEMENTSOF(head) + 2 * TABLES_MAX + 1, sizeof(*code));
    struct sock_fprog program = {.filter = code};
    unsigned short n = 0;
    int r;

    if (!code)
        return -ENOMEM;
    for (; n < ELEMENTSOF(head); n++)
        code[n] = head[n];
    for (size_t i = 0; i < n_tables && n_tables <= TABLES_MAX; i++) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(tables[i]), 0, 1);
        code[n++] = accept;
    }
    code[n] = accept;
    code[n++].k = n_tables > TABLES_MAX ? UINT32_MAX : 0;
    program.len = n;
    r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
    free(code);
    return r;
}

const char *watch_name(enum watch_kind kind)
{
    return kinds[kind].name;
}

static int set_membership(const struct watch *watch, enum watch_kind kind, int option)
{
    int group = (int)kinds[kind].group;

    return mnl_socket_setsockopt(watch->socket, option, &group, sizeof(group)) < 0 ? -errno : 0;
}

int watch_open(struct watch *watch, enum watch_kind kind, int receive_buffer)
{
    int fd, r = 0;

    if (!watch->buffer)
        watch->buffer = malloc(BUFFER_SIZE);
    if (!watch->buffer)
        return -ENOMEM;
    watch->kind = kind;
    watch->receive_buffer = receive_buffer;
    watch->paused = false;
    watch->window_start = watch->window_messages = 0;
    watch->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!watch->socket)
        return -errno;
    fd = mnl_socket_get_fd(watch->socket);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof(receive_buffer)) < 0)
        /* Losses are noticed with any size. */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    if (kind == WATCH_ROUTE || kind == WATCH_ROUTE6)
        r = keep_telling_routes(fd, watch->tables, watch->n_tables);
    if (r >= 0 && mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        r = -errno;
    if (r >= 0)
        r = set_membership(watch, kind, NETLINK_ADD_MEMBERSHIP);
    if (r < 0) {
        mnl_socket_close(watch->socket);
        watch->socket = NULL;
    }
    return r;
}

int watch_join(struct watch *watch, struct watch *beside, enum watch_kind kind)
{
    int r = set_membership(watch, kind, NETLINK_ADD_MEMBERSHIP);

    if (r < 0)
        return r;
    beside->kind = kind;
    beside->paused = false;
    beside->window_start = beside->window_messages = 0;
    watch->beside = beside;
    return 0;
}

void watch_leave(struct watch *watch)
{
    if (watch->socket && watch->beside)
        /* Closing the socket ends it, too. */
        (void)set_membership(watch, watch->beside->kind, NETLINK_DROP_MEMBERSHIP);
    watch->beside = NULL;
}

void watch_close(struct watch *watch)
{
    watch->beside = NULL;
    if (watch->socket)
        mnl_socket_close(watch->socket);
    watch->socket = NULL;
    watch->paused = false;
    free(watch->buffer);
    watch->buffer = NULL;
}

int watch_keep_tables(struct watch *watch, const uint32_t *tables, size_t n)
{
    watch->tables = tables;
    watch->n_tables = n;
    return watch->socket ? keep_telling_routes(mnl_socket_get_fd(watch->socket), tables, n) : 0;
}

int watch_fd(const struct watch *watch)
{
    return watch->socket ? mnl_socket_get_fd(watch->socket) : -1;
}

/* The groups of which one may come beside another are all among the first 32. */
static struct watch *watch_of(struct watch *watch, const struct sockaddr_nl *from)
{
    struct watch *beside = watch->beside;

    return beside && from->nl_groups == 1U << (kinds[beside->kind].group - 1) ? beside : watch;
}

static void each_message(struct watch *watch, const struct sockaddr_nl *from, size_t n,
                         watch_message_t fn, void *data)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)watch->buffer;
    struct watch *counted = watch_of(watch, from);
    int left = (int)n;

    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        counted->messages++;
        counted->window_messages++;
        fn(message, data);
    }
}

/* Counts over a whole second, so that a short burst of new devices is no flood. */
static bool is_flood(struct watch *watch, uint64_t now)
{
    bool flood;

    if (now < watch->window_start + USEC_PER_SEC)
        return false;
    flood = watch->window_start != 0 && watch->window_messages * USEC_PER_SEC >
                                            WATCH_FLOOD_PER_SECOND * (now - watch->window_start);
    watch->window_start = now;
    watch->window_messages = 0;
    return flood;
}

int watch_discard(struct watch *watch)
{
    char byte;

    for (unsigned i = 0; watch->socket && i < DISCARD_MAX; i++) {
        if (recv(watch_fd(watch), &byte, sizeof(byte), 0) >= 0)
            watch->window_messages++;
        else if (errno == EAGAIN)
            return 0;
        else if (errno != EINTR && errno != ENOBUFS)
            return -errno;
    }
    return 0;
}

int watch_drain(struct watch *watch, uint64_t now, watch_message_t fn, void *data)
{
    int result = is_flood(watch, now) ? WATCH_FLOOD : 0;

    if (watch->beside && is_flood(watch->beside, now))
        result |= WATCH_FLOOD_BESIDE;
    for (unsigned i = 0;; i++) {
        struct sockaddr_nl from = {0};
        socklen_t size = sizeof(from);
        ssize_t n;

        if (i == DRAIN_MAX)
            break;
        n = recvfrom(watch_fd(watch), watch->buffer, BUFFER_SIZE, MSG_TRUNC,
                     (struct sockaddr *)&from, &size);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0 && errno == ENOBUFS) {
            watch->overruns++;
            result |= WATCH_OVERRUN;
            continue;
        }
        if (n < 0)
            return -errno;
        if (from.nl_pid != 0)
            continue; /* only the kernel is believed */
        if (n > BUFFER_SIZE) {
            result |= WATCH_OVERRUN; /* cut off: what it said is unknown */
            continue;
        }
        each_message(watch, &from, (size_t)n, fn, data);
    }
    return result;
}
