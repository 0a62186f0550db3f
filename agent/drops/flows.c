/* A hash table with chains over a fixed array, and a list that orders it by last use. Places are
 * indices into the array, -1 for none. */
#include "agent/drops/flows.h"

#include <stdio.h>

#define BUCKETS (2 * FLOWS_MAX) /* a power of two */
#define CANDIDATES 8

struct place {
    struct flow flow;
    int chain;        /* next in the bucket */
    int newer, older; /* in order of last use */
    unsigned bucket;
};

struct flows {
    struct place places[FLOWS_MAX];
    int buckets[BUCKETS];
    int newest, oldest;
    unsigned used;
    uint64_t packets[REASON_COUNT], forgotten[REASON_COUNT];
};

int flows_new(struct flows **ret)
{
    struct flows *flows = malloc(sizeof(*flows));

    if (!flows)
        return -ENOMEM;
    memset(flows, 0, sizeof(*flows));
    for (unsigned i = 0; i < BUCKETS; i++)
        flows->buckets[i] = -1;
    flows->newest = flows->oldest = -1;
    *ret = flows;
    return 0;
}

struct flows *flows_free(struct flows *flows)
{
    free(flows);
    return NULL;
}

static uint32_t mix(uint32_t hash, uint32_t word)
{
    hash ^= word;
    hash *= 0x9e3779b1;
    return hash ^ hash >> 15;
}

static unsigned bucket_of(const struct drop *drop)
{
    uint32_t hash = mix(0, (uint32_t)drop->ifindex);

    hash = mix(hash, drop->source.s_addr);
    hash = mix(hash, drop->destination.s_addr);
    return mix(hash, drop->reason) % BUCKETS;
}

static bool is_same(const struct drop *a, const struct drop *b)
{
    return a->ifindex == b->ifindex && a->source.s_addr == b->source.s_addr &&
           a->destination.s_addr == b->destination.s_addr && a->reason == b->reason;
}

static void unlist(struct flows *flows, int i)
{
    const struct place *place = &flows->places[i];

    *(place->newer < 0 ? &flows->newest : &flows->places[place->newer].older) = place->older;
    *(place->older < 0 ? &flows->oldest : &flows->places[place->older].newer) = place->newer;
}

static void make_newest(struct flows *flows, int i)
{
    struct place *place = &flows->places[i];

    place->newer = -1;
    place->older = flows->newest;
    *(flows->newest < 0 ? &flows->oldest : &flows->places[flows->newest].newer) = i;
    flows->newest = i;
}

/* Of the oldest few the one with fewest packets: a flood of single packets from made-up sources
 * shall not push out the flow that somebody misses. */
static int choose_victim(const struct flows *flows)
{
    int victim = flows->oldest, i = victim;

    for (unsigned n = 0; n < CANDIDATES && i >= 0; n++, i = flows->places[i].newer)
        if (flows->places[i].flow.drop.packets < flows->places[victim].flow.drop.packets)
            victim = i;
    return victim;
}

/* Returns the place that was made free. */
static int make_room(struct flows *flows)
{
    int i = choose_victim(flows);
    struct place *place = &flows->places[i];
    int *link = &flows->buckets[place->bucket];

    while (*link != i)
        link = &flows->places[*link].chain;
    *link = place->chain;
    unlist(flows, i);
    flows->forgotten[place->flow.drop.reason] += place->flow.drop.packets;
    return i;
}

bool flows_add(struct flows *flows, const struct drop *drop, uint64_t now)
{
    unsigned bucket = bucket_of(drop);
    int i = flows->buckets[bucket];

    flows->packets[drop->reason] += drop->packets;
    while (i >= 0 && !is_same(&flows->places[i].flow.drop, drop))
        i = flows->places[i].chain;
    if (i >= 0) {
        flows->places[i].flow.drop.packets += drop->packets;
        flows->places[i].flow.last = now;
        unlist(flows, i);
        make_newest(flows, i);
        return false;
    }
    i = flows->used < FLOWS_MAX ? (int)flows->used++ : make_room(flows);
    flows->places[i] = (struct place){
        .flow = {.drop = *drop, .first = now, .last = now},
        .chain = flows->buckets[bucket],
        .bucket = bucket,
    };
    flows->buckets[bucket] = i;
    make_newest(flows, i);
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct flow *x = *(const struct flow *const *)a, *y = *(const struct flow *const *)b;

    if (x->drop.packets != y->drop.packets)
        return x->drop.packets > y->drop.packets ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

int flows_sorted(const struct flows *flows, const struct flow ***ret, size_t *ret_count)
{
    const struct flow **list = calloc(flows->used + 1, sizeof(const struct flow *));

    if (!list)
        return -ENOMEM;
    for (unsigned i = 0; i < flows->used; i++)
        list[i] = &flows->places[i].flow;
    qsort(list, flows->used, sizeof(const struct flow *), compare);
    *ret = list;
    *ret_count = flows->used;
    return 0;
}

uint64_t flows_packets(const struct flows *flows, enum drop_reason reason)
{
    return flows->packets[reason];
}

uint64_t flows_forgotten(const struct flows *flows, enum drop_reason reason)
{
    return flows->forgotten[reason];
}
