/* Packets that nobody has been seen to send, but that would be missed: of routers and subnets on
 * every device, of the peer itself by the other devices. What passes now must pass with a cure. */
#pragma once

#include "agent/advice/complaint.h"

#define BYSTANDERS_MAX 256

struct bystanders {
    struct complaint items[BYSTANDERS_MAX];
    size_t count;
    bool truncated;
};

/* Those that pass now, both ways. What reading gives. */
int bystanders_find(const struct world *world, const struct complaint *complaint,
                    struct bystanders *ret);

/* 1: all of them pass in that world, too; 0: *ret_lost does not. */
int bystanders_pass(const struct bystanders *bystanders, const struct world *world,
                    struct complaint *ret_lost);
