/* What the planner of policy routing wants for hosts made of words, and the changes it makes. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "routes_world.h"

#define FOREIGN RTPROT_STATIC

struct planned {
    struct policy *policy;
    struct routes_plan plan;
    char *changes;
};

static void planned_done(struct planned *planned)
{
    routes_plan_done(&planned->plan);
    policy_free(planned->policy);
    free(planned->changes);
}
#define _cleanup_planned_ _cleanup_(planned_done)

static struct planned plan(const struct world *world, const char *text, bool forced)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct planned planned = {.policy = text ? policy_of(text, &diags) : NULL};

    assert_quiet(&diags);
    assert_int_equal(
        routes_plan(planned.policy, &world->live, &world->facts, forced, &planned.plan), 0);
    planned.changes = world_changes(world, &planned.plan);
    return planned;
}

/* Carry everything out, and there is nothing left to do. */
static void settle(struct world *world, const char *text, bool forced)
{
    _cleanup_planned_ struct planned planned = plan(world, text, forced);

    for (size_t i = 0; i < planned.plan.n_changes; i++)
        world_carry_out(world, &planned.plan.changes[i]);
    _cleanup_planned_ struct planned again = plan(world, text, forced);
    assert_string_equal(again.changes, "");
}

static const struct routes_device *device_of(const struct planned *planned, const char *name)
{
    for (size_t i = 0; i < planned->plan.n_devices; i++) {
        if (streq(planned->plan.devices[i].name, name))
            return &planned->plan.devices[i];
    }
    fail_msg("%s is not in the plan", name);
    return NULL;
}

static void assert_state(const struct planned *planned, const char *name, const char *state,
                         const char *words)
{
    const struct routes_device *device = device_of(planned, name);

    assert_string_equal(routes_state_name(device->state), state);
    if (words && !(device->message && strstr(device->message, words)) &&
        !(device->conflict && strstr(device->conflict, words)))
        fail_msg("%s says '%s' and '%s', not '%s'", name, device->message ?: "nothing",
                 device->conflict ?: "nothing", words);
}

/* The host with four cards: eth0 has the default route. */
static void four_cards(struct world *world)
{
    char name[16], address[32];

    world_init(world);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "eth%d", i);
        snprintf(address, sizeof(address), "172.16.%d.4/24", 4 + i);
        world_device(world, name);
        world_address(world, name, address, 0);
    }
    world_route(world, "eth0", RT_TABLE_MAIN, "default via 172.16.4.1", FOREIGN);
}

static void replies_leave_through_their_device(void **state)
{
    struct world world;

    four_cards(&world);
    world_address(&world, "eth1", "fe80::1/64", 0);
    {
        _cleanup_planned_ struct planned planned =
            plan(&world, "[routing]\neth0..2 = auto\n[routing *]\ngateway = first\n", false);

        assert_string_equal(planned.changes,
                            "route add 172.16.5.0/24 dev eth1 scope link table 21003\n"
                            "route add 172.16.6.0/24 dev eth2 scope link table 21004\n"
                            "route add default via 172.16.5.1 dev eth1 table 21003\n"
                            "route add default via 172.16.6.1 dev eth2 table 21004\n"
                            "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                            "rule add from 172.16.5.4 lookup 21003 priority 20200\n"
                            "rule add from 172.16.6.4 lookup 21004 priority 20200\n");
        assert_int_equal(planned.plan.n_devices, 3);
        assert_state(&planned, "eth0", "primary", "carries the main default route");
        assert_state(&planned, "eth1", "drift", NULL);
        assert_string_equal(device_of(&planned, "eth1")->gateway[0].source, "first host");
        assert_int_equal(device_of(&planned, "eth1")->n_routes, 2);
        assert_int_equal(device_of(&planned, "eth1")->n_rules, 1);
        assert_int_equal(device_of(&planned, "eth1")->origin.line, 2);
        assert_int_equal(planned.plan.states[ROUTES_DRIFT], 2);
    }
    settle(&world, "[routing]\neth0..2 = auto\n[routing *]\ngateway = first\n", false);
    {
        _cleanup_planned_ struct planned planned = plan(&world, "[routing]\neth0 = off\n", false);

        assert_string_equal(planned.changes,
                            "rule del from 172.16.5.4 lookup 21003 priority 20200\n"
                            "rule del from 172.16.6.4 lookup 21004 priority 20200\n"
                            "rule del from all lookup main suppress_prefixlength 0 priority 20100\n"
                            "route del default via 172.16.5.1 dev eth1 table 21003\n"
                            "route del default via 172.16.6.1 dev eth2 table 21004\n"
                            "route del 172.16.5.0/24 dev eth1 scope link table 21003\n"
                            "route del 172.16.6.0/24 dev eth2 scope link table 21004\n");
    }
    settle(&world, NULL, false);
    assert_int_equal(world.facts.n_routes, 1);
    assert_int_equal(world.facts.n_rules, 0);
    world_done(&world);
}

