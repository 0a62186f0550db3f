/* The packets to decide about: every peer that is seen now, on each device that its packets may
 * come in by. */
#pragma once

#include "agent/kernel/fib.h"
#include "agent/kernel/neigh.h"
#include "agent/peers/peers.h"

/* One device that becomes stricter, or whose peers get other ways back, in both pictures. */
struct stricter {
    const struct device *before, *after;
};

/* A packet to decide about. */
struct flow {
    const struct stricter *device;
    enum peer_source source;
    bool possible, passing;   /* as in struct peer */
    bool heard;               /* its source is a neighbour on the device */
    struct fib_packet packet; /* destination: where it is routed to */
    struct in_addr local;     /* where it is sent to: differs under destination NAT … */
    uint16_t local_port;      /* … and so does the port */
    uint32_t mark;            /* another mark that it may have */
    uint32_t inode, uid;      /* of its socket */
    bool half_open;           /* TCP: not established yet, or one side has closed it */
};

struct flows {
    const struct peers_options *options;
    struct fib *fib, *fib_after; /* after: NULL where the ways stay as they are */
    struct stricter *devices;    /* by ifindex */
    size_t n_devices;
    struct route_address *addresses; /* by address */
    size_t n_addresses;
    struct neighbour *neighbours; /* by address */
    size_t n_neighbours;
    struct flow *items;
    size_t count, capacity;
    size_t left_out;
    enum tracking tracking;
};

/* Which UDP servers get packets by the devices, and their clients were not seen. */
int flows_find_servers(const struct flows *flows, struct peers *peers);

/* options, fib and devices are set; fills the rest. */
int flows_read(struct flows *flows);

/* What flows_read() does for each socket, addresses and neighbours being read. */
struct connection;
int flows_add_connection(struct flows *flows, const struct connection *connection);

void flows_done(struct flows *flows);
#define _cleanup_flows_ _cleanup_(flows_done)
