/* A hash table of a fixed size, never more than half full. */
#include "agent/advice/flow_set.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define PLACES ((size_t)2 * FLOW_SET_MAX)

static size_t place_of(int ifindex, struct in_addr source, struct in_addr to)
{
    uint64_t hash = (uint64_t)source.s_addr << 32 | to.s_addr;

    hash = (hash ^ (uint64_t)ifindex << 13) * 0x9e3779b97f4a7c15U;
    return (size_t)(hash >> 40) % PLACES;
}

int flow_set_add(struct flow_set *set, int ifindex, struct in_addr source, struct in_addr to)
{
    size_t at = place_of(ifindex, source, to);

    if (!set->places)
        set->places = calloc(PLACES, sizeof(*set->places));
    if (!set->places)
        return -ENOMEM;
    for (; set->places[at].ifindex; at = (at + 1) % PLACES)
        if (set->places[at].ifindex == ifindex && set->places[at].source.s_addr == source.s_addr &&
            set->places[at].to.s_addr == to.s_addr)
            return 0;
    if (set->count == FLOW_SET_MAX)
        return -ENOSPC;
    set->places[at] = (struct seen_flow){ifindex, source, to};
    set->count++;
    return 1;
}

void flow_set_done(struct flow_set *set)
{
    free(set->places);
    *set = (struct flow_set){0};
}
