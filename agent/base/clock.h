/* The clocks of the system in microseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC stands still while the system sleeps, CLOCK_BOOTTIME does not; CLOCK_REALTIME is
 * the time of day, which somebody may set. */
uint64_t clock_usec(clockid_t clock);

/* Through signals. */
void clock_sleep(uint64_t usec);
