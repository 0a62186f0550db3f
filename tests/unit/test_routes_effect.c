/* What is looked up to know that replies leave by their device, and what follows from the answers,
 * for hosts made of words. */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

#include "policy/base/text.h"
#include "routes_world.h"

#define FOREIGN RTPROT_STATIC
#define STRICT "[rp_filter]\n* = strict\n"
#define FIRST "[routing *]\ngateway = first\n"

struct proof {
    struct world world;
    struct policy *policy;
    struct routes_plan plan;
    struct route_effects effects;
};

/* eth0 has the default route, eth1 and eth2 are in subnets of their own. */
static void begin(struct proof *proof)
{
    struct world *world = &proof->world;

    *proof = (struct proof){0};
    world_init(world);
    world_device(world, "eth0");
    world_device(world, "eth1");
    world_device(world, "eth2");
    for (size_t i = 1; i < world->live.count; i++) {
        world->devices[i].flags |= IFF_RUNNING;
        world->devices[i].conf[KEY_RP_FILTER] = 2;
    }
    world_address(world, "eth0", "172.16.4.4/24", 0);
    world_address(world, "eth1", "172.16.5.4/24", 0);
    world_address(world, "eth2", "172.16.6.4/24", 0);
    world_route(world, "eth0", RT_TABLE_MAIN, "default via 172.16.4.1", FOREIGN);
}

static void done(struct proof *proof)
{
    routes_plan_done(&proof->plan);
    route_effects_done(&proof->effects);
    policy_free(proof->policy);
    world_done(&proof->world);
}

static void ask(struct proof *proof, const char *text, bool forced)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct world *world = &proof->world;

    proof->policy = policy_of(text, &diags);
    assert_quiet(&diags);
    assert_int_equal(routes_plan(proof->policy, &world->live, &world->facts, forced, &proof->plan),
                     0);
    assert_int_equal(routes_effects(&world->live, &world->facts, &proof->plan, &proof->effects), 0);
}

/* Everything that is wanted is there. */
static void settle(struct proof *proof, const char *text)
{
    struct proof before = {.world = proof->world};

    ask(&before, text, false);
    for (size_t i = 0; i < before.plan.n_changes; i++)
        world_carry_out(&before.world, &before.plan.changes[i]);
    proof->world = before.world;
    proof->world.live.devices = proof->world.devices;
    routes_plan_done(&before.plan);
    route_effects_done(&before.effects);
    policy_free(before.policy);
    ask(proof, text, false);
    assert_int_equal(proof->plan.n_changes, 0);
}

/* "eth1 172.16.5.4: 172.16.5.1 172.16.5.2|172.16.5.1 …": alternatives after a bar. */
static void assert_asked(const struct proof *proof, const char *expected)
{
    _cleanup_text_ struct text text = {0};
    const struct route_effect *last = NULL;

    for (size_t i = 0; i < proof->effects.n; i++) {
        const struct route_effect *effect = &proof->effects.items[i];
        char address[IP_TEXT_MAX];

        if (!last || last->ifindex != effect->ifindex || ip_compare(&last->from, &effect->from))
            text_add(&text, "%s%s %s:", last ? "\n" : "",
                     live_by_ifindex(&proof->world.live, effect->ifindex)->name,
                     ip_text(&effect->from, address));
        text_add(&text, "%s%s%s", effect->again ? "|" : " ", ip_text(&effect->to, address),
                 effect->pending ? "?" : "");
        last = effect;
    }
    _cleanup_free_ char *asked = text_take(&text);
    assert_string_equal(asked ?: "", expected);
}

/* All leave as they should, but those to `to`, which a route of that length leads out by eth0. */
static void answer(struct proof *proof, const char *to, uint8_t length, const char *rule_to)
{
    for (size_t i = 0; i < proof->effects.n; i++) {
        struct route_effect *effect = &proof->effects.items[i];
        char address[IP_TEXT_MAX];

        effect->found = EFFECT_LEAVES;
        if (!streq(ip_text(&effect->to, address), to))
            continue;
        effect->found = EFFECT_ELSEWHERE;
        effect->route = (struct route){.family = effect->to.family,
                                       .type = RTN_UNICAST,
                                       .table = 52,
                                       .oif = 2,
                                       .to = {effect->to, length}};
        if (!rule_to)
            continue;
        effect->has_rule = true;
        effect->rule = (struct route_rule){.family = effect->to.family,
                                           .priority = 5270,
                                           .table = 52,
                                           .action = FR_ACT_TO_TBL,
                                           .suppress_prefixlength = -1};
        if (*rule_to)
            assert_int_equal(ip_prefix_parse(rule_to, &effect->rule.to), 0);
    }
}

