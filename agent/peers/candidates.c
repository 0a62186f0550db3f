/* From sockets, neighbours and tracked flows to packets on devices, by the reasoning that peers.h
 * states. */
#include "agent/peers/candidates.h"

#include <linux/if.h>

#include "agent/kernel/sockdiag.h"

#define ANY_VRF (-1)  /* not known; 0 is none */
#define NESTING_MAX 8 /* MAX_NEST_DEV */

static int by_address(const void *a, const void *b)
{
    const struct route_address *x = a, *y = b;

    return ip_compare(&x->local.ip, &y->local.ip);
}

static int by_neighbour(const void *a, const void *b)
{
    const struct neighbour *x = a, *y = b;

    return ip_compare(&x->address, &y->address);
}

/* The first element with this address in an array ordered by it, NULL when there is none. */
static const struct route_address *first_address(const struct flows *flows, struct in_addr address)
{
    const struct route_address key = {.local.ip = ip_of_ipv4(address)};
    const struct route_address *found =
        flows->n_addresses > 0
            ? bsearch(&key, flows->addresses, flows->n_addresses, sizeof(key), by_address)
            : NULL;

    while (found && found > flows->addresses && by_address(found - 1, &key) == 0)
        found--;
    return found;
}

static const struct neighbour *first_neighbour(const struct flows *flows, struct in_addr address)
{
    const struct neighbour key = {.address = ip_of_ipv4(address)};
    const struct neighbour *found =
        flows->n_neighbours > 0
            ? bsearch(&key, flows->neighbours, flows->n_neighbours, sizeof(key), by_neighbour)
            : NULL;

    while (found && found > flows->neighbours && by_neighbour(found - 1, &key) == 0)
        found--;
    return found;
}

static bool same(const struct ip *a, struct in_addr b)
{
    return ip_to_ipv4(a).s_addr == b.s_addr;
}

/* The device whose settings decide about what comes in by this one: of a port of a bridge, bond or
 * team the master, over all layers. NULL where it is not there. */
static const struct device *receiver_of(const struct flows *flows, int ifindex)
{
    const struct device *device = live_by_ifindex(flows->options->live, ifindex);

    for (int i = 0; i < NESTING_MAX && device && device_is_port(device); i++)
        device = live_by_ifindex(flows->options->live, device->master);
    return device;
}

/* The VRF of what the device receives; 0 for none. */
static int vrf_of(const struct flows *flows, int ifindex)
{
    const struct device *device = receiver_of(flows, ifindex);

    return device ? device_vrf(device) : 0;
}

static bool is_in(int vrf, int wanted)
{
    return wanted == ANY_VRF || vrf == wanted;
}

/* Does nothing ever come in by it? */
static bool is_deaf(const struct device *device)
{
    return (device->flags & IFF_LOOPBACK) || streq(device->kind, "dummy") || device_is_vrf(device);
}