static void the_first_card_is_served_where_its_name_asks(void **state)
{
    struct world world;

    four_cards(&world);
    _cleanup_planned_ struct planned planned = plan(&world, "[routing]\neth0 = auto\n", false);
    assert_string_equal(planned.changes,
                        "route add 172.16.4.0/24 dev eth0 scope link table 21002\n"
                        "route add default via 172.16.4.1 dev eth0 table 21002\n"
                        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "rule add from 172.16.4.4 lookup 21002 priority 20200\n");
    assert_string_equal(device_of(&planned, "eth0")->gateway[0].source, "main");
    world_done(&world);
}

static void a_gateway_is_found_or_nothing_is_done(void **state)
{
    static struct route_lease leases[] = {
        {.ifindex = 4, .source = "networkd"},
        {.ifindex = 5, .source = "networkd", .trouble = "it does not answer"}};
    struct world world;

    four_cards(&world);
    assert_int_equal(ip_parse("172.16.6.250", &leases[0].gateway), 0);
    world.facts.leases = leases;
    world.facts.n_leases = 2;
    world_route(&world, "eth1", 100, "default via 172.16.5.9", FOREIGN)->mtu = 1400;
    world_route(&world, "eth1", 99, "default via 172.16.5.8", FOREIGN)->metric = 7;
    _cleanup_planned_ struct planned planned = plan(&world, "[routing]\neth1..3 = auto\n", false);
    assert_string_equal(planned.changes,
                        "route add 172.16.5.0/24 dev eth1 scope link table 21003\n"
                        "route add 172.16.6.0/24 dev eth2 scope link table 21004\n"
                        "route add default via 172.16.5.9 dev eth1 mtu 1400 table 21003\n"
                        "route add default via 172.16.6.250 dev eth2 table 21004\n"
                        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "rule add from 172.16.5.4 lookup 21003 priority 20200\n"
                        "rule add from 172.16.6.4 lookup 21004 priority 20200\n");
    assert_string_equal(device_of(&planned, "eth1")->gateway[0].source, "table 100");
    assert_string_equal(device_of(&planned, "eth2")->gateway[0].source, "networkd");
    assert_state(
        &planned, "eth3", "impossible",
        "no IPv4 gateway: no table has a default route through eth3, and no lease names one "
        "(networkd: it does not answer); write");
    world.facts.leases = NULL;
    world_done(&world);
}

static void what_both_families_lack_is_said_once(void **state)
{
    struct route_lease lease = {.ifindex = 5, .source = "networkd", .trouble = "it is unreadable"};
    struct world world;

    four_cards(&world);
    world_address(&world, "eth3", "2001:db8::3/64", 0);
    _cleanup_planned_ struct planned both = plan(&world, "[routing]\neth3 = auto\n", false);
    assert_string_equal(device_of(&both, "eth3")->message,
                        "no IPv4 and no IPv6 gateway: no table has a default route through eth3, "
                        "and no lease names one; write 'gateway = ADDRESS', 'first' or 'none' in "
                        "[routing eth3]");
    world.facts.leases = &lease;
    world.facts.n_leases = 1;
    _cleanup_planned_ struct planned apart = plan(&world, "[routing]\neth3 = auto\n", false);
    assert_state(&apart, "eth3", "impossible", "names one (networkd: it is unreadable); write");
    assert_state(&apart, "eth3", "impossible", "; no IPv6 gateway: no table");
    world.facts.leases = NULL;
    world_done(&world);
}

