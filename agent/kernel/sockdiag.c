/* Dumps of connections over NETLINK_SOCK_DIAG: one per protocol and family. */
#include "agent/kernel/sockdiag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/netlink.h"

/* States in which the peer may still send. A connected UDP socket is "established". */
#define STATES                                                                                     \
    (1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_SYN_RECV | 1u << TCP_FIN_WAIT1 |       \
     1u << TCP_FIN_WAIT2 | 1u << TCP_CLOSE_WAIT)

struct reading {
    struct connection *items;
    size_t count, capacity, kept; /* kept: those of earlier dumps */
    uint8_t proto;
    bool servers; /* else connections */
};

/* An IPv4 address, also as ::ffff:a.b.c.d. */
static bool address_v4(uint8_t family, const __be32 bytes[4], struct in_addr *ret)
{
    struct in6_addr six;

    if (family == AF_INET) {
        ret->s_addr = bytes[0];
        return true;
    }
    memcpy(&six, bytes, sizeof(six));
    if (!IN6_IS_ADDR_V4MAPPED(&six))
        return false;
    ret->s_addr = bytes[3];
    return true;
}

int connection_read_message(const struct nlmsghdr *message, uint8_t proto, struct connection *ret,
                            bool *ret_is)
{
    const struct nlattr *attrs[INET_DIAG_MARK + 1] = {0};
    const struct inet_diag_msg *diag =
        message_body(message, sizeof(*diag), attrs, ELEMENTSOF(attrs) - 1);
    struct connection connection = {.proto = proto};

    if (!diag)
        return -EBADMSG;
    if ((diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6) ||
        !address_v4(diag->idiag_family, diag->id.idiag_src, &connection.local) ||
        !address_v4(diag->idiag_family, diag->id.idiag_dst, &connection.peer) ||
        connection.peer.s_addr == 0) {
        *ret_is = false;
        return 0;
    }
    if (attrs[INET_DIAG_MARK]) {
        int r = attr_u32(attrs[INET_DIAG_MARK], &connection.mark);

        if (r < 0)
            return r;
    }
    connection.local_port = ntohs(diag->id.idiag_sport);
    connection.peer_port = ntohs(diag->id.idiag_dport);
    connection.bound = (int)diag->id.idiag_if;
    connection.inode = diag->idiag_inode;
    connection.uid = diag->idiag_uid;
    connection.half_open = diag->idiag_state != TCP_ESTABLISHED;
    *ret = connection;
    *ret_is = true;
    return 0;
}

int server_read_message(const struct nlmsghdr *message, struct connection *ret, bool *ret_is)
{
    const struct nlattr *attrs[INET_DIAG_SKV6ONLY + 1] = {0};
    const struct inet_diag_msg *diag =
        message_body(message, sizeof(*diag), attrs, ELEMENTSOF(attrs) - 1);
    struct connection server = {.proto = IPPROTO_UDP};
    const struct nlattr *only;
    struct in6_addr local;

    if (!diag)
        return -EBADMSG;
    *ret_is = false;
    only = attrs[INET_DIAG_SKV6ONLY];
    memcpy(&local, diag->id.idiag_src, sizeof(local));
    if (diag->idiag_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&local)) {
        if (only && mnl_attr_get_payload_len(only) >= 1 && mnl_attr_get_u8(only))
            return 0;
    } else if ((diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6) ||
               !address_v4(diag->idiag_family, diag->id.idiag_src, &server.local)) {
        return 0;
    }
    server.local_port = ntohs(diag->id.idiag_sport);
    server.bound = (int)diag->id.idiag_if;
    server.inode = diag->idiag_inode;
    server.uid = diag->idiag_uid;
    *ret = server;
    *ret_is = true;
    return 0;
}

static int take(const struct nlmsghdr *message, void *data)
{
    struct reading *reading = data;
    bool is;
    int r;

    r = grow((void **)&reading->items, &reading->capacity, reading->count, sizeof(*reading->items));
    if (r >= 0 && reading->servers)
        r = server_read_message(message, &reading->items[reading->count], &is);
    else if (r >= 0)
        r = connection_read_message(message, reading->proto, &reading->items[reading->count], &is);
    if (r >= 0 && is)
        reading->count++;
    return r;
}

static void forget(void *data)
{
    struct reading *reading = data;

    reading->count = reading->kept;
}

static int dump(struct netlink *nl, uint8_t family, uint8_t proto, struct reading *reading)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct inet_diag_req_v2 *body;
    struct nlmsghdr *request = netlink_request(buffer, SOCK_DIAG_BY_FAMILY, 0, sizeof(*body));
    int r;

    body = mnl_nlmsg_get_payload(request);
    body->sdiag_family = family;
    body->sdiag_protocol = proto;
    body->idiag_states = reading->servers ? 1u << TCP_CLOSE : STATES;
    reading->proto = proto;
    reading->kept = reading->count;
    r = netlink_dump(nl, request, take, forget, reading);
    /* No module for this protocol, or no IPv6: then there is nothing that could be told. */
    return r == -ENOENT || r == -EPROTONOSUPPORT ? 0 : r;
}

static int read_all(struct reading reading, const uint8_t *protos, size_t n_protos,
                    struct connection **ret, size_t *ret_count)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    _cleanup_netlink_ struct netlink nl = {0};
    int r = netlink_open_family(NETLINK_SOCK_DIAG, &nl);

    for (size_t i = 0; r >= 0 && i < n_protos; i++)
        for (size_t k = 0; r >= 0 && k < ELEMENTSOF(families); k++)
            r = dump(&nl, families[k], protos[i], &reading);
    if (r < 0) {
        free(reading.items);
        return r == -EPROTONOSUPPORT ? 0 : r;
    }
    *ret = reading.items;
    *ret_count = reading.count;
    return 0;
}

int connections_read(struct connection **ret, size_t *ret_count)
{
    static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP};

    return read_all((struct reading){0}, protos, ELEMENTSOF(protos), ret, ret_count);
}

int servers_read(struct connection **ret, size_t *ret_count)
{
    static const uint8_t protos[] = {IPPROTO_UDP};

    return read_all((struct reading){.servers = true}, protos, ELEMENTSOF(protos), ret, ret_count);
}