static const struct routes_device *judge(struct proof *proof, const char *name, bool forced)
{
    assert_int_equal(
        routes_judge(proof->policy, &proof->world.live, &proof->effects, forced, &proof->plan), 0);
    for (size_t i = 0; i < proof->plan.n_devices; i++)
        if (streq(proof->plan.devices[i].name, name))
            return &proof->plan.devices[i];
    fail_msg("%s is not in the plan", name);
    return NULL;
}

static void assert_overruled(const struct routes_device *device, const char *message)
{
    assert_string_equal(routes_state_name(device->state), "overruled");
    assert_string_equal(device->message, message);
}

#define BOTH STRICT "[routing]\neth1..2 = auto\n" FIRST

static void each_class_of_routes_is_looked_up(void **state)
{
    struct proof proof;

    begin(&proof);
    world_address(&proof.world, "eth2", "172.16.6.5/24", 0);
    settle(&proof, BOTH "routes = 10.9.0.0/16 via 172.16.6.1\n");
    assert_asked(&proof, "eth1 172.16.5.4: 172.16.5.1 172.16.5.2|172.16.5.1 10.9.0.2|10.9.0.1"
                         " 17.0.0.1|198.41.0.4\n"
                         "eth2 172.16.6.4: 172.16.6.1 172.16.6.2|172.16.6.1 10.9.0.2|10.9.0.1"
                         " 17.0.0.1|198.41.0.4\n"
                         "eth2 172.16.6.5: 172.16.6.1 172.16.6.2|172.16.6.1 10.9.0.2|10.9.0.1"
                         " 17.0.0.1|198.41.0.4");
    done(&proof);
}

static void what_is_not_there_yet_is_pending(void **state)
{
    struct proof proof;

    begin(&proof);
    ask(&proof, STRICT "[routing]\neth1 = auto\n" FIRST, false);
    assert_asked(&proof,
                 "eth1 172.16.5.4: 172.16.5.1? 172.16.5.2?|172.16.5.1? 17.0.0.1?|198.41.0.4?");
    assert_string_equal(routes_state_name(judge(&proof, "eth1", false)->state), "drift");
    done(&proof);
}

/* An address on two devices, a device that is paused; but one without carrier can. */
static void what_cannot_tell_is_not_looked_up(void **state)
{
    struct proof proof;

    begin(&proof);
    world_address(&proof.world, "eth1", "10.0.0.1/32", 0);
    world_address(&proof.world, "eth2", "10.0.0.1/32", 0);
    settle(&proof, STRICT "[routing]\neth1 = auto\n" FIRST);
    for (size_t i = 0; i < proof.effects.n; i++)
        assert_int_equal(proof.effects.items[i].from.bytes[0], 172);
    assert_true(proof.effects.n > 0);
    proof.world.devices[2].flags &= ~(unsigned)IFF_RUNNING;
    route_effects_done(&proof.effects);
    assert_int_equal(
        routes_effects(&proof.world.live, &proof.world.facts, &proof.plan, &proof.effects), 0);
    assert_true(proof.effects.n > 0);
    proof.world.devices[2].flags |= IFF_RUNNING;
    proof.world.devices[2].paused = true;
    route_effects_done(&proof.effects);
    routes_plan_done(&proof.plan);
    policy_free(proof.policy);
    ask(&proof, STRICT "[routing]\neth1 = auto\n" FIRST, false);
    assert_asked(&proof, "");
    done(&proof);
}

static void the_rule_that_wins_is_named_and_the_value_waits(void **state)
{
    struct proof proof;
    const struct routes_device *eth1;

    begin(&proof);
    settle(&proof, BOTH);
    answer(&proof, "17.0.0.1", 0, "");
    eth1 = judge(&proof, "eth1", false);
    assert_overruled(eth1, "overruled by rule 5270: from all lookup 52: what 172.16.5.4 sends to "
                           "17.0.0.1 leaves by eth0, not by eth1");
    assert_true(eth1->holds_value && eth1->held);
    assert_string_equal(routes_hold_reason(eth1), eth1->message);
    assert_int_equal(proof.plan.states[ROUTES_OVERRULED], 2);
    assert_int_equal(proof.plan.states[ROUTES_OK], 0);
    done(&proof);
}

