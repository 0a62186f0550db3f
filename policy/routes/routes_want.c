/* What one device shall have: the routes of its table and the rules of its addresses. */
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

#include "policy/routes/routes_private.h"

/* One family of one device while it is being judged. */
struct half {
    struct routes_work *work;
    struct routes_wish *wish;
    unsigned f;
    size_t first_route, first_rule; /* of this family in the plan */
};

enum half_state { HALF_NOTHING, HALF_PRIMARY, HALF_DONE, HALF_IMPOSSIBLE };

/* Another device with an address in the subnet: each stands there once, beside the others of it. */
static int other_device_in(const struct routes_work *work, const struct ip_prefix *prefix,
                           int ifindex)
{
    const struct routes_subnet *subnets = work->subnets;
    size_t n = work->n_subnets,
           first = SORTED_PLACE(n, i, ip_prefix_compare(&subnets[i].prefix, prefix) < 0);

    for (size_t i = first; i < n && ip_prefix_compare(&subnets[i].prefix, prefix) == 0; i++)
        if (subnets[i].ifindex != ifindex)
            return subnets[i].ifindex;
    return 0;
}

static bool has_subnet(const struct route_address *address)
{
    return address->peer.family || address->local.length < ip_bits(address->local.ip.family);
}

static bool is_before_main(const struct half *half)
{
    return half->wish->settings.main_first == ROUTING_MAIN_NO;
}

/* Is main not to be asked for the way into the subnet of this address, since it may name another
 * device? For every other way it is. */
static bool is_shared(const struct half *half, const struct route_address *address)
{
    struct ip_prefix subnet = routes_subnet_of(address);

    return half->wish->settings.main_first == ROUTING_MAIN_AUTO && has_subnet(address) &&
           other_device_in(half->work, &subnet, half->wish->device->ifindex) != 0;
}

static struct route *find_route(const struct half *half, const struct ip_prefix *to)
{
    for (size_t i = half->first_route; i < half->work->plan->n_routes; i++) {
        struct route *route = &half->work->plan->routes[i];

        if (ip_prefix_compare(&route->to, to) == 0)
            return route;
    }
    return NULL;
}

/* Is there a subnet in the table that holds the router? */
static bool is_near(const struct half *half, const struct ip *via)
{
    if (via->family == AF_INET6 && ip_is_link_local(via))
        return true;
    for (size_t i = half->first_route; i < half->work->plan->n_routes; i++) {
        const struct route *route = &half->work->plan->routes[i];

        if (!route->via.family && route->to.length > 0 && ip_prefix_contains(&route->to, via))
            return true;
    }
    return false;
}

static int add_route(struct half *half, const struct ip_prefix *to, struct route **ret)
{
    uint8_t family = IP_FAMILY(half->f);
    struct route *route;
    int r = routes_add_route(half->work->plan, family, &route);

    if (r < 0)
        return r;
    route->table = half->wish->settings.table;
    route->oif = half->wish->device->ifindex;
    route->to = *to;
    if (family == AF_INET)
        route->scope = RT_SCOPE_LINK;
    *ret = route;
    return 0;
}

static int add_on_link(struct half *half, const struct ip_prefix *to)
{
    struct route *route;

    return find_route(half, to) ? 0 : add_route(half, to, &route);
}

static int add_via(struct half *half, const struct ip_prefix *to, const struct ip *via, bool onlink,
                   uint32_t mtu)
{
    bool near = !via->family || is_near(half, via);
    struct route *route = find_route(half, to);
    int r = route ? 0 : add_route(half, to, &route);

    if (r < 0)
        return r;
    route->via = *via;
    if (via->family)
        route->scope = RT_SCOPE_UNIVERSE;
    route->onlink = onlink || !near;
    route->mtu = mtu;
    return 0;
}

static int add_subnets(struct half *half)
{
    static const struct ip_prefix link_local = {.ip = {.family = AF_INET6, .bytes = {0xfe, 0x80}},
                                                .length = 64};
    const struct routes_wish *wish = half->wish;
    int r = 0;

    for (size_t i = 0; i < wish->n_addresses && r >= 0; i++) {
        const struct route_address *address = half->work->addresses[wish->first_address + i];
        struct ip_prefix subnet = routes_subnet_of(address);

        if (address->local.ip.family != IP_FAMILY(half->f) || !routes_address_is_usable(address))
            continue;
        /* Whether others are on the link with such an address only main knows. */
        if (has_subnet(address) && (is_before_main(half) || is_shared(half, address) ||
                                    !(address->flags & IFA_F_NOPREFIXROUTE)))
            r = add_on_link(half, &subnet);
    }
    if (is_before_main(half) && half->f == IP_INDEX(AF_INET6) && r >= 0)
        r = add_on_link(half, &link_local);
    return r;
}

