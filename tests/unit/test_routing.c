/* Addresses as values, and the sections [routing] and [routing PATTERN]: what they take, which line
 * holds for a device, and what is wrong with others. */
#include "policy/base/ip.h"
#include "policy/lang/routing.h"
#include "policy_text.h"

static void addresses_are_read_and_printed(void **state)
{
    static const char *const good[] = {"10.0.0.1",   "0.0.0.0/0", "10.0.0.7/8", "fe80::1",
                                       "2001:db8::", "::/0",      "10.0.0.0/31"};
    static const char *const bad[] = {"",         "10.0.0",      "10.0.0.1/33", "10.0.0.1/",
                                      "fe80::/x", "10.0.0.1/01", "::1/129",     "10.0.0.1/-1",
                                      "eth0",     "10.0.0.1 ",   "fe80::1%eth0"};
    struct ip_prefix prefix = {.length = 77};
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        assert_int_equal(ip_prefix_parse(good[i], &prefix), 0);
        assert_string_equal(ip_prefix_text(&prefix, text), good[i]);
    }
    prefix.length = 77;
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(ip_prefix_parse(bad[i], &prefix), -EINVAL);
    assert_int_equal(prefix.length, 77); /* untouched */
    assert_int_equal(ip_prefix_parse("10.0.0.1/32", &prefix), 0);
    assert_string_equal(ip_prefix_text(&prefix, text), "10.0.0.1");
    assert_string_equal(ip_text(&(struct ip){0}, text), "none");
}

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix prefix;

    assert_int_equal(ip_prefix_parse(text, &prefix), 0);
    return prefix;
}

static bool contains(const char *prefix, const char *address)
{
    struct ip_prefix a = prefix_of(prefix), b = prefix_of(address);

    return ip_prefix_contains(&a, &b.ip);
}

static void prefixes_hold_addresses(void **state)
{
    struct ip_prefix masked = prefix_of("172.16.7.255/21");
    char text[IP_TEXT_MAX];

    masked = ip_prefix_masked(&masked);
    assert_string_equal(ip_prefix_text(&masked, text), "172.16.0.0/21");
    masked = prefix_of("2001:db8:ffff::1/33");
    masked = ip_prefix_masked(&masked);
    assert_string_equal(ip_prefix_text(&masked, text), "2001:db8:8000::/33");
    assert_true(contains("10.0.0.9/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("0.0.0.0/0", "11.0.0.0"));
    assert_false(contains("0.0.0.0/0", "fe80::"));
    assert_true(contains("fe80::1", "fe80::1"));
    assert_false(contains("fe80::1", "fe80::2"));
}

static struct device named(const char *name, int ifindex)
{
    struct device device = {.ifindex = ifindex, .known = UINT32_MAX};

    snprintf(device.name, sizeof(device.name), "%s", name);
    return device;
}

static struct routing_settings settings_of(const struct policy *policy, const char *name)
{
    struct device device = named(name, 7);
    struct routing_settings settings;

    routing_for(policy, &device, &settings);
    return settings;
}

static void nothing_is_asked_where_no_file_speaks_of_it(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[rp_filter]\n* = strict\n", &diags);

    assert_false(routing_in_policy(NULL));
    assert_false(routing_in_policy(policy));
    assert_false(settings_of(policy, "eth0").wanted);
}

static void the_strongest_line_holds(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[routing]\n"
                                                       "eth2 = auto\n"
                                                       "eth1..3 = off\n"
                                                       "e* = auto\n"
                                                       "@data = off\n"
                                                       "* = auto\n"
                                                       "eth3 = auto\n"
                                                       "[set data]\n"
                                                       "name = en*\n",
                                                       &diags);

    assert_true(routing_in_policy(policy));
    assert_said(&diags, DIAG_WARNING, "p.conf", 2,
                "'eth2 = auto' can never win: 'eth1..3 = off' in p.conf:3 stands before it");
    assert_int_equal(diags.count, 1);
    assert_false(settings_of(policy, "eth2").wanted);
    assert_false(settings_of(policy, "eth1").wanted);
    assert_true(settings_of(policy, "eth3").wanted);
    assert_true(settings_of(policy, "eth3").asked);
    assert_true(settings_of(policy, "eth9").wanted);
    assert_false(settings_of(policy, "eth9").asked);
    assert_int_equal(settings_of(policy, "eth9").origin.line, 4);
    assert_false(settings_of(policy, "eno1").wanted);
    assert_true(settings_of(policy, "wlan0").wanted);
    assert_false(settings_of(policy, "lo").wanted);
}

static void each_word_of_the_sections_is_settled_by_itself(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[routing]\n"
                                                       "eth1..3 = auto\n"
                                                       "[routing eth2]\n"
                                                       "gateway = 172.16.6.1\n"
                                                       "table = 202\n"
                                                       "priority = 20300\n"
                                                       "routes = 10.9.0.0/16 via 172.16.6.9\n"
                                                       "[routing *]\n"
                                                       "gateway = none\n"
                                                       "main-first = no\n"
                                                       "routes = 10.1.0.0/16, 2001:db8::/32 via "
                                                       "fe80::1\n"
                                                       "routes = 10.2.0.0/16 onlink\n"
                                                       "[agent]\n"
                                                       "routing-table-base = 300\n"
                                                       "routing-priority-base = 100\n",
                                                       &diags);
    struct routing_settings eth1 = settings_of(policy, "eth1"), eth2 = settings_of(policy, "eth2");
    char text[IP_TEXT_MAX];

    assert_quiet(&diags);
    assert_int_equal(eth2.gateway[0].kind, ROUTING_GATEWAY_ADDRESS);
    assert_string_equal(ip_text(&eth2.gateway[0].address, text), "172.16.6.1");
    assert_int_equal(eth2.gateway[1].kind, ROUTING_GATEWAY_NONE); /* only IPv4 was said */
    assert_int_equal(eth2.table, 202);
    assert_int_equal(eth2.main_first, ROUTING_MAIN_NO);
    assert_int_equal(eth2.priority, 100); /* 20300 would stand behind the rule for main */
    assert_int_equal(eth2.n_extra, 1);
    assert_true(eth2.asked);
    assert_int_equal(eth1.gateway[0].kind, ROUTING_GATEWAY_NONE);
    assert_int_equal(eth1.table, 307);
    assert_int_equal(eth1.priority_main, 200);
    assert_int_equal(eth1.n_extra, 3);
    assert_int_equal(eth1.extra[0].via.family, AF_UNSPEC);
    assert_int_equal(eth1.extra[1].via.family, AF_INET6);
    assert_false(eth1.asked);
}

