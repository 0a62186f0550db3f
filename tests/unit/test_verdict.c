/* The kernel's decision about one packet: every step of the tree, in every mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "policy/base/util.h"
#include "policy/verdict/verdict.h"

#define OFF 0
#define STRICT 1
#define LOOSE 2

#define HERE 2 /* the device the packet comes in by */
#define ELSEWHERE 3

/* A numbered device; the packet is for the host, the way back leaves elsewhere. */
static struct receiver usual(void)
{
    return (struct receiver){
        .ifindex = HERE,
        .numbered = true,
        .there = ROUTE_LOCAL,
        .reverse = {.kind = ROUTE_UNICAST, .hops = {ELSEWHERE}, .n_hops = 1},
    };
}

static struct packet packet_of(const char *source, const char *destination)
{
    struct packet packet;

    assert_int_equal(inet_pton(AF_INET, source, &packet.source), 1);
    assert_int_equal(inet_pton(AF_INET, destination, &packet.destination), 1);
    return packet;
}

static void expect_at(const char *source, const char *destination, const struct receiver *receiver,
                      int mode, bool accept, enum verdict_step step, enum drop_kind drop)
{
    struct packet packet = packet_of(source, destination);
    struct verdict verdict = verdict_decide(&packet, receiver, mode);

    assert_string_equal(verdict_step_name(verdict.step), verdict_step_name(step));
    assert_int_equal(verdict.accept, accept);
    assert_string_equal(drop_kind_name(verdict.drop), drop_kind_name(drop));
}

static void expect(const struct receiver *receiver, int mode, bool accept, enum verdict_step step,
                   enum drop_kind drop)
{
    expect_at("198.51.100.1", "192.0.2.1", receiver, mode, accept, step, drop);
}

static void another_way_back_is_dropped_by_strict_and_taken_by_loose(void **state)
{
    struct receiver receiver = usual();

    expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
    expect(&receiver, STRICT, false, VERDICT_STRICT, DROP_RPFILTER);
    expect(&receiver, LOOSE, true, VERDICT_LOOSE, DROP_NONE);
}

static void the_same_way_back_is_taken_by_all(void **state)
{
    struct receiver receiver = usual();

    receiver.reverse.hops[0] = HERE;
    expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
    expect(&receiver, STRICT, true, VERDICT_REVERSE_MATCH, DROP_NONE);
    expect(&receiver, LOOSE, true, VERDICT_REVERSE_MATCH, DROP_NONE);
}

static void any_leg_of_a_multipath_route_will_do(void **state)
{
    struct receiver receiver = usual();

    receiver.numbered = false;
    for (size_t i = 0; i < ROUTE_HOPS_MAX; i++)
        receiver.reverse.hops[i] = ELSEWHERE;
    receiver.reverse.n_hops = ROUTE_HOPS_MAX;
    expect(&receiver, STRICT, false, VERDICT_UNNUMBERED, DROP_RPFILTER);
    receiver.reverse.hops[ROUTE_HOPS_MAX - 1] = HERE;
    expect(&receiver, STRICT, true, VERDICT_REVERSE_MATCH, DROP_NONE);
    expect(&receiver, LOOSE, true, VERDICT_REVERSE_MATCH, DROP_NONE);
}

static void loose_drops_like_strict_on_a_device_without_address(void **state)
{
    struct receiver receiver = usual();

    receiver.numbered = false;
    expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
    expect(&receiver, STRICT, false, VERDICT_UNNUMBERED, DROP_RPFILTER);
    expect(&receiver, LOOSE, false, VERDICT_UNNUMBERED, DROP_RPFILTER);
}

static void no_way_back_is_dropped_by_strict_and_loose(void **state)
{
    static const enum route_kind kinds[] = {ROUTE_NONE, ROUTE_BLACKHOLE, ROUTE_UNREACHABLE,
                                            ROUTE_PROHIBIT};
    struct receiver receiver = usual();

    receiver.reverse.n_hops = 0;
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        receiver.reverse.kind = kinds[i];
        receiver.custom_rules = i % 2;
        expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
        expect(&receiver, STRICT, false, VERDICT_NO_ROUTE, DROP_RPFILTER);
        expect(&receiver, LOOSE, false, VERDICT_NO_ROUTE, DROP_RPFILTER);
    }
}

