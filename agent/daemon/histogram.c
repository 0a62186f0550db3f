/* Fixed buckets from 10 µs to 60 s. */
#include "agent/daemon/histogram.h"

static const uint64_t bounds[HISTOGRAM_BUCKETS] = {
    10, 20, 50, 100, 200, 500, 1000, 10000, 100000, 1000000, 10000000, 60000000,
};

uint64_t histogram_bound(size_t i)
{
    return bounds[i];
}

void histogram_add(struct histogram *histogram, uint64_t usec)
{
    size_t i = 0;

    while (i < HISTOGRAM_BUCKETS && usec > bounds[i])
        i++;
    histogram->buckets[i]++;
    histogram->count++;
    histogram->sum_usec += usec;
}