static void one_gateway_for_each_family(void **state)
{
    static const struct {
        const char *text;
        enum routing_gateway ipv4, ipv6;
    } cases[] = {
        {"auto", ROUTING_GATEWAY_AUTO, ROUTING_GATEWAY_AUTO},
        {"10.0.0.1", ROUTING_GATEWAY_ADDRESS, ROUTING_GATEWAY_AUTO},
        {"10.0.0.1 fe80::1", ROUTING_GATEWAY_ADDRESS, ROUTING_GATEWAY_ADDRESS},
        {"none 10.0.0.1", ROUTING_GATEWAY_ADDRESS, ROUTING_GATEWAY_NONE},
        {"fe80::1 first", ROUTING_GATEWAY_FIRST, ROUTING_GATEWAY_ADDRESS},
        {"auto none", ROUTING_GATEWAY_AUTO, ROUTING_GATEWAY_NONE},
        {"first first", ROUTING_GATEWAY_FIRST, ROUTING_GATEWAY_FIRST},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_diags_ struct diags diags = DIAGS_INIT;
        char text[200];

        snprintf(text, sizeof(text), "[routing]\n* = auto\n[routing eth*]\ngateway = %s\n",
                 cases[i].text);
        _cleanup_policy_ struct policy *policy = policy_of(text, &diags);
        assert_quiet(&diags);
        assert_int_equal(settings_of(policy, "eth0").gateway[0].kind, cases[i].ipv4);
        assert_int_equal(settings_of(policy, "eth0").gateway[1].kind, cases[i].ipv6);
        assert_int_equal(settings_of(policy, "wlan0").gateway[0].kind, ROUTING_GATEWAY_AUTO);
    }
}

static void wrong_lines_of_routing_are_refused(void **state)
{
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"eth1 = strict", "unknown value 'strict' for routing: auto"},
        {"eth1 =", "unknown value ''"},
        {"lo = auto", "nothing leaves through lo"},
        {"all = auto", "'all' is not a device"},
        {"default = off", "'default' is not a device"},
        {"@nics = auto", "there is no set 'nics'"},
        {"a name = auto", "white space"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char text[200];

        snprintf(text, sizeof(text), "[routing]\n%s\n", bad[i].line);
        assert_refused(text, 2, bad[i].words);
    }
}