static void an_own_address_as_source_needs_accept_local(void **state)
{
    struct receiver receiver = usual();

    receiver.own_source = true;
    receiver.reverse = (struct route_found){.kind = ROUTE_LOCAL, .hops = {ELSEWHERE}, .n_hops = 1};
    for (int mode = OFF; mode <= LOOSE; mode++)
        expect(&receiver, mode, false, VERDICT_OWN_SOURCE, DROP_LOCAL_SOURCE);
    receiver.accept_local = true;
    expect(&receiver, OFF, true, VERDICT_ACCEPT_LOCAL, DROP_NONE);
    expect(&receiver, STRICT, false, VERDICT_STRICT, DROP_RPFILTER);
    expect(&receiver, LOOSE, true, VERDICT_ACCEPT_LOCAL, DROP_NONE);
    receiver.reverse.hops[0] = HERE;
    expect(&receiver, STRICT, true, VERDICT_REVERSE_MATCH, DROP_NONE);
}

static void what_loops_back_may_come_from_any_own_address(void **state)
{
    struct receiver receiver = usual();

    receiver.own_source = receiver.accept_local = receiver.loopback = true;
    receiver.reverse = (struct route_found){.kind = ROUTE_LOCAL, .hops = {ELSEWHERE}, .n_hops = 1};
    expect(&receiver, STRICT, true, VERDICT_REVERSE_MATCH, DROP_NONE);
}

/* An address of a device that is down has no local route. */
static void off_asks_for_addresses_and_the_others_for_routes(void **state)
{
    struct receiver receiver = usual();

    receiver.own_source = true;
    expect(&receiver, OFF, false, VERDICT_OWN_SOURCE, DROP_LOCAL_SOURCE);
    expect(&receiver, LOOSE, true, VERDICT_LOOSE, DROP_NONE);
    receiver.custom_rules = true;
    expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
}

static void custom_rules_make_off_look_at_the_way_back(void **state)
{
    struct receiver receiver = usual();

    receiver.reverse.kind = ROUTE_BROADCAST;
    expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
    receiver.custom_rules = true;
    expect(&receiver, OFF, false, VERDICT_NOT_UNICAST, DROP_INVALID_SOURCE);
    receiver.accept_local = true;
    expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
    receiver.turns_around = true;
    expect(&receiver, OFF, false, VERDICT_NOT_UNICAST, DROP_INVALID_SOURCE);
    receiver.reverse = (struct route_found){.kind = ROUTE_UNICAST, .hops = {HERE}, .n_hops = 1};
    expect(&receiver, OFF, true, VERDICT_REVERSE_MATCH, DROP_NONE);
}

static void a_broadcast_address_as_source_is_invalid(void **state)
{
    struct receiver receiver = usual();

    receiver.reverse.kind = ROUTE_BROADCAST;
    expect(&receiver, STRICT, false, VERDICT_NOT_UNICAST, DROP_INVALID_SOURCE);
    expect(&receiver, LOOSE, false, VERDICT_NOT_UNICAST, DROP_INVALID_SOURCE);
}

static void sources_that_no_host_can_have_are_dropped_in_every_mode(void **state)
{
    static const char *const sources[] = {"224.0.0.1", "239.255.255.255", "255.255.255.255",
                                          "0.0.0.0"};
    struct receiver receiver = usual();

    for (size_t i = 0; i < ELEMENTSOF(sources); i++)
        for (int mode = OFF; mode <= LOOSE; mode++)
            expect_at(sources[i], "192.0.2.1", &receiver, mode, false, VERDICT_SOURCE_INVALID,
                      DROP_INVALID_SOURCE);
}

static void hosts_without_an_address_may_speak_to_everybody(void **state)
{
    struct receiver receiver = usual();

    receiver.reverse = (struct route_found){0};
    for (int mode = OFF; mode <= LOOSE; mode++) {
        expect_at("0.0.0.0", "255.255.255.255", &receiver, mode, true, VERDICT_SOURCE_UNSPECIFIED,
                  DROP_NONE);
        expect_at("0.0.0.0", "224.0.0.22", &receiver, mode, true, VERDICT_SOURCE_UNSPECIFIED,
                  DROP_NONE);
        expect_at("0.0.0.0", "239.1.1.1", &receiver, mode, false, VERDICT_SOURCE_INVALID,
                  DROP_INVALID_SOURCE);
    }
    expect_at("198.51.100.1", "255.255.255.255", &receiver, STRICT, false, VERDICT_NO_ROUTE,
              DROP_RPFILTER);
    expect_at("198.51.100.1", "239.1.1.1", &receiver, LOOSE, false, VERDICT_NO_ROUTE,
              DROP_RPFILTER);
}