static const struct stricter *find_device(const struct flows *flows, int ifindex)
{
    const struct device *device = receiver_of(flows, ifindex);

    if (!device)
        return NULL;
    ifindex = device->ifindex;
    for (size_t low = 0, high = flows->n_devices; low < high;) {
        size_t middle = (low + high) / 2;
        int at = flows->devices[middle].before->ifindex;

        if (at == ifindex)
            return &flows->devices[middle];
        if (at < ifindex)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Can its packet come from outside? */
static bool is_foreign(struct in_addr source)
{
    return source.s_addr != 0 && ntohl(source.s_addr) >> 24 != IN_LOOPBACKNET;
}

/* Is it an address of the host itself where the device is? Another VRF may have the same one. */
static bool is_own_there(const struct flows *flows, struct in_addr source,
                         const struct device *device)
{
    const struct route_address *address = first_address(flows, source);
    const struct route_address *end = flows->addresses + flows->n_addresses;

    for (; address && address < end && same(&address->local.ip, source); address++)
        if (vrf_of(flows, address->ifindex) == device_vrf(device))
            return true;
    return false;
}

static int add(struct flows *flows, const struct flow *flow, const struct stricter *device)
{
    int r;

    if (!device || is_own_there(flows, flow->packet.packet.source, device->before))
        return 0;
    if (flows->count >= (flows->options->max ?: PEERS_LOOKED_AT_MAX)) {
        flows->left_out++;
        return 0;
    }
    r = grow((void **)&flows->items, &flows->capacity, flows->count, sizeof(*flows->items));
    if (r < 0)
        return r;
    flows->items[flows->count] = *flow;
    flows->items[flows->count++].device = device;
    return 0;
}

/* On the devices of this VRF where its source is a neighbour. */
static int add_where_heard(struct flows *flows, const struct flow *flow, int vrf)
{
    const struct neighbour *neighbour = first_neighbour(flows, flow->packet.packet.source);
    const struct neighbour *end = flows->neighbours + flows->n_neighbours;
    struct flow heard = *flow;
    int r = 0;

    heard.heard = true;
    for (; neighbour && neighbour < end && same(&neighbour->address, flow->packet.packet.source);
         neighbour++)
        if (r == 0 && is_in(vrf_of(flows, neighbour->ifindex), vrf))
            r = add(flows, &heard, find_device(flows, neighbour->ifindex));
    return r;
}

/* On all of this VRF that become stricter. */
static int add_where_possible(struct flows *flows, const struct flow *flow, int vrf)
{
    struct flow possible = *flow;
    int r = 0;

    possible.possible = true;
    for (size_t i = 0; r == 0 && i < flows->n_devices; i++)
        if (is_in(device_vrf(flows->devices[i].before), vrf))
            r = add(flows, &possible, &flows->devices[i]);
    return r;
}

/* On the devices of this VRF that have the address it is sent to. Where that is on one that hears
 * nothing: on all of the VRF which that belongs to. Where it belongs to none, or nobody has the
 * address, on all that can be meant. */
static int add_where_sent(struct flows *flows, const struct flow *flow, int vrf)
{
    const struct route_address *address = first_address(flows, flow->local);
    const struct route_address *end = flows->addresses + flows->n_addresses;
    bool found = false;
    int r = 0;

    for (; r == 0 && address && address < end && same(&address->local.ip, flow->local); address++) {
        const struct device *device = receiver_of(flows, address->ifindex);

        if (!device || !is_in(device_vrf(device), vrf) ||
            (is_deaf(device) && device_vrf(device) == 0))
            continue;
        found = true;
        r = is_deaf(device) ? add_where_possible(flows, flow, device_vrf(device))
                            : add(flows, flow, find_device(flows, device->ifindex));
    }
    return r < 0 || found ? r : add_where_possible(flows, flow, vrf);
}

static int add_where_received(struct flows *flows, const struct flow *flow, int vrf)
{
    int r = add_where_heard(flows, flow, vrf);

    return r < 0 ? r : add_where_sent(flows, flow, vrf);
}

int flows_add_connection(struct flows *flows, const struct connection *connection)
{
    const struct device *bound = live_by_ifindex(flows->options->live, connection->bound);
    struct flow flow = {
        .source = PEER_SOCKET,
        .packet = {.packet = {.source = connection->peer, .destination = connection->local},
                   .proto = connection->proto,
                   .sport = connection->peer_port,
                   .dport = connection->local_port},
        .local = connection->local,
        .local_port = connection->local_port,
        .mark = connection->mark,
        .inode = connection->inode,
        .uid = connection->uid,
        .half_open = connection->half_open,
    };

    if (!is_foreign(connection->peer))
        return 0;
    /* With tcp_l3mdev_accept, too, what was accepted is bound to the VRF. */
    if (bound && device_is_vrf(bound))
        return add_where_received(flows, &flow, connection->bound);
    if (connection->bound != 0)
        return add(flows, &flow, find_device(flows, connection->bound));
    return add_where_received(flows, &flow, ANY_VRF);
}

static int add_connections(struct flows *flows)
{
    _cleanup_free_ struct connection *connections = NULL;
    size_t n = 0;
    int r = connections_read(&connections, &n);

    for (size_t i = 0; r >= 0 && i < n; i++)
        r = flows_add_connection(flows, &connections[i]);
    return r;
}

static bool is_own(const struct flows *flows, struct in_addr address)
{
    struct ip ip = ip_of_ipv4(address);

    return fib_is_own(flows->fib, &ip);
}

static int add_session(struct flows *flows)
{
    const struct session_peer *session = flows->options->session;
    struct flow flow = {.source = PEER_SESSION};

    if (!session || !is_foreign(session->peer) || !is_own(flows, session->local))
        return 0;
    flow.local = session->local;
    flow.local_port = session->local_port;
    flow.packet = (struct fib_packet){
        .packet = {.source = session->peer, .destination = session->local},
        .proto = IPPROTO_TCP,
        .sport = session->peer_port,
        .dport = session->local_port,
    };
    return add_where_received(flows, &flow, ANY_VRF);
}

/* One direction of a tracked flow. Netfilter translates before the packet is routed, so what it is
 * routed to is where the other direction comes from. */
static int add_direction(struct flows *flows, const struct tracked_flow *tracked,
                         const struct flow_tuple *wire, const struct flow_tuple *other)
{
    struct flow flow = {
        .source = PEER_TRACKED,
        .packet = {.packet = {.source = wire->source, .destination = other->source},
                   .proto = tracked->proto,
                   .sport = wire->sport,
                   .dport = other->sport},
        .local = wire->destination,
        .local_port = wire->dport,
        .mark = tracked->mark,
        .half_open = tracked->half_open,
        .passing = !is_own(flows, wire->destination),
    };

    if (!is_foreign(wire->source))
        return 0;
    /* What is sent to somebody else passes through here, and nothing tells by which device. */
    return flow.passing ? add_where_heard(flows, &flow, ANY_VRF)
                        : add_where_received(flows, &flow, ANY_VRF);
}

static int add_tracked(struct flows *flows)
{
    _cleanup_free_ struct tracked_flow *tracked = NULL;
    size_t n = 0;
    int r = conntrack_read(flows->options->proc_sys_net, flows->options->tracked_max, &tracked, &n,
                           &flows->tracking);

    for (size_t i = 0; r >= 0 && i < n; i++) {
        r = add_direction(flows, &tracked[i], &tracked[i].original, &tracked[i].reply);
        if (r >= 0 && tracked[i].answered)
            r = add_direction(flows, &tracked[i], &tracked[i].reply, &tracked[i].original);
    }
    return r;
}

/* Where a neighbour's packets are sent to, if they are for this host: the address of the device in
 * its network, else the first of the device, else the first of the host in the same VRF that is not
 * `lo`'s. */
static struct in_addr address_towards(const struct flows *flows, const struct neighbour *neighbour)
{
    const struct route_address *best = NULL;
    int vrf = vrf_of(flows, neighbour->ifindex);
    unsigned best_rank = 0;

    for (size_t i = 0; i < flows->n_addresses; i++) {
        const struct route_address *a = &flows->addresses[i];
        unsigned rank = 1;

        if (ip_is_loopback(&a->local.ip) || vrf_of(flows, a->ifindex) != vrf)
            continue;
        if (a->ifindex == neighbour->ifindex)
            rank = ip_prefix_contains(&a->local, &neighbour->address) ? 3 : 2;
        if (rank > best_rank) {
            best = a;
            best_rank = rank;
        }
    }
    return best ? ip_to_ipv4(&best->local.ip) : (struct in_addr){0};
}

static int add_neighbours(struct flows *flows)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < flows->n_neighbours; i++) {
        const struct neighbour *neighbour = &flows->neighbours[i];
        const struct stricter *device = find_device(flows, neighbour->ifindex);
        struct in_addr source = ip_to_ipv4(&neighbour->address);
        struct flow flow = {.source = PEER_NEIGHBOUR, .heard = true};

        if (!device || !is_foreign(source))
            continue;
        flow.local = address_towards(flows, neighbour);
        if (flow.local.s_addr == 0)
            continue;
        flow.packet.packet = (struct packet){.source = source, .destination = flow.local};
        r = add(flows, &flow, device);
    }
    return r;
}