static void wrong_words_of_a_device_are_refused(void **state)
{
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"gateway = 10.0.0", "'10.0.0' is not an address: auto"},
        {"gateway = 10.0.0.1/24", "is not an address"},
        {"gateway = 224.0.0.1", "cannot be the address of a router"},
        {"gateway = 127.0.0.1", "cannot be the address of a router"},
        {"gateway = ::", "cannot be the address of a router"},
        {"gateway = ff02::1", "cannot be the address of a router"},
        {"gateway = 255.255.255.255", "cannot be the address of a router"},
        {"gateway = 10.0.0.1 10.0.0.2", "two gateways for IPv4"},
        {"gateway = auto first none", "or one of them for IPv4 and one for IPv6"},
        {"gateway =", "auto, first, none or an address is expected"},
        {"table = 0", "not a number from 1 to 4294967295"},
        {"table = 4294967296", "not a number from 1 to 4294967295"},
        {"table = main", "not a number from 1 to 4294967295"},
        {"table = 253", "kernel's own table 'default'"},
        {"table = 254", "kernel's own table 'main'"},
        {"table = 255", "kernel's own table 'local'"},
        {"priority = 0", "not a number from 1 to 32765"},
        {"priority = 32766", "not a number from 1 to 32765"},
        {"priority = -1", "not a number from 1 to 32765"},
        {"priority = 20100", "is that of our rule for main"},
        {"main-first = maybe", "auto, yes or no"},
        {"routes = 10.0.0.1/8 via 10.0.0.1", "has host bits; did you mean 10.0.0.0/8?"},
        {"routes = 10.0.0.0/8 via fe80::1", "an IPv4 and an IPv6 address do not fit"},
        {"routes = 10.0.0.0/8 via lo", "via 'lo' is not the address of a router"},
        {"routes = 10.0.0.0/8 dev eth1", "'via ADDRESS' is expected"},
        {"routes = 10.0.0.0/8 via", "'via ADDRESS' is expected"},
        {"routes = default via 10.0.0.1", "'default' is not a prefix"},
        {"routes = 0.0.0.0/0 via 10.0.0.1", "is the default route; write 'gateway = ADDRESS'"},
        {"routes = 10.0.0.0/8,", "a route is missing"},
        {"routes = 10.0.0.0/8, 10.0.0.0/8 via 1.2.3.4", "stands twice, first in line 4"},
        {"gatewy = 10.0.0.1", "unknown name 'gatewy' in [routing]; did you mean 'gateway'?"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char text[200];

        snprintf(text, sizeof(text), "[routing]\neth1 = auto\n[routing eth1]\n%s\n", bad[i].line);
        assert_refused(text, 4, bad[i].words);
    }
    assert_refused("[routing]\neth1..2 = auto\n[routing eth1..2]\ntable = 7\n", 4,
                   "each has one of its own");
    assert_refused("[routing]\n* = auto\n[routing a]\ntable = 7\n[routing b]\ntable = 7\n", 6,
                   "table = 7 is that of [routing a] in p.conf:4");
    assert_refused("[routing]\n* = auto\n[routing a]\npriority = 20101\nmain-first = no\n", 4,
                   "stands behind the rule for main at 20100, and main-first is no");
    assert_refused("[routing]\n* = auto\n[routing a]\npriority = 20099\nmain-first = yes\n", 4,
                   "stands before the rule for main at 20100, and main-first is yes");
    assert_refused("[routing]\n* = auto\n[routing a]\ntable = 7\ntable = 8\n", 5,
                   "'table' stands twice in [routing a], first in line 4");
    assert_refused("[routing]\n* = auto\n[routing a]\ngateway = fe80::1\ngateway = auto\n", 5,
                   "'gateway' stands twice in [routing a], first in line 4");
    assert_refused("[routing]\n* = auto\n[routing lo]\n", 3, "nothing leaves through lo");
    assert_refused("[routin]\n", 1, "did you mean 'routing'?");
    assert_refused("[agent]\nrouting-table-base = 255\n", 2, "from 256 to 2147483647");
    assert_refused("[agent]\nrouting-table-base = 99999999999999999999\n", 2, "is not a number");
    assert_refused("[agent]\nrouting-priority-base = 32566\n", 2, "from 1 to 32565");
}

static void what_is_in_vain_is_said(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[routing]\n"
                                                       "eth1..3 = auto\n"
                                                       "eth9 = off\n"
                                                       "[routing eth8]\n"
                                                       "table = 8\n"
                                                       "[routing eth9]\n"
                                                       "table = 9\n"
                                                       "[routing eth1]\n"
                                                       "gateway = first\n"
                                                       "[routing eth1..2]\n"
                                                       "gateway = none\n"
                                                       "-later = word\n",
                                                       &diags);

    assert_said(&diags, DIAG_WARNING, "p.conf", 4, "[routing eth8] is never used");
    assert_said(&diags, DIAG_WARNING, "p.conf", 6, "[routing eth9] is never used");
    assert_said(&diags, DIAG_WARNING, "p.conf", 9,
                "'gateway' of [routing eth1] is never used: p.conf:11 stands before it");
    assert_said(&diags, DIAG_WARNING, "p.conf", 12, "'later' in [routing] is not known");
    assert_int_equal(diags.count, 4);
    assert_int_equal(diags.errors, 0);
    assert_int_equal(settings_of(policy, "eth1").gateway[0].kind, ROUTING_GATEWAY_NONE);
}

static void what_the_sets_need_is_asked_for(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy =
        policy_of("[routing]\n@data = auto\n@uplink = off\n[set data]\ndriver = virtio*\n", &diags);

    assert_quiet(&diags);
    assert_int_equal(policy->facts, FACT_DRIVER | FACT_ROUTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_printed),
        cmocka_unit_test(prefixes_hold_addresses),
        cmocka_unit_test(nothing_is_asked_where_no_file_speaks_of_it),
        cmocka_unit_test(the_strongest_line_holds),
        cmocka_unit_test(each_word_of_the_sections_is_settled_by_itself),
        cmocka_unit_test(one_gateway_for_each_family),
        cmocka_unit_test(wrong_lines_of_routing_are_refused),
        cmocka_unit_test(wrong_words_of_a_device_are_refused),
        cmocka_unit_test(what_is_in_vain_is_said),
        cmocka_unit_test(what_the_sets_need_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
