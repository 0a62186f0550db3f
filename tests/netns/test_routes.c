/* Addresses, routes and rules against a real kernel in a private network namespace: what is added
 * is read back as it was wanted, what is deleted is gone, and what belongs to others stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/kernel/routes_io.h"
#include "sandbox.h"

#define TABLE 21007
#define DUMP_SIZE (64 * 1024)

struct ends {
    struct netlink nl;
    int ifindex;
};

static int set_up(void **state)
{
    static struct ends ends;

    /* without link-local addresses, which settle in their own time */
    run("ip link add eth1 type veth peer name peer1 && ip link set eth1 addrgenmode none && "
        "ip link set peer1 addrgenmode none && ip link set eth1 up && ip link set peer1 up");
    run("ip addr add 172.16.5.4/24 dev eth1 && ip addr add 2001:db8:5::4/64 nodad dev eth1");
    ends.ifindex = index_of("eth1");
    *state = &ends;
    return netlink_open(&ends.nl);
}

static int tear_down(void **state)
{
    struct ends *ends = *state;

    netlink_close(&ends->nl);
    run("ip link del eth1; ip rule flush; ip -6 rule flush; ip rule add lookup main priority "
        "32766; "
        "ip rule add lookup default priority 32767; ip -6 rule add lookup main priority 32766; "
        "ip route flush table %d; ip -6 route flush table %d 2>/dev/null || :",
        TABLE, TABLE);
    return 0;
}

static struct ip ip(const char *text)
{
    struct ip ip = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

    assert_int_equal(inet_pton(ip.family, text, ip.bytes), 1);
    return ip;
}

static struct ip_prefix prefix(const char *text, uint8_t length)
{
    return (struct ip_prefix){.ip = ip(text), .length = length};
}

static struct route_facts read_facts(struct ends *ends)
{
    struct route_facts facts;

    assert_int_equal(routes_read(&ends->nl, &facts), 0);
    return facts;
}

static void facts_free(struct route_facts *facts)
{
    free(facts->addresses);
    free(facts->routes);
    free(facts->rules);
}
#define _cleanup_facts_ _cleanup_(facts_free)

static bool same_ip(const struct ip *a, const struct ip *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->length == b->length && same_ip(&a->ip, &b->ip);
}

static bool has_route(const struct route_facts *facts, const struct route *b)
{
    for (size_t i = 0; i < facts->n_routes; i++) {
        const struct route *a = &facts->routes[i];

        if (a->family == b->family && a->type == b->type && a->protocol == b->protocol &&
            a->scope == b->scope && a->tos == b->tos && a->table == b->table &&
            a->metric == b->metric && same_prefix(&a->to, &b->to) && same_ip(&a->via, &b->via) &&
            a->oif == b->oif && same_ip(&a->prefsrc, &b->prefsrc) && a->mtu == b->mtu &&
            a->onlink == b->onlink && a->special == b->special)
            return true;
    }
    return false;
}

static size_t count_ours(const struct route_facts *facts)
{
    size_t n = 0;

    for (size_t i = 0; i < facts->n_routes; i++)
        n += facts->routes[i].protocol == ROUTING_PROTOCOL;
    return n;
}

static bool has_rule(const struct route_facts *facts, const struct route_rule *b)
{
    for (size_t i = 0; i < facts->n_rules; i++) {
        const struct route_rule *a = &facts->rules[i];

        if (a->family == b->family && a->protocol == b->protocol && a->action == b->action &&
            a->priority == b->priority && a->table == b->table && same_prefix(&a->from, &b->from) &&
            same_prefix(&a->to, &b->to) && a->suppress_prefixlength == b->suppress_prefixlength &&
            a->special == b->special)
            return true;
    }
    return false;
}

static void set_route(struct route *route, struct ends *ends, const char *to, uint8_t length,
                      const char *via)
{
    *route = (struct route){0};
    route->to = prefix(to, length);
    route->family = route->to.ip.family;
    route->type = RTN_UNICAST;
    route->protocol = ROUTING_PROTOCOL;
    route->scope = route->family == AF_INET && !via ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    route->table = TABLE;
    route->metric = route->family == AF_INET6 ? 1024 : 0;
    route->oif = ends->ifindex;
    if (via)
        route->via = ip(via);
}