static int add_extras(struct half *half)
{
    const struct routing_settings *settings = &half->wish->settings;
    int r = 0;

    for (size_t i = 0; i < settings->n_extra && r >= 0; i++) {
        const struct routing_extra *extra = &settings->extra[i];

        if (extra->to.ip.family != IP_FAMILY(half->f))
            continue;
        if (extra->via.family)
            r = add_via(half, &extra->to, &extra->via, false, 0);
        else
            r = add_on_link(half, &extra->to);
    }
    return r;
}

/* Whose rule for the address stands already: another device's with a lower ifindex, or this one's,
 * where it has the address with two lengths. */
static const struct device *who_has_it(const struct half *half, const struct route_address *wanted)
{
    const struct routes_work *work = half->work;
    size_t at = SORTED_PLACE(work->facts->n_addresses, i,
                             ip_compare(&work->by_address[i]->local.ip, &wanted->local.ip) < 0);

    for (; work->by_address[at] != wanted; at++) {
        const struct route_address *address = work->by_address[at];
        const struct routes_wish *other = routes_wish_of(work, address->ifindex);

        if (!other || !routes_address_is_usable(address))
            continue;
        if (other == half->wish || (!other->frozen && other->out->n_rules > 0))
            return other->device;
    }
    return NULL;
}

static int add_rule(struct half *half, const struct ip *from, uint32_t priority,
                    struct route_rule **ret)
{
    struct route_rule *rule;
    int r = routes_add_rule(half->work->plan, from->family, &rule);

    if (r < 0)
        return r;
    rule->from = (struct ip_prefix){.ip = *from, .length = (uint8_t)ip_bits(from->family)};
    rule->table = half->wish->settings.table;
    rule->priority = priority;
    *ret = rule;
    return 0;
}

/* Before main only what stays in a shared subnet: the way to a container is in main alone. */
static int add_rules_of(struct half *half, const struct route_address *address)
{
    const struct routing_settings *settings = &half->wish->settings;
    const struct device *owner = who_has_it(half, address);
    const struct ip *ip = &address->local.ip;
    struct route_rule *rule;
    char text[IP_TEXT_MAX];
    int r = 0;

    if (owner && owner != half->wish->device)
        return routes_say(&half->wish->out->advice, "%s is also on %s, whose rule stands",
                          ip_text(ip, text), NAME_SHOWN(owner->name));
    if (is_shared(half, address)) {
        r = add_rule(half, ip, settings->priority_before, &rule);
        if (r < 0)
            return r;
        rule->to = routes_subnet_of(address);
    }
    if (owner)
        return 0;
    half->wish->behind_main[half->f] |= !is_before_main(half);
    return add_rule(half, ip, settings->priority, &rule);
}

/* Without arp_filter and arp_announce the host answers for every address on every device of the
 * subnet, and the replies come by the wrong one. */
static int advise(struct half *half, const struct route_address *address)
{
    const struct device *device = half->wish->device, *other;
    struct ip_prefix subnet = routes_subnet_of(address);
    const struct live *live = half->work->live;
    char text[IP_TEXT_MAX];

    if (half->f != IP_INDEX(AF_INET) || !has_subnet(address) || address->peer.family)
        return 0;
    other = live_by_ifindex(live, other_device_in(half->work, &subnet, device->ifindex));
    if (!other || half->wish->arp_advised)
        return 0;
    if (key_effective(KEY_ARP_FILTER, live->all[KEY_ARP_FILTER], device->conf[KEY_ARP_FILTER],
                      false) == 1 &&
        key_effective(KEY_ARP_ANNOUNCE, live->all[KEY_ARP_ANNOUNCE], device->conf[KEY_ARP_ANNOUNCE],
                      false) == 2)
        return 0;
    half->wish->arp_advised = true;
    return routes_say(&half->wish->out->advice,
                      "%s is also on %s: so that each answers for its own addresses only, write "
                      "'%s = yes' in [arp_filter] and '%s = 2' in [arp_announce], for both devices",
                      ip_prefix_text(&subnet, text), NAME_SHOWN(other->name),
                      NAME_SHOWN(device->name), NAME_SHOWN(device->name));
}

