/* A histogram of reaction times with fixed buckets, as Prometheus wants it. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_BUCKETS 12

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS + 1]; /* the last one: longer than every bound */
    uint64_t count;
    uint64_t sum_usec;
};

void histogram_add(struct histogram *histogram, uint64_t usec);

/* {count, sum_usec, buckets [{at_most_usec, count}]}; and as metrics, in seconds. */
json_t *histogram_json(const struct histogram *histogram);
void histogram_metrics(FILE *out, const struct histogram *histogram, const char *name,
                       const char *help);