static void gateways_that_cannot_be_are_refused(void **state)
{
    struct world world;

    four_cards(&world);
    world_address(&world, "eth3", "172.16.7.1/24", 0);
    world_device(&world, "one");
    world_address(&world, "one", "10.0.0.1/32", 0);
    _cleanup_planned_ struct planned planned =
        plan(&world,
             "[routing]\n* = auto\n[routing *]\ngateway = first\n[routing eth1]\n"
             "gateway = 172.16.6.4\n",
             false);
    assert_state(&planned, "eth3", "impossible", "the first host, 172.16.7.1, is this host itself");
    assert_state(&planned, "one", "impossible", "an address without a subnet has no first host");
    assert_state(&planned, "eth1", "impossible", "the gateway 172.16.6.4 is this host itself");
    assert_state(&planned, "eth2", "drift", NULL);
    world_done(&world);
}

static void what_the_policy_names_is_installed(void **state)
{
    struct world world;

    four_cards(&world);
    world_device(&world, "one");
    world_address(&world, "one", "10.0.0.1/32", 0);
    _cleanup_planned_ struct planned planned =
        plan(&world,
             "[routing]\neth2 = auto\none = auto\n"
             "[routing eth2]\ngateway = none\ntable = 202\npriority = 20300\n"
             "routes = 10.9.0.0/16 via 172.16.6.9, 10.8.0.0/16, 10.7.0.0/16 via 10.8.0.1\n"
             "[routing one]\ngateway = 10.1.1.1\nmain-first = no\n",
             false);
    assert_string_equal(planned.changes,
                        "route add 10.8.0.0/16 dev eth2 scope link table 202\n"
                        "route add 172.16.6.0/24 dev eth2 scope link table 202\n"
                        "route add 10.7.0.0/16 via 10.8.0.1 dev eth2 table 202\n"
                        "route add 10.9.0.0/16 via 172.16.6.9 dev eth2 table 202\n"
                        "route add default via 10.1.1.1 dev one onlink table 21006\n"
                        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "rule add from 10.0.0.1 lookup 21006 priority 20000\n"
                        "rule add from 172.16.6.4 lookup 202 priority 20300\n");
    world_done(&world);
}

#define ETH1_FIRST "[routing]\neth1 = auto\n[routing eth1]\ngateway = first\n"

static void ways_within_a_subnet_on_two_devices_come_before_main(void **state)
{
    struct world world;

    four_cards(&world);
    world_address(&world, "eth2", "172.16.5.7/24", 0);
    world_address(&world, "eth2", "2001:db8::2/64", IFA_F_NOPREFIXROUTE);
    world_address(&world, "eth1", "2001:db8::11/64", 0);
    _cleanup_planned_ struct planned planned =
        plan(&world, "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n", false);
    assert_string_equal(
        planned.changes,
        "route add 172.16.5.0/24 dev eth1 scope link table 21003\n"
        "route add 172.16.5.0/24 dev eth2 scope link table 21004\n"
        "route add 172.16.6.0/24 dev eth2 scope link table 21004\n"
        "6: route add 2001:db8::/64 dev eth1 table 21003\n"
        "6: route add 2001:db8::/64 dev eth2 table 21004\n"
        "route add default via 172.16.5.1 dev eth1 table 21003\n"
        "route add default via 172.16.6.1 dev eth2 table 21004\n"
        "6: route add default via 2001:db8::1 dev eth1 table 21003\n"
        "6: route add default via 2001:db8::1 dev eth2 table 21004\n"
        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
        "6: rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
        "rule add from 172.16.5.4 to 172.16.5.0/24 lookup 21003 priority 20000\n"
        "rule add from 172.16.5.7 to 172.16.5.0/24 lookup 21004 priority 20000\n"
        "rule add from 172.16.5.4 lookup 21003 priority 20200\n"
        "rule add from 172.16.5.7 lookup 21004 priority 20200\n"
        "rule add from 172.16.6.4 lookup 21004 priority 20200\n"
        "6: rule add from 2001:db8::2 to 2001:db8::/64 lookup 21004 priority 20000\n"
        "6: rule add from 2001:db8::11 to 2001:db8::/64 lookup 21003 priority "
        "20000\n"
        "6: rule add from 2001:db8::2 lookup 21004 priority 20200\n"
        "6: rule add from 2001:db8::11 lookup 21003 priority 20200\n");
    assert_non_null(strstr(device_of(&planned, "eth1")->advice, "172.16.5.0/24 is also on eth2"));
    assert_non_null(strstr(device_of(&planned, "eth2")->advice, "'eth2 = yes' in [arp_filter]"));
    world.devices[3].flags = 0; /* who is down answers nobody */
    _cleanup_planned_ struct planned alone =
        plan(&world, "[routing]\neth1 = auto\n[routing *]\ngateway = first\n", false);
    assert_non_null(strstr(alone.changes, "from 172.16.5.4 lookup 21003 priority 20200"));
    assert_null(strstr(alone.changes, " to 172.16.5.0/24"));
    world_done(&world);
}

