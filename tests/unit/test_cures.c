/* Candidates of cures: which there are for a question, the tightest first; and, over random
 * questions, that each has a price and is a text that the policy's parser or `ip` takes. */
#include "policy_text.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "policy/advice/cures.h"
#include "policy/lang/compile.h"
#include "policy/lang/routing.h"

#define QUESTIONS 3000

static struct ip address(const char *text)
{
    struct ip ip;

    assert_int_equal(ip_parse(text, &ip), 0);
    return ip;
}

/* A second card in strict, whose replies leave by the first. */
static struct cure_question second_card(void)
{
    return (struct cure_question){
        .name = "eth1",
        .pattern = "eth1",
        .ifindex = 3,
        .policy = true,
        .mode = 1,
        .to = CURE_TO_DEVICE,
        .peer = address("203.0.113.9"),
        .destination = address("172.16.5.4"),
        .gateways = {{.address = address("172.16.5.1"), .seen = true}},
        .n_gateways = 1,
        .before = 32766,
        .table = 1000,
    };
}

static struct cures found(const struct cure_question *question)
{
    struct cures cures;

    assert_int_equal(cures_find(question, &cures), 0);
    return cures;
}

static const struct cure *first_of(const struct cures *cures, enum cure_group group)
{
    for (size_t i = 0; i < cures->count; i++)
        if (cures->items[i].group == group)
            return &cures->items[i];
    return NULL;
}

static void assert_text(const struct cure *cure, const char *text)
{
    assert_non_null(cure);
    assert_string_equal(cure->text, text);
}

static void what_keeps_strict_comes_before_what_does_not(void **state)
{
    const struct cure_question question = second_card();
    _cleanup_cures_ struct cures cures = found(&question);

    assert_text(&cures.items[0], "[routing]\neth1 = auto\n");
    assert_text(first_of(&cures, CURE_RULE),
                "ip route add 203.0.113.9 via 172.16.5.1 dev eth1 table 1000\n"
                "ip rule add priority 32765 from 172.16.5.4 to 203.0.113.9 lookup 1000\n");
    assert_text(first_of(&cures, CURE_ROUTE), "ip route add 203.0.113.9 via 172.16.5.1 dev eth1\n");
    assert_text(first_of(&cures, CURE_VALUE), "[rp_filter]\neth1 = loose\n");
    assert_text(&cures.items[cures.count - 1], "[rp_filter]\neth1 = off\n");
}

static void only_a_value_that_accepts_more_is_one(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures loose = {0}, off = {0};

    question.mode = 2;
    loose = found(&question);
    assert_text(first_of(&loose, CURE_VALUE), "[rp_filter]\neth1 = off\n");
    question.mode = 0;
    off = found(&question);
    assert_null(first_of(&off, CURE_VALUE));
}

static void routing_is_for_addresses_of_the_device_alone(void **state)
{
    static const enum cure_to others[] = {CURE_TO_HOST, CURE_TO_FORWARD, CURE_TO_GROUP};

    for (size_t i = 0; i < ELEMENTSOF(others); i++) {
        struct cure_question question = second_card();
        _cleanup_cures_ struct cures cures = {0};

        question.to = others[i];
        cures = found(&question);
        assert_null(first_of(&cures, CURE_ROUTING));
        assert_int_equal(first_of(&cures, CURE_RULE) != NULL, others[i] != CURE_TO_GROUP);
    }
}

static void no_rule_stands_before_the_first(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures cures = {0};

    question.before = 1;
    cures = found(&question);
    assert_null(first_of(&cures, CURE_RULE));
    assert_non_null(first_of(&cures, CURE_ROUTE));
}

static void a_router_that_nothing_tells_of_is_assumed(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures cures = {0};

    question.gateways[0].seen = false;
    cures = found(&question);
    for (size_t i = 0; i < cures.count; i++)
        assert_int_equal(cures.items[i].assumed, strstr(cures.items[i].text, "172.16.5.1") != NULL);
}

static void a_mark_is_looked_up_or_not(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures without = found(&question), with = {0}, off = {0};

    assert_null(first_of(&without, CURE_MARK));
    question.mark = 7;
    with = found(&question);
    assert_text(first_of(&with, CURE_MARK), "[src_valid_mark]\neth1 = yes\n");
    question.src_valid_mark = true;
    off = found(&question);
    assert_text(first_of(&off, CURE_MARK), "[src_valid_mark]\neth1 = no\n");
}

