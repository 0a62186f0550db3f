/* What is on trial now, in words: ORDERS/trial, for everybody to read. How a trial ended is in the
 * history. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/paths.h"

#define TRIAL_TEXT_MAX 200
struct trial_record {
    int64_t since;             /* wall clock, seconds */
    char text[TRIAL_TEXT_MAX]; /* how long, and what comes then */
};

/* A failure is of no consequence for the trial. */
void trial_record_write(const struct paths *paths, const char *text);
void trial_record_remove(const struct paths *paths);

/* False where there is none; also where its guardian is known to be dead. */
bool trial_record_read(const struct paths *paths, struct trial_record *ret);
