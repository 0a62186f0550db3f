/* For tests of the routing planner: a host made of words, and a model of what the kernel does with
 * the changes of a plan. */
#pragma once

#include "policy/routes/routes.h"
#include "policy_text.h"

#define WORLD_DEVICES_MAX 80

struct world {
    struct device devices[WORLD_DEVICES_MAX];
    struct live live;
    struct route_facts facts;
};

/* lo is there already, with ifindex 1. */
void world_init(struct world *world);
void world_done(struct world *world);

/* The devices come up in this order, ifindex 2, 3 … */
struct device *world_device(struct world *world, const char *name);

/* "172.16.5.4/24", "10.0.0.1/32 peer 10.0.0.2". */
struct route_address *world_address(struct world *world, const char *device, const char *text,
                                    uint32_t flags);

/* "default via 172.16.4.1", "10.0.0.0/8"; by somebody else unless protocol is ours. */
struct route *world_route(struct world *world, const char *device, uint32_t table, const char *text,
                          uint8_t protocol);
struct route_rule *world_rule(struct world *world, uint32_t priority, const char *from,
                              uint32_t table, uint8_t protocol);

/* What the kernel does; fails the test where it would refuse. */
void world_carry_out(struct world *world, const struct routes_change *change);

/* The changes as text, one line each, without "ip -4 " and our protocol, "6: " before those of
 * IPv6. Owned. */
char *world_changes(const struct world *world, const struct routes_plan *plan);
