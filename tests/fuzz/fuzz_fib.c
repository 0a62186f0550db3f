/* The readers of routes and rules on arbitrary bytes, framed to the length they really have. Input:
 * one byte that picks the reader, then the message after its header. */
#include "agent/kernel/fib6.h"
#include "agent/kernel/fib_private.h"
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

static void read_way(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWROUTE, payload, n);
    struct fib_way way, poison;
    uint32_t nexthop = 0;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    way = poison;
    r = fib6_read_way(message, &way, &nexthop);
    require(r == 0 || r == -EBADMSG || r == -E2BIG);
    if (r < 0) {
        require(memcmp(&way, &poison, sizeof(way)) == 0);
        return;
    }
    require(way.found.kind < ROUTE_KIND_COUNT && way.found.n_hops <= ROUTE_HOPS_MAX);
    require(nexthop == 0 || way.found.n_hops == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 2) {
    case 0:
        read_route(data + 1, size - 1);
        break;
    default:
        read_way(data + 1, size - 1);
        break;
    }
    return 0;
}
