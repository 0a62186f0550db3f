/* Random routes, rules, addresses and settings on the devices of a world. */
#pragma once

#include "verdict_world.h"

struct topology {
    uint64_t random;
    bool rules_allowed;
    char text[8192]; /* for ip -batch */
    size_t used;
    bool custom_rules; /* ever */
    bool down[WORLD_DEVICES];
};

/* Below n; true once in n times; an element of a list. */
uint32_t topology_draw(struct topology *t, uint32_t n);
bool topology_one_in(struct topology *t, uint32_t n);
#define PICK(t, list) ((list)[topology_draw((t), ELEMENTSOF(list))])

/* Hosts that packets come from, and some that no packet should. */
#define TOPOLOGY_HOSTS 25
extern const char *const topology_hosts[TOPOLOGY_HOSTS];

/* Draw the next one: lines for `ip -batch`, which first take away what was there before. More can
 * be added. */
void topology_make(struct topology *t);
void topology_add(struct topology *t, const char *format, ...) _printf_(2, 3);

/* Some of the lines are refused (a route that is there, a gateway without device): what the kernel
 * holds then is the topology. Exits where ip(8) itself fails. */
void topology_build(const struct topology *t);

/* The switches that a verdict depends on, but for rp_filter. */
void topology_choose_settings(struct topology *t);
