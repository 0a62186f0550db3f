/* What is to be looked up to know that replies really leave by their device. Judged in
 * routes_judge.c. */
#include <net/if.h>
#include <stdlib.h>

#include "policy/routes/routes_private.h"

#define WIDTH_OF_DEFAULT 7
#define HOSTS_MAX 2

/* Stand for the whole internet where a default route is meant: one address in each half of it, of
 * blocks in which nobody has a card. */
static const char *const far_away[IP_FAMILIES][HOSTS_MAX] = {{"17.0.0.1", "198.41.0.4"},
                                                             {"3000::1", "2001:7fd::1"}};

/* One family of one device. */
struct asking {
    const struct routes_plan *plan;
    const struct device *device;
    const struct routes_device *out;
    unsigned f;
    const struct route *routes;                   /* of its own */
    const struct route_address *const *addresses; /* of its own, both families */
    size_t n_addresses;
    const struct route_address *const *all; /* every device's, by address */
    size_t n_all;
    bool pending;
    struct route_effects *ret;
};

void route_effects_done(struct route_effects *effects)
{
    if (!effects)
        return;
    free(effects->items);
    *effects = (struct route_effects){0};
}

static int by_device(const void *a, const void *b)
{
    const struct route_address *x = *(const struct route_address *const *)a,
                               *y = *(const struct route_address *const *)b;
    int r = COMPARE(x->ifindex, y->ifindex);

    return r == 0 ? COMPARE(x, y) : r;
}

static int by_address(const void *a, const void *b)
{
    const struct route_address *x = *(const struct route_address *const *)a,
                               *y = *(const struct route_address *const *)b;
    int r = ip_compare(&x->local.ip, &y->local.ip);

    return r == 0 ? COMPARE(x, y) : r;
}

/* The first entry of that address; n_all where there is none. */
static size_t place_of(const struct asking *asking, const struct ip *ip)
{
    size_t n = asking->n_all,
           at = SORTED_PLACE(n, i, ip_compare(&asking->all[i]->local.ip, ip) < 0);

    return at < n && ip_compare(&asking->all[at]->local.ip, ip) == 0 ? at : n;
}

static bool is_own(const struct asking *asking, const struct ip *ip)
{
    return place_of(asking, ip) < asking->n_all;
}

static bool is_elsewhere_too(const struct asking *asking, const struct ip *ip)
{
    for (size_t i = place_of(asking, ip);
         i < asking->n_all && ip_compare(&asking->all[i]->local.ip, ip) == 0; i++)
        if (asking->all[i]->ifindex != asking->device->ifindex)
            return true;
    return false;
}

/* Hosts of a subnet or of a network behind a router. */

static void add_host(const struct asking *asking, const struct ip *ip, struct ip *ret, size_t *n)
{
    if (*n == HOSTS_MAX || is_own(asking, ip) || (*n > 0 && ip_compare(&ret[0], ip) == 0))
        return;
    ret[(*n)++] = *ip;
}

static struct ip last_of(const struct ip_prefix *prefix)
{
    struct ip ip = prefix->ip;

    for (unsigned bit = prefix->length; bit < ip_bits(ip.family); bit++)
        ip.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return ip;
}

/* The second and the first before the last one but one. Where there are two in all, both. */
static size_t hosts_of(const struct asking *asking, const struct ip_prefix *prefix,
                       struct ip ret[HOSTS_MAX])
{
    unsigned bits = ip_bits(prefix->ip.family), last = bits / 8 - 1;
    struct ip first = prefix->ip, end = last_of(prefix);
    size_t n = 0;

    if (bits - prefix->length < 2) {
        add_host(asking, &end, ret, &n);
        add_host(asking, &first, ret, &n);
        return n;
    }
    first.bytes[last] |= 2;
    add_host(asking, &first, ret, &n);
    first.bytes[last] ^= 3;
    add_host(asking, &first, ret, &n);
    end.bytes[last] ^= 1;
    add_host(asking, &end, ret, &n);
    return n;
}

static size_t probes_of(const struct asking *asking, const struct ip_prefix *prefix,
                        struct ip ret[HOSTS_MAX])
{
    if (prefix->length > 0)
        return hosts_of(asking, prefix, ret);
    for (size_t i = 0; i < HOSTS_MAX; i++)
        (void)ip_parse(far_away[asking->f][i], &ret[i]); /* they are addresses */
    return HOSTS_MAX;
}

/* Questions */

static int add(const struct asking *asking, const struct ip *from, const struct ip *to,
               uint8_t width, bool again)
{
    struct route_effects *ret = asking->ret;
    int r = grow((void **)&ret->items, &ret->capacity, ret->n, sizeof(*ret->items));

    if (r >= 0)
        ret->items[ret->n++] = (struct route_effect){
            .ifindex = asking->device->ifindex,
            .from = *from,
            .to = *to,
            .width = width,
            .again = again,
            .pending = asking->pending,
        };
    return r;
}

