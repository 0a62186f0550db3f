/* Fixed buckets from 10 µs to 60 s. */
#include "agent/daemon/histogram.h"

#include "agent/daemon/metrics.h"
#include "policy/base/util.h"

static const uint64_t bounds[HISTOGRAM_BUCKETS] = {
    10, 20, 50, 100, 200, 500, 1000, 10000, 100000, 1000000, 10000000, 60000000,
};

void histogram_add(struct histogram *histogram, uint64_t usec)
{
    size_t i = 0;

    while (i < HISTOGRAM_BUCKETS && usec > bounds[i])
        i++;
    histogram->buckets[i]++;
    histogram->count++;
    histogram->sum_usec += usec;
}

json_t *histogram_json(const struct histogram *histogram)
{
    json_t *buckets = json_array();

    for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++) {
        json_t *bound = i < HISTOGRAM_BUCKETS ? json_integer((json_int_t)bounds[i]) : json_null();

        json_array_append_new(buckets, json_pack("{s:o, s:I}", "at_most_usec", bound, "count",
                                                 (json_int_t)histogram->buckets[i]));
    }
    return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)histogram->count, "sum_usec",
                     (json_int_t)histogram->sum_usec, "buckets", buckets);
}

void histogram_metrics(FILE *out, const struct histogram *histogram, const char *name,
                       const char *help)
{
    uint64_t below = 0;

    metrics_family(out, name, "histogram", help);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += histogram->buckets[i];
        fprintf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds[i] / (double)USEC_PER_SEC,
                (unsigned long long)below);
    }
    fprintf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %g\n%s_count %llu\n", name,
            (unsigned long long)histogram->count, name,
            (double)histogram->sum_usec / (double)USEC_PER_SEC, name,
            (unsigned long long)histogram->count);
}
