/* All routes of IPv4, read once and searched here: for many lookups on top of the same tables. Kept
 * small, since a host may have a million of them. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/fib_private.h"
#include "agent/kernel/messages.h"
#include "policy/lang/routing.h"

struct held_route {
    uint32_t table, to; /* host order, masked */
    uint32_t metric, nexthop;
    uint32_t order; /* of the dump: routes of one prefix come as the kernel tries them */
    uint32_t first_hop;
    uint16_t n_hops;
    uint8_t length, type, protocol, tos, scope;
};

struct fib_tables {
    struct held_route *routes; /* by table, the longest prefix first, prefix, order */
    size_t count, capacity;
    struct route_hop *hops;
    size_t n_hops, hops_capacity;
    uint64_t lengths; /* that occur */
    size_t max;
};

static void forget(void *data)
{
    struct fib_tables *tables = data;

    tables->count = tables->n_hops = 0;
}

static int take_hop(const struct route_hop *hop, void *data)
{
    struct fib_tables *tables = data;
    int r =
        grow((void **)&tables->hops, &tables->hops_capacity, tables->n_hops, sizeof(*tables->hops));

    if (r >= 0)
        tables->hops[tables->n_hops++] = *hop;
    return r;
}

static int take(const struct nlmsghdr *message, void *data)
{
    struct fib_tables *tables = data;
    size_t first = tables->n_hops;
    struct route route;
    int r;

    if (message->nlmsg_type != RTM_NEWROUTE)
        return 0;
    r = route_read_message(message, &route);
    if (r < 0 || route.dead)
        return r == -ENOENT ? 0 : r;
    if (tables->count == tables->max)
        return -E2BIG;
    r = grow((void **)&tables->routes, &tables->capacity, tables->count, sizeof(*tables->routes));
    if (r >= 0)
        r = route_read_hops(message, take_hop, tables);
    if (r >= 0 && tables->n_hops - first > ROUTE_HOPS_MAX)
        r = -E2BIG;
    if (r < 0)
        return r;
    tables->lengths |= UINT64_C(1) << route.to.length;
    tables->routes[tables->count] = (struct held_route){
        .table = route.table,
        .to = ntohl(ip_to_ipv4(&route.to.ip).s_addr),
        .metric = route.metric,
        .nexthop = route.nexthop,
        .order = (uint32_t)tables->count,
        .first_hop = (uint32_t)first,
        .n_hops = (uint16_t)(tables->n_hops - first),
        .length = route.to.length,
        .type = route.type,
        .protocol = route.protocol,
        .tos = route.tos,
        .scope = route.scope,
    };
    tables->count++;
    return 0;
}

static int compare_places(const struct held_route *x, const struct held_route *y)
{
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->length != y->length)
        return x->length > y->length ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

static int by_place(const void *a, const void *b)
{
    const struct held_route *x = a, *y = b;
    int r = compare_places(x, y);

    return r ?: (x->order > y->order) - (x->order < y->order);
}

struct fib_tables *fib_tables_free(struct fib_tables *tables)
{
    if (tables) {
        free(tables->routes);
        free(tables->hops);
        free(tables);
    }
    return NULL;
}

int fib_hold(struct fib *fib, size_t max)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    struct fib_tables *tables = calloc(1, sizeof(*tables));
    int r;

    if (!tables)
        return -ENOMEM;
    tables->max = max;
    header->rtm_family = AF_INET;
    r = netlink_dump(fib->nl, request, take, forget, tables);
    if (r < 0) {
        fib_tables_free(tables);
        return r;
    }
    if (tables->count > 0)
        qsort(tables->routes, tables->count, sizeof(*tables->routes), by_place);
    fib_tables_free(fib->tables);
    fib->tables = tables;
    return 0;
}

int fib_copy(const struct fib *fib, struct fib *ret)
{
    struct route_rule *rules = calloc(fib->n_rules + 1, sizeof(*rules));

    if (!rules)
        return -ENOMEM;
    if (fib->n_rules > 0)
        memcpy(rules, fib->rules, fib->n_rules * sizeof(*rules));
    *ret = *fib;
    ret->rules = rules;
    ret->copy = true;
    return 0;
}

static struct ip_prefix prefix_of(const struct held_route *held)
{
    return (struct ip_prefix){.ip = ip_of_ipv4((struct in_addr){htonl(held->to)}),
                              .length = held->length};
}

static struct route route_of(const struct held_route *held)
{
    return (struct route){
        .family = AF_INET,
        .type = held->type,
        .protocol = held->protocol,
        .scope = held->scope,
        .tos = held->tos,
        .table = held->table,
        .metric = held->metric,
        .to = prefix_of(held),
        .nexthop = held->nexthop,
    };
}

static void tell(const struct fib_tables *tables, const struct held_route *held,
                 struct fib_way *ret)
{
    *ret = (struct fib_way){
        .found = {.kind = fib_kind_of(held->type), .n_hops = held->n_hops},
        .route = route_of(held),
    };
    for (size_t i = 0; i < held->n_hops; i++) {
        const struct route_hop *hop = &tables->hops[held->first_hop + i];

        ret->found.hops[i] = hop->ifindex;
        ret->gateways[i] = hop->via;
    }
    if (held->n_hops == 1) {
        ret->route.oif = ret->found.hops[0];
        ret->route.via = ret->gateways[0];
    }
}

static const struct held_route *first_at(const struct fib_tables *tables, uint32_t table,
                                         uint8_t length, uint32_t to)
{
    const struct held_route key = {.table = table, .length = length, .to = to};
    size_t n = tables->count, at = SORTED_PLACE(n, i, compare_places(&tables->routes[i], &key) < 0);

    return at < n && compare_places(&tables->routes[at], &key) == 0 ? &tables->routes[at] : NULL;
}

bool fib_tables_search(const struct fib_tables *tables, const struct fib_search *search,
                       struct fib_way *ret)
{
    uint32_t to = ntohl(ip_to_ipv4(&search->to).s_addr);
    const struct held_route *end = tables->routes + tables->count;

    for (int length = 32; length >= 0; length--) {
        uint32_t masked = length == 0 ? 0 : to & UINT32_MAX << (32 - length);
        const struct held_route *held;

        if (!(tables->lengths & UINT64_C(1) << length))
            continue;
        held = first_at(tables, search->table, (uint8_t)length, masked);
        for (; held && held < end && held->table == search->table && held->length == length &&
               held->to == masked;
             held++) {
            if ((held->tos && held->tos != search->tos) ||
                (search->not_ours && held->protocol == ROUTING_PROTOCOL))
                continue;
            tell(tables, held, ret);
            return true;
        }
    }
    return false;
}

int fib_each_route(const struct fib *fib, fib_route_t fn, void *data)
{
    const struct fib_tables *tables = fib->tables;
    int r = 0;

    for (size_t i = 0; r == 0 && tables && i < tables->count; i++) {
        const struct held_route *held = &tables->routes[i];
        struct route route = route_of(held);

        if (held->n_hops == 0)
            r = fn(&route, data);
        for (size_t k = 0; r == 0 && k < held->n_hops; k++) {
            route.oif = tables->hops[held->first_hop + k].ifindex;
            route.via = tables->hops[held->first_hop + k].via;
            r = fn(&route, data);
        }
    }
    return r;
}
