/* What the agent has done since it started, for status.json and the metrics. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/daemon/histogram.h"
#include "policy/facts/keys.h"

struct counters {
    uint64_t repairs[KEY_COUNT]; /* existing devices put right */
    uint64_t given[KEY_COUNT];   /* new devices given their value */
    uint64_t failed_writes;
    uint64_t resyncs;
    uint64_t plans; /* whole plans carried out, for all and default */
    struct histogram reaction;
};

/* {KEY {given, repaired}} of these keys. */
json_t *counters_keys_json(const struct counters *counters, key_mask keys);

/* All but the reaction: histogram.h. */
void counters_metrics(FILE *out, const struct counters *counters, key_mask keys);
