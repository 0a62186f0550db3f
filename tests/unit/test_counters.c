/* Counters and reaction times, as status.json and the metrics tell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/daemon/counters.h"

static void assert_json(json_t *json, const char *expected)
{
    char *text = json_dumps(json, JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void only_managed_keys_are_told(void **state)
{
    struct counters counters = {.failed_writes = 3, .plans = 4, .resyncs = 5};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    counters.given[KEY_RP_FILTER] = 1;
    counters.repairs[KEY_RP_FILTER] = 2;
    counters.repairs[KEY_ARP_IGNORE] = 9;
    assert_json(counters_keys_json(&counters, 0), "{}");
    assert_json(counters_keys_json(&counters, KEY_BIT(KEY_RP_FILTER)),
                "{\"rp_filter\":{\"given\":1,\"repaired\":2}}");
    counters_metrics(out, &counters, KEY_BIT(KEY_RP_FILTER));
    fclose(out);
    assert_string_equal(
        text,
        "# HELP rpfpolicy_agent_writes_total Values written, to new devices and to put existing "
        "ones right.\n"
        "# TYPE rpfpolicy_agent_writes_total counter\n"
        "rpfpolicy_agent_writes_total{key=\"rp_filter\",cause=\"new\"} 1\n"
        "rpfpolicy_agent_writes_total{key=\"rp_filter\",cause=\"repair\"} 2\n"
        "# HELP rpfpolicy_agent_failed_writes_total Writes that the kernel refused.\n"
        "# TYPE rpfpolicy_agent_failed_writes_total counter\n"
        "rpfpolicy_agent_failed_writes_total 3\n"
        "# HELP rpfpolicy_agent_plans_total Whole plans carried out because all or default had to "
        "move.\n"
        "# TYPE rpfpolicy_agent_plans_total counter\n"
        "rpfpolicy_agent_plans_total 4\n"
        "# HELP rpfpolicy_agent_resyncs_total Times that everything was read again.\n"
        "# TYPE rpfpolicy_agent_resyncs_total counter\n"
        "rpfpolicy_agent_resyncs_total 5\n");
    free(text);
}

static void add_some(struct histogram *histogram)
{
    histogram_add(histogram, 0);
    histogram_add(histogram, 10); /* the bound belongs to its bucket */
    histogram_add(histogram, 11);
    histogram_add(histogram, 60000000);
    histogram_add(histogram, 60000001);
}

static void buckets_are_told_one_by_one(void **state)
{
    struct histogram histogram = {0};

    add_some(&histogram);
    assert_json(histogram_json(&histogram),
                "{\"count\":5,\"sum_usec\":120000022,\"buckets\":["
                "{\"at_most_usec\":10,\"count\":2},{\"at_most_usec\":20,\"count\":1},"
                "{\"at_most_usec\":50,\"count\":0},{\"at_most_usec\":100,\"count\":0},"
                "{\"at_most_usec\":200,\"count\":0},{\"at_most_usec\":500,\"count\":0},"
                "{\"at_most_usec\":1000,\"count\":0},{\"at_most_usec\":10000,\"count\":0},"
                "{\"at_most_usec\":100000,\"count\":0},{\"at_most_usec\":1000000,\"count\":0},"
                "{\"at_most_usec\":10000000,\"count\":0},{\"at_most_usec\":60000000,\"count\":1},"
                "{\"at_most_usec\":null,\"count\":1}]}");
}

static void buckets_of_prometheus_hold_all_below_them(void **state)
{
    struct histogram histogram = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    add_some(&histogram);
    histogram_metrics(out, &histogram, "x", "Help.");
    fclose(out);
    assert_string_equal(text, "# HELP x Help.\n# TYPE x histogram\n"
                              "x_bucket{le=\"1e-05\"} 2\nx_bucket{le=\"2e-05\"} 3\n"
                              "x_bucket{le=\"5e-05\"} 3\nx_bucket{le=\"0.0001\"} 3\n"
                              "x_bucket{le=\"0.0002\"} 3\nx_bucket{le=\"0.0005\"} 3\n"
                              "x_bucket{le=\"0.001\"} 3\nx_bucket{le=\"0.01\"} 3\n"
                              "x_bucket{le=\"0.1\"} 3\nx_bucket{le=\"1\"} 3\n"
                              "x_bucket{le=\"10\"} 3\nx_bucket{le=\"60\"} 4\n"
                              "x_bucket{le=\"+Inf\"} 5\nx_sum 120\nx_count 5\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_managed_keys_are_told),
        cmocka_unit_test(buckets_are_told_one_by_one),
        cmocka_unit_test(buckets_of_prometheus_hold_all_below_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
