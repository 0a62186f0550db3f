/* Packets that nobody has been seen to send, but that would be missed: of routers and subnets on
 * every device, of other subnets and of the peer itself by every device. What passes now must pass
 * with a cure; and what this host sends into a tunnel must stay there. */
#pragma once

#include "agent/advice/complaint.h"

#define BYSTANDERS_MAX 256

#define TUNNELLED_MAX 256

struct bystanders {
    struct complaint items[BYSTANDERS_MAX];
    size_t count;
    size_t left_out; /* more of either that pass now, or were not looked at */
    struct tunnelled {
        struct in_addr to;
        int oif; /* the tunnel */
    } tunnelled[TUNNELLED_MAX];
    size_t n_tunnelled;
};

/* Those that pass now, both ways. What reading gives. */
int bystanders_find(const struct world *world, const struct complaint *complaint,
                    struct bystanders *ret);

/* 1: all of them pass in that world, too, and stay in their tunnels; 0: not all. */
int bystanders_pass(const struct bystanders *bystanders, const struct world *world);
