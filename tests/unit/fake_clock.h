/* A clock that stands still until a test moves it, and a loop that goes by it. */
#pragma once

#include "agent/daemon/loop.h"

struct fake_clock {
    uint64_t now, suspended; /* CLOCK_BOOTTIME runs ahead by the latter */
    struct loop *loop;
};

static inline uint64_t fake_clock_read(clockid_t clock, void *data)
{
    const struct fake_clock *fake = data;

    return clock == CLOCK_BOOTTIME ? fake->now + fake->suspended : fake->now;
}

static inline int fake_clock_begin(struct fake_clock *fake)
{
    *fake = (struct fake_clock){.now = 1000 * USEC_PER_SEC};
    return loop_new(fake_clock_read, fake, &fake->loop);
}

/* Time goes by; what becomes due is called. */
static inline void fake_clock_pass(struct fake_clock *fake, uint64_t usec)
{
    fake->now += usec;
    loop_run_due(fake->loop);
}
