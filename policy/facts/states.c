/* One row for each state. */
#include "policy/facts/states.h"

static const struct state_info states[STATE_COUNT] = {
    [STATE_IMPOSSIBLE] = {"impossible", TONE_ALARM, CONCERN_NOW, .stuck = true, .listed = true},
    [STATE_DRIFT] = {"drift", TONE_BAD, CONCERN_NOW, .listed = true},
    [STATE_LATENT] = {"latent", TONE_CAUTION, CONCERN_LATER, .listed = true},
    [STATE_OK] = {"ok", TONE_GOOD},
    [STATE_PAUSED] = {"paused", TONE_CAUTION, .listed = true},
    [STATE_MOOT] = {"moot", TONE_FAINT},
    [STATE_UNMANAGED] = {"unmanaged", TONE_FAINT},
};

/* A word that both have has one tone. */
static const struct state_info routes_states[ROUTES_STATE_COUNT] = {
    [ROUTES_CONFLICT] = {"conflict", TONE_PLAIN, CONCERN_NOW, .stuck = true, .listed = true},
    [ROUTES_IMPOSSIBLE] = {"impossible", TONE_ALARM, CONCERN_NOW, .stuck = true, .listed = true},
    [ROUTES_OVERRULED] = {"overruled", TONE_BAD, CONCERN_NOW, .stuck = true, .listed = true},
    [ROUTES_DRIFT] = {"drift", TONE_BAD, CONCERN_NOW, .listed = true},
    [ROUTES_PAUSED] = {"paused", TONE_CAUTION, .listed = true},
    [ROUTES_OK] = {"ok", TONE_GOOD},
    [ROUTES_PRIMARY] = {"primary"},
    [ROUTES_WAITING] = {"waiting"},
};

const struct state_info *state_info(enum state state)
{
    return &states[state];
}

const struct state_info *routes_state_info(enum routes_state state)
{
    return &routes_states[state];
}

enum tone state_tone(const char *name)
{
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (streq(states[i].name, name))
            return states[i].tone;
    for (size_t i = 0; i < ROUTES_STATE_COUNT; i++)
        if (streq(routes_states[i].name, name))
            return routes_states[i].tone;
    return TONE_PLAIN;
}
