/* Requests and dumps over one rtnetlink socket. The receive loop is our own instead of
 * mnl_cb_run(), since an interrupted dump must be read to its end before it can be started again.
 */
#include "agent/kernel/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define DUMP_ATTEMPTS 5

int netlink_open(struct netlink *ret)
{
    return netlink_open_family(NETLINK_ROUTE, ret);
}

int netlink_open_family(int family, struct netlink *ret)
{
    _cleanup_netlink_ struct netlink nl = {.size = NETLINK_BUFFER_SIZE};
    int strict = 1;

    nl.buffer = malloc(nl.size);
    if (!nl.buffer)
        return -ENOMEM;
    nl.socket = mnl_socket_open2(family, SOCK_CLOEXEC);
    if (!nl.socket)
        return -errno;
    if (mnl_socket_bind(nl.socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    nl.portid = mnl_socket_get_portid(nl.socket);
    /* Lets the kernel filter dumps. Before 4.20 it does not exist: then the readers filter. */
    (void)mnl_socket_setsockopt(nl.socket, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict));

    *ret = nl;
    nl = (struct netlink){0};
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (!nl)
        return;
    if (nl->socket)
        (void)mnl_socket_close(nl->socket);
    free(nl->buffer);
    *nl = (struct netlink){0};
}

struct nlmsghdr *netlink_request(void *buffer, uint16_t type, uint16_t flags, size_t extra)
{
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | flags;
    (void)mnl_nlmsg_put_extra_header(request, extra);
    return request;
}

/* One datagram from the kernel into the buffer; its length. */
static int receive(struct netlink *nl)
{
    struct sockaddr_nl from = {0};
    struct iovec iov = {.iov_base = nl->buffer, .iov_len = nl->size};
    ssize_t n;

    for (;;) {
        struct msghdr msg = {
            .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};

        n = recvmsg(mnl_socket_get_fd(nl->socket), &msg, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        /* Any process of the namespace may send to our port. */
        if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
            continue;
        if (msg.msg_flags & MSG_TRUNC)
            return -ENOSPC;
        return (int)n;
    }
}

static int send_request(struct netlink *nl, struct nlmsghdr *request)
{
    request->nlmsg_seq = ++nl->seq;
    for (;;) {
        if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) >= 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

/* NLMSG_ERROR begins with a negative errno or 0, and so does NLMSG_DONE since 4.12. */
static int status_of(const struct nlmsghdr *message)
{
    int status;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(status))
        return message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    memcpy(&status, mnl_nlmsg_get_payload(message), sizeof(status));
    return status > 0 ? -EBADMSG : status;
}

struct exchange {
    netlink_message_t fn;
    void *data;
    bool dump;
    bool finished;
    bool interrupted;
    int result; /* first error, from the kernel or from fn */
};

static void take_message(struct exchange *x, const struct nlmsghdr *message)
{
    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        x->interrupted = true;
    switch (message->nlmsg_type) {
    case NLMSG_NOOP:
        return;
    case NLMSG_DONE:
    case NLMSG_ERROR:
        gather(&x->result, status_of(message));
        x->finished = true;
        return;
    default:
        /* After an error the rest is read and dropped, so that the socket can be used again. */
        if (x->fn && x->result >= 0)
            gather(&x->result, x->fn(message, x->data));
        if (!x->dump && x->fn)
            x->finished = true;
    }
}

static int exchange(struct netlink *nl, struct nlmsghdr *request, struct exchange *x)
{
    int r = send_request(nl, request);

    if (r < 0)
        return r;
    while (!x->finished) {
        const struct nlmsghdr *message = (const void *)nl->buffer;
        int n = receive(nl);

        if (n < 0)
            return n;
        for (; mnl_nlmsg_ok(message, n); message = mnl_nlmsg_next(message, &n))
            /* Left-overs of an earlier request that was given up. */
            if (message->nlmsg_seq == nl->seq && message->nlmsg_pid == nl->portid)
                take_message(x, message);
    }
    return x->result;
}

int netlink_dump(struct netlink *nl, struct nlmsghdr *request, netlink_message_t fn,
                 void (*reset)(void *data), void *data)
{
    request->nlmsg_flags |= NLM_F_DUMP;
    for (unsigned i = 0; i < DUMP_ATTEMPTS; i++) {
        struct exchange x = {.fn = fn, .data = data, .dump = true};
        int r;

        if (i > 0 && reset)
            reset(data);
        r = exchange(nl, request, &x);
        if (r < 0 || !x.interrupted)
            return r;
    }
    return -EAGAIN;
}

struct array {
    netlink_element_t read;
    char *items;
    size_t size, count, capacity;
};

static int add_element(const struct nlmsghdr *message, void *data)
{
    struct array *array = data;
    bool is = false;
    int r = grow((void **)&array->items, &array->capacity, array->count, array->size);

    if (r >= 0)
        r = array->read(message, array->items + array->count * array->size, &is);
    if (r >= 0 && is)
        array->count++;
    return r;
}

static void forget_elements(void *data)
{
    ((struct array *)data)->count = 0;
}

int netlink_dump_array(struct netlink *nl, struct nlmsghdr *request, netlink_element_t read,
                       size_t size, void **ret, size_t *ret_count)
{
    struct array array = {.read = read, .size = size};
    int r = netlink_dump(nl, request, add_element, forget_elements, &array);

    if (r < 0) {
        free(array.items);
        return r;
    }
    *ret = array.items;
    *ret_count = array.count;
    return 0;
}

int netlink_talk(struct netlink *nl, struct nlmsghdr *request, netlink_message_t fn, void *data)
{
    struct exchange x = {.fn = fn, .data = data};

    if (!fn)
        request->nlmsg_flags |= NLM_F_ACK;
    return exchange(nl, request, &x);
}