int flows_read(struct flows *flows)
{
    struct netlink *nl = flows->options->nl;
    int r = addresses_read(nl, &flows->addresses, &flows->n_addresses);

    if (r >= 0)
        r = neighbours_read(nl, &flows->neighbours, &flows->n_neighbours);
    if (r < 0)
        return r;
    if (flows->n_addresses > 0)
        qsort(flows->addresses, flows->n_addresses, sizeof(*flows->addresses), by_address);
    if (flows->n_neighbours > 0)
        qsort(flows->neighbours, flows->n_neighbours, sizeof(*flows->neighbours), by_neighbour);
    flows->tracking = TRACKING_DENIED;
    r = add_session(flows);
    if (r >= 0)
        r = add_connections(flows);
    if (r >= 0 && !flows->options->untracked)
        r = add_tracked(flows);
    if (r >= 0)
        r = add_neighbours(flows);
    return r;
}

static bool is_reached(const struct flows *flows, const struct connection *server)
{
    const struct route_address *address = first_address(flows, server->local);
    const struct route_address *end = flows->addresses + flows->n_addresses;
    const struct device *bound = live_by_ifindex(flows->options->live, server->bound);

    if (ntohl(server->local.s_addr) >> 24 == IN_LOOPBACKNET)
        return false;
    if (bound && !device_is_vrf(bound))
        return find_device(flows, server->bound);
    if (server->local.s_addr == 0 || IN_MULTICAST(ntohl(server->local.s_addr)))
        return flows->n_devices > 0;
    /* On what hears nothing any device can be meant. */
    for (; address && address < end && same(&address->local.ip, server->local); address++) {
        const struct device *device = receiver_of(flows, address->ifindex);

        if (device && (is_deaf(device) || find_device(flows, device->ifindex)))
            return true;
    }
    return false;
}

