/* Deciding about each packet before and after the change, each pair of addresses once. */
#include <arpa/inet.h>

#include "agent/peers/candidates.h"
#include "agent/peers/owners.h"
#include "policy/base/text.h"
#include "policy/routes/routes.h"

const char *peer_source_name(enum peer_source source)
{
    static const char *const names[] = {
        [PEER_SESSION] = "session",
        [PEER_SOCKET] = "socket",
        [PEER_TRACKED] = "tracked",
        [PEER_NEIGHBOUR] = "neighbour",
    };

    return names[source];
}

#define SERVERS_NAMED_MAX 8

char *unseen_text(enum tracking tracking, const struct unseen_server *servers, size_t n_servers)
{
    _cleanup_text_ struct text text = {0};
    size_t named = n_servers < SERVERS_NAMED_MAX ? n_servers : SERVERS_NAMED_MAX;
    char address[INET_ADDRSTRLEN];

    if (n_servers == 0)
        return NULL;
    text_put(&text, "UDP clients of ");
    for (size_t i = 0; i < named; i++) {
        const char *local = inet_ntop(AF_INET, &servers[i].local, address, sizeof(address));

        text_put(&text, i == 0 ? "" : i + 1 < n_servers ? ", " : " and ");
        if (servers[i].local.s_addr == 0)
            text_add(&text, "port %u", servers[i].port);
        else
            text_add(&text, "%s:%u", local ?: "?", servers[i].port);
    }
    if (n_servers > named)
        text_add(&text, " and %zu more", n_servers - named);
    text_add(&text, " are not seen: %s", tracking_text(tracking));
    return text_take(&text);
}

/* What the decision about one packet gave. */
struct outcome {
    bool cut;    /* it passes before and not afterwards */
    bool astray; /* or the replies do not go to its sender any more, who is on the link */
    bool stays;  /* it passes afterwards */
    bool kept;   /* and before */
    struct verdict verdict;
    struct impact_cure cure;
    struct route_found back;
};

static bool same_settings(const struct flows *flows, const struct stricter *device)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (key != KEY_RP_FILTER && (IMPACT_KEYS & KEY_BIT(key)) &&
            impact_effective(flows->options->live, device->before, key) !=
                impact_effective(flows->options->after, device->after, key))
            return false;
    return true;
}

static bool leads_to(const struct fib_way *route, int ifindex)
{
    for (size_t i = 0; i < route->found.n_hops; i++)
        if (route->found.kind == ROUTE_UNICAST && route->found.hops[i] == ifindex)
            return true;
    return false;
}

/* Do replies go to the sender directly now, and afterwards to a router, or nowhere? That router
 * knows no pod. Of what is on the link of another device, too, each is as good. */
static bool goes_astray(const struct fib_way *before, const struct fib_way *after, int ifindex)
{
    return leads_to(before, ifindex) && before->gateways[0].family == 0 &&
           !leads_to(after, ifindex) &&
           (after->found.kind != ROUTE_UNICAST || after->gateways[0].family != 0);
}

/* Would a reply that passes the value still leave as before, or by the device? The way back is its
 * way. Only then a value keeps the peer. */
static bool keeps_reply(const struct fib_way *before, const struct fib_way *after, int ifindex)
{
    return leads_to(after, ifindex) ||
           (before->found.kind == after->found.kind &&
            before->found.n_hops == after->found.n_hops &&
            memcmp(before->found.hops, after->found.hops,
                   after->found.n_hops * sizeof(after->found.hops[0])) == 0);
}

static int decide(const struct flows *flows, const struct stricter *device,
                  const struct fib_packet *packet, struct outcome *ret)
{
    const struct live *live = flows->options->live, *after = flows->options->after;
    struct receiver before, then;
    struct impact_case c = {.packet = &packet->packet, .before = &before, .after = &then};
    struct fib_way back, back_before = {0};
    int r =
        fib_receiver(flows->fib_after ?: flows->fib, after, device->after, packet, &then, &back);

    if (r < 0)
        return r;
    before = then;
    if (flows->fib_after || !same_settings(flows, device)) {
        r = fib_receiver(flows->fib, live, device->before, packet, &before, &back_before);
        if (r < 0)
            return r;
    }
    c.mode_before = impact_effective(live, device->before, KEY_RP_FILTER);
    c.mode_after = impact_effective(after, device->after, KEY_RP_FILTER);
    ret->verdict = (struct verdict){0};
    ret->cure = (struct impact_cure){0};
    ret->stays = verdict_decide(c.packet, c.after, c.mode_after).accept;
    ret->kept = ret->stays && verdict_decide(c.packet, c.before, c.mode_before).accept;
    ret->cut = impact_is_cut(&c, &ret->verdict, &ret->cure);
    ret->cure.known &=
        !flows->fib_after || keeps_reply(&back_before, &back, device->before->ifindex);
    ret->astray =
        flows->fib_after && ret->kept && goes_astray(&back_before, &back, device->before->ifindex);
    ret->back = back.found;
    return 0;
}

