/* Lookups in the routing tables, asked of the kernel where that leaves no trace. Which rules, own
 * addresses and flags there are is read once. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/fib6.h"
#include "agent/kernel/fib_private.h"
#include "agent/kernel/messages.h"
#include "agent/kernel/neigh.h"

static int take_rule(const struct nlmsghdr *message, void *ret, bool *ret_is)
{
    int r = message->nlmsg_type == RTM_NEWRULE ? route_rule_read_message(message, ret) : -ENOENT;

    *ret_is = r == 0;
    return r == -ENOENT ? 0 : r;
}

static int find_device(struct route_rule *rule, const char *name)
{
    int ifindex = name[0] ? (int)if_nametoindex(name) : 0;

    rule->detached |= name[0] && ifindex == 0;
    return ifindex;
}

static int read_rules(struct fib *fib)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETRULE, 0, sizeof(struct fib_rule_hdr));
    struct fib_rule_hdr *header = mnl_nlmsg_get_payload(request);
    int r;

    header->family = AF_INET;
    r = netlink_dump_array(fib->nl, request, take_rule, sizeof(*fib->rules), (void **)&fib->rules,
                           &fib->n_rules);
    if (r < 0)
        return r;
    for (size_t i = 0; i < fib->n_rules; i++) {
        struct route_rule *rule = &fib->rules[i];

        rule->iif = find_device(rule, rule->iif_name);
        rule->oif = find_device(rule, rule->oif_name);
    }
    fib_look_at_rules(fib);
    return 0;
}

bool fib_is_own(const struct fib *fib, const struct ip *address)
{
    for (size_t i = 0; i < fib->n_addresses; i++)
        if (ip_compare(&fib->addresses[i].local.ip, address) == 0)
            return true;
    return false;
}

/* A local route that the kernel did not make itself sets fib_has_custom_local_routes for good. */
static int take_local(const struct nlmsghdr *message, void *data)
{
    const struct rtmsg *header = message_body(message, sizeof(*header), NULL, 0);
    bool *by_hand = data;

    if (!header)
        return -EBADMSG;
    if (message->nlmsg_type == RTM_NEWROUTE && header->rtm_type == RTN_LOCAL &&
        (header->rtm_protocol != RTPROT_KERNEL || header->rtm_table != RT_TABLE_LOCAL))
        *by_hand = true;
    return 0;
}

static int read_local_routes(struct fib *fib)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);

    header->rtm_family = AF_INET;
    header->rtm_type = RTN_LOCAL;
    return netlink_dump(fib->nl, request, take_local, NULL, &fib->custom_rules);
}

/* Does what is local stand in a trie of its own? Stops at the first line that tells. */
static bool is_local_apart(void)
{
    FILE *file = fopen("/proc/net/fib_trie", "re");
    char line[160];
    bool main = false, local = false, apart = false;

    if (!file)
        return false;
    while (fgets(line, sizeof(line), file)) {
        if (line[0] != ' ') {
            main = streq(line, "Main:\n");
            local = streq(line, "Local:\n");
        } else if (strstr(line, " LOCAL") && (main || local)) {
            apart = local;
            break;
        }
    }
    (void)fclose(file);
    return apart;
}

#define FEW_LEAVES 64

/* Until the first ip rule is added, the tables `local` and `main` are one trie (fib_unmerge()), and
 * both names show it: the figures differ once they are two. Small tables can have equal figures by
 * chance; those are read. */
static bool rules_were_added(void)
{
    FILE *file = fopen("/proc/net/fib_triestat", "re");
    uint64_t sums[2] = {0, 0}, *sum = NULL;
    unsigned leaves = 0;
    char line[160];

    if (!file)
        return false;
    while (fgets(line, sizeof(line), file)) {
        if (streq(line, "Main:\n") || streq(line, "Local:\n"))
            sum = &sums[line[0] == 'L'];
        else if (startswith(line, "Id "))
            sum = NULL;
        else if (sum)
            for (const char *p = line; *p; p++)
                *sum = *sum * 31 + (unsigned char)*p;
        if (sum)
            (void)sscanf(line, " Leaves: %u", &leaves); /* then the line is another one */
    }
    (void)fclose(file);
    if (sums[0] != sums[1])
        return sums[1] != 0;
    return leaves <= FEW_LEAVES && is_local_apart();
}

