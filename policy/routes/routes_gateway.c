/* Where a device's default route shall lead: what the policy says, or what can be found out. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

#include "policy/routes/routes_private.h"

static int lacks(struct routes_wish *wish, unsigned f, struct routes_lack lack)
{
    wish->lack[f] = lack;
    return -ENOENT;
}

/* A sentence of its own, or what comes behind "no … gateway: ". Owned. */
static int say_lack(const struct routes_wish *wish, const struct routes_lack *lack, char **ret)
{
    const struct route_lease *untold = lack->untold;
    char text[IP_TEXT_MAX];

    switch (lack->kind) {
    case LACK_NOTHING:
        break;
    case LACK_SUBNET:
        return routes_say(ret, "an address without a subnet has no first host; write 'gateway = "
                               "ADDRESS'");
    case LACK_FIRST_IS_OWN:
        return routes_say(ret, "the first host, %s, is this host itself; write 'gateway = ADDRESS'",
                          ip_text(&lack->gateway, text));
    case LACK_ADDRESS_IS_OWN:
        return routes_say(ret, "the gateway %s is this host itself", ip_text(&lack->gateway, text));
    case LACK_UNKNOWN:
        return routes_say(
            ret,
            "no table has a default route through %s, and no lease names one%s%s%s%s%s; write "
            "'gateway = ADDRESS', 'first' or 'none' in [routing %s]",
            NAME_SHOWN(wish->device->name), untold ? " (" : "", untold ? untold->source : "",
            untold ? ": " : "", untold ? untold->trouble : "", untold ? ")" : "",
            NAME_SHOWN(wish->device->name));
    }
    return 0;
}

/* Once for both families where it is the same. */
int routes_say_lacks(const struct routes_wish *wish, char **message)
{
    static const char *const families[IP_FAMILIES] = {"IPv4", "IPv6"};
    const struct routes_lack *lack = wish->lack;
    bool same = lack[0].kind == lack[1].kind && !lack[0].untold &&
                (lack[0].kind == LACK_SUBNET || lack[0].kind == LACK_UNKNOWN);
    int r = 0;

    for (unsigned f = 0; f < (same ? 1 : IP_FAMILIES) && r >= 0; f++) {
        _cleanup_free_ char *why = NULL;

        if (lack[f].kind == LACK_NOTHING)
            continue;
        r = say_lack(wish, &lack[f], &why);
        if (r >= 0 && lack[f].kind == LACK_ADDRESS_IS_OWN)
            r = routes_say(message, "%s", why);
        else if (r >= 0)
            r = routes_say(message, "no %s gateway: %s", same ? "IPv4 and no IPv6" : families[f],
                           why);
    }
    return r;
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

static int find_first(const struct routes_work *work, struct routes_wish *wish, unsigned f,
                      struct ip *ret)
{
    const struct route_address *address = main_address(work, wish, IP_FAMILY(f));
    struct ip gateway;

    if (!address || !first_host(address, &gateway))
        return lacks(wish, f, (struct routes_lack){.kind = LACK_SUBNET});
    if (is_own_address(work, &gateway))
        return lacks(wish, f, (struct routes_lack){.kind = LACK_FIRST_IS_OWN, .gateway = gateway});
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

static int find_any(const struct routes_work *work, struct routes_wish *wish, unsigned f,
                    const struct route *route, struct routes_gateway *ret)
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
    return lacks(wish, f,
                 (struct routes_lack){
                     .kind = LACK_UNKNOWN,
                     .untold = f ? NULL : find_lease(work, wish->device->ifindex, 0),
                 });
}

int routes_find_gateway(struct routes_work *work, struct routes_wish *wish, unsigned f,
                        struct routes_gateway *ret)
{
    const struct route *route = find_default(work, wish->device->ifindex, IP_FAMILY(f));
    struct routes_gateway gateway = {.mtu = route ? route->mtu : 0};
    char *source = wish->out->gateway[f].source;
    int r = 1;

    switch (wish->settings.gateway[f].kind) {
    case ROUTING_GATEWAY_NONE:
        strcpy(source, "none");
        return 0;
    case ROUTING_GATEWAY_FIRST:
        r = find_first(work, wish, f, &gateway.via);
        if (r > 0)
            strcpy(source, "first host");
        break;
    case ROUTING_GATEWAY_ADDRESS:
        gateway.via = wish->settings.gateway[f].address;
        if (is_own_address(work, &gateway.via))
            r = lacks(wish, f,
                      (struct routes_lack){.kind = LACK_ADDRESS_IS_OWN, .gateway = gateway.via});
        else
            strcpy(source, "policy");
        break;
    case ROUTING_GATEWAY_AUTO:
        r = find_any(work, wish, f, route, &gateway);
        break;
    }
    if (r < 0)
        return r;
    wish->out->gateway[f].address = gateway.via;
    *ret = gateway;
    return 1;
}
