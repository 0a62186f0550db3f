/* Adding and deleting routes and rules. Every request carries our protocol: the kernel then deletes
 * only what has it (fib_table_delete(), ip6_route_del(), rule_find()). A replacement looks at no
 * protocol (fib_table_insert(), fib6_add_rt2node()), so that is asked for before. */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/routes_io.h"

static void put_ip(struct nlmsghdr *request, uint16_t type, const struct ip *ip)
{
    mnl_attr_put(request, type, ip->family == AF_INET ? 4 : 16, ip->bytes);
}

static void put_route(struct nlmsghdr *request, const struct route *route)
{
    struct rtmsg *header = mnl_nlmsg_get_payload(request);

    *header = (struct rtmsg){
        .rtm_family = route->family,
        .rtm_dst_len = route->to.length,
        .rtm_tos = route->tos,
        .rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_UNSPEC,
        .rtm_protocol = ROUTING_PROTOCOL,
        .rtm_scope = route->scope,
        .rtm_type = route->type,
        .rtm_flags = route->onlink ? RTNH_F_ONLINK : 0,
    };
    mnl_attr_put_u32(request, RTA_TABLE, route->table);
    if (route->to.length > 0)
        put_ip(request, RTA_DST, &route->to.ip);
    if (route->metric)
        mnl_attr_put_u32(request, RTA_PRIORITY, route->metric);
    if (route->via.family)
        put_ip(request, RTA_GATEWAY, &route->via);
    if (route->oif)
        mnl_attr_put_u32(request, RTA_OIF, (uint32_t)route->oif);
    if (route->prefsrc.family)
        put_ip(request, RTA_PREFSRC, &route->prefsrc);
    if (route->mtu) {
        struct nlattr *metrics = mnl_attr_nest_start(request, RTA_METRICS);

        mnl_attr_put_u32(request, RTAX_MTU, route->mtu);
        mnl_attr_nest_end(request, metrics);
    }
}

struct search {
    const struct route *route;
    bool foreign, same; /* found in its place */
};

static void forget_found(void *data)
{
    struct search *search = data;

    search->foreign = search->same = false;
}

static int look_at_route(const struct nlmsghdr *message, void *data)
{
    struct search *search = data;
    struct route route;
    int r;

    if (message->nlmsg_type != RTM_NEWROUTE)
        return 0;
    r = route_read_message(message, &route);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (route_place_compare(&route, search->route) != 0)
        return 0;
    search->foreign |= route.protocol != ROUTING_PROTOCOL;
    search->same |= route.protocol == ROUTING_PROTOCOL && route_is_same(&route, search->route);
    return 0;
}

/* What is in the place of the route. Tables of ours are small. */
static int look_up(struct netlink *nl, const struct route *route, struct search *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    struct search search = {.route = route};
    int r;

    header->rtm_family = route->family;
    header->rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_UNSPEC;
    mnl_attr_put_u32(request, RTA_TABLE, route->table);
    r = netlink_dump(nl, request, look_at_route, forget_found, &search);
    if (r < 0 && r != -ENOENT)
        return r;
    *ret = search;
    return 0;
}

static int send_route(struct netlink *nl, uint16_t type, uint16_t flags, const struct route *route)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, type, flags, sizeof(struct rtmsg));

    put_route(request, route);
    return netlink_talk(nl, request, NULL, NULL);
}

/* By protocol and place alone, as the kernel takes what is not stated as "any". */
static int delete_route(struct netlink *nl, const struct route *route)
{
    struct route request = *route;
    int r;

    request.mtu = 0; /* the kernel would compare all metrics */
    request.onlink = false;
    if (request.family == AF_INET)
        request.scope = RT_SCOPE_NOWHERE;
    r = send_route(nl, RTM_DELROUTE, 0, &request);
    return r == -ESRCH ? 0 : r;
}

static int add_route(struct netlink *nl, const struct route *route)
{
    struct search found;
    int r = send_route(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route), looked;

    if (r != -EEXIST)
        return r;
    looked = look_up(nl, route, &found);
    if (looked < 0)
        return looked;
    return found.same ? 0 : -EEXIST;
}

static int replace_route(struct netlink *nl, const struct route *route)
{
    struct search found;
    int r = look_up(nl, route, &found);

    if (r < 0)
        return r;
    if (found.same)
        return 0;
    if (found.foreign)
        return -EEXIST;
    return send_route(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

static int change_rule(struct netlink *nl, uint16_t type, uint16_t flags,
                       const struct route_rule *rule)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE] = {0}; /* an octet is padded */
    struct nlmsghdr *request = netlink_request(buffer, type, flags, sizeof(struct fib_rule_hdr));
    struct fib_rule_hdr *header = mnl_nlmsg_get_payload(request);

    header->family = rule->family;
    header->src_len = rule->from.length;
    header->dst_len = rule->to.length;
    header->action = rule->action;
    header->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
    if (rule->table)
        mnl_attr_put_u32(request, FRA_TABLE, rule->table);
    mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
    mnl_attr_put_u8(request, FRA_PROTOCOL, ROUTING_PROTOCOL);
    if (rule->from.length > 0)
        put_ip(request, FRA_SRC, &rule->from.ip);
    if (rule->to.length > 0)
        put_ip(request, FRA_DST, &rule->to.ip);
    if (rule->suppress_prefixlength >= 0)
        mnl_attr_put_u32(request, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefixlength);
    return netlink_talk(nl, request, NULL, NULL);
}

static int knows_rule(struct netlink *nl, const struct route_rule *rule)
{
    _cleanup_(route_facts_done) struct route_facts facts = {0};
    int r = routes_read_again(nl, ROUTES_READ_RULES, &facts);

    for (size_t i = 0; i < facts.n_rules && r == 0; i++)
        r = facts.rules[i].protocol == ROUTING_PROTOCOL &&
            route_rule_compare(&facts.rules[i], rule) == 0;
    return r;
}

/* Two rules that differ in protocol alone are two to the kernel (rule_exists()). But one for every
 * destination is there to it already where one for some stands (fib4_rule_compare()). */
static int add_rule(struct netlink *nl, const struct route_rule *rule)
{
    int r = change_rule(nl, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule), known;

    if (r != -EEXIST)
        return r;
    known = rule->to.length > 0 ? 1 : knows_rule(nl, rule);
    if (known != 0)
        return known < 0 ? known : 0;
    return change_rule(nl, RTM_NEWRULE, NLM_F_CREATE, rule);
}

int routes_change(struct netlink *nl, const struct routes_change *change)
{
    int r;

    switch (change->op) {
    case ROUTES_ADD_ROUTE:
        return change->replace ? replace_route(nl, &change->route) : add_route(nl, &change->route);
    case ROUTES_DELETE_ROUTE:
        return delete_route(nl, &change->route);
    case ROUTES_ADD_RULE:
        return add_rule(nl, &change->rule);
    case ROUTES_DELETE_RULE:
        r = change_rule(nl, RTM_DELRULE, 0, &change->rule);
        return r == -ENOENT ? 0 : r;
    }
    return -EINVAL;
}