/* What main-first = no makes is what was once made for a shared subnet. */
static void a_rule_before_main_for_all_ways_gives_way_to_one_for_the_subnet(void **state)
{
    struct world world;

    four_cards(&world);
    world_address(&world, "eth2", "172.16.5.7/24", 0);
    world_address(&world, "eth1", "2001:db8::11/64", 0);
    settle(&world, ETH1_FIRST "main-first = no\n", false);
    _cleanup_planned_ struct planned same = plan(&world, ETH1_FIRST "main-first = no\n", false);
    assert_string_equal(same.changes, "");
    _cleanup_planned_ struct planned planned = plan(&world, ETH1_FIRST, false);
    assert_string_equal(planned.changes,
                        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "6: rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "rule add from 172.16.5.4 to 172.16.5.0/24 lookup 21003 priority 20000\n"
                        "rule add from 172.16.5.4 lookup 21003 priority 20200\n"
                        "6: rule add from 2001:db8::11 lookup 21003 priority 20200\n"
                        "rule del from 172.16.5.4 lookup 21003 priority 20000\n"
                        "6: rule del from 2001:db8::11 lookup 21003 priority 20000\n"
                        "6: route del fe80::/64 dev eth1 table 21003\n");
    world_done(&world);
}

static void unusual_addresses_are_judged(void **state)
{
    struct world world;

    world_init(&world);
    world_device(&world, "eth1");
    world_address(&world, "eth1", "2001:db8::5/64", IFA_F_DEPRECATED);
    world_address(&world, "eth1", "2001:db8::6/64", IFA_F_TEMPORARY);
    world_address(&world, "eth1", "2001:db8::7/64", IFA_F_TENTATIVE);
    world_address(&world, "eth1", "2001:db8::8/64", IFA_F_TENTATIVE | IFA_F_OPTIMISTIC);
    world_address(&world, "eth1", "2001:db8::9/64", IFA_F_DADFAILED);
    world_address(&world, "eth1", "fe80::9/64", 0);
    world_address(&world, "eth1", "10.0.0.2/31", 0);
    world_address(&world, "eth1", "10.0.0.2/24", IFA_F_SECONDARY);
    world_address(&world, "eth1", "169.254.7.7/16", 0);
    world_address(&world, "eth1", "10.3.0.1/24", 0)->scope = RT_SCOPE_HOST;
    world_address(&world, "eth1", "10.4.0.1/24", IFA_F_NOPREFIXROUTE);
    _cleanup_planned_ struct planned planned = plan(&world, ETH1_FIRST, false);
    assert_string_equal(planned.changes,
                        "route add 10.0.0.0/24 dev eth1 scope link table 21002\n"
                        "route add 10.0.0.2/31 dev eth1 scope link table 21002\n"
                        "6: route add 2001:db8::/64 dev eth1 table 21002\n"
                        "route add default via 10.0.0.3 dev eth1 table 21002\n"
                        "6: route add default via 2001:db8::1 dev eth1 table 21002\n"
                        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "6: rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "rule add from 10.0.0.2 lookup 21002 priority 20200\n"
                        "rule add from 10.4.0.1 lookup 21002 priority 20200\n"
                        "6: rule add from 2001:db8::5 lookup 21002 priority 20200\n"
                        "6: rule add from 2001:db8::6 lookup 21002 priority 20200\n"
                        "6: rule add from 2001:db8::8 lookup 21002 priority 20200\n");
    world_done(&world);
}