static int change_route(struct ends *ends, enum routes_op op, bool replace,
                        const struct route *route)
{
    struct routes_change change = {.op = op, .replace = replace, .route = *route};

    return routes_change(&ends->nl, &change);
}

static int change_rule(struct ends *ends, enum routes_op op, const struct route_rule *rule)
{
    struct routes_change change = {.op = op, .rule = *rule};

    return routes_change(&ends->nl, &change);
}

/* All that others have, as ip shows it. */
static void read_foreign(char text[static DUMP_SIZE])
{
    FILE *ip = popen("for f in -4 -6; do ip $f rule show; ip $f route show table all; "
                     "ip $f -o address show; done | grep -v 'proto 182' | "
                     "sed 's/valid_lft .*//; s/expires .*//'",
                     "r");
    size_t n;

    assert_non_null(ip);
    n = fread(text, 1, DUMP_SIZE - 1, ip);
    text[n] = '\0';
    assert_int_equal(pclose(ip), 0);
    assert_true(n > 100);
}

static void assert_foreign(const char *expected)
{
    _cleanup_free_ char *now = malloc(DUMP_SIZE);

    assert_non_null(now);
    read_foreign(now);
    assert_string_equal(now, expected);
}

static void add_read_delete(struct ends *ends, const struct route *route)
{
    _cleanup_facts_ struct route_facts after = {0}, gone = {0};

    assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, route), 0);
    assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, route), 0); /* is there already */
    after = read_facts(ends);
    assert_int_equal(count_ours(&after), 1);
    assert_true(has_route(&after, route));
    assert_int_equal(change_route(ends, ROUTES_DELETE_ROUTE, false, route), 0);
    assert_int_equal(change_route(ends, ROUTES_DELETE_ROUTE, false, route), 0); /* is gone */
    gone = read_facts(ends);
    assert_int_equal(count_ours(&gone), 0);
}

static void every_kind_of_route_is_added_read_back_and_deleted(void **state)
{
    static const struct {
        const char *to;
        uint8_t length;
        const char *via;
    } ways[] = {
        {"172.16.5.0", 24, NULL},
        {"10.9.0.0", 16, "172.16.5.9"},
        {"0.0.0.0", 0, "172.16.5.1"},
        {"0.0.0.0", 0, NULL},
        {"10.0.0.7", 32, NULL},
        {"2001:db8:5::", 64, NULL},
        {"2001:db8:9::", 48, "2001:db8:5::9"},
        {"::", 0, "2001:db8:5::1"},
        {"::", 0, "fe80::1"},
        {"::", 0, NULL},
    };
    struct ends *ends = *state;
    struct route route;

    for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
        bool v6;

        set_route(&route, ends, ways[i].to, ways[i].length, ways[i].via);
        v6 = route.family == AF_INET6;
        add_read_delete(ends, &route);
        route.mtu = 1400;
        add_read_delete(ends, &route);
        route.metric = 77;
        add_read_delete(ends, &route);
        route.prefsrc = ip(v6 ? "2001:db8:5::4" : "172.16.5.4");
        add_read_delete(ends, &route);
        route.table = 200;
        add_read_delete(ends, &route);
    }
}

static void a_gateway_outside_every_subnet_is_reached_onlink(void **state)
{
    struct ends *ends = *state;
    struct route route;

    set_route(&route, ends, "0.0.0.0", 0, "192.0.2.1");
    assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, &route), -ENETUNREACH);
    route.onlink = true;
    add_read_delete(ends, &route);
    set_route(&route, ends, "::", 0, "2001:db8:ffff::1");
    assert_true(change_route(ends, ROUTES_ADD_ROUTE, false, &route) < 0);
    route.onlink = true;
    add_read_delete(ends, &route);
}

