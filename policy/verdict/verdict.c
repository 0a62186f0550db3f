/* The kernel's decision, step by step, as data in and verdict out. */
#include "policy/verdict/verdict.h"

#include <arpa/inet.h>

#include "policy/base/util.h"

static const struct {
    const char *name, *text;
} steps[VERDICT_STEP_COUNT] = {
    [VERDICT_SOURCE_INVALID] = {"source-invalid", "no host can have this source address"},
    [VERDICT_SOURCE_UNSPECIFIED] =
        {"source-unspecified",
         "a host that has no address yet may say this to everybody: nothing else is checked"},
    [VERDICT_DESTINATION_INVALID] = {"destination-invalid",
                                     "no single host can have this destination address"},
    [VERDICT_SOURCE_LOOPBACK] =
        {"source-loopback", "a loopback address comes from outside, and route_localnet is off"},
    [VERDICT_DESTINATION_LOOPBACK] =
        {"destination-loopback",
         "a loopback address is asked for from outside, and route_localnet is off"},
    [VERDICT_UNREACHABLE] = {"destination-unreachable",
                             "the destination is not ours and there is no route to it"},
    [VERDICT_NOT_FORWARDED] = {"not-forwarded",
                               "the destination is not ours and the device does not forward"},
    [VERDICT_OFF] = {"off", "rp_filter is off: the way back does not matter"},
    [VERDICT_OWN_SOURCE] = {"own-source", "the source is one of this host's own addresses, and "
                                          "accept_local is off"},
    [VERDICT_ACCEPT_LOCAL] = {"accept-local", "the source is one of this host's own addresses, "
                                              "which accept_local allows"},
    [VERDICT_NO_ROUTE] = {"no-route", "there is no route back to the source"},
    [VERDICT_NOT_UNICAST] = {"not-unicast", "the way back ends at no single host"},
    [VERDICT_REVERSE_MATCH] = {"reverse-match", "the way back uses this device"},
    [VERDICT_UNNUMBERED] = {"unnumbered",
                            "the way back uses another device, and where the device has no IPv4 "
                            "address loose asks for what strict asks for"},
    [VERDICT_STRICT] = {"strict", "the way back uses another device"},
    [VERDICT_LOOSE] = {"loose", "the way back uses another device, which loose accepts"},
};

const char *verdict_step_name(enum verdict_step step)
{
    return steps[step].name;
}

const char *verdict_step_text(enum verdict_step step)
{
    return steps[step].text;
}

const char *route_kind_name(enum route_kind kind)
{
    static const char *const names[ROUTE_KIND_COUNT] = {
        [ROUTE_NONE] = "none",
        [ROUTE_UNICAST] = "unicast",
        [ROUTE_LOCAL] = "local",
        [ROUTE_BROADCAST] = "broadcast",
        [ROUTE_MULTICAST] = "multicast",
        [ROUTE_BLACKHOLE] = "blackhole",
        [ROUTE_UNREACHABLE] = "unreachable",
        [ROUTE_PROHIBIT] = "prohibit",
    };

    return names[kind];
}

const char *drop_kind_name(enum drop_kind kind)
{
    static const char *const names[] = {
        [DROP_NONE] = "none",
        [DROP_RPFILTER] = "rp_filter",
        [DROP_LOCAL_SOURCE] = "local source",
        [DROP_INVALID_SOURCE] = "invalid source",
        [DROP_LOCALNET] = "localnet",
        [DROP_OTHER] = "other",
    };

    return names[kind];
}

static struct verdict accept_at(enum verdict_step step)
{
    return (struct verdict){.accept = true, .step = step, .drop = DROP_NONE};
}

static struct verdict drop_at(enum verdict_step step, enum drop_kind kind)
{
    return (struct verdict){.accept = false, .step = step, .drop = kind};
}

static bool is_loopback(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == 127;
}

/* ipv4_is_zeronet(): before Linux 5.3 all of 0.0.0.0/8. */
static bool is_zeronet(struct in_addr address)
{
    return address.s_addr == 0;
}

static bool is_multicast(struct in_addr address)
{
    return ntohl(address.s_addr) >> 28 == 0xe;
}

static bool is_to_all(struct in_addr address)
{
    return address.s_addr == htonl(INADDR_BROADCAST);
}

/* 224.0.0.0/24, the only groups a host without an address may speak to. */
static bool is_link_group(struct in_addr address)
{
    return ntohl(address.s_addr) >> 8 == 0xe00000;
}

bool verdict_asks_from_nobody(struct in_addr destination, enum route_kind there)
{
    return is_multicast(destination) || is_to_all(destination) || there == ROUTE_BROADCAST;
}

/* fib_info_nh_uses_dev(); packets that loop back were ours. */
static bool uses_device(const struct route_found *route, const struct receiver *receiver)
{
    for (size_t i = 0; i < route->n_hops; i++)
        if (route->hops[i] == receiver->ifindex)
            return true;
    return route->kind == ROUTE_LOCAL && receiver->loopback;
}