static void a_point_to_point_device_needs_no_gateway(void **state)
{
    struct world world;

    world_init(&world);
    world_device(&world, "ppp0")->flags |= IFF_POINTOPOINT;
    world_address(&world, "ppp0", "10.0.0.1/32 peer 10.0.0.2", 0);
    _cleanup_planned_ struct planned planned = plan(&world, "[routing]\n* = auto\n", false);
    assert_string_equal(planned.changes,
                        "route add 10.0.0.2 dev ppp0 scope link table 21002\n"
                        "route add default dev ppp0 scope link table 21002\n"
                        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n"
                        "rule add from 10.0.0.1 lookup 21002 priority 20200\n");
    assert_string_equal(device_of(&planned, "ppp0")->gateway[0].source, "point to point");
    world_done(&world);
}

static void devices_that_cannot_have_rules_wait(void **state)
{
    struct world world;

    four_cards(&world);
    world.devices[2].flags = 0;
    strcpy(world.devices[3].slave_kind, "vrf");
    world.devices[4].flags = IFF_UP; /* without carrier */
    world_device(&world, "eth4");
    _cleanup_planned_ struct planned planned =
        plan(&world, "[routing]\neth1..4 = auto\n[routing *]\ngateway = first\n", false);
    assert_state(&planned, "eth1", "waiting", "it is down");
    assert_state(&planned, "eth2", "impossible", "it belongs to a VRF");
    assert_state(&planned, "eth3", "drift", NULL);
    assert_state(&planned, "eth4", "waiting", "it has no address");
    assert_int_equal(planned.plan.n_changes, 4);
    world_done(&world);
}

static void one_address_on_two_devices_gets_one_rule(void **state)
{
    struct world world;

    four_cards(&world);
    world_address(&world, "eth2", "172.16.5.4/24", 0);
    settle(&world, "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n", false);
    _cleanup_planned_ struct planned planned =
        plan(&world, "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n", false);
    assert_int_equal(device_of(&planned, "eth1")->n_rules, 2);
    assert_int_equal(device_of(&planned, "eth2")->n_rules, 1);
    assert_non_null(strstr(device_of(&planned, "eth2")->advice, "172.16.5.4 is also on eth1"));
    assert_string_equal(planned.changes, "");
    world_done(&world);
}

static void another_gateway_comes_in_one_step(void **state)
{
    struct world world;

    four_cards(&world);
    settle(&world, ETH1_FIRST, false);
    _cleanup_planned_ struct planned planned =
        plan(&world, "[routing]\neth1 = auto\n[routing eth1]\ngateway = 172.16.5.9\n", false);
    assert_string_equal(planned.changes,
                        "route replace default via 172.16.5.9 dev eth1 table 21003\n");
    world_done(&world);
}

static void an_address_is_replaced(void **state)
{
    struct world world;

    four_cards(&world);
    settle(&world, ETH1_FIRST, false);
    assert_int_equal(ip_parse("172.16.5.99", &world.facts.addresses[1].local.ip), 0);
    _cleanup_planned_ struct planned planned = plan(&world, ETH1_FIRST, false);
    assert_string_equal(planned.changes, "rule add from 172.16.5.99 lookup 21003 priority 20200\n"
                                         "rule del from 172.16.5.4 lookup 21003 priority 20200\n");
    world_done(&world);
}