static int add_class(const struct asking *asking, const struct ip *from,
                     const struct ip_prefix *class)
{
    uint8_t width = class->length > WIDTH_OF_DEFAULT ? class->length : WIDTH_OF_DEFAULT;
    struct ip to[HOSTS_MAX];
    size_t n = probes_of(asking, class, to);
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++)
        r = add(asking, from, &to[i], width, i > 0);
    return r;
}

static int add_gateway(const struct asking *asking, const struct ip *from)
{
    const struct ip *gateway = &asking->out->gateway[asking->f].address;

    if (!gateway->family || ip_is_link_local(gateway) || is_own(asking, gateway))
        return 0; /* a link-local one is on every device */
    return add(asking, from, gateway, (uint8_t)ip_bits(gateway->family), false);
}

static int add_from(const struct asking *asking, const struct ip *from)
{
    const struct ip_prefix any = {.ip.family = from->family};
    int r = add_gateway(asking, from);

    for (size_t i = 0; i < asking->out->n_routes && r >= 0; i++) {
        const struct ip_prefix *to = &asking->routes[i].to;

        if (to->ip.family == from->family && !(to->length > 0 && ip_is_link_local(&to->ip)))
            r = add_class(asking, from, to);
    }
    if (r >= 0 && asking->out->primary[asking->f])
        r = add_class(asking, from, &any);
    return r;
}

static int add_family(const struct asking *asking)
{
    int r = 0;

    for (size_t i = 0; i < asking->n_addresses && r >= 0; i++) {
        const struct route_address *address = asking->addresses[i];

        if (address->local.ip.family == IP_FAMILY(asking->f) && routes_address_is_usable(address) &&
            !is_elsewhere_too(asking, &address->local.ip))
            r = add_from(asking, &address->local.ip);
    }
    return r;
}

static bool is_pending(const struct routes_plan *plan, int ifindex, uint8_t family)
{
    for (size_t i = 0; i < plan->n_changes && routes_change_adds(&plan->changes[i]); i++) {
        const struct routes_change *change = &plan->changes[i];

        if (routes_change_family(change) == family &&
            (change->ifindex == ifindex || change->ifindex == 0))
            return true;
    }
    return false;
}

static int add_device(struct asking *asking)
{
    int r = 0;

    for (unsigned f = 0; f < IP_FAMILIES && r >= 0; f++) {
        if (!asking->out->routed[f] && !asking->out->primary[f])
            continue;
        asking->f = f;
        asking->pending = is_pending(asking->plan, asking->device->ifindex, IP_FAMILY(f));
        r = add_family(asking);
    }
    return r;
}

/* The routes of its own stand in the plan device by device, in their order. */
static int add_devices(struct asking *asking, const struct live *live,
                       const struct route_address *const *addresses)
{
    const struct routes_plan *plan = asking->plan;
    size_t next = 0;
    int r = 0;

    asking->routes = plan->routes;
    for (size_t i = 0; i < plan->n_devices && r >= 0; i++) {
        asking->out = &plan->devices[i];
        asking->device = live_by_ifindex(live, asking->out->ifindex);
        while (next < asking->n_all && addresses[next]->ifindex < asking->out->ifindex)
            next++;
        asking->addresses = &addresses[next];
        while (next < asking->n_all && addresses[next]->ifindex == asking->out->ifindex)
            next++;
        asking->n_addresses = (size_t)(&addresses[next] - asking->addresses);
        if (asking->device && asking->device->flags & IFF_UP && !asking->device->paused)
            r = add_device(asking);
        asking->routes += asking->out->n_routes;
    }
    return r;
}

int routes_effects(const struct live *live, const struct route_facts *facts,
                   const struct routes_plan *plan, struct route_effects *ret)
{
    size_t n = facts->n_addresses;
    _cleanup_free_ const struct route_address **addresses = calloc(n + 1, sizeof(*addresses)),
                                              **all = calloc(n + 1, sizeof(*all));
    struct route_effects effects = {0};
    struct asking asking = {.plan = plan, .all = all, .n_all = n, .ret = &effects};
    int r;

    if (!addresses || !all)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        addresses[i] = all[i] = &facts->addresses[i];
    qsort(addresses, n, sizeof(*addresses), by_device);
    qsort(all, n, sizeof(*all), by_address);
    r = add_devices(&asking, live, addresses);
    if (r < 0)
        route_effects_done(&effects);
    else
        *ret = effects;
    return r;
}