static void a_route_is_replaced_in_one_step(void **state)
{
    struct ends *ends = *state;
    struct route route;

    for (int v6 = 0; v6 < 2; v6++) {
        _cleanup_facts_ struct route_facts facts = {0};

        set_route(&route, ends, v6 ? "::" : "0.0.0.0", 0, v6 ? "2001:db8:5::1" : "172.16.5.1");
        assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, &route), 0);
        route.via = ip(v6 ? "2001:db8:5::2" : "172.16.5.2");
        route.mtu = 1300;
        assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, &route), -EEXIST);
        assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, true, &route), 0);
        facts = read_facts(ends);
        assert_int_equal(count_ours(&facts), 1);
        assert_true(has_route(&facts, &route));
        assert_int_equal(change_route(ends, ROUTES_DELETE_ROUTE, false, &route), 0);
    }
}

static void set_rule(struct route_rule *rule, const char *from, uint32_t priority)
{
    *rule = (struct route_rule){0};
    rule->from = prefix(from, strchr(from, ':') ? 128 : 32);
    rule->to.ip.family = rule->family = rule->from.ip.family;
    rule->action = FR_ACT_TO_TBL;
    rule->protocol = ROUTING_PROTOCOL;
    rule->table = TABLE;
    rule->priority = priority;
    rule->suppress_prefixlength = -1;
}

static void set_main_rule(struct route_rule *rule, uint8_t family)
{
    *rule = (struct route_rule){0};
    rule->family = rule->from.ip.family = rule->to.ip.family = family;
    rule->action = FR_ACT_TO_TBL;
    rule->protocol = ROUTING_PROTOCOL;
    rule->table = RT_TABLE_MAIN;
    rule->priority = 20100;
}

static void rules_are_added_read_back_and_deleted_beside_their_foreign_twins(void **state)
{
    _cleanup_free_ char *foreign = malloc(DUMP_SIZE);
    struct ends *ends = *state;
    struct route_rule rules[4];

    assert_non_null(foreign);
    run("for p in 20200 20201; do ip rule add from 172.16.5.4 lookup %d priority $p protocol 3; "
        "ip -6 rule add from 2001:db8:5::4 lookup %d priority $p; done",
        TABLE, TABLE);
    run("for f in -4 -6; do ip $f rule add lookup main suppress_prefixlength 0 priority 20100; "
        "ip $f rule add lookup main priority 20100; done");
    run("ip rule add from 172.16.5.4 fwmark 5 lookup %d priority 20200", TABLE);
    read_foreign(foreign);
    set_rule(&rules[0], "172.16.5.4", 20200);
    set_rule(&rules[1], "2001:db8:5::4", 20200);
    set_main_rule(&rules[2], AF_INET);
    set_main_rule(&rules[3], AF_INET6);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
            assert_int_equal(change_rule(ends, ROUTES_ADD_RULE, &rules[i]), 0);
    for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
        _cleanup_facts_ struct route_facts facts = read_facts(ends);

        assert_true(has_rule(&facts, &rules[i]));
    }
    assert_foreign(foreign);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
            _cleanup_facts_ struct route_facts facts = {0};

            assert_int_equal(change_rule(ends, ROUTES_DELETE_RULE, &rules[i]), 0);
            facts = read_facts(ends);
            assert_false(has_rule(&facts, &rules[i]));
            assert_foreign(foreign);
        }
}

/* Either can stand first: to the kernel the wider one is there already where the narrower one is.
 */
