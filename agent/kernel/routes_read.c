/* The dumps of addresses, rules and routes. Of the routes only those are kept that somebody asks
 * for: a host may have a million of others. */
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/routes_io.h"

/* One dump: what it found is appended, and taken back where it has to begin again. */
struct reading {
    struct route_facts *facts;
    size_t before; /* elements that were there before this dump */
    uint8_t family;
    int ifindex; /* of addresses: only this device's; 0: all */
    bool ours, foreign;
    uint32_t *tables; /* owned, sorted: tables of which a foreign route was kept */
    size_t n_tables, tables_capacity;
    uint32_t last_table; /* of the message before: routes come table by table */
    bool has_last;
};

static void reading_done(struct reading *reading)
{
    free(reading->tables);
}

static int add_address(const struct nlmsghdr *message, void *data)
{
    struct reading *reading = data;
    struct route_facts *facts = reading->facts;
    int r;

    if (message->nlmsg_type != RTM_NEWADDR)
        return 0;
    r = grow((void **)&facts->addresses, &facts->addresses_capacity, facts->n_addresses,
             sizeof(*facts->addresses));
    if (r >= 0)
        r = route_address_read_message(message, &facts->addresses[facts->n_addresses]);
    if (r >= 0 &&
        (reading->ifindex == 0 || facts->addresses[facts->n_addresses].ifindex == reading->ifindex))
        facts->n_addresses++;
    return r == -ENOENT ? 0 : r;
}

static void forget_addresses(void *data)
{
    struct reading *reading = data;

    reading->facts->n_addresses = reading->before;
}

static int add_rule(const struct nlmsghdr *message, void *data)
{
    struct route_facts *facts = ((struct reading *)data)->facts;
    int r;

    if (message->nlmsg_type != RTM_NEWRULE)
        return 0;
    r = grow((void **)&facts->rules, &facts->rules_capacity, facts->n_rules, sizeof(*facts->rules));
    if (r >= 0)
        r = route_rule_read_message(message, &facts->rules[facts->n_rules]);
    if (r >= 0)
        facts->n_rules++;
    return r == -ENOENT ? 0 : r;
}

static void forget_rules(void *data)
{
    ((struct reading *)data)->facts->n_rules = 0;
}

/* Where the table is in the sorted list, or would be. */
static size_t place_of(const struct reading *reading, uint32_t table)
{
    return SORTED_PLACE(reading->n_tables, i, reading->tables[i] < table);
}

/* 1: of this table none was seen before; 0: one was. */
static int is_new_table(struct reading *reading, uint32_t table)
{
    size_t at;
    int r;

    if (reading->has_last && reading->last_table == table)
        return 0;
    reading->has_last = true;
    reading->last_table = table;
    at = place_of(reading, table);
    if (at < reading->n_tables && reading->tables[at] == table)
        return 0;
    r = grow((void **)&reading->tables, &reading->tables_capacity, reading->n_tables,
             sizeof(*reading->tables));
    if (r < 0)
        return r;
    memmove(&reading->tables[at + 1], &reading->tables[at],
            (reading->n_tables - at) * sizeof(*reading->tables));
    reading->tables[at] = table;
    reading->n_tables++;
    return 1;
}

/* 1 to keep, 0 to pass over, from as little of the message as can be: this runs for every route of
 * the host. The kernel states the table first. */
static int is_wanted(struct reading *reading, const struct nlmsghdr *message)
{
    const size_t header_size = MNL_ALIGN(sizeof(struct rtmsg));
    const struct rtmsg *header = message_body(message, sizeof(*header), NULL, 0);
    const struct nlattr *attr;
    uint32_t table;
    bool ours;

    if (!header)
        return -EBADMSG;
    if (header->rtm_family != reading->family)
        return 0;
    ours = header->rtm_protocol == ROUTING_PROTOCOL;
    if (ours || header->rtm_dst_len == 0)
        return ours ? reading->ours : reading->foreign;
    if (!reading->foreign)
        return 0;
    table = header->rtm_table;
    attr = (const void *)((const char *)header + header_size);
    if (message->nlmsg_len >= MNL_NLMSG_HDRLEN + header_size + MNL_ATTR_HDRLEN + sizeof(table) &&
        mnl_attr_get_type(attr) == RTA_TABLE)
        (void)attr_u32(attr, &table); /* then it is the table of the header */
    return is_new_table(reading, table);
}

static int take_hop(const struct route_hop *hop, void *data)
{
    struct route_facts *facts = data;
    struct route route = facts->routes[facts->n_routes - 1];
    int r;

    if (!hop->via.family || hop->ifindex <= 0)
        return 0;
    r = grow((void **)&facts->routes, &facts->routes_capacity, facts->n_routes,
             sizeof(*facts->routes));
    if (r < 0)
        return r;
    route.via = hop->via;
    route.oif = hop->ifindex;
    route.onlink = hop->onlink;
    route.way = route.hop = true;
    facts->routes[facts->n_routes++] = route;
    return 0;
}

