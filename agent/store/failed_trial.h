/* The last trial that went back: FAILED-TRIAL beside accepted.conf, one line. It counts for as long
 * as what was in force before that trial is in force; that is for accepted_failed() to tell. */
#pragma once

#include "agent/store/trial_record.h"

struct failed_trial {
    char hash[17];   /* of the policy that was tried */
    char before[17]; /* of the one that went back into force; "": none was accepted */
    int64_t time;    /* wall clock, seconds; 0: not known */
    char why[TRIAL_TEXT_MAX];
};

/* Durably; a positive errno: as file_replace(). */
int failed_trial_write(const struct paths *paths, const struct failed_trial *failed);
void failed_trial_remove(const struct paths *paths);

/* False where there is none, or none that can be read. */
bool failed_trial_load(const struct paths *paths, struct failed_trial *ret);

/* The same from a line (fuzzed). */
bool failed_trial_parse(const char *line, struct failed_trial *ret);
