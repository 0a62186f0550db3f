/* Who keeps writing a key back: back-off for repairs, the mark `writer`, and what is said of it.
 * Pure: times come in as microseconds of the monotonic clock.
 *
 * Fast conflicts: the first repairs are made at once; when each is undone soon after, the delay
 * doubles from CONFLICT_FIRST_DELAY to CONFLICT_MAX_DELAY. Slow conflicts: three repairs of one key
 * by the same rule in 24 hours, so that the half-hour cycle of a configuration tool is seen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/base/util.h"

#define CONFLICT_FREE_REPAIRS 3
#define CONFLICT_FIRST_DELAY (10 * USEC_PER_MSEC)
#define CONFLICT_MAX_DELAY (60 * USEC_PER_SEC)
#define CONFLICT_QUIET (10 * USEC_PER_SEC)
#define CONFLICT_DAY (86400 * USEC_PER_SEC)
#define CONFLICT_SLOW_REPAIRS 3

enum conflict_mark {
    CONFLICT_NONE,
    CONFLICT_FAST, /* written back again and again within seconds */
    CONFLICT_SLOW, /* written back now and then */
};

struct conflict {
    uint64_t last_repair;                    /* 0: never */
    uint64_t history[CONFLICT_SLOW_REPAIRS]; /* the latest repairs, newest first */
    unsigned streak;                         /* repairs in a row, each undone soon */
    unsigned repairs;                        /* all repairs since the record was made */
    enum conflict_mark mark;
};

/* How long to wait after the last repair before the next one: 0 for at once. */
uint64_t conflict_delay(const struct conflict *conflict);

/* A wrong value was seen at `now`: the time at which it may be repaired (<= now: at once). */
uint64_t conflict_allowed_at(const struct conflict *conflict, uint64_t now);

/* A repair was made. True when the mark changed (one log entry). */
bool conflict_repaired(struct conflict *conflict, uint64_t now);

/* Time went by without a wrong value. True when the mark changed, also from FAST to SLOW. */
bool conflict_settle(struct conflict *conflict, uint64_t now);

/* When conflict_settle() should be called next; UINT64_MAX: never. */
uint64_t conflict_settles_at(const struct conflict *conflict);

/* Mean time between the repairs in `history`, 0 when fewer than two. */
uint64_t conflict_interval(const struct conflict *conflict);

/* "5 repairs, the latest every 12 ms on average; they now wait up to 40 ms". Returns buf. */
#define CONFLICT_TEXT_SIZE 160
const char *conflict_text(const struct conflict *conflict, char buf[static CONFLICT_TEXT_SIZE]);