/* The next hops of the route that was added last, where it is a foreign default route with several:
 * through their devices it leads as one with a single one would. */
static int add_hops(const struct nlmsghdr *message, struct route_facts *facts)
{
    const struct route *route = &facts->routes[facts->n_routes - 1];

    if (!route->special || route->oif != 0 || route->to.length > 0 ||
        route->protocol == ROUTING_PROTOCOL)
        return 0;
    return route_read_hops(message, take_hop, facts);
}

static int add_route(const struct nlmsghdr *message, void *data)
{
    struct reading *reading = data;
    struct route_facts *facts = reading->facts;
    int r;

    if (message->nlmsg_type != RTM_NEWROUTE)
        return 0;
    r = is_wanted(reading, message);
    if (r <= 0)
        return r;
    r = grow((void **)&facts->routes, &facts->routes_capacity, facts->n_routes,
             sizeof(*facts->routes));
    if (r >= 0)
        r = route_read_message(message, &facts->routes[facts->n_routes]);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    facts->n_routes++;
    return add_hops(message, facts);
}

static void forget_routes(void *data)
{
    struct reading *reading = data;

    reading->facts->n_routes = reading->before;
    reading->n_tables = 0;
    reading->has_last = false;
}

/* The device may be gone; the kernel can be asked for one alone since 4.20. */
static int read_addresses(struct netlink *nl, struct reading *reading)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
    struct ifaddrmsg *header = mnl_nlmsg_get_payload(request);
    struct route_facts *facts = reading->facts;
    int r;

    reading->before = 0;
    for (size_t i = 0; reading->ifindex != 0 && i < facts->n_addresses; i++)
        if (facts->addresses[i].ifindex != reading->ifindex)
            facts->addresses[reading->before++] = facts->addresses[i];
    forget_addresses(reading);
    header->ifa_index = (uint32_t)reading->ifindex;
    r = netlink_dump(nl, request, add_address, forget_addresses, reading);
    return r == -ENODEV && reading->ifindex != 0 ? 0 : r;
}

static int read_rules(struct netlink *nl, struct reading *reading)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];

    forget_rules(reading);
    return netlink_dump(nl, netlink_request(buffer, RTM_GETRULE, 0, sizeof(struct fib_rule_hdr)),
                        add_rule, forget_rules, reading);
}

/* Where only ours are asked for the kernel passes over all others itself. */
static int read_routes(struct netlink *nl, uint8_t family, struct reading *reading)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    int r;

    reading->family = header->rtm_family = family;
    reading->before = reading->facts->n_routes;
    forget_routes(reading);
    if (!reading->foreign)
        header->rtm_protocol = ROUTING_PROTOCOL;
    r = netlink_dump(nl, request, add_route, forget_routes, reading);
    return r == -ENOENT ? 0 : r; /* no table yet: no routes */
}

/* Take away those of our protocol, or all others. */
static void drop_routes(struct route_facts *facts, bool ours, bool foreign)
{
    size_t kept = 0;

    for (size_t i = 0; i < facts->n_routes; i++) {
        bool is_ours = facts->routes[i].protocol == ROUTING_PROTOCOL;

        if (!(is_ours ? ours : foreign))
            facts->routes[kept++] = facts->routes[i];
    }
    facts->n_routes = kept;
}

int routes_read_again(struct netlink *nl, unsigned what, struct route_facts *facts)
{
    _cleanup_(reading_done) struct reading reading = {
        .facts = facts,
        .ours = what & ROUTES_READ_OURS,
        .foreign = what & ROUTES_READ_FOREIGN,
    };
    int r = 0;

    if (what & ROUTES_READ_ADDRESSES)
        r = read_addresses(nl, &reading);
    if (r >= 0 && what & ROUTES_READ_RULES)
        r = read_rules(nl, &reading);
    if (r < 0 || !(reading.ours || reading.foreign))
        return r;
    drop_routes(facts, reading.ours, reading.foreign);
    r = read_routes(nl, AF_INET, &reading);
    if (r >= 0)
        r = read_routes(nl, AF_INET6, &reading);
    return r;
}

int routes_read_addresses_of(struct netlink *nl, int ifindex, struct route_facts *facts)
{
    struct reading reading = {.facts = facts, .ifindex = ifindex};

    return read_addresses(nl, &reading);
}

int routes_read(struct netlink *nl, struct route_facts *ret)
{
    struct route_facts facts = {0};
    int r = routes_read_again(nl, ROUTES_READ_ALL, &facts);

    if (r < 0) {
        free(facts.addresses);
        free(facts.rules);
        free(facts.routes);
        return r;
    }
    *ret = facts;
    return 0;
}
