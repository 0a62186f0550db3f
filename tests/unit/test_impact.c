/* What a change means for packets: which device becomes stricter, who is cut, what keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if.h>

#include "policy/advice/impact.h"
#include "policy/base/util.h"
#include "policy_text.h"

static struct device eth0(int rp_filter)
{
    struct device device = {
        .ifindex = 2,
        .name = "eth0",
        .flags = IFF_UP,
        .ipv4 = true,
        .numbered = true,
        .known = FACT_ADDRESSES,
    };

    device.conf[KEY_RP_FILTER] = rp_filter;
    return device;
}

static struct live picture(struct device *device, int all)
{
    struct live live = {.devices = device, .count = 1, .all_writable = true};

    live.all[KEY_RP_FILTER] = all;
    return live;
}

static bool stricter(struct device before, int all_before, struct device after, int all_after)
{
    struct live live = picture(&before, all_before), then = picture(&after, all_after);

    return impact_is_stricter(&live, &before, &then, &after);
}

static void loose_is_stricter_than_off_and_strict_than_loose(void **state)
{
    assert_true(stricter(eth0(0), 0, eth0(2), 0));
    assert_true(stricter(eth0(2), 0, eth0(1), 0));
    assert_true(stricter(eth0(0), 0, eth0(0), 1));
    assert_false(stricter(eth0(1), 0, eth0(2), 0));
    assert_false(stricter(eth0(1), 0, eth0(1), 1));
    assert_true(stricter(eth0(1), 2, eth0(1), 0)); /* the larger number was the milder one */
}

static void devices_that_do_not_decide_are_left_out(void **state)
{
    struct device down = eth0(1), lo = eth0(1), port = eth0(1), vrf = eth0(1);
    struct device before;

    down.flags = 0;
    lo.flags |= IFF_LOOPBACK;
    strcpy(port.slave_kind, "bridge");
    strcpy(vrf.kind, "vrf");
    struct device *const all[] = {&down, &lo, &port, &vrf};

    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        before = *all[i];
        before.conf[KEY_RP_FILTER] = 0;
        assert_false(stricter(before, 0, *all[i], 0));
    }
}

static void of_a_vrf_the_port_decides(void **state)
{
    struct device before = eth0(0), after = eth0(1);

    strcpy(before.slave_kind, "vrf");
    strcpy(after.slave_kind, "vrf");
    assert_true(stricter(before, 0, after, 0));
    assert_false(device_is_port(&after)); /* so that it is not moot either */
}

static void less_accept_local_is_stricter(void **state)
{
    struct device before = eth0(0);

    before.conf[KEY_ACCEPT_LOCAL] = 1;
    assert_true(stricter(before, 0, eth0(0), 0));
    assert_false(stricter(eth0(0), 0, before, 0));
}

/* The way back of every packet here leaves by another device. */
static struct receiver receiver(bool numbered)
{
    return (struct receiver){
        .ifindex = 2,
        .numbered = numbered,
        .there = ROUTE_LOCAL,
        .reverse = {.kind = ROUTE_UNICAST, .hops = {3}, .n_hops = 1},
    };
}

static bool cut(int before, int after, bool numbered, enum verdict_step *ret_step, int *ret_cure)
{
    const struct packet packet = {.source.s_addr = inet_addr("203.0.113.1"),
                                  .destination.s_addr = inet_addr("192.0.2.1")};
    const struct receiver r = receiver(numbered);
    const struct impact_case c = {
        .packet = &packet, .before = &r, .after = &r, .mode_before = before, .mode_after = after};
    struct impact_cure cure;
    struct verdict verdict;

    if (!impact_is_cut(&c, &verdict, &cure))
        return false;
    assert_true(cure.known);
    assert_int_equal(cure.key, KEY_RP_FILTER);
    *ret_step = verdict.step;
    *ret_cure = cure.value;
    return true;
}

static void the_mildest_cure_is_named(void **state)
{
    enum verdict_step step;
    int cure;

    assert_true(cut(0, 1, true, &step, &cure));
    assert_int_equal(step, VERDICT_STRICT);
    assert_int_equal(cure, 2);
    assert_true(cut(0, 2, false, &step, &cure));
    assert_int_equal(step, VERDICT_UNNUMBERED);
    assert_int_equal(cure, 0);
    assert_true(cut(0, 1, false, &step, &cure)); /* loose would drop it as well */
    assert_int_equal(cure, 0);
}

static void what_is_dropped_already_is_not_cut(void **state)
{
    enum verdict_step step;
    int cure;

    assert_false(cut(2, 1, false, &step, &cure));
    assert_false(cut(1, 1, true, &step, &cure));
    assert_false(cut(0, 2, true, &step, &cure));
}

static void accept_local_is_the_cure_for_an_own_source(void **state)
{
    const struct packet packet = {.source.s_addr = inet_addr("192.0.2.7"),
                                  .destination.s_addr = inet_addr("192.0.2.1")};
    struct receiver before = {.ifindex = 2,
                              .numbered = true,
                              .accept_local = true,
                              .own_source = true,
                              .there = ROUTE_LOCAL,
                              .reverse = {.kind = ROUTE_LOCAL}};
    struct receiver after = before;
    const struct impact_case c = {.packet = &packet, .before = &before, .after = &after};
    struct impact_cure cure;
    struct verdict verdict;

    after.accept_local = false;
    assert_true(impact_is_cut(&c, &verdict, &cure));
    assert_int_equal(verdict.step, VERDICT_OWN_SOURCE);
    assert_true(cure.known);
    assert_int_equal(cure.key, KEY_ACCEPT_LOCAL);
    assert_int_equal(cure.value, 1);
}

static void observed_rules_count_as_if_they_were_enforced(void **state)
{
    struct diags diags = DIAGS_INIT;
    struct policy *policy = policy_of("[rp_filter]\n* = strict, observe\n", &diags);
    struct device device = eth0(0);
    struct live live = picture(&device, 0);
    _cleanup_after_ struct live after = {0};
    _cleanup_plan_ struct plan plan = {0};

    assert_int_equal(impact_after_rules(&live, policy, &after), 0);
    assert_int_equal(impact_effective(&after, &after.devices[0], KEY_RP_FILTER), 1);
    impact_after_done(&after);
    assert_int_equal(plan_make(policy, &live, 0, &plan), 0);
    assert_int_equal(impact_after_plan(&live, &plan, &after), 0);
    assert_int_equal(impact_effective(&after, &after.devices[0], KEY_RP_FILTER), 0);
    policy_free(policy);
    diags_done(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loose_is_stricter_than_off_and_strict_than_loose),
        cmocka_unit_test(devices_that_do_not_decide_are_left_out),
        cmocka_unit_test(of_a_vrf_the_port_decides),
        cmocka_unit_test(less_accept_local_is_stricter),
        cmocka_unit_test(the_mildest_cure_is_named),
        cmocka_unit_test(what_is_dropped_already_is_not_cut),
        cmocka_unit_test(accept_local_is_the_cure_for_an_own_source),
        cmocka_unit_test(observed_rules_count_as_if_they_were_enforced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