static int by_port(const void *a, const void *b)
{
    const struct unseen_server *x = a, *y = b;
    uint32_t left = ntohl(x->local.s_addr), right = ntohl(y->local.s_addr);

    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    if (left != right)
        return left < right ? -1 : 1;
    return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

int flows_find_servers(const struct flows *flows, struct peers *peers)
{
    _cleanup_free_ struct connection *sockets = NULL;
    _cleanup_free_ struct unseen_server *servers = NULL;
    size_t count = 0, n = 0, kept = 0;
    int r;

    peers->tracking = flows->tracking;
    if (flows->tracking == TRACKING_READ)
        return 0;
    r = servers_read(&sockets, &count);
    if (r < 0 || count == 0)
        return r;
    servers = calloc(count, sizeof(*servers));
    if (!servers)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (is_reached(flows, &sockets[i]))
            servers[n++] = (struct unseen_server){.local = sockets[i].local,
                                                  .port = sockets[i].local_port,
                                                  .ifindex = sockets[i].bound};
    qsort(servers, n, sizeof(*servers), by_port);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_port(&servers[kept - 1], &servers[i]) != 0)
            servers[kept++] = servers[i];
    peers->servers = TAKE_PTR(servers);
    peers->n_servers = kept;
    return 0;
}

void flows_done(struct flows *flows)
{
    free(flows->devices);
    free(flows->addresses);
    free(flows->neighbours);
    free(flows->items);
    *flows = (struct flows){0};
}
