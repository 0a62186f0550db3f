/* The first address that may be anybody's, so that the answer is the same each time. */
#include "agent/advice/stand_in.h"

#include <arpa/inet.h>

struct in_addr stand_in_of_subnet(const struct fib *fib, const struct ip_prefix *prefix)
{
    uint32_t first = ntohl(ip_to_ipv4(&prefix->ip).s_addr);

    for (uint32_t i = prefix->length < 31 ? 1 : 0; i < 4; i++) {
        struct ip ip = ip_of_ipv4((struct in_addr){htonl(first + i)});

        if (ip_prefix_contains(prefix, &ip) && !fib_is_own(fib, &ip))
            return ip_to_ipv4(&ip);
    }
    return (struct in_addr){0};
}

/* Does a route cover it that does not cover half of all, or more? */
static int covers(const struct route *route, void *data)
{
    const struct ip *ip = data;

    return route->to.length > 1 && ip_prefix_contains(&route->to, ip);
}

struct in_addr stand_in_far_away(const struct fib *fib)
{
    /* Of the networks for documentation first: nobody is there. */
    static const uint32_t candidates[] = {0xcb007101, 0xc6336401, 0xc0000201, 0x08080808,
                                          0x01010101, 0x5db8d822, 0xd043dede, 0x2d210001};

    for (size_t i = 0; i < ELEMENTSOF(candidates); i++) {
        struct ip ip = ip_of_ipv4((struct in_addr){htonl(candidates[i])});

        if (fib_each_route(fib, covers, &ip) == 0)
            return ip_to_ipv4(&ip);
    }
    return (struct in_addr){htonl(candidates[0])};
}
