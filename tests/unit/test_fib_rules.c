/* Which ip rules apply to what comes in by the port of a VRF, and to the way back of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "agent/kernel/fib_private.h"

enum { ETH0 = 2, RED, RED0, BLUE };

/* What comes in by eth0, by red0, which is a port of red, and the way back of either. */
static const struct fib_flow in_eth0 = {.iif = ETH0}, back_eth0 = {.iif = LOOPBACK_IFINDEX},
                             in_red0 = {.iif = RED0, .vrf = RED, .vrf_table = 100},
                             back_red0 = {.iif = LOOPBACK_IFINDEX, .vrf = RED, .vrf_table = 100};

/* What the host sends in red. */
static const struct fib_flow sent_red = {
    .iif = LOOPBACK_IFINDEX, .oif = RED, .vrf = RED, .vrf_table = 100};

/* "e" and "r": what comes in by eth0 and red0; "E" and "R": the ways back. */
static const char *applies_to(const struct route_rule *rule)
{
    static const struct fib_flow *const flows[] = {&in_eth0, &in_red0, &back_eth0, &back_red0};
    static char text[5];
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTSOF(flows); i++)
        if (fib_rule_matches(rule, flows[i]))
            text[n++] = "erER"[i];
    text[n] = '\0';
    return text;
}

static void the_rule_of_vrfs_applies_in_them_and_leads_to_their_table(void **state)
{
    struct route_rule l3mdev = {.l3mdev = true}, other = {.table = 200};

    assert_string_equal(applies_to(&l3mdev), "rR");
    assert_int_equal(fib_rule_table(&l3mdev, &in_red0), 100);
    assert_int_equal(fib_rule_table(&other, &in_red0), 200);
    assert_int_equal(ip_prefix_parse("192.0.2.0/24", &l3mdev.to), 0);
    assert_string_equal(applies_to(&l3mdev), "");
}

static void a_rule_for_a_vrf_is_one_for_what_comes_in_by_its_ports(void **state)
{
    assert_string_equal(applies_to(&(struct route_rule){.iif = RED}), "rR");
    assert_string_equal(applies_to(&(struct route_rule){.oif = RED}), "");
    assert_string_equal(applies_to(&(struct route_rule){.iif = BLUE}), "");
    assert_false(fib_rule_matches(&(struct route_rule){.iif = RED}, &sent_red));
    assert_true(fib_rule_matches(&(struct route_rule){.oif = RED}, &sent_red));
    assert_false(fib_rule_matches(&(struct route_rule){.oif = BLUE}, &sent_red));
    assert_true(fib_rule_matches(&(struct route_rule){.l3mdev = true}, &sent_red));
}

static void a_rule_for_a_device_is_one_for_what_comes_in_by_it(void **state)
{
    assert_string_equal(applies_to(&(struct route_rule){.iif = RED0}), "r");
    assert_string_equal(applies_to(&(struct route_rule){.iif = ETH0}), "e");
    assert_string_equal(applies_to(&(struct route_rule){.iif = LOOPBACK_IFINDEX}), "ER");
    assert_string_equal(applies_to(&(struct route_rule){.oif = RED0}), "");
    assert_string_equal(applies_to(&(struct route_rule){.oif = ETH0}), "");
}

static void where_versions_of_the_kernel_differ_it_is_not_sure(void **state)
{
    const struct route_rule vrf = {.iif = RED}, out = {.oif = RED}, port = {.iif = RED0},
                            other = {.iif = ETH0}, plain = {.table = 200};

    assert_true(fib_rule_is_unsure(&vrf, &in_red0, KERNEL(6, 14)));
    assert_false(fib_rule_is_unsure(&out, &back_red0, KERNEL(6, 1)));
    assert_true(fib_rule_is_unsure(&out, &sent_red, KERNEL(6, 1)));
    assert_false(fib_rule_is_unsure(&vrf, &in_red0, KERNEL(6, 15)));
    assert_false(fib_rule_is_unsure(&out, &sent_red, KERNEL(7, 0)));
    assert_false(fib_rule_is_unsure(&vrf, &in_eth0, KERNEL(5, 10))); /* not in a VRF */
    assert_true(fib_rule_is_unsure(&port, &in_red0, KERNEL(5, 17)));
    assert_false(fib_rule_is_unsure(&port, &in_red0, KERNEL(5, 18)));
    assert_false(fib_rule_is_unsure(&other, &in_red0, KERNEL(5, 10)));
    assert_false(fib_rule_is_unsure(&plain, &in_red0, KERNEL(5, 10)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_of_vrfs_applies_in_them_and_leads_to_their_table),
        cmocka_unit_test(a_rule_for_a_vrf_is_one_for_what_comes_in_by_its_ports),
        cmocka_unit_test(a_rule_for_a_device_is_one_for_what_comes_in_by_it),
        cmocka_unit_test(where_versions_of_the_kernel_differ_it_is_not_sure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