static void what_is_there_twice_goes_once(void **state)
{
    struct world world;

    four_cards(&world);
    settle(&world, ETH1_FIRST, false);
    world_rule(&world, 20200, "172.16.5.4", 21003, ROUTING_PROTOCOL);
    world_rule(&world, 20199, "10.0.0.0/8", 7, ROUTING_PROTOCOL);
    world_route(&world, "eth1", 21003, "default via 172.16.5.8", ROUTING_PROTOCOL);
    _cleanup_planned_ struct planned planned = plan(&world, ETH1_FIRST, false);
    assert_string_equal(planned.changes, "rule del from 10.0.0.0/8 lookup 7 priority 20199\n"
                                         "rule del from 172.16.5.4 lookup 21003 priority 20200\n"
                                         "route del default via 172.16.5.8 dev eth1 table 21003\n");
    world_done(&world);
}

static void a_lost_rule_for_main_is_drift_of_all_behind_it(void **state)
{
    struct world world;

    four_cards(&world);
    settle(&world, ETH1_FIRST, false);
    world.facts.rules[0] = world.facts.rules[--world.facts.n_rules];
    _cleanup_planned_ struct planned planned = plan(&world, ETH1_FIRST, false);
    assert_string_equal(planned.changes,
                        "rule add from all lookup main suppress_prefixlength 0 priority 20100\n");
    assert_state(&planned, "eth1", "drift", NULL);
    world_done(&world);
}

static void who_stands_in_the_way_is_named(void **state)
{
    struct world world;

    four_cards(&world);
    world_route(&world, "eth0", 21004, "10.0.0.0/8", FOREIGN);
    world_rule(&world, 20100, "10.0.0.0/8", 5, FOREIGN);
    {
        _cleanup_planned_ struct planned planned =
            plan(&world, "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n", false);
        assert_string_equal(planned.changes, "");
        assert_state(
            &planned, "eth1", "conflict",
            "a rule of somebody else stands at priority 20100: 'from 10.0.0.0/8 lookup 5'");
        assert_state(&planned, "eth2", "conflict",
                     "table 21004 is used by somebody else: '10.0.0.0/8 dev eth0 scope link'");
    }
    settle(&world, "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n", true);
    assert_int_equal(world.facts.n_routes, 2 + 4);
    {
        /* What was forced stays, though it is in conflict still. */
        _cleanup_planned_ struct planned planned =
            plan(&world, "[routing]\neth1..2 = auto\n[routing *]\ngateway = none\n", false);
        assert_string_equal(planned.changes, "");
        assert_int_equal(planned.plan.states[ROUTES_CONFLICT], 2);
    }
    settle(&world, NULL, false);
    assert_int_equal(world.facts.n_routes, 2);
    assert_int_equal(world.facts.n_rules, 1);
    world_done(&world);
}

static void programs_at_work_are_conflicts(void **state)
{
    struct world world;
    char name[] = "nm-cloud-setup", timer[] = "nm-cloud-setup.timer", cure[] = "disable it";
    struct route_meddler meddlers[] = {{4, name, timer, cure}};

    four_cards(&world);
    world.facts.meddlers = meddlers;
    world.facts.n_meddlers = 1;
    _cleanup_planned_ struct planned planned =
        plan(&world, "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n", false);
    assert_state(&planned, "eth1", "drift", NULL);
    assert_state(&planned, "eth2", "conflict",
                 "nm-cloud-setup configures rules here (nm-cloud-setup.timer)");
    assert_string_equal(device_of(&planned, "eth2")->cure, "disable it");
    world.facts.meddlers = NULL;
    world.facts.n_meddlers = 0;
    world_done(&world);
}