/* 0 where it cannot be read, as an old one. */
static unsigned kernel_version(void)
{
    unsigned major, minor;
    struct utsname name;

    if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
        return 0;
    return KERNEL(major, minor);
}

int fib_open(struct netlink *nl, struct fib *ret)
{
    _cleanup_fib_ struct fib fib = {.nl = nl, .kernel = kernel_version()};
    int r;

    r = read_rules(&fib);
    if (r >= 0)
        r = addresses_read(nl, &fib.addresses, &fib.n_addresses);
    if (r >= 0)
        r = read_local_routes(&fib);
    if (r < 0)
        return r;
    if (!fib.plain_rules || rules_were_added())
        fib.custom_rules = true;
    *ret = fib;
    fib = (struct fib){0};
    return 0;
}

void fib_close(struct fib *fib)
{
    free(fib->rules);
    if (!fib->copy) {
        free(fib->addresses);
        fib_tables_free(fib->tables);
    }
    *fib = (struct fib){0};
}

static bool proto_can_be_asked(uint8_t proto)
{
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_ICMP;
}

static void put_selectors(struct nlmsghdr *request, uint32_t mark, uint8_t proto, uint16_t sport,
                          uint16_t dport)
{
    if (mark)
        mnl_attr_put_u32(request, RTA_MARK, mark);
    if (!proto_can_be_asked(proto))
        return;
    mnl_attr_put_u8(request, RTA_IP_PROTO, proto);
    if (sport)
        mnl_attr_put_u16(request, RTA_SPORT, htons(sport));
    if (dport)
        mnl_attr_put_u16(request, RTA_DPORT, htons(dport));
}

/* A request for one route; RTM_F_… in flags. */
static struct nlmsghdr *route_request(void *buffer, const struct ip *to, uint8_t tos,
                                      uint32_t flags)
{
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);

    header->rtm_family = AF_INET;
    header->rtm_dst_len = 32;
    header->rtm_tos = tos;
    header->rtm_flags = flags;
    mnl_attr_put(request, RTA_DST, 4, to->bytes);
    return request;
}

static void put_source(struct nlmsghdr *request, const struct ip *source)
{
    struct rtmsg *header = mnl_nlmsg_get_payload(request);

    header->rtm_src_len = 32;
    mnl_attr_put(request, RTA_SRC, 4, source->bytes);
}

static int take_way(const struct nlmsghdr *message, void *data)
{
    return message->nlmsg_type == RTM_NEWROUTE ? fib_read_way(message, data) : -EBADMSG;
}

static bool is_zero(const struct ip *ip)
{
    return ip_to_ipv4(ip).s_addr == 0;
}

int fib_ends_in_nothing(int error, enum route_kind *ret)
{
    switch (error) {
    case -ENETUNREACH:
    case -ESRCH:
    case -EAGAIN:
        *ret = ROUTE_NONE;
        return 0;
    case -EHOSTUNREACH:
        *ret = ROUTE_UNREACHABLE;
        return 0;
    case -EACCES:
        *ret = ROUTE_PROHIBIT;
        return 0;
    case -EINVAL:
        *ret = ROUTE_BLACKHOLE;
        return 0;
    default:
        return error;
    }
}

/* The uid is the one that the kernel's own lookup has. */
int fib_ask(struct netlink *nl, const struct fib_flow *flow, bool with_source, struct fib_way *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request =
        route_request(buffer, &flow->to, flow->tos, RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE);
    struct fib_way way;
    enum route_kind kind;
    int r;

    if (with_source && !is_zero(&flow->from))
        put_source(request, &flow->from);
    if (flow->vrf)
        mnl_attr_put_u32(request, RTA_OIF, (uint32_t)flow->vrf);
    mnl_attr_put_u32(request, RTA_UID, 0);
    put_selectors(request, flow->mark, flow->proto, flow->sport, flow->dport);
    r = netlink_talk(nl, request, take_way, &way);
    if (r < 0) {
        r = fib_ends_in_nothing(r, &kind);
        if (r >= 0)
            *ret = (struct fib_way){.found = {.kind = kind}};
        return r;
    }
    r = fib_resolve_nexthop(nl, &way);
    if (r < 0)
        return r;
    *ret = way;
    return 0;
}