static void who_insists_holds_nothing(void **state)
{
    struct proof proof;
    const struct routes_device *eth1;

    begin(&proof);
    settle(&proof, BOTH);
    answer(&proof, "172.16.5.1", 0, "");
    eth1 = judge(&proof, "eth1", true);
    assert_string_equal(routes_state_name(eth1->state), "overruled");
    assert_false(eth1->holds_value || eth1->held);
    done(&proof);
}

/* Both ways: a network in main, or a rule for one, takes a part of a class; halves take it all. */
static void a_part_of_a_class_does_not_count(void **state)
{
    static const struct {
        uint8_t length;
        const char *rule_to, *state;
    } cases[] = {
        {1, NULL, "overruled"}, {7, NULL, "overruled"},  {8, NULL, "ok"},
        {32, NULL, "ok"},       {0, "17.0.0.0/8", "ok"}, {0, "16.0.0.0/5", "overruled"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        struct proof proof;

        begin(&proof);
        settle(&proof, BOTH);
        answer(&proof, "17.0.0.1", cases[i].length, cases[i].rule_to);
        assert_string_equal(routes_state_name(judge(&proof, "eth1", false)->state), cases[i].state);
        done(&proof);
    }
}

/* The gateway is one address, and a route for it alone takes it elsewhere. */
static void a_gateway_counts_by_itself(void **state)
{
    struct proof proof;

    begin(&proof);
    settle(&proof, BOTH);
    answer(&proof, "172.16.5.1", 32, NULL);
    assert_overruled(judge(&proof, "eth1", false),
                     "overruled by route 172.16.5.1 dev eth0 in table 52: what 172.16.5.4 sends to "
                     "172.16.5.1 leaves by eth0, not by eth1");
    assert_string_equal(routes_state_name(judge(&proof, "eth2", false)->state), "ok");
    done(&proof);
}

static void in_ipv6_no_value_waits(void **state)
{
    struct proof proof;
    const struct routes_device *eth1;

    begin(&proof);
    world_address(&proof.world, "eth1", "fd00:5::4/64", 0);
    settle(&proof, BOTH);
    answer(&proof, "fd00:5::1", 0, "");
    eth1 = judge(&proof, "eth1", false);
    assert_overruled(eth1, "overruled by rule 5270: from all lookup 52: what fd00:5::4 sends to "
                           "fd00:5::1 leaves by eth0, not by eth1");
    assert_false(eth1->holds_value || eth1->held);
    done(&proof);
}

/* It needs no rules as long as the main default route is what wins. */
static void the_first_card_is_proven_too(void **state)
{
    struct proof proof;
    const struct routes_device *eth0;

    begin(&proof);
    settle(&proof, STRICT "[routing]\n* = auto\n" FIRST);
    for (size_t i = 0; i < proof.effects.n; i++)
        proof.effects.items[i].found = EFFECT_LEAVES;
    assert_string_equal(routes_state_name(judge(&proof, "eth0", false)->state), "primary");
    for (size_t i = 0; i < proof.effects.n; i++)
        if (proof.effects.items[i].ifindex == 2) {
            proof.effects.items[i].found = EFFECT_ELSEWHERE;
            proof.effects.items[i].route.oif = 3;
            proof.effects.items[i].route.table = 52;
        }
    eth0 = judge(&proof, "eth0", false);
    assert_overruled(eth0,
                     "overruled by route default dev eth1 in table 52: what 172.16.4.4 sends to "
                     "17.0.0.1 leaves by eth1, not by eth0");
    assert_true(eth0->holds_value);
    done(&proof);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_of_routes_is_looked_up),
        cmocka_unit_test(what_is_not_there_yet_is_pending),
        cmocka_unit_test(what_cannot_tell_is_not_looked_up),
        cmocka_unit_test(the_rule_that_wins_is_named_and_the_value_waits),
        cmocka_unit_test(who_insists_holds_nothing),
        cmocka_unit_test(a_part_of_a_class_does_not_count),
        cmocka_unit_test(a_gateway_counts_by_itself),
        cmocka_unit_test(in_ipv6_no_value_waits),
        cmocka_unit_test(the_first_card_is_proven_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