static int add_rules(struct half *half)
{
    const struct routes_wish *wish = half->wish;
    int r = 0;

    for (size_t i = 0; i < wish->n_addresses && r >= 0; i++) {
        const struct route_address *address = half->work->addresses[wish->first_address + i];

        if (address->local.ip.family != IP_FAMILY(half->f) || !routes_address_is_usable(address))
            continue;
        r = add_rules_of(half, address);
        if (r >= 0)
            r = advise(half, address);
    }
    return r;
}

static bool has_address(const struct half *half)
{
    const struct routes_wish *wish = half->wish;

    for (size_t i = 0; i < wish->n_addresses; i++) {
        const struct route_address *address = half->work->addresses[wish->first_address + i];

        if (address->local.ip.family == IP_FAMILY(half->f) && routes_address_is_usable(address))
            return true;
    }
    return false;
}

static int want_half(struct half *half, enum half_state *ret)
{
    static const struct ip_prefix any[IP_FAMILIES] = {{.ip = {.family = AF_INET}},
                                                      {.ip = {.family = AF_INET6}}};
    struct routes_device *out = half->wish->out;
    struct routes_gateway gateway;
    int found, r;

    *ret = HALF_NOTHING;
    if (!has_address(half))
        return 0;
    if (half->work->primary[half->f] == out->ifindex && !half->wish->settings.asked) {
        out->primary[half->f] = true;
        *ret = HALF_PRIMARY;
        return 0;
    }
    found = routes_find_gateway(half->work, half->wish, half->f, &gateway);
    if (found == -ENOENT) {
        *ret = HALF_IMPOSSIBLE;
        out->holds_value |= half->f == IP_INDEX(AF_INET);
        return 0;
    }
    if (found < 0)
        return found;
    r = add_subnets(half);
    if (r >= 0)
        r = add_extras(half);
    if (r >= 0 && found)
        r = add_via(half, &any[half->f], &gateway.via, gateway.onlink, gateway.mtu);
    if (r >= 0)
        r = add_rules(half);
    *ret = HALF_DONE;
    return r;
}

/* There is one: the device itself. */
static const struct routes_wish *first_with_table(const struct routes_work *work, uint32_t table)
{
    return work->tables[SORTED_PLACE(work->n_wishes, i, work->tables[i]->settings.table < table)];
}

/* What rules the whole device out: a state and a sentence. */
static int rule_out(struct routes_work *work, struct routes_wish *wish, bool *ret)
{
    const struct device *device = wish->device;
    const struct routes_wish *other;
    struct routes_device *out = wish->out;

    *ret = true;
    if (streq(device->slave_kind, "vrf")) {
        out->state = ROUTES_IMPOSSIBLE;
        return routes_say(&out->message, "it belongs to a VRF, whose table decides");
    }
    other = first_with_table(work, wish->settings.table);
    if (other != wish) {
        out->state = ROUTES_IMPOSSIBLE;
        out->holds_value = true;
        return routes_say(&out->message, "table %u is that of %s; each device has one of its own",
                          wish->settings.table, NAME_SHOWN(other->device->name));
    }
    if (!(device->flags & IFF_UP)) {
        out->state = ROUTES_WAITING;
        return routes_say(&out->message, "it is down");
    }
    *ret = false;
    return 0;
}

int routes_want(struct routes_work *work, struct routes_wish *wish)
{
    bool seen[HALF_IMPOSSIBLE + 1] = {false}, out;
    int r = rule_out(work, wish, &out);

    if (r < 0 || out)
        return r;
    for (unsigned f = 0; f < IP_FAMILIES; f++) {
        struct half half = {work, wish, f, work->plan->n_routes, work->plan->n_rules};
        enum half_state state;

        r = want_half(&half, &state);
        if (r < 0)
            return r;
        seen[state] = true;
    }
    r = routes_say_lacks(wish, &wish->out->message);
    if (r < 0)
        return r;
    if (seen[HALF_IMPOSSIBLE])
        wish->out->state = ROUTES_IMPOSSIBLE;
    else if (seen[HALF_DONE])
        wish->out->state = ROUTES_OK;
    else
        wish->out->state = seen[HALF_PRIMARY] ? ROUTES_PRIMARY : ROUTES_WAITING;
    if (wish->out->state == ROUTES_PRIMARY)
        return routes_say(&wish->out->message,
                          "it carries the main default route: replies leave through it anyway");
    if (wish->out->state == ROUTES_WAITING)
        return routes_say(&wish->out->message, "it has no address that replies could carry");
    return 0;
}
