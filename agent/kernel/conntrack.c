/* A dump of IPCTNL_MSG_CT_GET over NETLINK_NETFILTER. */
#include "agent/kernel/conntrack.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/netlink.h"

#define CT_GET (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET)
#define CT_NEW (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)

static int attr_port(const struct nlattr *attr, uint16_t *ret)
{
    uint16_t port;

    if (!attr)
        return 0;
    if (mnl_attr_get_payload_len(attr) < sizeof(port))
        return -EBADMSG;
    memcpy(&port, mnl_attr_get_payload(attr), sizeof(port));
    *ret = ntohs(port);
    return 0;
}

static int read_ports(const struct nlattr *nest, uint8_t *ret_proto, struct flow_tuple *tuple)
{
    const struct nlattr *attrs[CTA_PROTO_MAX + 1] = {0};
    int r;

    attrs_find_nested(nest, attrs, CTA_PROTO_MAX);
    if (!attrs[CTA_PROTO_NUM] || mnl_attr_get_payload_len(attrs[CTA_PROTO_NUM]) < 1)
        return -EBADMSG;
    *ret_proto = mnl_attr_get_u8(attrs[CTA_PROTO_NUM]);
    r = attr_port(attrs[CTA_PROTO_SRC_PORT], &tuple->sport);
    return r < 0 ? r : attr_port(attrs[CTA_PROTO_DST_PORT], &tuple->dport);
}

static int read_tuple(const struct nlattr *nest, uint8_t *ret_proto, struct flow_tuple *tuple)
{
    const struct nlattr *attrs[CTA_TUPLE_MAX + 1] = {0}, *addresses[CTA_IP_MAX + 1] = {0};
    int r;

    attrs_find_nested(nest, attrs, CTA_TUPLE_MAX);
    if (!attrs[CTA_TUPLE_IP] || !attrs[CTA_TUPLE_PROTO])
        return -EBADMSG;
    attrs_find_nested(attrs[CTA_TUPLE_IP], addresses, CTA_IP_MAX);
    if (!addresses[CTA_IP_V4_SRC] || !addresses[CTA_IP_V4_DST])
        return -EBADMSG;
    r = attr_u32(addresses[CTA_IP_V4_SRC], &tuple->source.s_addr);
    if (r >= 0)
        r = attr_u32(addresses[CTA_IP_V4_DST], &tuple->destination.s_addr);
    return r < 0 ? r : read_ports(attrs[CTA_TUPLE_PROTO], ret_proto, tuple);
}