static void an_own_address_takes_accept_local(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures cures = {0};

    question.own_source = true;
    cures = found(&question);
    assert_text(first_of(&cures, CURE_LOCAL), "[accept_local]\neth1 = yes\n");
}

static void another_program_is_stopped_before_lines_are_added(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures cures = {0}, forwarded = {0};
    const struct cure *cure;

    question.other = "cloud-init";
    question.evidence = "/etc/netplan/50.yaml";
    question.stop_other = "netplan apply";
    question.apply = "rpfpolicy apply";
    cures = found(&question);
    cure = first_of(&cures, CURE_OTHER_PROGRAM);
    assert_text(cure, "netplan apply\nprintf '%s\\n' '[routing]' 'eth1 = auto' >>" CURE_FILE "\n"
                      "rpfpolicy apply\n");
    assert_string_equal(cure->lines, "[routing]\neth1 = auto\n");
    assert_string_equal(cure_kind_name(cure->kind), "file");
    assert_non_null(strstr(cure->price, "cloud-init (/etc/netplan/50.yaml)"));
    question.to = CURE_TO_FORWARD;
    forwarded = found(&question);
    assert_null(first_of(&forwarded, CURE_OTHER_PROGRAM));
}

static void nobody_gets_a_route_who_stands_for_others(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures cures = {0};

    question.stand_in = true;
    cures = found(&question);
    assert_true(cures.count > 0);
    for (size_t i = 0; i < cures.count; i++)
        assert_int_equal(cures.items[i].kind, CURE_POLICY);
}

static void a_policy_with_errors_takes_no_lines(void **state)
{
    struct cure_question question = second_card();
    _cleanup_cures_ struct cures cures = {0};

    question.policy = false;
    cures = found(&question);
    assert_true(cures.count > 0);
    for (size_t i = 0; i < cures.count; i++)
        assert_int_equal(cures.items[i].kind, CURE_COMMANDS);
}

/* -- random questions -- */

static uint64_t seed = 42;

static unsigned draw(unsigned n)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % n;
}

static struct ip any_address(void)
{
    return ip_of_ipv4((struct in_addr){htonl(0x0a000000U | draw(1U << 24))});
}

static void ask_anything(struct cure_question *q)
{
    static const char *const patterns[] = {"eth1", "eth*", "e?h1", "*"};

    *q = (struct cure_question){
        .name = "eth1",
        .pattern = patterns[draw(ELEMENTSOF(patterns))],
        .ifindex = 3,
        .has_policy = draw(2),
        .policy = draw(4) > 0,
        .mode = (int)draw(3),
        .src_valid_mark = draw(2),
        .accept_local = draw(2),
        .route_localnet = draw(2),
        .own_source = draw(4) == 0,
        .loopback = draw(4) == 0,
        .on_link = draw(3) == 0,
        .direct = draw(4) == 0,
        .without_ipv6 = draw(2),
        .mark = draw(2) ? draw(1000) : 0,
        .stand_in = draw(8) == 0,
        .to = (enum cure_to)draw(4),
        .peer = any_address(),
        .destination = any_address(),
        .n_gateways = draw(CURE_GATEWAYS_MAX + 1),
        .n_bases = draw(CURE_BASES_MAX + 1),
        .before = draw(2) ? draw(4) : draw(32767),
        .table = 1000 + draw(64),
    };
    for (size_t i = 0; i < q->n_gateways; i++)
        q->gateways[i] = (struct cure_gateway){any_address(), draw(2)};
    for (size_t i = 0; i < q->n_bases; i++)
        q->bases[i] = 1 + draw(32000);
}

/* Strings of digits and dots of one kind of word each: what `ip` would read. */
static void take_route(const char *line, const struct route *route)
{
    char to[64], via[64] = "", device[64];
    unsigned table = RT_TABLE_MAIN;
    struct ip read;

    if (sscanf(line, "ip route add %63s via %63s dev %63s table %u", to, via, device, &table) < 3) {
        via[0] = '\0';
        assert_true(sscanf(line, "ip route add %63s dev %63s table %u", to, device, &table) >= 2);
    }
    read = address(to);
    assert_int_equal(ip_compare(&read, &route->to.ip), 0);
    assert_int_equal(route->to.length, 32);
    assert_int_equal(via[0] != '\0', route->via.family != 0);
    if (via[0]) {
        read = address(via);
        assert_int_equal(ip_compare(&read, &route->via), 0);
    }
    assert_string_equal(device, "eth1");
    assert_int_equal(route->oif, 3);
    assert_int_equal(table, route->table);
}

