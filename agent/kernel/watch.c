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
#define PEERS_MAX 300
#define FILTER_MAX 4096

struct filter {
    struct sock_filter code[FILTER_MAX];
    unsigned short n;
};

static void add_code(struct filter *filter, const struct sock_filter *code, size_t n)
{
    memcpy(&filter->code[filter->n], code, n * sizeof(*code));
    filter->n = (unsigned short)(filter->n + n);
}
#define ADD(filter, code) add_code(filter, code, ELEMENTSOF(code))

#define ACCEPT BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)
#define LOAD_BYTE(member)                                                                          \
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, member))
/* The first 32 bits of an attribute that is there. */
#define LOAD_ATTRIBUTE(type)                                                                       \
    BPF_STMT(BPF_LD | BPF_IMM, NLMSG_SPACE(sizeof(struct rtmsg))),                                 \
        BPF_STMT(BPF_LDX | BPF_IMM, type),                                                         \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),                \
        BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN)

static void accept_tables(struct filter *filter, const struct watch_routes *routes)
{
    const struct sock_filter head[] = {LOAD_ATTRIBUTE(RTA_TABLE)};

    ADD(filter, head);
    for (size_t i = 0; i < routes->n_tables; i++) {
        const struct sock_filter code[] = {
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(routes->tables[i]), 0, 1),
            ACCEPT,
        };

        ADD(filter, code);
    }
}

/* Whose first bits, as many as the prefix has, are those of the prefix. */
static void accept_peers(struct filter *filter, const struct watch_routes *routes, uint8_t family)
{
    enum { PREFIX, MASK };
    const struct sock_filter head[] = {
        LOAD_ATTRIBUTE(RTA_DST), /* it is no default route */
        BPF_STMT(BPF_ST, PREFIX),
        LOAD_BYTE(rtm_dst_len),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 32, 0, 1),
        BPF_STMT(BPF_LD | BPF_IMM, 32),
        BPF_STMT(BPF_ALU | BPF_NEG, 0),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 32),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_IMM, UINT32_MAX),
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0),
        BPF_STMT(BPF_ST, MASK),
        /* The prefix of IPv6 may go on behind these bits. */
        BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, PREFIX),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_X, 0),
        BPF_STMT(BPF_ST, PREFIX),
    };

    ADD(filter, head);
    for (size_t i = 0; i < routes->n_peers; i++) {
        const uint8_t *bytes = routes->peers[i].bytes;
        uint32_t first = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                         (uint32_t)bytes[2] << 8 | bytes[3];
        const struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_IMM, first),
            BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, MASK),
            BPF_STMT(BPF_ALU | BPF_AND | BPF_X, 0),
            BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, PREFIX),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
            ACCEPT,
        };

        if (routes->peers[i].family == family)
            ADD(filter, code);
    }
}

static int attach(int fd, const struct filter *filter)
{
    struct sock_fprog program = {.len = filter->n,
                                 .filter = (struct sock_filter *)(uintptr_t)filter->code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

/* The kernel drops what no one here looks at: a router changes thousands of routes in a second. */
static int keep_telling_routes(const struct watch *watch)
{
    static const struct watch_routes none;
    const struct watch_routes *routes = watch->routes ?: &none;
    bool all = routes->n_tables > TABLES_MAX || routes->n_peers > PEERS_MAX;
    const struct sock_filter head[] = {
        LOAD_BYTE(rtm_dst_len),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0),
        LOAD_BYTE(rtm_protocol),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ROUTING_PROTOCOL, 0, 1),
        ACCEPT,
    };
    const struct sock_filter tail[] = {BPF_STMT(BPF_RET | BPF_K, all ? UINT32_MAX : 0)};
    struct filter *filter = calloc(1, sizeof(*filter));
    int fd = watch_fd(watch), r;

    if (!filter)
        return -ENOMEM;
    ADD(filter, head);
    if (!all) {
        accept_tables(filter, routes);
        accept_peers(filter, routes, watch->kind == WATCH_ROUTE6 ? AF_INET6 : AF_INET);
    }
    ADD(filter, tail);
    r = attach(fd, filter);
    if (r == -ENOMEM) {
        /* net.core.optmem_max, of which the one before has its part until it is replaced. With none
         * all are told of. */
        (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int));
        r = attach(fd, filter);
        r = r == -ENOMEM ? 0 : r;
    }
    free(filter);
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
        r = keep_telling_routes(watch);
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

int watch_follow_routes(struct watch *watch, const struct watch_routes *routes)
{
    watch->routes = routes;
    return watch->socket ? keep_telling_routes(watch) : 0;
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