static void a_rule_for_every_destination_is_not_one_for_a_subnet(void **state)
{
    struct ends *ends = *state;
    struct route_rule rules[2][2];

    set_rule(&rules[0][0], "172.16.5.4", 20000);
    set_rule(&rules[1][0], "2001:db8:5::4", 20000);
    for (size_t f = 0; f < ELEMENTSOF(rules); f++) {
        rules[f][1] = rules[f][0];
        rules[f][1].to = rules[f][0].from;
        rules[f][1].to.length = 24;
        rules[f][1].to = ip_prefix_masked(&rules[f][1].to);
        for (size_t first = 0; first < 2; first++) {
            const struct route_rule *old = &rules[f][first], *new = &rules[f][!first];
            _cleanup_facts_ struct route_facts both = {0}, one = {0};

            for (int round = 0; round < 2; round++)
                assert_int_equal(change_rule(ends, ROUTES_ADD_RULE, old), 0);
            for (int round = 0; round < 2; round++)
                assert_int_equal(change_rule(ends, ROUTES_ADD_RULE, new), 0);
            both = read_facts(ends);
            assert_true(has_rule(&both, old) && has_rule(&both, new));
            assert_int_equal(change_rule(ends, ROUTES_DELETE_RULE, old), 0);
            one = read_facts(ends);
            assert_true(!has_rule(&one, old) && has_rule(&one, new));
            assert_int_equal(change_rule(ends, ROUTES_DELETE_RULE, new), 0);
        }
    }
}

static void a_rule_that_looks_at_something_else_is_special(void **state)
{
    static const char *const more[] = {
        "fwmark 1", "tos 4",        "iif eth1", "oif gone0",  "not",        "ipproto tcp",
        "sport 80", "uidrange 0-5", "l3mdev",   "goto 20300", "realms 1/2", "suppress_ifgroup 3",
        "dport 53", "fwmark 0/0xf", "iif lo"};
    struct ends *ends = *state;

    run("ip rule add priority 20300 lookup main");
    for (size_t i = 0; i < ELEMENTSOF(more); i++) {
        _cleanup_facts_ struct route_facts facts = {0};
        bool table = !strstr(more[i], "l3mdev") && !strstr(more[i], "goto"), found = false;

        run("ip rule add from 172.16.5.4 priority 20299 protocol 182 %s %s", more[i],
            table ? "lookup 200" : "");
        facts = read_facts(ends);
        for (size_t j = 0; j < facts.n_rules; j++) {
            if (facts.rules[j].priority != 20299)
                continue;
            found = true;
            assert_true(facts.rules[j].special);
        }
        assert_true(found);
        run("ip rule del priority 20299");
    }
}

static void foreign_routes_are_neither_replaced_nor_deleted(void **state)
{
    _cleanup_free_ char *foreign = malloc(DUMP_SIZE);
    struct ends *ends = *state;
    struct route route;

    assert_non_null(foreign);
    run("ip route add default via 172.16.5.1 dev eth1 table %d proto static", TABLE);
    run("ip route add 172.16.5.0/24 dev eth1 scope link table %d proto dhcp", TABLE);
    run("ip -6 route add default via 2001:db8:5::1 dev eth1 table %d proto static", TABLE);
    run("ip -6 route add 2001:db8:5::/64 dev eth1 table %d proto ra", TABLE);
    read_foreign(foreign);
    for (int i = 0; i < 4; i++) {
        static const struct {
            const char *to, *via;
            uint8_t length;
        } ways[] = {{"0.0.0.0", "172.16.5.1", 0},
                    {"172.16.5.0", NULL, 24},
                    {"::", "2001:db8:5::1", 0},
                    {"2001:db8:5::", NULL, 64}};

        set_route(&route, ends, ways[i].to, ways[i].length, ways[i].via);
        assert_int_equal(change_route(ends, ROUTES_DELETE_ROUTE, false, &route), 0);
        assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, &route), -EEXIST);
        assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, true, &route), -EEXIST);
        assert_foreign(foreign);
        route.metric = 5;
        add_read_delete(ends, &route);
        assert_foreign(foreign);
    }
}

