/* The peers seen now whose packets a change would drop: those of sockets, the neighbours, and the
 * flows that netfilter tracks. Reads only, asks the routing tables as fib.h says, leaves no trace.
 *
 * A packet's device is not recorded anywhere, so which device a peer's packets come in by is
 * inferred. For each device that becomes stricter, and where our policy routing changes for each
 * one, a peer counts when
 *   - it is in the neighbour table of that device: heard there, certain;
 *   - its socket is bound to the device: nothing else reaches that socket, certain; bound to a VRF
 *     means to all ports of it, of which the following tells;
 *   - the local address of the flow is on the device: what is sent to an address normally arrives
 *     where the address is. The route back does not matter for this: that the two differ is what
 *     is looked for;
 *   - the local address is on no device that receives (on `lo`, a dummy, or none): it can be any
 *     device, so every one is taken, and the result is marked as only possible.
 * An address on a VRF itself can be reached by any port of that. What concerns a port of a bridge,
 * bond or team concerns its master, whose settings decide; of a port of a VRF the port's own do.
 * Peers that are the host itself are left out, by the addresses of the VRF that the device is in.
 * Marks that netfilter gives to packets are not seen: where marks matter a flow counts when it
 * passes now without a mark or with one that is known of it, and afterwards with neither.
 *
 * Where our policy routing changes a peer also counts when it is heard on the device and replies to
 * it, which go there now, would be given to a router, or to nobody: so with pods.
 *
 * Established TCP and connected UDP sockets pass without any check (early demux) until the route
 * cache is flushed or they lose their route. */
#pragma once

#include "agent/kernel/conntrack.h"
#include "agent/kernel/netlink.h"
#include "policy/advice/impact.h"

enum peer_source {
    PEER_SESSION, /* SSH_CONNECTION, given by the caller */
    PEER_SOCKET,
    PEER_TRACKED,
    PEER_NEIGHBOUR,
};
const char *peer_source_name(enum peer_source source); /* "socket" … */

#define PEER_BACK_MAX 4

struct peer {
    enum peer_source source;
    bool possible; /* the device is one of several that its packets may come in by */
    bool passing;  /* they are sent to somebody else and only forwarded here */
    bool astray;   /* they pass, but replies leave by another way: no step, no cure */
    int ifindex;   /* of the device that would drop them */
    struct in_addr address, local; /* local: where its packets are sent to */
    uint8_t proto;                 /* IPPROTO_…, 0 for a neighbour */
    uint16_t port, local_port;     /* 0 where there are none */
    enum verdict_step step;        /* why */
    int mode;                      /* effective rp_filter then */
    struct impact_cure cure;       /* what would keep it */
    enum route_kind back_kind;     /* the way back … */
    int back[PEER_BACK_MAX];       /* … and the devices it uses, the first of n_back */
    size_t n_back;
    bool half_open;   /* TCP: not established yet, or one side has closed it */
    uint32_t inode;   /* of its socket, 0 for none */
    uint32_t uid;     /* who made that */
    int pid;          /* 0: not known */
    char process[16]; /* what it calls itself; "" where not known */
    char program[16]; /* its file, where nobody but root can write that; else "" */
};

/* A UDP socket that is not connected, and can get packets by a device that becomes stricter. Its
 * clients are in no list of sockets: only netfilter's tracking tells of them. */
struct unseen_server {
    struct in_addr local; /* 0.0.0.0: every address */
    uint16_t port;
    int ifindex; /* of the device that it is bound to, 0 for none */
};

struct peers {
    struct peer *items; /* by device, then address */
    size_t count, capacity;
    size_t stricter; /* number of devices that become stricter */
    bool rerouted;   /* policy routing changes, too */
    size_t kept;     /* senders that pass before and after, each counted once per device */
    size_t unknown;  /* packets that could not be decided: an ip rule asks for what is not known */
    size_t left_out; /* packets that were not decided about, being more than options.max */
    enum tracking tracking;        /* how much of netfilter's tracking was seen … */
    struct unseen_server *servers; /* … and whose clients were not: by port; none where it was */
    size_t n_servers;
};

/* "UDP clients of port 53 and 192.0.2.1:4500 are not seen: netfilter tracks no flow here". Owned;
 * NULL where every server's are seen, or memory ran out. */
char *unseen_text(enum tracking tracking, const struct unseen_server *servers, size_t n_servers);

/* The most packets that are decided in one go. */
#define PEERS_LOOKED_AT_MAX 200000

/* A connection that may not be visible as a socket here. */
struct session_peer {
    struct in_addr peer, local;
    uint16_t peer_port, local_port;
};

struct routes_plan;

struct peers_options {
    struct netlink *nl;
    const struct live *live, *after; /* impact_after_…(); live with FACT_ADDRESSES, IMPACT_KEYS */
    const char *proc_sys_net;
    const struct session_peer *session; /* NULL for none */
    const struct routes_plan *routes;   /* policy routing as it will be; NULL: as it is */
    struct fib *fib, *fib_after; /* the tables now, and as they will be, where that was asked for
                                    already: then `routes` is not looked at. Both or none */
    bool owners;                 /* look for the processes in /proc, as far as that may be read */
    bool untracked;              /* do not ask what netfilter tracks: it is not allowed */
    size_t tracked_max;          /* nor where it tracks more flows; 0: no limit */
    size_t max;                  /* packets to decide about; 0: PEERS_LOOKED_AT_MAX */
};

/* Nothing is read at all where no device becomes stricter and no way changes. *ret is to be freed
 * by peers_done(). */
int peers_find(const struct peers_options *options, struct peers *ret);
void peers_done(struct peers *peers);
#define _cleanup_peers_ _cleanup_(peers_done)
