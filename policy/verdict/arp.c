/* The kernel's decision about an ARP request, step by step. */
#include "policy/verdict/arp.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include "policy/base/util.h"

static const struct {
    const char *name, *text;
} steps[ARP_STEP_COUNT] = {
    [ARP_OWN] = {"own-address", "the address is this host's"},
    [ARP_PROXY] = {"proxy", "this host answers there for others (proxy ARP)"},
    [ARP_NO_ARP] = {"no-arp", "the device speaks no ARP"},
    [ARP_TARGET] = {"target-invalid", "nobody may ask for such an address there"},
    [ARP_GRATUITOUS] = {"gratuitous", "the sender asks for its own address, and "
                                      "drop_gratuitous_arp is on"},
    [ARP_SOURCE] = {"source-dropped", "a packet from the sender would be dropped"},
    [ARP_OTHER] = {"not-ours", "the address is not this host's, which does not answer for others "
                               "there"},
    [ARP_IGNORE] = {"arp-ignore", "arp_ignore speaks against it"},
    [ARP_FILTER] = {"arp-filter", "arp_filter is on, and the answer would leave by another device"},
};

const char *arp_step_name(enum arp_step step)
{
    return steps[step].name;
}

const char *arp_step_text(enum arp_step step)
{
    return steps[step].text;
}

/* inet_ifa_match(): of a point-to-point address the other end and its prefix count. */
static bool is_in_subnet(const struct route_address *address, struct in_addr which)
{
    struct ip_prefix subnet = address->local;
    struct ip ip = ip_of_ipv4(which);

    if (address->peer.family)
        subnet.ip = address->peer;
    return ip_prefix_contains(&subnet, &ip);
}

/* Of scope host an address counts as one of scope link where route_localnet is on. */
static uint8_t scope_of(const struct live *live, const struct route_address *address)
{
    const struct device *device = live_by_ifindex(live, address->ifindex);

    if (device && address->scope > RT_SCOPE_LINK &&
        key_effective(KEY_ROUTE_LOCALNET, live->all[KEY_ROUTE_LOCALNET],
                      device->conf[KEY_ROUTE_LOCALNET], device->forwarding))
        return RT_SCOPE_LINK;
    return address->scope;
}

/* confirm_addr_indev() for a `local` that is given: does the device have the target in this scope,
 * and a subnet with the target and, where it is not 0.0.0.0, the sender? */
static bool is_confirmed_on(const struct arp_receiver *receiver, int ifindex, struct in_addr sender,
                            struct in_addr target, uint8_t scope)
{
    bool has = false, same = false;

    for (size_t i = 0; i < receiver->n_addresses; i++) {
        const struct route_address *address = &receiver->addresses[i];

        if (address->ifindex != ifindex)
            continue;
        if (ip_to_ipv4(&address->local.ip).s_addr == target.s_addr &&
            scope_of(receiver->live, address) <= scope)
            has = true;
        if (is_in_subnet(address, target) && (sender.s_addr == 0 || is_in_subnet(address, sender)))
            same = true;
    }
    return has && same;
}

/* arp_ignore(): is the request not to be answered? */
static bool is_ignored(const struct packet *request, const struct arp_receiver *receiver)
{
    const struct in_addr any = {0};

    switch (receiver->arp_ignore) {
    case 1:
        return !is_confirmed_on(receiver, receiver->receiver.ifindex, any, request->destination,
                                RT_SCOPE_HOST);
    case 2:
        return !is_confirmed_on(receiver, receiver->receiver.ifindex, request->source,
                                request->destination, RT_SCOPE_HOST);
    case 3:
        for (size_t i = 0; i < receiver->live->count; i++)
            if (is_confirmed_on(receiver, receiver->live->devices[i].ifindex, any,
                                request->destination, RT_SCOPE_LINK))
                return false;
        return true;
    case 8:
        return true;
    default:
        return false;
    }
}

/* arp_filter(): would the answer, sent as a packet, leave by another device or not at all? What is
 * for this host itself leaves by lo. */
static bool is_filtered(const struct arp_receiver *receiver)
{
    const struct route_found *answer = &receiver->answer;

    switch (answer->kind) {
    case ROUTE_UNICAST:
    case ROUTE_BROADCAST:
    case ROUTE_MULTICAST:
        return answer->n_hops == 0 || answer->hops[0] != receiver->receiver.ifindex;
    case ROUTE_LOCAL:
        return !receiver->receiver.loopback;
    default:
        return true;
    }
}

/* arp_fwd_proxy(), arp_fwd_pvlan(), pneigh_lookup(). */
static bool is_proxied(const struct packet *request, const struct arp_receiver *receiver)
{
    const struct arp_settings *settings = &receiver->settings;
    bool turns = receiver->out == receiver->receiver.ifindex;

    if (turns)
        return settings->proxy_arp_pvlan && request->source.s_addr != request->destination.s_addr;
    if (receiver->proxied)
        return true;
    if (!settings->proxy_arp || settings->medium_id == -1)
        return false;
    return settings->medium_id == 0 ||
           (receiver->out_medium_id != settings->medium_id && receiver->out_medium_id != -1);
}

static enum arp_step decide_own(const struct packet *request, const struct arp_receiver *receiver)
{
    if (is_ignored(request, receiver))
        return ARP_IGNORE;
    /* Not asked for a sender that has no address yet (duplicate address detection, RFC 5227). */
    if (request->source.s_addr != 0 && receiver->arp_filter && is_filtered(receiver))
        return ARP_FILTER;
    return ARP_OWN;
}

static enum arp_step decide(const struct packet *request, const struct arp_receiver *receiver,
                            const struct verdict *source)
{
    uint32_t target = ntohl(request->destination.s_addr);

    if (receiver->no_arp)
        return ARP_NO_ARP;
    if (IN_MULTICAST(target) ||
        (target >> 24 == IN_LOOPBACKNET && !receiver->receiver.route_localnet))
        return ARP_TARGET;
    if (receiver->settings.drop_gratuitous && request->source.s_addr == request->destination.s_addr)
        return ARP_GRATUITOUS;
    if (request->source.s_addr == 0)
        return receiver->target_local ? decide_own(request, receiver) : ARP_OTHER;
    switch (source->step) {
    case VERDICT_UNREACHABLE:
    case VERDICT_NOT_FORWARDED:
    case VERDICT_DESTINATION_INVALID:
        return ARP_OTHER;
    default:
        break;
    }
    if (!source->accept)
        return ARP_SOURCE;
    if (receiver->receiver.there == ROUTE_LOCAL)
        return decide_own(request, receiver);
    if (receiver->receiver.forwards && receiver->receiver.there == ROUTE_UNICAST &&
        is_proxied(request, receiver))
        return ARP_PROXY;
    return ARP_OTHER;
}

struct arp_verdict arp_decide(const struct packet *request, const struct arp_receiver *receiver,
                              int mode)
{
    struct arp_verdict verdict = {.source = verdict_decide(request, &receiver->receiver, mode)};

    verdict.step = decide(request, receiver, &verdict.source);
    verdict.answered = verdict.step == ARP_OWN || verdict.step == ARP_PROXY;
    return verdict;
}
