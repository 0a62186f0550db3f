/* The values of net.ipv4.conf. What it reports is a struct write. */
#pragma once

#include "agent/engines/engine.h"
#include "agent/engines/sysctl/restore.h"

extern const struct engine engine_sysctl;

/* What values go back to: `noted` of this engine. */
struct sysctl_back {
    struct restore restore;        /* which devices; what was left in the end */
    struct before_record *records; /* owned; the record of this boot, or what a trial announced */
    size_t n_records, capacity;
    key_mask keys; /* that it speaks of */
    bool trial, merged;
    struct live was;     /* every value as it was when the trial began */
    unsigned unrecorded; /* values that are others now, which nobody of us wrote down */
};
void sysctl_back_done(struct sysctl_back *back);

/* From a picture that holds its keys, under the lock. */
int sysctl_back_plan(struct sysctl_back *back, const struct paths *paths, const struct live *live,
                     struct plan *ret);

/* Writes as records, to be written down or announced. Owned; NULL when memory ran out. */
struct before_record *sysctl_records(const struct write *writes, size_t n);

/* For the row. */
int sysctl_back_note(const struct paths *paths, void **ret);
int sysctl_back_remember(void *noted, const void *record);
void sysctl_back_forget(void *noted);
