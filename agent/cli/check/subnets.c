/* From pairs of addresses in one subnet to warnings of the report, by the verdict about a packet
 * from there. */
#include "agent/cli/check/subnets.h"

#include <linux/if.h>

#include "agent/kernel/fib.h"
#include "agent/kernel/neigh.h"

#define HOSTS_TRIED 64 /* of a subnet, until one is nobody's address here */

struct subnets {
    struct session *session;
    const bool *selected;
    struct netlink nl;
    struct fib fib;
    struct route_address *addresses; /* by subnet */
    size_t count;
};

static int by_subnet(const void *a, const void *b)
{
    const struct route_address *x = a, *y = b;
    struct ip_prefix left = ip_prefix_masked(&x->local), right = ip_prefix_masked(&y->local);

    return ip_prefix_compare(&left, &right);
}

static bool is_strict(const struct subnets *subnets, const struct device *device)
{
    const struct session *session = subnets->session;
    const struct rule *rule = policy_match(session->policy, KEY_RP_FILTER, device, NULL);

    return key_effective(KEY_RP_FILTER, session->live.all[KEY_RP_FILTER],
                         device->conf[KEY_RP_FILTER], false) == 1 ||
           (rule && !rule->unmanaged && rule->values[0] == 1);
}

static const struct device *device_of(const struct subnets *subnets,
                                      const struct route_address *address)
{
    const struct device *device = live_by_ifindex(&subnets->session->live, address->ifindex);

    return device && (device->flags & IFF_UP) && !(device->flags & (IFF_LOOPBACK | IFF_NOARP)) &&
                   !device_is_port(device)
               ? device
               : NULL;
}

/* A host of the subnet that is not this one. */
static bool find_host(const struct subnets *subnets, const struct route_address *address,
                      struct in_addr *ret)
{
    struct ip_prefix subnet = ip_prefix_masked(&address->local);
    uint32_t first = ntohl(ip_to_ipv4(&subnet.ip).s_addr);
    uint32_t last = first | (uint32_t)(UINT64_C(0xffffffff) >> subnet.length);

    for (uint32_t host = first + 1; host < last && host - first <= HOSTS_TRIED; host++) {
        struct in_addr candidate = {.s_addr = htonl(host)};
        struct ip ip = ip_of_ipv4(candidate);

        if (!fib_is_own(&subnets->fib, &ip)) {
            *ret = candidate;
            return true;
        }
    }
    return false;
}

/* Where a rule asks for what is not known here, nothing is said. */
static int warn(struct subnets *subnets, const struct route_address *address,
                const struct device *device)
{
    struct session *session = subnets->session;
    struct fib_packet packet = {.packet.destination = ip_to_ipv4(&address->local.ip)};
    struct receiver receiver;
    int r;

    if (!find_host(subnets, address, &packet.packet.source))
        return 0;
    r = fib_receiver(&subnets->fib, &session->live, device, &packet, &receiver, NULL);
    if (r == -EOPNOTSUPP)
        return 0;
    if (r >= 0 && verdict_decide(&packet.packet, &receiver, 1).step == VERDICT_STRICT)
        judge_warn_subnet(session->judge, device);
    return r;
}

/* Those from `first` to before `end` are in one subnet. */
static int look_at(struct subnets *subnets, size_t first, size_t end)
{
    bool shared = false;
    int r = 0;

    for (size_t i = first + 1; i < end; i++)
        shared |= subnets->addresses[i].ifindex != subnets->addresses[first].ifindex;
    for (size_t i = first; shared && r >= 0 && i < end; i++) {
        const struct device *device = device_of(subnets, &subnets->addresses[i]);

        if (device &&
            (!subnets->selected || subnets->selected[device - subnets->session->live.devices]) &&
            is_strict(subnets, device))
            r = warn(subnets, &subnets->addresses[i], device);
    }
    return r;
}

static int look(struct subnets *subnets)
{
    int r = netlink_open(&subnets->nl);

    if (r >= 0)
        r = addresses_read(&subnets->nl, &subnets->addresses, &subnets->count);
    if (r >= 0)
        r = fib_open(&subnets->nl, &subnets->fib);
    if (r >= 0 && subnets->count > 0)
        qsort(subnets->addresses, subnets->count, sizeof(*subnets->addresses), by_subnet);
    for (size_t i = 0, end; r >= 0 && i < subnets->count; i = end) {
        for (end = i + 1; end < subnets->count; end++)
            if (by_subnet(&subnets->addresses[i], &subnets->addresses[end]) != 0)
                break;
        r = look_at(subnets, i, end);
    }
    return r;
}

int subnets_warn(struct session *session, const bool *selected)
{
    struct subnets subnets = {.session = session, .selected = selected};
    int r = look(&subnets);

    if (r < 0)
        say("cannot tell which devices share a subnet: %s", error_text(r));
    fib_close(&subnets.fib);
    netlink_close(&subnets.nl);
    free(subnets.addresses);
    return r;
}
