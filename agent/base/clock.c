/* Asking for the time, and letting it pass. */
#include "agent/base/clock.h"

#include "policy/base/util.h"

uint64_t clock_usec(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now); /* cannot fail for a clock that the kernel has */
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

void clock_sleep(uint64_t usec)
{
    struct timespec time = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
                            .tv_nsec = (long)(usec % USEC_PER_SEC) * 1000};

    while (nanosleep(&time, &time) < 0 && errno == EINTR)
        ;
}