/* Would an output route be looked up with just this flow? An own loopback address could be refused
 * for the device that the route names. In a VRF, rules for devices apply to what comes in as they
 * do not to what is sent. */
static bool can_be_asked(const struct fib *fib, const struct fib_flow *flow)
{
    if (fib->selects_ports && !proto_can_be_asked(flow->proto))
        return false;
    if (flow->vrf && !flow->oif && fib->names_device)
        return false;
    if (!fib->selects_from)
        return true;
    return flow->iif == LOOPBACK_IFINDEX &&
           (is_zero(&flow->from) || (fib_is_own(fib, &flow->from) && !ip_is_loopback(&flow->from)));
}

struct defaults {
    struct {
        uint32_t table, metric;
    } * items;
    size_t count, capacity;
    bool equal;
};

static void forget_defaults(void *data)
{
    struct defaults *defaults = data;

    defaults->count = 0;
    defaults->equal = false;
}

static int take_default(const struct nlmsghdr *message, void *data)
{
    const struct rtmsg *header = message_body(message, sizeof(*header), NULL, 0);
    struct defaults *defaults = data;
    struct route route;
    int r;

    if (!header)
        return -EBADMSG;
    if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_dst_len > 0 ||
        header->rtm_type != RTN_UNICAST)
        return 0;
    r = route_read_message(message, &route);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    for (size_t i = 0; i < defaults->count; i++)
        if (defaults->items[i].table == route.table && defaults->items[i].metric == route.metric)
            defaults->equal = true;
    r = grow((void **)&defaults->items, &defaults->capacity, defaults->count,
             sizeof(*defaults->items));
    if (r < 0)
        return r;
    defaults->items[defaults->count].table = route.table;
    defaults->items[defaults->count++].metric = route.metric;
    return 0;
}

/* Are there default routes of one table with the same metric? */
static int read_defaults(struct fib *fib)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    struct defaults defaults = {0};
    int r;

    if (fib->defaults_read)
        return 0;
    header->rtm_family = AF_INET;
    header->rtm_type = RTN_UNICAST;
    r = netlink_dump(fib->nl, request, take_default, forget_defaults, &defaults);
    free(defaults.items);
    if (r < 0)
        return r;
    fib->defaults_read = true;
    fib->equal_defaults = defaults.equal;
    return 0;
}

int fib_lookup(struct fib *fib, const struct fib_flow *flow, struct fib_way *ret)
{
    struct fib_way way;
    int r;

    if (flow->to.family == AF_INET6)
        return fib6_lookup(fib->nl, &flow->from, &flow->to, flow->vrf, ret);
    if (fib->pretended || fib->extra || fib->tables || !can_be_asked(fib, flow))
        return fib_lookup_by_rules(fib, flow, ret);
    r = fib_ask(fib->nl, flow, fib->selects_from, &way);
    if (r < 0)
        return r;
    if (way.found.kind == ROUTE_UNICAST && way.route.to.length == 0) {
        r = read_defaults(fib);
        if (r < 0)
            return r;
        if (fib->equal_defaults)
            return fib_lookup_by_rules(fib, flow, ret);
    }
    *ret = way;
    return 0;
}

static int take_answer(const struct nlmsghdr *message, void *data)
{
    return message->nlmsg_type == RTM_NEWROUTE ? 0 : -EBADMSG;
}

int fib_ask_kernel(const struct fib *fib, const struct device *device,
                   const struct fib_packet *packet, int *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct ip to = ip_of_ipv4(packet->packet.destination), from = ip_of_ipv4(packet->packet.source);
    struct nlmsghdr *request = route_request(buffer, &to, packet->tos, 0);
    int r;

    put_source(request, &from);
    mnl_attr_put_u32(request, RTA_IIF, (uint32_t)device->ifindex);
    put_selectors(request, packet->mark, packet->proto, packet->sport, packet->dport);
    r = netlink_talk(fib->nl, request, take_answer, NULL);
    if (r == -ENODEV || r == -ENOMEM || r == -ENOBUFS)
        return r;
    *ret = r;
    return 0;
}
