/* The flows seen so far: a table that does not grow beyond a fixed size. When it is full, of the
 * flows that were silent for longest the smallest makes room, and only its packets are counted on.
 * Pure. */
#pragma once

#include "agent/drops/drops.h"

#define FLOWS_MAX 4096

struct flow {
    struct drop drop;
    uint64_t first, last; /* milliseconds, as given to flows_add() */
};

struct flows;

int flows_new(struct flows **ret);
struct flows *flows_free(struct flows *flows); /* returns NULL; NULL is fine */

/* Count. True when no such flow is in the table yet. */
bool flows_add(struct flows *flows, const struct drop *drop, uint64_t now);

/* The flows in the table, those with most packets first; an owned array of borrowed pointers, valid
 * until the next flows_add(). -ENOMEM. */
int flows_sorted(const struct flows *flows, const struct flow ***ret, size_t *ret_count);

/* Packets per reason: all that were given to flows_add(), and those that had to make room. */
uint64_t flows_packets(const struct flows *flows, enum drop_reason reason);
uint64_t flows_forgotten(const struct flows *flows, enum drop_reason reason);