/* A flow of another protocol, or picked up without state, is as open as it can be. */
static bool is_half_open(const struct nlattr *nest)
{
    const struct nlattr *info[CTA_PROTOINFO_MAX + 1] = {0}, *tcp[CTA_PROTOINFO_TCP_MAX + 1] = {0};
    const struct nlattr *state;

    if (nest)
        attrs_find_nested(nest, info, CTA_PROTOINFO_MAX);
    if (info[CTA_PROTOINFO_TCP])
        attrs_find_nested(info[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX);
    state = tcp[CTA_PROTOINFO_TCP_STATE];
    return state && mnl_attr_get_payload_len(state) >= 1 &&
           mnl_attr_get_u8(state) != TCP_CONNTRACK_ESTABLISHED;
}

int conntrack_read_message(const struct nlmsghdr *message, struct tracked_flow *ret, bool *ret_is)
{
    const struct nlattr *attrs[CTA_MAX + 1] = {0};
    const struct nfgenmsg *body = message_body(message, sizeof(*body), attrs, CTA_MAX);
    struct tracked_flow flow = {0};
    uint32_t mark = 0, status = 0;
    uint8_t ignored;
    int r;

    if (!body)
        return -EBADMSG;
    if (body->nfgen_family != AF_INET || message->nlmsg_type != CT_NEW) {
        *ret_is = false;
        return 0;
    }
    if (!attrs[CTA_TUPLE_ORIG] || !attrs[CTA_TUPLE_REPLY])
        return -EBADMSG;
    r = read_tuple(attrs[CTA_TUPLE_ORIG], &flow.proto, &flow.original);
    if (r >= 0)
        r = read_tuple(attrs[CTA_TUPLE_REPLY], &ignored, &flow.reply);
    if (r >= 0 && attrs[CTA_MARK])
        r = attr_u32(attrs[CTA_MARK], &mark);
    if (r >= 0 && attrs[CTA_STATUS])
        r = attr_u32(attrs[CTA_STATUS], &status);
    if (r < 0)
        return r;
    flow.mark = ntohl(mark);
    flow.half_open = is_half_open(attrs[CTA_PROTOINFO]);
    flow.answered = ntohl(status) & IPS_SEEN_REPLY;
    *ret = flow;
    *ret_is = true;
    return 0;
}

static int read_flow(const struct nlmsghdr *message, void *ret, bool *ret_is)
{
    return conntrack_read_message(message, ret, ret_is);
}

const char *tracking_name(enum tracking tracking)
{
    static const char *const names[TRACKING_COUNT] = {
        [TRACKING_READ] = "read",
        [TRACKING_OFF] = "off",
        [TRACKING_DENIED] = "denied",
        [TRACKING_TOO_MANY] = "too-many",
    };

    return names[tracking];
}

const char *tracking_text(enum tracking tracking)
{
    static const char *const texts[TRACKING_COUNT] = {
        [TRACKING_READ] = "all tracked flows were read",
        [TRACKING_OFF] = "netfilter tracks no flow here",
        [TRACKING_DENIED] = "the flows that netfilter tracks may not be read",
        [TRACKING_TOO_MANY] = "netfilter tracks more flows than are read",
    };

    return texts[tracking];
}

/* How many flows are tracked in this namespace. */
static unsigned long count_tracked(const char *proc_sys_net)
{
    char path[PATH_MAX], count[16] = "";
    ssize_t n;
    int fd;

    if (snprintf(path, sizeof(path), "%s/netfilter/nf_conntrack_count", proc_sys_net) >=
        (int)sizeof(path))
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, count, sizeof(count) - 1);
    (void)close(fd);
    return n > 0 ? strtoul(count, NULL, 10) : 0;
}

/* Not built in, not allowed, or never quiet enough to be read whole. */
static int classify(int error, enum tracking *ret)
{
    switch (error) {
    case -EINVAL:
    case -EPROTONOSUPPORT:
        *ret = TRACKING_OFF;
        return 0;
    case -EPERM:
        *ret = TRACKING_DENIED;
        return 0;
    case -EAGAIN:
        *ret = TRACKING_TOO_MANY;
        return 0;
    default:
        return error;
    }
}

int conntrack_read(const char *proc_sys_net, size_t max, struct tracked_flow **ret,
                   size_t *ret_count, enum tracking *ret_tracking)
{
    unsigned long tracked = count_tracked(proc_sys_net);
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    _cleanup_netlink_ struct netlink nl = {0};
    struct nlmsghdr *request;
    int r;

    *ret = NULL;
    *ret_count = 0;
    *ret_tracking = max > 0 && tracked > max ? TRACKING_TOO_MANY : TRACKING_OFF;
    if (tracked == 0 || *ret_tracking == TRACKING_TOO_MANY)
        return 0;
    r = netlink_open_family(NETLINK_NETFILTER, &nl);
    if (r < 0)
        return classify(r, ret_tracking);
    request = netlink_request(buffer, CT_GET, 0, sizeof(struct nfgenmsg));
    ((struct nfgenmsg *)mnl_nlmsg_get_payload(request))->nfgen_family = AF_INET;
    r = netlink_dump_array(&nl, request, read_flow, sizeof(**ret), (void **)ret, ret_count);
    if (r < 0)
        return classify(r, ret_tracking);
    *ret_tracking = TRACKING_READ;
    return 0;
}
