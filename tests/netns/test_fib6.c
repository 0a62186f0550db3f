/* Where replies leave in IPv6, asked of a real kernel in a private network namespace: by routes
 * with one and several hops, nexthop objects, rules, and ways that end in nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "agent/kernel/fib6.h"
#include "agent/kernel/fib_private.h"
#include "sandbox.h"

static int set_up(void **state)
{
    static struct netlink nl;

    for (int n = 0; n < 2; n++)
        run("ip link add eth%d type veth peer name far%d && ip link set far%d up && "
            "ip link set eth%d up && ip address add fd00:%d::4/64 dev eth%d nodad",
            n, n, n, n, n, n);
    run("ip -6 route add default via fd00:0::1");
    *state = &nl;
    return netlink_open(&nl);
}

static int tear_down(void **state)
{
    netlink_close(*state);
    run("ip link del eth0; ip link del eth1; ip -6 rule flush; ip -6 rule add lookup main priority "
        "32766; ip nexthop flush >/dev/null; ip -6 route flush table 77 2>/dev/null || :");
    return 0;
}

static struct fib_way way(void **state, const char *from, const char *to)
{
    struct ip source, peer;
    struct fib_way found;

    assert_int_equal(ip_parse(from, &source), 0);
    assert_int_equal(ip_parse(to, &peer), 0);
    assert_int_equal(fib6_lookup(*state, &source, &peer, 0, &found), 0);
    return found;
}

static void assert_by(const struct fib_way *way, const char *device, const char *gateway)
{
    char text[IP_TEXT_MAX];

    assert_int_equal(way->found.kind, ROUTE_UNICAST);
    assert_int_equal(way->found.n_hops, 1);
    assert_int_equal(way->found.hops[0], index_of(device));
    assert_string_equal(ip_text(&way->gateways[0], text), gateway);
}

static void assert_by_both(const struct fib_way *way)
{
    assert_int_equal(way->found.n_hops, 2);
    assert_int_not_equal(way->found.hops[0], way->found.hops[1]);
    for (size_t i = 0; i < 2; i++)
        assert_true(way->found.hops[i] == index_of("eth0") ||
                    way->found.hops[i] == index_of("eth1"));
}

static void replies_leave_by_the_default_route_whatever_they_carry(void **state)
{
    struct fib_way by_default = way(state, "fd00:1::4", "3000::1"),
                   by_subnet = way(state, "fd00:1::4", "fd00:1::9");

    assert_by(&by_default, "eth0", "fd00::1");
    assert_by(&by_subnet, "eth1", "none");
}

static void a_rule_for_the_address_decides(void **state)
{
    struct fib_way with, other;

    run("ip -6 route add default via fd00:1::1 table 77");
    run("ip -6 rule add from fd00:1::4 lookup 77 priority 20");
    with = way(state, "fd00:1::4", "3000::1");
    other = way(state, "fd00:0::4", "3000::1");
    assert_by(&with, "eth1", "fd00:1::1");
    assert_by(&other, "eth0", "fd00::1");
}

static void main_without_its_default_comes_first(void **state)
{
    struct fib_way far, near;

    run("ip -6 route add default via fd00:1::1 table 77");
    run("ip -6 rule add lookup main suppress_prefixlength 0 priority 10");
    run("ip -6 rule add from fd00:1::4 lookup 77 priority 20");
    far = way(state, "fd00:1::4", "3000::1");
    near = way(state, "fd00:1::4", "fd00:0::9");
    assert_by(&far, "eth1", "fd00:1::1");
    assert_by(&near, "eth0", "none");
}

static void each_of_several_hops_is_told(void **state)
{
    struct fib_way found;
    char text[IP_TEXT_MAX];

    run("ip -6 route add 3008::/16 nexthop via fd00:0::1 nexthop via fd00:1::1");
    found = way(state, "fd00:1::4", "3008::1");
    assert_by_both(&found);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(ip_text(&found.gateways[i], text),
                            found.found.hops[i] == index_of("eth0") ? "fd00::1" : "fd00:1::1");
}

static void nexthop_objects_are_followed(void **state)
{
    struct fib_way one, both;

    run("ip nexthop add id 5 via fd00:1::1 dev eth1");
    run("ip nexthop add id 6 via fd00:0::1 dev eth0");
    run("ip nexthop add id 7 group 5/6");
    run("ip -6 route add 3009::/16 nhid 5 && ip -6 route add 300a::/16 nhid 7");
    one = way(state, "fd00:1::4", "3009::1");
    both = way(state, "fd00:1::4", "300a::1");
    assert_by(&one, "eth1", "fd00:1::1");
    assert_by_both(&both);

    /* the answer has their numbers only */
    run("sysctl -qw net.ipv4.nexthop_compat_mode=0");
    both = way(state, "fd00:1::4", "300a::1");
    run("sysctl -qw net.ipv4.nexthop_compat_mode=1");
    assert_by_both(&both);
}

