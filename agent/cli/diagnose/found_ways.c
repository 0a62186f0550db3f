/* What becomes of a packet from one peer, by each device that it may come in by. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>

#include "agent/cli/diagnose/findings.h"
#include "agent/cli/verdict/verdict_report.h"
#include "policy/advice/impact.h"

/* An address of the device; 0.0.0.0 for none. */
static struct in_addr address_of(const struct fib *fib, int ifindex)
{
    for (size_t i = 0; i < fib->n_addresses; i++)
        if (fib->addresses[i].ifindex == ifindex && fib->addresses[i].local.ip.family == AF_INET)
            return ip_to_ipv4(&fib->addresses[i].local.ip);
    return (struct in_addr){INADDR_ANY};
}

static int add_way(struct findings *findings, struct fib *fib, const struct live *live,
                   const struct device *device)
{
    struct way way = {.ifindex = device->ifindex, .to = address_of(fib, device->ifindex)};
    const struct fib_packet packet = {.packet = {.source = findings->peer, .destination = way.to}};
    struct receiver receiver;
    struct verdict verdict;
    int r;

    if (way.to.s_addr == INADDR_ANY)
        return 0;
    r = fib_receiver(fib, live, device, &packet, &receiver, &way.back);
    if (r < 0 && r != -EOPNOTSUPP)
        return r;
    if (r >= 0) {
        verdict = verdict_decide(&packet.packet, &receiver,
                                 impact_effective(live, device, KEY_RP_FILTER));
        way.known = true;
        way.accepted = verdict.accept;
        way.step = verdict.step;
    }
    r = grow((void **)&findings->ways, &findings->ways_capacity, findings->n_ways, sizeof(way));
    if (r >= 0)
        findings->ways[findings->n_ways++] = way;
    return r;
}

int ways_read(struct findings *findings, const struct live *live)
{
    _cleanup_netlink_ struct netlink nl = {0};
    _cleanup_fib_ struct fib fib = {0};
    int r = netlink_open(&nl);

    if (r >= 0)
        r = fib_open(&nl, &fib);
    for (size_t i = 0; r >= 0 && i < live->count; i++) {
        const struct device *device = &live->devices[i];

        if (device->ipv4 && (device->flags & IFF_UP) && impact_receives(device))
            r = add_way(findings, &fib, live, device);
    }
    return r;
}

static const char *device_name(const struct findings *findings, int ifindex)
{
    const struct device *device = live_by_ifindex(&findings->session->live, ifindex);

    return device ? device->name : "?";
}

void ways_print(struct output *out, const struct findings *findings)
{
    char peer[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];

    if (findings->n_ways == 0)
        return;
    fprintf(out->stream, "\nA packet from %s is\n",
            inet_ntop(AF_INET, &findings->peer, peer, sizeof(peer)));
    for (size_t i = 0; i < findings->n_ways; i++) {
        const struct way *way = &findings->ways[i];
        _cleanup_free_ char *back = verdict_way_text(&findings->session->live, &way->back);

        fprintf(out->stream, "  by %s to %s: %s%s%s%s%s\n",
                NAME_SHOWN(device_name(findings, way->ifindex)),
                inet_ntop(AF_INET, &way->to, to, sizeof(to)),
                !way->known     ? "not known"
                : way->accepted ? "accepted"
                                : "dropped",
                way->known ? ", " : "", way->known ? verdict_step_text(way->step) : "",
                way->known && back ? "; way back: " : "", way->known && back ? back : "");
    }
}

json_t *json_way(const struct findings *findings, const struct way *way)
{
    char to[INET_ADDRSTRLEN];
    _cleanup_free_ char *back = verdict_way_text(&findings->session->live, &way->back);

    return json_make({"device", json_bytes(device_name(findings, way->ifindex))},
                     {"to", json_string(inet_ntop(AF_INET, &way->to, to, sizeof(to)))},
                     {"accepted", way->known ? json_boolean(way->accepted) : json_null()},
                     {"step", way->known ? json_string(verdict_step_name(way->step)) : json_null()},
                     {"why", way->known ? json_string(verdict_step_text(way->step)) : json_null()},
                     {"way_back", way->known ? json_bytes(back) : json_null()});
}