static void take_rule(const char *line, const struct route_rule *rule)
{
    unsigned priority, table;
    char from[64], to[64];
    struct ip read;

    assert_int_equal(sscanf(line, "ip rule add priority %u from %63s to %63s lookup %u", &priority,
                            from, to, &table),
                     4);
    read = address(from);
    assert_int_equal(ip_compare(&read, &rule->from.ip), 0);
    read = address(to);
    assert_int_equal(ip_compare(&read, &rule->to.ip), 0);
    assert_int_equal(priority, rule->priority);
    assert_int_equal(table, rule->table);
}

/* The commands say what is tried, line by line. */
static void assert_commands(const struct cure_question *q, const struct cure *cure)
{
    size_t routes = 0, rules = 0;

    for (const char *line = cure->text; *line; line = strchr(line, '\n') + 1) {
        assert_non_null(strchr(line, '\n'));
        if (startswith(line, "ip route add ")) {
            assert_true(routes < cure->n_routes);
            take_route(line, &cure->routes[routes++]);
        } else {
            assert_true(rules < cure->n_rules);
            take_rule(line, &cure->rules[rules]);
            assert_true(cure->rules[rules++].priority < q->before);
        }
    }
    assert_int_equal(routes, cure->n_routes);
    assert_int_equal(rules, cure->n_rules);
    assert_true(routes > 0);
}

/* It is a policy without errors, and says something of the device, or one remark. */
static void assert_policy(const struct cure *cure)
{
    const struct device device = {.ifindex = 3, .name = "eth1", .ipv4 = true};
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct routing_settings settings;
    struct policy *policy;
    bool speaks = false;

    if (cure->group == CURE_AS_IS) {
        assert_true(startswith(cure->text, "# "));
        return;
    }
    policy = policy_of(cure->text, &diags);
    if (diags.errors)
        diags_show(&diags);
    assert_int_equal(diags.errors, 0);
    for (enum key key = 0; key < KEY_COUNT; key++)
        speaks |= policy_match(policy, key, &device, NULL) != NULL;
    routing_for(policy, &device, &settings);
    assert_true(speaks || settings.wanted);
    assert_int_equal(settings.wanted, cure->group == CURE_ROUTING);
    policy_free(policy);
}

static void every_candidate_can_be_pasted_and_has_a_price(void **state)
{
    for (unsigned n = 0; n < QUESTIONS; n++) {
        _cleanup_cures_ struct cures cures = {0};
        struct cure_question question;

        ask_anything(&question);
        cures = found(&question);
        for (size_t i = 0; i < cures.count; i++) {
            const struct cure *cure = &cures.items[i];

            assert_true(*cure->price != '\0' && !strchr(cure->price, '\n'));
            assert_int_equal(cure->text[strlen(cure->text) - 1], '\n');
            if (cure->kind == CURE_COMMANDS)
                assert_commands(&question, cure);
            else
                assert_policy(cure);
        }
    }
}

static void groups_come_in_their_order_and_nothing_comes_twice(void **state)
{
    for (unsigned n = 0; n < QUESTIONS; n++) {
        _cleanup_cures_ struct cures cures = {0};
        struct cure_question question;

        ask_anything(&question);
        question.n_bases = question.n_gateways =
            0; /* of those given two may be the same by chance */
        cures = found(&question);
        for (size_t i = 0; i < cures.count; i++) {
            assert_true(i == 0 || cures.items[i].group >= cures.items[i - 1].group);
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(cures.items[i].text, cures.items[k].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_keeps_strict_comes_before_what_does_not),
        cmocka_unit_test(only_a_value_that_accepts_more_is_one),
        cmocka_unit_test(routing_is_for_addresses_of_the_device_alone),
        cmocka_unit_test(no_rule_stands_before_the_first),
        cmocka_unit_test(a_router_that_nothing_tells_of_is_assumed),
        cmocka_unit_test(a_mark_is_looked_up_or_not),
        cmocka_unit_test(an_own_address_takes_accept_local),
        cmocka_unit_test(another_program_is_stopped_before_lines_are_added),
        cmocka_unit_test(nobody_gets_a_route_who_stands_for_others),
        cmocka_unit_test(a_policy_with_errors_takes_no_lines),
        cmocka_unit_test(every_candidate_can_be_pasted_and_has_a_price),
        cmocka_unit_test(groups_come_in_their_order_and_nothing_comes_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
