/* A histogram of reaction times with fixed buckets, as Prometheus wants it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 12

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS + 1]; /* the last one: longer than every bound */
    uint64_t count;
    uint64_t sum_usec;
};

/* Upper bound of bucket i in microseconds, i < HISTOGRAM_BUCKETS. */
uint64_t histogram_bound(size_t i);
void histogram_add(struct histogram *histogram, uint64_t usec);
