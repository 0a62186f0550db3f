/* The readers of routes and rules on arbitrary bytes, framed to the length they really have. Input:
 * one byte that picks the reader, then the message after its header. */
#include "fib_private.h"
#include "message.h"

static void read_route(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWROUTE, payload, n);
    struct fib_route route, poison;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    route = poison;
    r = fib_read_route(message, &route);
    require(r == 0 || r == -EBADMSG || r == -E2BIG);
    if (r < 0) {
        require(memcmp(&route, &poison, sizeof(route)) == 0);
        return;
    }
    require(route.found.kind < ROUTE_KIND_COUNT && route_kind_name(route.found.kind));
    require(route.found.n_hops <= ROUTE_HOPS_MAX && route.prefix_length <= 32);
}

static void read_rule(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWRULE, payload, n);
    const struct fib_flow flow = {.iif = LOOPBACK_IFINDEX, .mark = 7, .sport = 53};
    struct fib_rule rule, poison, inverted;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    rule = poison;
    r = fib_read_rule(message, &rule);
    require(r == 0 || r == -EBADMSG);
    if (r < 0) {
        require(memcmp(&rule, &poison, sizeof(rule)) == 0);
        return;
    }
    require(rule.to_length <= 32 && rule.from_length <= 32);
    inverted = rule;
    inverted.invert = !rule.invert;
    require(fib_rule_matches(&rule, &flow) != fib_rule_matches(&inverted, &flow));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2)
        read_rule(data + 1, size - 1);
    else
        read_route(data + 1, size - 1);
    return 0;
}
