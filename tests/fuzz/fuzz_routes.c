/* The readers of address, route and rule messages on arbitrary bytes, framed to the length they
 * really have. Input: one byte that picks the reader, then the message after its header. */
#include <linux/rtnetlink.h>

#include "agent/kernel/fib_private.h"
#include "agent/kernel/messages.h"
#include "message.h"

/* An address has a family or is none at all, and nothing where its family has no bytes. */
static void check_ip(const struct ip *ip, uint8_t family, bool may_be_none)
{
    static const uint8_t zero[16];

    require(ip->family == family || (may_be_none && ip->family == 0));
    if (ip->family != AF_INET6) {
        size_t from = ip->family == AF_INET ? 4 : 0;

        require(memcmp(ip->bytes + from, zero, sizeof(zero) - from) == 0);
    }
}

static void check_prefix(const struct ip_prefix *prefix, uint8_t family)
{
    check_ip(&prefix->ip, family, false);
    require(prefix->length <= (family == AF_INET ? 32 : 128));
}

static void read_address(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWADDR, payload, n);
    struct route_address address, poison;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    memcpy(&address, &poison, sizeof(address));
    r = route_address_read_message(message, &address);
    require(r == 0 || r == -EBADMSG || r == -ENOENT);
    if (r < 0) {
        require(memcmp(&address, &poison, sizeof(address)) == 0);
        return;
    }
    require(address.ifindex > 0);
    require(address.local.ip.family == AF_INET || address.local.ip.family == AF_INET6);
    check_prefix(&address.local, address.local.ip.family);
    check_ip(&address.peer, address.local.ip.family, true);
}

static int count_hop(const struct route_hop *hop, void *data)
{
    size_t *count = data;

    check_ip(&hop->via, hop->via.family, true);
    (*count)++;
    return 0;
}

/* The way of a lookup is the same route, with the hops that there is room for. */
static void read_way(const struct nlmsghdr *message, size_t n, const struct route *route)
{
    struct fib_way way, poison;
    size_t hops = 0;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    way = poison;
    r = fib_read_way(message, &way);
    require(r == 0 || r == -EBADMSG || r == -E2BIG);
    require(route_read_hops(message, count_hop, &hops) == (r == -E2BIG ? 0 : r));
    /* each takes 8 bytes at least */
    require(hops <= n / sizeof(struct rtnexthop) + 1 && (r != -E2BIG || hops > ROUTE_HOPS_MAX));
    if (r < 0) {
        require(memcmp(&way, &poison, sizeof(way)) == 0);
        return;
    }
    require(way.found.kind < ROUTE_KIND_COUNT && route_kind_name(way.found.kind));
    require(way.found.n_hops == hops && ip_prefix_compare(&way.route.to, &route->to) == 0);
}

static void read_route(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWROUTE, payload, n);
    struct route route, poison;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    memcpy(&route, &poison, sizeof(route));
    r = route_read_message(message, &route);
    require(r == 0 || r == -EBADMSG || r == -ENOENT);
    if (r < 0) {
        require(memcmp(&route, &poison, sizeof(route)) == 0);
        return;
    }
    require(route.family == AF_INET || route.family == AF_INET6);
    check_prefix(&route.to, route.family);
    check_ip(&route.via, route.family, true);
    check_ip(&route.prefsrc, route.family, true);
    read_way(message, n, &route);
}

static void read_rule(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWRULE, payload, n);
    const struct fib_flow flow = {.iif = LOOPBACK_IFINDEX, .mark = 7, .sport = 53};
    struct route_rule rule, poison, inverted;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    memcpy(&rule, &poison, sizeof(rule));
    r = route_rule_read_message(message, &rule);
    require(r == 0 || r == -EBADMSG || r == -ENOENT);
    if (r < 0) {
        require(memcmp(&rule, &poison, sizeof(rule)) == 0);
        return;
    }
    require(rule.family == AF_INET || rule.family == AF_INET6);
    check_prefix(&rule.from, rule.family);
    check_prefix(&rule.to, rule.family);
    require(memchr(rule.iif_name, '\0', sizeof(rule.iif_name)));
    require(memchr(rule.oif_name, '\0', sizeof(rule.oif_name)));
    inverted = rule;
    inverted.invert = !rule.invert;
    require(fib_rule_matches(&rule, &flow) != fib_rule_matches(&inverted, &flow));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0:
        read_address(data + 1, size - 1);
        break;
    case 1:
        read_route(data + 1, size - 1);
        break;
    case 2:
        read_rule(data + 1, size - 1);
        break;
    }
    return 0;
}