static void a_paused_device_keeps_what_it_has(void **state)
{
    static const char *const both = "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n";
    struct world world;

    four_cards(&world);
    settle(&world, both, false);
    world.devices[2].paused = true;
    {
        _cleanup_planned_ struct planned planned = plan(&world, "[routing]\n* = off\n", false);

        assert_string_equal(planned.changes,
                            "rule del from 172.16.6.4 lookup 21004 priority 20200\n"
                            "route del default via 172.16.6.1 dev eth2 table 21004\n"
                            "route del 172.16.6.0/24 dev eth2 scope link table 21004\n");
    }
    for (size_t i = 0; i < world.live.count; i++)
        world.devices[i].paused = true;
    world.live.all_paused = world.live.default_paused = true;
    world_rule(&world, 20200, "10.9.9.9", 4711, ROUTING_PROTOCOL);
    {
        _cleanup_planned_ struct planned planned = plan(&world, both, false);

        assert_string_equal(planned.changes, "");
        assert_state(&planned, "eth1", "paused", NULL);
    }
    settle(&world, NULL, false); /* who types `flush` means it */
    assert_int_equal(world.facts.n_rules, 0);
    world_done(&world);
}

static void tables_are_not_shared(void **state)
{
    struct world world;

    four_cards(&world);
    _cleanup_planned_ struct planned planned =
        plan(&world, "[routing]\neth2..3 = auto\n[routing *]\ngateway = first\ntable = 9\n", false);
    assert_state(&planned, "eth2", "drift", NULL);
    assert_state(&planned, "eth3", "impossible", "table 9 is that of eth2");
    world_done(&world);
}

#define STRICT "[rp_filter]\n* = strict\n"

static void a_card_without_its_ways_holds_its_value(void **state)
{
    struct world world;

    four_cards(&world);
    _cleanup_planned_ struct planned none =
        plan(&world, STRICT "[routing]\neth1..2 = auto\n[routing eth2]\ngateway = first\n", false);
    assert_true(device_of(&none, "eth1")->holds_value && device_of(&none, "eth1")->held);
    assert_non_null(
        strstr(routes_hold_reason(device_of(&none, "eth1")), "no IPv4 gateway: no table has"));
    assert_false(device_of(&none, "eth2")->holds_value);
    world_rule(&world, 20200, "10.0.0.0/8", 5, FOREIGN);
    _cleanup_planned_ struct planned conflict = plan(&world, STRICT ETH1_FIRST, false);
    assert_true(device_of(&conflict, "eth1")->held);
    assert_non_null(strstr(routes_hold_reason(device_of(&conflict, "eth1")), "a rule of somebody"));
    _cleanup_planned_ struct planned forced = plan(&world, STRICT ETH1_FIRST, true);
    assert_false(device_of(&forced, "eth1")->holds_value || device_of(&forced, "eth1")->held);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_leave_through_their_device),
        cmocka_unit_test(the_first_card_is_served_where_its_name_asks),
        cmocka_unit_test(a_gateway_is_found_or_nothing_is_done),
        cmocka_unit_test(what_both_families_lack_is_said_once),
        cmocka_unit_test(gateways_that_cannot_be_are_refused),
        cmocka_unit_test(what_the_policy_names_is_installed),
        cmocka_unit_test(ways_within_a_subnet_on_two_devices_come_before_main),
        cmocka_unit_test(a_rule_before_main_for_all_ways_gives_way_to_one_for_the_subnet),
        cmocka_unit_test(unusual_addresses_are_judged),
        cmocka_unit_test(a_point_to_point_device_needs_no_gateway),
        cmocka_unit_test(devices_that_cannot_have_rules_wait),
        cmocka_unit_test(one_address_on_two_devices_gets_one_rule),
        cmocka_unit_test(another_gateway_comes_in_one_step),
        cmocka_unit_test(an_address_is_replaced),
        cmocka_unit_test(what_is_there_twice_goes_once),
        cmocka_unit_test(a_lost_rule_for_main_is_drift_of_all_behind_it),
        cmocka_unit_test(who_stands_in_the_way_is_named),
        cmocka_unit_test(programs_at_work_are_conflicts),
        cmocka_unit_test(a_paused_device_keeps_what_it_has),
        cmocka_unit_test(tables_are_not_shared),
        cmocka_unit_test(a_card_without_its_ways_holds_its_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
