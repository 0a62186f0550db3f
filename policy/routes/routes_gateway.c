/* Where a device's default route shall lead: what the policy says, or what can be found out. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

#include "policy/routes/routes_private.h"

static const char *family_name(unsigned f)
{
    return f ? "IPv6" : "IPv4";
}

/* Say why there is none, once for both families where it is the same. The gateway of IPv4 is looked
 * for first, and nothing else is said before. why: NULL where memory was short. -ENOENT, or
 * -ENOMEM. */
static int say_no_gateway(unsigned f, char **message, const char *why)
{
    _cleanup_free_ char *before = NULL;

    if (!why)
        return -ENOMEM;
    before = TAKE_PTR(*message);
    if (before && streq(startswith(before, "no IPv4 gateway: ") ?: "", why))
        return routes_say(message, "no IPv4 and no IPv6 gateway: %s", why) ?: -ENOENT;
    *message = TAKE_PTR(before);
    return routes_say(message, "no %s gateway: %s", family_name(f), why) ?: -ENOENT;
}

/* The best foreign default route through the device, NULL for none. */
static const struct route *find_default(const struct routes_work *work, int ifindex, uint8_t family)
{
    const struct route *const *routes = work->defaults;
    size_t n = work->n_defaults,
           at = SORTED_PLACE(n, i,
                             routes[i]->oif < ifindex ||
                                 (routes[i]->oif == ifindex && routes[i]->family < family));

    return at < n && routes[at]->oif == ifindex && routes[at]->family == family ? routes[at] : NULL;
}

static bool is_own_address(const struct routes_work *work, const struct ip *ip)
{
    size_t n = work->facts->n_addresses,
           at = SORTED_PLACE(n, i, ip_compare(&work->by_address[i]->local.ip, ip) < 0);

    return at < n && ip_compare(&work->by_address[at]->local.ip, ip) == 0;
}

/* The address whose subnet has the router: the first one that is still good, else the first. */
static const struct route_address *main_address(const struct routes_work *work,
                                                const struct routes_wish *wish, uint8_t family)
{
    const struct route_address *found = NULL;

    for (size_t i = 0; i < wish->n_addresses; i++) {
        const struct route_address *address = work->addresses[wish->first_address + i];

        if (address->local.ip.family != family || !routes_address_is_usable(address))
            continue;
        if (!(address->flags & IFA_F_DEPRECATED))
            return address;
        if (!found)
            found = address;
    }
    return found;
}

/* The first host of the subnet; the other end where there are only two. */
static bool first_host(const struct route_address *address, struct ip *ret)
{
    unsigned bits = ip_bits(address->local.ip.family), last = bits / 8 - 1;
    struct ip_prefix subnet = routes_subnet_of(address);

    if (address->peer.family) {
        *ret = address->peer;
        return true;
    }
    if (address->local.length == bits)
        return false;
    *ret = subnet.ip;
    if (address->local.length == bits - 1) {
        *ret = address->local.ip;
        ret->bytes[last] ^= 1;
    } else {
        ret->bytes[last] |= 1;
    }
    return true;
}

static int find_first(const struct routes_work *work, const struct routes_wish *wish, unsigned f,
                      struct ip *ret, char **ret_message)
{
    const struct route_address *address = main_address(work, wish, IP_FAMILY(f));
    _cleanup_free_ char *why = NULL;
    char text[IP_TEXT_MAX];
    struct ip gateway;

    if (!address || !first_host(address, &gateway))
        return say_no_gateway(f, ret_message,
                              "an address without a subnet has no first host; write 'gateway = "
                              "ADDRESS'");
    if (is_own_address(work, &gateway)) {
        (void)routes_say(&why, "the first host, %s, is this host itself; write 'gateway = ADDRESS'",
                         ip_text(&gateway, text));
        return say_no_gateway(f, ret_message, why);
    }
    *ret = gateway;
    return 1;
}

/* family 0: one that could not be told. */
static const struct route_lease *find_lease(const struct routes_work *work, int ifindex,
                                            uint8_t family)
{
    for (size_t i = 0; i < work->facts->n_leases; i++) {
        const struct route_lease *lease = &work->facts->leases[i];

        if (lease->ifindex == ifindex && lease->gateway.family == family)
            return lease;
    }
    return NULL;
}

static int say_none(const struct routes_work *work, const struct routes_wish *wish, unsigned f,
                    char **ret_message)
{
    const struct route_lease *untold = f ? NULL : find_lease(work, wish->device->ifindex, 0);
    _cleanup_free_ char *why = NULL;

    (void)routes_say(
        &why,
        "no table has a default route through %s, and no lease names one%s%s%s%s%s; write 'gateway "
        "= ADDRESS', 'first' or 'none' in [routing %s]",
        NAME_SHOWN(wish->device->name), untold ? " (" : "", untold ? untold->source : "",
        untold ? ": " : "", untold ? untold->trouble : "", untold ? ")" : "",
        NAME_SHOWN(wish->device->name));
    return say_no_gateway(f, ret_message, why);
}

static int find_any(const struct routes_work *work, struct routes_wish *wish, unsigned f,
                    const struct route *route, struct routes_gateway *ret, char **ret_message)
{
    const struct route_lease *lease;
    char *source = wish->out->gateway[f].source;
    const size_t size = sizeof(wish->out->gateway[f].source);

    if (route) {
        *ret = (struct routes_gateway){route->via, route->onlink, route->mtu};
        if (route->table == RT_TABLE_MAIN)
            snprintf(source, size, "main");
        else
            snprintf(source, size, "table %u", route->table);
        return 1;
    }
    lease = find_lease(work, wish->device->ifindex, IP_FAMILY(f));
    if (lease) {
        ret->via = lease->gateway;
        snprintf(source, size, "%s", lease->source);
        return 1;
    }
    if (wish->device->flags & IFF_POINTOPOINT) {
        snprintf(source, size, "point to point");
        return 1;
    }
    return say_none(work, wish, f, ret_message);
}

int routes_find_gateway(struct routes_work *work, struct routes_wish *wish, unsigned f,
                        struct routes_gateway *ret, char **ret_message)
{
    const struct route *route = find_default(work, wish->device->ifindex, IP_FAMILY(f));
    struct routes_gateway gateway = {.mtu = route ? route->mtu : 0};
    char text[IP_TEXT_MAX], *source = wish->out->gateway[f].source;
    int r = 1;

    switch (wish->settings.gateway[f].kind) {
    case ROUTING_GATEWAY_NONE:
        strcpy(source, "none");
        return 0;
    case ROUTING_GATEWAY_FIRST:
        r = find_first(work, wish, f, &gateway.via, ret_message);
        if (r > 0)
            strcpy(source, "first host");
        break;
    case ROUTING_GATEWAY_ADDRESS:
        gateway.via = wish->settings.gateway[f].address;
        if (is_own_address(work, &gateway.via))
            r = routes_say(ret_message, "the gateway %s is this host itself",
                           ip_text(&gateway.via, text))
                    ?: -ENOENT;
        else
            strcpy(source, "policy");
        break;
    case ROUTING_GATEWAY_AUTO:
        r = find_any(work, wish, f, route, &gateway, ret_message);
        break;
    }
    if (r < 0)
        return r;
    wish->out->gateway[f].address = gateway.via;
    *ret = gateway;
    return 1;
}