static void an_ipv4_route_over_an_ipv6_gateway_shows_none(void **state)
{
    struct fib_flow flow = {.iif = LOOPBACK_IFINDEX};
    _cleanup_fib_ struct fib fib = {0};
    struct fib_way route;

    run("ip address add 10.7.0.1/24 dev eth1");
    run("ip nexthop add id 5 via fd00:1::1 dev eth1 && ip route add 10.9.0.0/16 nhid 5");
    assert_int_equal(ip_parse("10.9.0.1", &flow.to), 0);
    run("sysctl -qw net.ipv4.nexthop_compat_mode=0");
    assert_int_equal(fib_open(*state, &fib), 0);
    assert_int_equal(fib_lookup(&fib, &flow, &route), 0);
    run("sysctl -qw net.ipv4.nexthop_compat_mode=1");
    assert_int_equal(route.found.n_hops, 1);
    assert_int_equal(route.found.hops[0], index_of("eth1"));
    assert_int_equal(route.gateways[0].family, AF_UNSPEC);
}

static void ends_in_nothing_are_told_apart(void **state)
{
    static const struct {
        const char *type, *to;
        enum route_kind kind;
    } ends[] = {
        {"blackhole", "3001::", ROUTE_BLACKHOLE},
        {"unreachable", "3002::", ROUTE_UNREACHABLE},
        {"prohibit", "3003::", ROUTE_PROHIBIT},
    };
    struct fib_way found;

    for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
        run("ip -6 route add %s %s/16", ends[i].type, ends[i].to);
        found = way(state, "fd00:1::4", ends[i].to);
        assert_int_equal(found.found.kind, ends[i].kind);
        assert_int_equal(found.found.n_hops, 0);
    }
    run("ip -6 route del default");
    found = way(state, "fd00:1::4", "3000::1");
    assert_int_equal(found.found.kind, ROUTE_NONE);
    assert_int_equal(found.found.n_hops, 0);
}

static void an_own_address_is_local(void **state)
{
    struct fib_way found = way(state, "fd00:1::4", "fd00:0::4");

    assert_int_equal(found.found.kind, ROUTE_LOCAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(replies_leave_by_the_default_route_whatever_they_carry),
        TEST(a_rule_for_the_address_decides),
        TEST(main_without_its_default_comes_first),
        TEST(each_of_several_hops_is_told),
        TEST(nexthop_objects_are_followed),
        TEST(an_ipv4_route_over_an_ipv6_gateway_shows_none),
        TEST(ends_in_nothing_are_told_apart),
        TEST(an_own_address_is_local),
    };
    struct sandbox sandbox;

    sandbox_enter(&sandbox);
    run("ip link set lo up; sysctl -qw net.ipv6.conf.all.accept_dad=0 "
        "net.ipv6.conf.default.accept_dad=0");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