/* __fib_validate_source() with rpf = mode. */
static struct verdict full_check(const struct receiver *receiver, int mode)
{
    const struct route_found *reverse = &receiver->reverse;

    switch (reverse->kind) {
    case ROUTE_LOCAL:
        if (!receiver->accept_local)
            return drop_at(VERDICT_OWN_SOURCE, DROP_LOCAL_SOURCE);
        break;
    case ROUTE_BROADCAST:
    case ROUTE_MULTICAST:
        return drop_at(VERDICT_NOT_UNICAST, DROP_INVALID_SOURCE);
    case ROUTE_UNICAST:
        break;
    default:
        return mode == 0 ? accept_at(VERDICT_OFF) : drop_at(VERDICT_NO_ROUTE, DROP_RPFILTER);
    }
    if (uses_device(reverse, receiver))
        return accept_at(VERDICT_REVERSE_MATCH);
    if (mode == 0)
        return accept_at(VERDICT_OFF);
    if (!receiver->numbered)
        return drop_at(VERDICT_UNNUMBERED, DROP_RPFILTER);
    if (mode == 1)
        return drop_at(VERDICT_STRICT, DROP_RPFILTER);
    return accept_at(reverse->kind == ROUTE_LOCAL ? VERDICT_ACCEPT_LOCAL : VERDICT_LOOSE);
}

/* fib_validate_source(): with rp_filter off most of the check is left out. */
static struct verdict validate_source(const struct receiver *receiver, int mode)
{
    bool own = receiver->own_source;

    if (mode != 0 || receiver->turns_around)
        return full_check(receiver, mode);
    if (receiver->accept_local)
        return accept_at(own ? VERDICT_ACCEPT_LOCAL : VERDICT_OFF);
    if (receiver->custom_rules)
        return full_check(receiver, mode);
    return own ? drop_at(VERDICT_OWN_SOURCE, DROP_LOCAL_SOURCE) : accept_at(VERDICT_OFF);
}

/* ip_mc_validate_source(): the source was checked for multicast before. */
static struct verdict decide_multicast(const struct packet *packet, const struct receiver *receiver,
                                       int mode)
{
    if (is_loopback(packet->source) && !receiver->route_localnet)
        return drop_at(VERDICT_SOURCE_LOOPBACK, DROP_LOCALNET);
    if (is_zeronet(packet->source))
        return is_link_group(packet->destination)
                   ? accept_at(VERDICT_SOURCE_UNSPECIFIED)
                   : drop_at(VERDICT_SOURCE_INVALID, DROP_INVALID_SOURCE);
    return validate_source(receiver, mode);
}

/* What ip_route_input_slow() asks of the two addresses before any lookup. True when that decides.
 */
static bool decide_addresses(const struct packet *packet, const struct receiver *receiver,
                             struct verdict *ret)
{
    if (is_zeronet(packet->source))
        *ret = drop_at(VERDICT_SOURCE_INVALID, DROP_INVALID_SOURCE);
    else if (is_zeronet(packet->destination))
        *ret = drop_at(VERDICT_DESTINATION_INVALID, DROP_OTHER);
    else if (is_loopback(packet->destination) && !receiver->route_localnet)
        *ret = drop_at(VERDICT_DESTINATION_LOOPBACK, DROP_LOCALNET);
    else if (is_loopback(packet->source) && !receiver->route_localnet)
        *ret = drop_at(VERDICT_SOURCE_LOOPBACK, DROP_LOCALNET);
    else
        return false;
    return true;
}

struct verdict verdict_decide(const struct packet *packet, const struct receiver *receiver,
                              int mode)
{
    struct verdict verdict;

    if (is_multicast(packet->source) || is_to_all(packet->source))
        return drop_at(VERDICT_SOURCE_INVALID, DROP_INVALID_SOURCE);
    if (is_multicast(packet->destination))
        return decide_multicast(packet, receiver, mode);
    if (is_to_all(packet->destination) ||
        (packet->source.s_addr == 0 && packet->destination.s_addr == 0))
        return is_zeronet(packet->source) ? accept_at(VERDICT_SOURCE_UNSPECIFIED)
                                          : validate_source(receiver, mode);
    if (decide_addresses(packet, receiver, &verdict))
        return verdict;
    if (receiver->there == ROUTE_LOCAL || receiver->there == ROUTE_BROADCAST)
        return validate_source(receiver, mode);
    if (!receiver->forwards)
        return drop_at(VERDICT_NOT_FORWARDED, DROP_OTHER);
    if (receiver->there == ROUTE_MULTICAST)
        return drop_at(VERDICT_DESTINATION_INVALID, DROP_OTHER);
    if (receiver->there != ROUTE_UNICAST)
        return drop_at(VERDICT_UNREACHABLE, DROP_OTHER);
    return validate_source(receiver, mode);
}
