/* What a key of a device, and the routing of a device, can be found to be: the vocabulary of every
 * report. All that follows from a state alone stands in its row in states.c: how it is shown and
 * counted, and whether it is a matter for somebody. Who finds it is judge.h and routes.h. */
#pragma once

#include "policy/base/util.h"

/* Worst first, as reports sort. */
enum state {
    STATE_IMPOSSIBLE,
    STATE_DRIFT,
    STATE_LATENT,
    STATE_OK,
    STATE_PAUSED,
    STATE_MOOT,
    STATE_UNMANAGED,
    STATE_COUNT,
};

enum routes_state {
    ROUTES_CONFLICT,   /* somebody else's rule, table or program stands in the way: it keeps what
                          it has, unless forced */
    ROUTES_IMPOSSIBLE, /* no gateway found, or something that is not handled: see message */
    ROUTES_OVERRULED, /* a rule or route of somebody else takes what its addresses send elsewhere */
    ROUTES_DRIFT,     /* something is missing or too much */
    ROUTES_PAUSED,
    ROUTES_OK,
    ROUTES_PRIMARY, /* carries the main default route and was not asked for: nothing to install */
    ROUTES_WAITING, /* no usable address, or not up: nothing to install for now */
    ROUTES_STATE_COUNT,
};

/* How a terminal shows a word. */
enum tone { TONE_PLAIN, TONE_ALARM, TONE_BAD, TONE_CAUTION, TONE_GOOD, TONE_FAINT, TONE_HEADING };

enum concern {
    CONCERN_NONE,
    CONCERN_LATER, /* right for now: a warning */
    CONCERN_NOW,   /* not as wanted: an error */
};

struct state_info {
    const char *name; /* stable */
    enum tone tone;
    enum concern concern;
    bool stuck;  /* no write of ours can put it right */
    bool listed; /* also where only what matters is */
};
const struct state_info *state_info(enum state state);
const struct state_info *routes_state_info(enum routes_state state);

static inline const char *state_name(enum state state)
{
    return state_info(state)->name;
}

static inline const char *routes_state_name(enum routes_state state)
{
    return routes_state_info(state)->name;
}

/* Of a state of either kind, by its name; TONE_PLAIN for any other word. */
enum tone state_tone(const char *name);

/* The sum of those of counts[], an array by state of whatever type, whose row `it` meets the
 * condition: STATES_SUM(counts, state_info, it->concern == CONCERN_NOW). */
#define STATES_SUM(counts, info, condition)                                                        \
    ({                                                                                             \
        typeof((counts)[0] + 0) sum_ = 0;                                                          \
        for (size_t state_ = 0; state_ < ELEMENTSOF(counts); state_++) {                           \
            const struct state_info *it = info(state_);                                            \
            sum_ += (condition) ? (counts)[state_] : 0;                                            \
        }                                                                                          \
        sum_;                                                                                      \
    })
