/* A host and its neighbours for packets that lie about where they come from: devices d0..d3 in this
 * network namespace, their peers in another one, and what became of each packet that was sent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/kernel/fib.h"

#define WORLD_DEVICES 4
#define WORLD_MARKS 4 /* a packet from port WORLD_SPORT + m is received with mark m */
#define WORLD_SPORT 40000
#define WORLD_DPORT 7001 /* and the one after it: what the host listens on */

/* Groups that it belongs to on every device. */
#define WORLD_LINK_GROUP "224.0.0.100"
#define WORLD_GROUP "239.1.1.1"

struct world {
    pid_t neighbours;           /* holds the other namespace */
    int peers[WORLD_DEVICES];   /* packet sockets on the far ends */
    int ifindex[WORLD_DEVICES]; /* of the near ends */
    int tap;                    /* sees what comes and goes on all devices here */
    int listeners[2];
    int rp_filter_all, rp_filter[WORLD_DEVICES]; /* descriptors of the settings */
    uint32_t sent;
};

/* For a program whose arguments may be the number of topologies and the seed: enter the sandbox,
 * and say with which of them. Ends the program where nothing marks packets, as sandbox_enter()
 * does. */
void world_begin(int argc, char **argv, unsigned *ret_topologies, uint64_t *ret_seed);

/* In a fresh network namespace, which the process is left in. The process stays on one processor
 * from then on: that keeps packets in their order. Exits when something fails. */
void world_enter(struct world *ret);
void world_leave(struct world *world);

enum fate { FATE_LOST, FATE_DELIVERED, FATE_FORWARDED };

/* After links were taken up or down: wait until a frame comes through each that is up. */
void world_settle(struct world *world, const bool down[WORLD_DEVICES]);

/* Send it from the far end of device d<device>, and wait until the host has dealt with it. */
enum fate world_send(struct world *world, unsigned device, const struct fib_packet *packet);

/* Broadcast an ARP request there, from the sender for the target: is it answered on that device? */
bool world_ask(struct world *world, unsigned device, const struct packet *request);

void world_set_rp_filter(struct world *world, unsigned device, int all, int own);

/* TcpExt IPReversePathFilter of this namespace. */
unsigned long world_rp_filter_drops(void);