static void loopback_addresses_come_in_only_with_route_localnet(void **state)
{
    struct receiver receiver = usual();

    for (int mode = OFF; mode <= LOOSE; mode++) {
        expect_at("127.0.0.1", "192.0.2.1", &receiver, mode, false, VERDICT_SOURCE_LOOPBACK,
                  DROP_LOCALNET);
        expect_at("127.0.0.1", "224.0.0.1", &receiver, mode, false, VERDICT_SOURCE_LOOPBACK,
                  DROP_LOCALNET);
        expect_at("198.51.100.1", "127.0.0.1", &receiver, mode, false, VERDICT_DESTINATION_LOOPBACK,
                  DROP_LOCALNET);
    }
    receiver.route_localnet = true;
    expect_at("127.0.0.1", "192.0.2.1", &receiver, LOOSE, true, VERDICT_LOOSE, DROP_NONE);
    expect_at("198.51.100.1", "127.0.0.1", &receiver, STRICT, false, VERDICT_STRICT, DROP_RPFILTER);
}

static void what_is_not_ours_is_checked_only_where_it_would_be_forwarded(void **state)
{
    struct receiver receiver = usual();

    receiver.there = ROUTE_UNICAST;
    for (int mode = OFF; mode <= LOOSE; mode++)
        expect(&receiver, mode, false, VERDICT_NOT_FORWARDED, DROP_OTHER);
    receiver.forwards = true;
    expect(&receiver, OFF, true, VERDICT_OFF, DROP_NONE);
    expect(&receiver, STRICT, false, VERDICT_STRICT, DROP_RPFILTER);
    receiver.there = ROUTE_NONE;
    expect(&receiver, OFF, false, VERDICT_UNREACHABLE, DROP_OTHER);
    receiver.there = ROUTE_PROHIBIT;
    expect(&receiver, STRICT, false, VERDICT_UNREACHABLE, DROP_OTHER);
    receiver.there = ROUTE_MULTICAST;
    expect(&receiver, LOOSE, false, VERDICT_DESTINATION_INVALID, DROP_OTHER);
    expect_at("198.51.100.1", "0.0.0.0", &receiver, LOOSE, false, VERDICT_DESTINATION_INVALID,
              DROP_OTHER);
}

static void a_broadcast_for_us_is_asked_back_from_nobody(void **state)
{
    struct packet packet = packet_of("198.51.100.1", "192.0.2.255");
    struct receiver receiver = usual();

    assert_true(verdict_asks_from_nobody(packet.destination, ROUTE_BROADCAST));
    assert_false(verdict_asks_from_nobody(packet.destination, ROUTE_LOCAL));
    assert_true(verdict_asks_from_nobody(packet_of("1.1.1.1", "224.0.0.5").destination, 0));
    assert_true(verdict_asks_from_nobody(packet_of("1.1.1.1", "255.255.255.255").destination, 0));
    receiver.there = ROUTE_BROADCAST;
    expect_at("198.51.100.1", "192.0.2.255", &receiver, STRICT, false, VERDICT_STRICT,
              DROP_RPFILTER);
}

static void every_step_has_a_name_and_a_sentence(void **state)
{
    for (enum verdict_step i = 0; i < VERDICT_STEP_COUNT; i++) {
        assert_non_null(verdict_step_name(i));
        assert_non_null(verdict_step_text(i));
        for (enum verdict_step j = 0; j < i; j++)
            assert_string_not_equal(verdict_step_name(i), verdict_step_name(j));
    }
    for (enum route_kind i = 0; i < ROUTE_KIND_COUNT; i++)
        assert_non_null(route_kind_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_way_back_is_dropped_by_strict_and_taken_by_loose),
        cmocka_unit_test(the_same_way_back_is_taken_by_all),
        cmocka_unit_test(any_leg_of_a_multipath_route_will_do),
        cmocka_unit_test(loose_drops_like_strict_on_a_device_without_address),
        cmocka_unit_test(no_way_back_is_dropped_by_strict_and_loose),
        cmocka_unit_test(an_own_address_as_source_needs_accept_local),
        cmocka_unit_test(what_loops_back_may_come_from_any_own_address),
        cmocka_unit_test(off_asks_for_addresses_and_the_others_for_routes),
        cmocka_unit_test(custom_rules_make_off_look_at_the_way_back),
        cmocka_unit_test(a_broadcast_address_as_source_is_invalid),
        cmocka_unit_test(sources_that_no_host_can_have_are_dropped_in_every_mode),
        cmocka_unit_test(hosts_without_an_address_may_speak_to_everybody),
        cmocka_unit_test(loopback_addresses_come_in_only_with_route_localnet),
        cmocka_unit_test(what_is_not_ours_is_checked_only_where_it_would_be_forwarded),
        cmocka_unit_test(a_broadcast_for_us_is_asked_back_from_nobody),
        cmocka_unit_test(every_step_has_a_name_and_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
