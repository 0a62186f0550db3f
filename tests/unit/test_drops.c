/* The table of dropped flows, and what a line of the kernel log says. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/drops/flows.h"

static struct drop drop_of(uint32_t source, uint64_t packets)
{
    return (struct drop){
        .ifindex = 2,
        .device = "eth0",
        .source.s_addr = htonl(source),
        .destination.s_addr = htonl(0x0a000001),
        .packets = packets,
    };
}

static const struct flow *find(const struct flow **list, size_t n, uint32_t source)
{
    for (size_t i = 0; i < n; i++)
        if (list[i]->drop.source.s_addr == htonl(source))
            return list[i];
    return NULL;
}

static void packets_of_one_flow_are_counted_together(void **state)
{
    struct flows *flows = NULL;
    struct drop drop = drop_of(1, 3), other = drop;
    const struct flow **list = NULL;
    size_t n;

    assert_int_equal(flows_new(&flows), 0);
    assert_true(flows_add(flows, &drop, 10));
    assert_false(flows_add(flows, &drop, 20));
    other.reason = REASON_LOCALNET;
    assert_true(flows_add(flows, &other, 30));
    other.ifindex = 3;
    assert_true(flows_add(flows, &other, 30));
    assert_int_equal(flows_sorted(flows, &list, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(list[0]->drop.packets, 6);
    assert_int_equal(list[0]->first, 10);
    assert_int_equal(list[0]->last, 20);
    assert_int_equal(flows_packets(flows, REASON_RP_FILTER), 6);
    assert_int_equal(flows_packets(flows, REASON_LOCALNET), 6);
    free(list);
    flows_free(flows);
}

static void a_flood_of_sources_neither_grows_the_table_nor_loses_packets(void **state)
{
    struct flows *flows = NULL;
    const struct flow **list = NULL;
    uint64_t listed = 0;
    size_t n;

    assert_int_equal(flows_new(&flows), 0);
    for (uint32_t i = 0; i < 100000; i++) {
        struct drop drop = drop_of(i, 1 + i % 3);

        flows_add(flows, &drop, i);
    }
    assert_int_equal(flows_sorted(flows, &list, &n), 0);
    assert_int_equal(n, FLOWS_MAX);
    for (size_t i = 0; i < n; i++) {
        listed += list[i]->drop.packets;
        assert_true(i == 0 || list[i - 1]->drop.packets >= list[i]->drop.packets);
    }
    assert_int_equal(flows_packets(flows, REASON_RP_FILTER), 199999);
    assert_int_equal(listed + flows_forgotten(flows, REASON_RP_FILTER), 199999);
    free(list);
    flows_free(flows);
}

static void a_flow_that_matters_outlives_a_flood_of_single_packets(void **state)
{
    struct flows *flows = NULL;
    const struct flow **list = NULL;
    struct drop heavy = drop_of(0xffffff00, 500);
    const struct flow *found;
    size_t n;

    assert_int_equal(flows_new(&flows), 0);
    flows_add(flows, &heavy, 0);
    for (uint32_t i = 0; i < 50000; i++) {
        struct drop drop = drop_of(i, 1);

        flows_add(flows, &drop, i);
    }
    assert_int_equal(flows_sorted(flows, &list, &n), 0);
    found = find(list, n, 0xffffff00);
    assert_non_null(found);
    assert_int_equal(found->drop.packets, 500);
    free(list);
    flows_free(flows);
}

static void a_line_of_the_log_names_device_and_addresses(void **state)
{
    struct drop drop;
    char text[INET_ADDRSTRLEN];

    assert_true(martian_parse("4,1234,5678901,-;IPv4: martian source 10.0.0.1 from 192.0.2.9, on "
                              "dev eth0.100\n SUBSYSTEM=net\n",
                              &drop));
    assert_string_equal(drop.device, "eth0.100");
    assert_string_equal(inet_ntop(AF_INET, &drop.source, text, sizeof(text)), "192.0.2.9");
    assert_string_equal(inet_ntop(AF_INET, &drop.destination, text, sizeof(text)), "10.0.0.1");
    assert_int_equal(drop.packets, 1);
}

static void a_name_of_odd_bytes_is_the_name_again(void **state)
{
    struct drop drop;

    assert_true(martian_parse("4,1,1,-;IPv4: martian source 10.0.0.1 from 1.2.3.4, on dev "
                              "\\x1b[2J\\xff\\x5c;a\n",
                              &drop));
    assert_string_equal(drop.device, "\x1b[2J\xff\\;a");
}

static void other_lines_are_not_taken_for_martians(void **state)
{
    static const char *const lines[] = {
        "",
        "4,1,1,-",
        "4,1,1,-;",
        "4,1,1,-;martian source 10.0.0.1 from 1.2.3.4, on dev eth0\n",
        "4,1,1,-;IPv4: martian destination 10.0.0.1 from 1.2.3.4, dev eth0\n",
        "4,1,1,-;IPv4: martian source 10.0.0.1 from 1.2.3.4, on dev \n",
        "4,1,1,-;IPv4: martian source 10.0.0 from 1.2.3.4, on dev eth0\n",
        "4,1,1,-;IPv4: martian source 10.0.0.1 from 1.2.3.4.5.6.7.8.9.10.11.12, on dev eth0\n",
        "4,1,1,-;IPv4: martian source 10.0.0.1 from 1.2.3.4, on dev sixteen-letters-\n",
        "4,1,1,-;IPv4: martian source 10.0.0.1 from 1.2.3.4, on dev a\\y\n",
        "4,1,1,-;IPv4: martian source 10.0.0.1 from 1.2.3.4, on dev a\\x0",
        "4,1,1,-;IPv4: martian source 10.0.0.1 from 1.2.3.4, on dev a\\x00b\n",
        "4,1,1,-;fake: IPv4: martian source 10.0.0.1 from 1.2.3.4, on dev eth0\n",
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        struct drop drop = {.packets = 42};

        assert_false(martian_parse(lines[i], &drop));
        assert_int_equal(drop.packets, 42);
    }
}

static void the_reason_is_concluded_from_the_source(void **state)
{
    static const struct {
        const char *source;
        bool own;
        enum drop_reason reason;
    } cases[] = {
        {"192.0.2.1", false, REASON_RP_FILTER},
        {"192.0.2.1", true, REASON_LOCAL_SOURCE},
        {"224.0.0.1", false, REASON_INVALID_SOURCE},
        {"239.255.255.255", false, REASON_INVALID_SOURCE},
        {"255.255.255.255", false, REASON_INVALID_SOURCE},
        {"0.0.0.0", false, REASON_INVALID_SOURCE},
        {"0.1.2.3", false, REASON_RP_FILTER},
        {"127.0.0.1", true, REASON_LOCALNET},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        struct in_addr source;

        assert_int_equal(inet_pton(AF_INET, cases[i].source, &source), 1);
        assert_int_equal(martian_reason(source, cases[i].own), cases[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_one_flow_are_counted_together),
        cmocka_unit_test(a_flood_of_sources_neither_grows_the_table_nor_loses_packets),
        cmocka_unit_test(a_flow_that_matters_outlives_a_flood_of_single_packets),
        cmocka_unit_test(a_line_of_the_log_names_device_and_addresses),
        cmocka_unit_test(a_name_of_odd_bytes_is_the_name_again),
        cmocka_unit_test(other_lines_are_not_taken_for_martians),
        cmocka_unit_test(the_reason_is_concluded_from_the_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