static void a_route_of_ours_that_someone_changed_is_special(void **state)
{
    static const char *const more[] = {"hoplimit 3", "initcwnd 9",
                                       "nexthop dev eth1 nexthop dev lo"};
    struct ends *ends = *state;

    for (size_t i = 0; i < ELEMENTSOF(more); i++) {
        _cleanup_facts_ struct route_facts facts = {0};

        run("ip route add 10.0.0.0/8 table %d proto 182 %s %s", TABLE, i < 2 ? "dev eth1" : "",
            more[i]);
        facts = read_facts(ends);
        for (size_t j = 0; j < facts.n_routes; j++)
            assert_int_equal(facts.routes[j].special, facts.routes[j].protocol == ROUTING_PROTOCOL);
        assert_int_equal(count_ours(&facts), 1);
        run("ip route del 10.0.0.0/8 table %d", TABLE);
    }
    run("ip -6 route add 2001:db8:a::/48 dev eth1 table %d proto 182 expires 90", TABLE);
    run("ip -6 route add 2001:db8:b::/48 dev eth1 table %d proto 182 pref high", TABLE);
    {
        _cleanup_facts_ struct route_facts facts = read_facts(ends);

        assert_int_equal(count_ours(&facts), 2);
        for (size_t j = 0; j < facts.n_routes; j++)
            assert_int_equal(facts.routes[j].special, facts.routes[j].protocol == ROUTING_PROTOCOL);
    }
}

static void what_is_gone_with_its_device_is_deleted(void **state)
{
    struct ends *ends = *state, gone = {.ifindex = 987654};
    struct route route;

    set_route(&route, &gone, "10.0.0.0", 8, NULL);
    assert_int_equal(change_route(ends, ROUTES_DELETE_ROUTE, false, &route), 0);
    assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, &route), -ENODEV);
    set_route(&route, &gone, "2001:db8:a::", 48, NULL);
    assert_int_equal(change_route(ends, ROUTES_DELETE_ROUTE, false, &route), 0);
    assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, &route), -ENODEV);
}

static const struct route_address *address_of(const struct route_facts *facts, const char *text)
{
    struct ip wanted = ip(text);

    for (size_t i = 0; i < facts->n_addresses; i++)
        if (memcmp(&facts->addresses[i].local.ip, &wanted, sizeof(wanted)) == 0)
            return &facts->addresses[i];
    fail_msg("%s is not among the addresses", text);
    return NULL;
}

static void addresses_come_with_length_peer_scope_and_flags(void **state)
{
    _cleanup_facts_ struct route_facts facts = {0};
    struct ends *ends = *state;
    struct ip peer = ip("10.1.1.2"), peer6 = ip("2001:db8:6::2");

    run("ip addr add 172.16.5.7/24 dev eth1");
    run("ip addr add 10.1.1.1 peer 10.1.1.2 dev eth1");
    run("ip addr add 2001:db8:6::1 peer 2001:db8:6::2 nodad dev eth1");
    run("ip addr add 2001:db8:5::9/64 nodad preferred_lft 0 dev eth1");
    run("ip addr add 172.16.5.8/24 noprefixroute dev eth1");
    facts = read_facts(ends);
    assert_int_equal(address_of(&facts, "172.16.5.4")->local.length, 24);
    assert_int_equal(address_of(&facts, "172.16.5.4")->ifindex, ends->ifindex);
    assert_int_equal(address_of(&facts, "172.16.5.4")->peer.family, 0);
    assert_true(address_of(&facts, "172.16.5.7")->flags & IFA_F_SECONDARY);
    assert_true(address_of(&facts, "172.16.5.8")->flags & IFA_F_NOPREFIXROUTE);
    assert_memory_equal(&address_of(&facts, "10.1.1.1")->peer, &peer, sizeof(peer));
    assert_memory_equal(&address_of(&facts, "2001:db8:6::1")->peer, &peer6, sizeof(peer6));
    assert_true(address_of(&facts, "2001:db8:5::9")->flags & IFA_F_DEPRECATED);
    assert_int_equal(address_of(&facts, "127.0.0.1")->scope, RT_SCOPE_HOST);
    assert_int_equal(address_of(&facts, "::1")->local.length, 128);
}