/* Which mark its packets have is not known: cut where it passes with one of them now, and with none
 * afterwards. */
static int decide_marks(const struct flows *flows, const struct flow *flow, struct outcome *ret)
{
    struct fib_packet packet = flow->packet;
    struct outcome marked;
    int r = decide(flows, flow->device, &packet, ret);
    bool stays;

    if (r < 0 || flow->mark == 0 || !flows->fib->selects_mark)
        return r;
    packet.mark = flow->mark;
    r = decide(flows, flow->device, &packet, &marked);
    if (r < 0)
        return r;
    stays = ret->stays || marked.stays;
    marked.astray = ret->astray = ret->astray && marked.astray;
    if (!ret->cut && marked.cut)
        *ret = marked;
    ret->cut = ret->cut && !stays;
    return 0;
}

/* By what the decision depends on; ports only where a rule looks at them. */
static int compare_flows(const void *a, const void *b, void *data)
{
    const struct fib *fib = data;
    const struct flow *x = a, *y = b;
    const uint32_t left[] = {
        (uint32_t)x->device->before->ifindex,
        ntohl(x->packet.packet.source.s_addr),
        ntohl(x->packet.packet.destination.s_addr),
        fib->selects_mark ? x->mark : 0,
        fib->selects_ports ? x->packet.proto : 0,
        fib->selects_ports ? (uint32_t)x->packet.sport << 16 | x->packet.dport : 0,
    };
    const uint32_t right[] = {
        (uint32_t)y->device->before->ifindex,
        ntohl(y->packet.packet.source.s_addr),
        ntohl(y->packet.packet.destination.s_addr),
        fib->selects_mark ? y->mark : 0,
        fib->selects_ports ? y->packet.proto : 0,
        fib->selects_ports ? (uint32_t)y->packet.sport << 16 | y->packet.dport : 0,
    };

    for (size_t i = 0; i < ELEMENTSOF(left); i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static int add_peer(struct peers *peers, const struct flow *flow, const struct outcome *outcome,
                    int mode)
{
    struct peer peer = {
        .source = flow->source,
        .possible = flow->possible,
        .astray = !outcome->cut,
        .passing = flow->passing,
        .ifindex = flow->device->before->ifindex,
        .address = flow->packet.packet.source,
        .local = flow->local,
        .proto = flow->packet.proto,
        .port = flow->packet.sport,
        .local_port = flow->local_port,
        .step = outcome->verdict.step,
        .mode = mode,
        .cure = outcome->cure,
        .back_kind = outcome->back.kind,
        .n_back = outcome->back.n_hops,
        .inode = flow->inode,
        .uid = flow->uid,
        .half_open = flow->half_open,
    };
    int r = grow((void **)&peers->items, &peers->capacity, peers->count, sizeof(peer));

    if (r < 0)
        return r;
    for (size_t i = 0; i < peer.n_back && i < PEER_BACK_MAX; i++)
        peer.back[i] = outcome->back.hops[i];
    peers->items[peers->count++] = peer;
    return 0;
}

/* Flows stand by device and sender. */
static bool is_same_sender(const struct flow *a, const struct flow *b)
{
    return a && a->device == b->device &&
           a->packet.packet.source.s_addr == b->packet.packet.source.s_addr;
}

static int decide_all(struct flows *flows, struct peers *peers)
{
    const struct flow *last = NULL, *kept = NULL;
    struct outcome outcome;
    int r = 0, decided = 0;

    if (flows->count > 0)
        qsort_r(flows->items, flows->count, sizeof(*flows->items), compare_flows, flows->fib);
    for (size_t i = 0; r >= 0 && i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];

        if (!last || compare_flows(last, flow, flows->fib) != 0)
            decided = decide_marks(flows, flow, &outcome);
        last = flow;
        if (decided == -EOPNOTSUPP)
            peers->unknown++;
        else if (decided < 0)
            return decided;
        else if (outcome.cut || (outcome.astray && flow->heard && !flow->passing))
            r = add_peer(
                peers, flow, &outcome,
                impact_effective(flows->options->after, flow->device->after, KEY_RP_FILTER));
        else if (outcome.kept && !is_same_sender(kept, flow)) {
            kept = flow;
            peers->kept++;
        }
    }
    return r;
}

/* By device, address, connection; of the same connection the best known one first. */
static int compare_peers(const void *a, const void *b)
{
    const struct peer *x = a, *y = b;
    uint32_t left = ntohl(x->address.s_addr), right = ntohl(y->address.s_addr);

    if (x->ifindex != y->ifindex)
        return x->ifindex < y->ifindex ? -1 : 1;
    if (left != right)
        return left < right ? -1 : 1;
    if (!x->proto != !y->proto)
        return !x->proto - !y->proto;
    if (x->proto != y->proto)
        return x->proto < y->proto ? -1 : 1;
    if (x->local_port != y->local_port)
        return x->local_port < y->local_port ? -1 : 1;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    if (x->possible != y->possible)
        return x->possible - y->possible;
    return (x->source > y->source) - (x->source < y->source);
}

/* The same connection on the same device; a neighbour says nothing new after a connection. */
static bool is_repeated(const struct peer *last, const struct peer *peer)
{
    return last->ifindex == peer->ifindex && last->address.s_addr == peer->address.s_addr &&
           (peer->proto == 0 || (last->proto == peer->proto && last->port == peer->port &&
                                 last->local_port == peer->local_port));
}

static void sort_peers(struct peers *peers)
{
    size_t n = 0;

    if (peers->count > 0)
        qsort(peers->items, peers->count, sizeof(*peers->items), compare_peers);
    for (size_t i = 0; i < peers->count; i++) {
        struct peer *last = n > 0 ? &peers->items[n - 1] : NULL;

        if (last && is_repeated(last, &peers->items[i])) {
            if (last->inode == 0) {
                last->inode = peers->items[i].inode;
                last->uid = peers->items[i].uid;
            }
            last->half_open |= peers->items[i].half_open;
            continue;
        }
        peers->items[n++] = peers->items[i];
    }
    peers->count = n;
}

static bool changes_ways(const struct peers_options *options)
{
    return options->fib_after || (options->routes && options->routes->n_changes > 0);
}

static int find_devices(const struct peers_options *options, struct flows *flows,
                        size_t *ret_stricter)
{
    const struct live *live = options->live;
    size_t stricter = 0;

    flows->devices = calloc(live->count + 1, sizeof(*flows->devices));
    if (!flows->devices)
        return -ENOMEM;
    for (size_t i = 0; i < live->count; i++) {
        const struct device *before = &live->devices[i];
        const struct device *after = live_by_ifindex(options->after, before->ifindex);

        bool is_stricter = after && impact_is_stricter(live, before, options->after, after);

        stricter += is_stricter;
        if (is_stricter || (after && changes_ways(options) && impact_receives(after)))
            flows->devices[flows->n_devices++] =
                (struct stricter){.before = before, .after = after};
    }
    *ret_stricter = stricter;
    return 0;
}

/* The tables now and then, for as long as they are needed. */
static int open_fibs(const struct peers_options *options, bool rerouted, struct fib *now,
                     struct fib *then)
{
    int r = fib_open(options->nl, now);

    if (r >= 0 && rerouted)
        r = fib_open(options->nl, then);
    if (r >= 0 && rerouted)
        r = fib_pretend(then, options->routes);
    return r;
}

static int look(struct flows *flows, struct peers *peers)
{
    const struct peers_options *options = flows->options;
    _cleanup_fib_ struct fib now = {0}, then = {0};
    int r = 0;

    if (flows->n_devices == 0)
        return 0;
    flows->fib = options->fib ?: &now;
    flows->fib_after = options->fib_after ?: peers->rerouted ? &then : NULL;
    if (!options->fib)
        r = open_fibs(options, peers->rerouted, &now, &then);
    if (r >= 0)
        r = flows_read(flows);
    if (r >= 0)
        r = flows_find_servers(flows, peers);
    return r < 0 ? r : decide_all(flows, peers);
}

int peers_find(const struct peers_options *options, struct peers *ret)
{
    _cleanup_flows_ struct flows flows = {.options = options};
    _cleanup_peers_ struct peers peers = {.rerouted = changes_ways(options)};
    int r = find_devices(options, &flows, &peers.stricter);

    if (r >= 0)
        r = look(&flows, &peers);
    if (r < 0)
        return r;
    peers.left_out = flows.left_out;
    sort_peers(&peers);
    if (options->owners)
        owners_find(&peers);
    *ret = peers;
    peers = (struct peers){0};
    return 0;
}

void peers_done(struct peers *peers)
{
    free(peers->items);
    free(peers->servers);
    *peers = (struct peers){0};
}