/* Of a full table one route is kept, and of every table its defaults, also hop by hop. */
static void of_many_foreign_routes_only_the_telling_ones_are_kept(void **state)
{
    struct ends *ends = *state;
    size_t defaults = 0, hops = 0, in_table[4] = {0};
    _cleanup_facts_ struct route_facts facts = {0};

    run("for t in 254 301 302; do for a in 1 2 3 4 5 6 7 8; do for b in $(seq 250); do "
        "echo route add 10.$a.$b.0/24 dev eth1 table $t proto bird; "
        "echo route add 2001:db8:$a:$b::/64 dev eth1 table $t proto bird; "
        "done; done; done | ip -batch -");
    run("ip route add default dev eth1 table 301 metric 1 && "
        "ip route add default dev eth1 table 301 metric 2 && "
        "ip -6 route add default table 303 nexthop via fe80::1 dev eth1 nexthop via fe80::2 dev "
        "eth1");
    facts = read_facts(ends);
    for (size_t i = 0; i < facts.n_routes; i++) {
        const struct route *route = &facts.routes[i];

        defaults += route->to.length == 0 && !route->hop;
        hops += route->hop;
        if (route->table >= 301 && route->table <= 303 && route->to.length > 0)
            in_table[route->table - 300]++;
        if (route->to.length == 0 && route->table == 303)
            assert_true(route->special);
        if (route->hop)
            assert_true(route->oif == ends->ifindex && route->via.bytes[0] == 0xfe);
    }
    assert_int_equal(defaults, 3);
    assert_int_equal(hops, 2);
    assert_int_equal(in_table[1], 2); /* one per family */
    assert_int_equal(in_table[2], 2);
    assert_int_equal(in_table[3], 0);
    assert_true(facts.n_routes < 20);
    run("for t in 301 302 303; do ip route flush table $t; ip -6 route flush table $t; done 2>&1");
}

static void parts_are_read_again_alone(void **state)
{
    struct ends *ends = *state;
    _cleanup_facts_ struct route_facts facts = read_facts(ends), all = {0};
    size_t routes = facts.n_routes, rules = facts.n_rules, addresses = facts.n_addresses;
    struct route route;
    struct route_rule rule;

    set_route(&route, ends, "172.16.5.0", 24, NULL);
    set_rule(&rule, "172.16.5.4", 20200);
    run("ip addr add 172.16.9.1/32 dev eth1");
    assert_int_equal(change_route(ends, ROUTES_ADD_ROUTE, false, &route), 0);
    assert_int_equal(change_rule(ends, ROUTES_ADD_RULE, &rule), 0);
    assert_int_equal(routes_read_again(&ends->nl, ROUTES_READ_ADDRESSES, &facts), 0);
    assert_int_equal(facts.n_addresses, addresses + 1);
    assert_int_equal(facts.n_rules, rules);
    assert_int_equal(facts.n_routes, routes);
    assert_int_equal(routes_read_again(&ends->nl, ROUTES_READ_RULES, &facts), 0);
    assert_int_equal(facts.n_rules, rules + 1);
    run("ip route add default dev eth1 table 305");
    assert_int_equal(routes_read_again(&ends->nl, ROUTES_READ_OURS, &facts), 0);
    assert_int_equal(facts.n_routes, routes + 1);
    assert_int_equal(count_ours(&facts), 1);
    assert_int_equal(routes_read_again(&ends->nl, ROUTES_READ_FOREIGN, &facts), 0);
    assert_int_equal(facts.n_routes, routes + 2);
    assert_int_equal(count_ours(&facts), 1);
    all = read_facts(ends);
    assert_int_equal(all.n_routes, facts.n_routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_of_route_is_added_read_back_and_deleted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_gateway_outside_every_subnet_is_reached_onlink, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_route_is_replaced_in_one_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            rules_are_added_read_back_and_deleted_beside_their_foreign_twins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rule_for_every_destination_is_not_one_for_a_subnet,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rule_that_looks_at_something_else_is_special, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(foreign_routes_are_neither_replaced_nor_deleted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_route_of_ours_that_someone_changed_is_special, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_gone_with_its_device_is_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_come_with_length_peer_scope_and_flags, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_many_foreign_routes_only_the_telling_ones_are_kept,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_are_read_again_alone, set_up, tear_down),
    };
    struct sandbox sandbox;

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
