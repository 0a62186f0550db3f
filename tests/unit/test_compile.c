/* Which rule wins: by class, by place, with facts that are not known; and by random policies
 * against a search that knows no shortcut. */
#include "policy_text.h"

#include "policy/lang/compile.h"

static struct device device_named(const char *name)
{
    struct device device = {.ifindex = 2, .known = ~0u};

    snprintf(device.name, sizeof(device.name), "%s", name);
    return device;
}

/* Line of the winning rp_filter rule, 0 for none. */
static unsigned winner(const struct policy *policy, const char *name)
{
    struct device device = device_named(name);
    const struct rule *undecided, *rule;

    rule = policy_match(policy, KEY_RP_FILTER, &device, &undecided);
    assert_null(undecided);
    assert_ptr_equal(rule, policy_match(policy, KEY_RP_FILTER, &device, NULL));
    return rule ? rule->origin.line : 0;
}

static void the_class_decides_before_the_place(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_of("[exception x]\n"      /* 1 */
                                                       "reason = r\n"         /* 2 */
                                                       "devices = eth9 wl*\n" /* 3 */
                                                       "rp_filter = off\n"    /* 4 */
                                                       "[rp_filter]\n"        /* 5 */
                                                       "eth0 = off\n"         /* 6 */
                                                       "eth1..9 = loose\n"    /* 7 */
                                                       "@s = off\n"           /* 8 */
                                                       "eth* = strict\n"      /* 9 */
                                                       "* = loose\n"          /* 10 */
                                                       "wlan0 = strict\n"     /* 11 */
                                                       "[set s]\n"            /* 12 */
                                                       "name = eth* tun*\n",  /* 13 */
                                                       NULL);

    assert_int_equal(winner(policy, "eth0"), 6);
    assert_int_equal(winner(policy, "eth1"), 7);
    assert_int_equal(winner(policy, "eth9"), 4);
    assert_int_equal(winner(policy, "wlan0"), 4);
    assert_int_equal(winner(policy, "eth10"), 9);
    assert_int_equal(winner(policy, "tun0"), 8);
    assert_int_equal(winner(policy, "docker0"), 10);
    assert_int_equal(winner(policy, "lo"), 0);
    assert_int_equal(winner(policy, "eth1..9"), 9);
    assert_int_equal(winner(policy, "@s"), 10);
}

static void within_a_class_the_later_line_wins_also_over_files(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "a",
               "[rp_filter]\neth0 = off\neth0..5 = off\neth2 = off\n" /* 2 3 4 */
               "l* = off\nlxc* = off\n@physical = off\n",             /* 5 6 7 */
               NULL);
    policy_add(policy, "b", "\n\n\n\n\n\n\n\n[rp_filter]\neth1..3 = off\n* = loose\nla* = off\n",
               NULL);
    assert_int_equal(policy_finish(policy, NULL), 0);
    assert_int_equal(winner(policy, "eth0"), 3);
    assert_int_equal(winner(policy, "eth2"), 10);
    assert_int_equal(winner(policy, "lxc1"), 6);
    assert_int_equal(winner(policy, "lan"), 12);
    assert_int_equal(winner(policy, "zzz"), 11);
}

static void the_later_exception_wins_whatever_its_patterns(void **state)
{
    _cleanup_policy_ struct policy *policy =
        policy_of("[exception a]\nreason = r\ndevices = eth0\nrp_filter = off\n"
                  "[exception b]\nreason = r\ndevices = *\nrp_filter = loose\n",
                  NULL);

    assert_int_equal(winner(policy, "eth0"), 8);
}

static void lo_and_pins_are_apart(void **state)
{
    _cleanup_policy_ struct policy *policy =
        policy_of("[rp_filter]\nall = off\ndefault = off\nlo = loose\n", NULL);

    assert_int_equal(winner(policy, "lo"), 4);
    assert_int_equal(winner(policy, "all"), 0);
    assert_int_equal(winner(policy, "default"), 0);
    assert_int_equal(winner(policy, "eth0"), 0);
}

static void keys_do_not_mix(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_of("[log_martians]\n* = yes\n", NULL);
    struct device device = device_named("eth0");

    assert_int_equal(winner(policy, "eth0"), 0);
    assert_int_equal(policy_match(policy, KEY_LOG_MARTIANS, &device, NULL)->origin.line, 2);
}

static void a_rule_that_may_win_is_named_beside_the_one_that_does(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_of("[rp_filter]\n"
                                                       "* = strict\n"
                                                       "@unnumbered = off\n"
                                                       "@uplink = loose\n"
                                                       "eth0 = off\n",
                                                       NULL);
    struct device device = device_named("eth1");
    const struct rule *undecided;

    device.known = 0;
    assert_int_equal(policy_match(policy, KEY_RP_FILTER, &device, &undecided)->origin.line, 2);
    assert_int_equal(undecided->origin.line, 4); /* the strongest of the two */

    device.known = FACT_ROUTES; /* no uplink, that much is known */
    assert_int_equal(policy_match(policy, KEY_RP_FILTER, &device, &undecided)->origin.line, 2);
    assert_int_equal(undecided->origin.line, 3);

    device.uplink = true;
    assert_int_equal(policy_match(policy, KEY_RP_FILTER, &device, &undecided)->origin.line, 4);
    assert_null(undecided); /* what stands below the winner does not matter */

    snprintf(device.name, sizeof(device.name), "eth0");
    device.known = 0;
    assert_int_equal(policy_match(policy, KEY_RP_FILTER, &device, &undecided)->origin.line, 5);
    assert_null(undecided);
}

static void only_a_rule_that_may_win_is_left_where_none_does(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_of("[rp_filter]\n@uplink = loose\n", NULL);
    struct device device = device_named("eth1");
    const struct rule *undecided = NULL;

    device.known = 0;
    assert_null(policy_match(policy, KEY_RP_FILTER, &device, &undecided));
    assert_int_equal(undecided->origin.line, 2);
}

struct lines {
    char text[100];
    int stop_at;
};

static int take_line(const struct rule *rule, bool undecided, void *data)
{
    struct lines *lines = data;
    size_t used = strlen(lines->text);

    snprintf(lines->text + used, sizeof(lines->text) - used, "%u%s ", rule->origin.line,
             undecided ? "?" : "");
    return (int)rule->origin.line == lines->stop_at ? -ECANCELED : 0;
}

static void every_rule_that_speaks_of_a_device_is_told_strongest_first(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_of("[rp_filter]\n"
                                                       "* = strict\n"
                                                       "eth0 = off\n"
                                                       "@uplink = loose\n"
                                                       "eth* = loose\n"
                                                       "wlan* = off\n"
                                                       "eth0..1 = off\n",
                                                       NULL);
    struct device device = device_named("eth0");
    struct lines lines = {0};

    device.known = 0;
    assert_int_equal(policy_match_each(policy, KEY_RP_FILTER, &device, take_line, &lines), 0);
    assert_string_equal(lines.text, "7 3 5 4? 2 ");
    lines = (struct lines){.stop_at = 5};
    assert_int_equal(policy_match_each(policy, KEY_RP_FILTER, &device, take_line, &lines),
                     -ECANCELED);
    assert_string_equal(lines.text, "7 3 5 ");
}

static void an_empty_policy_has_no_winner(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_of("", NULL), *unfinished = policy_start();

    assert_int_equal(winner(policy, "eth0"), 0);
    assert_int_equal(winner(unfinished, "eth0"), 0);
}

/* Deterministic, so that a failure can be seen again. */
static unsigned dice(uint64_t *seed, unsigned sides)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % sides;
}

static int class_of(const struct rule *rule)
{
    if (rule->exception >= 0)
        return 3;
    if (rule->pattern.kind == PATTERN_EXACT || rule->pattern.kind == PATTERN_RANGE)
        return 2;
    return rule->pattern.kind == PATTERN_ANY ? 0 : 1;
}

/* The words of the manual, one rule after the other. */
static const struct rule *slow_winner(const struct policy *policy, const struct device *device)
{
    const struct rule *best = NULL;

    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];

        if (!pattern_matches_name(&rule->pattern, device->name))
            continue;
        if (!best || class_of(rule) >= class_of(best))
            best = rule;
    }
    return best;
}

static void the_quick_search_finds_what_the_slow_one_finds(void **state)
{
    static const char *const patterns[] = {
        "*",        "eth*",      "e*",         "?th0",         "eth0",
        "eth1..3",  "eth10..19", "lxc*",       "lxc1*",        "lxc00*",
        "lo",       "lxc0001",   "lxc000123*", "*0",           "all",
        "abcdefgh", "abcdefgh*", "abcdefghi",  "abcdefgh1..9", "default",
        "l?",       "eth01..12",
    };
    static const char *const names[] = {
        "eth0",    "eth1",     "eth2",      "eth10",      "eth15",      "eth05", "lxc", "lxc1",
        "lxc0001", "lxc00012", "lxc000123", "lxc0001234", "lo",         "la",    "x",   "x0",
        "abcdefg", "abcdefgh", "abcdefghi", "abcdefgh5",  "abcdefgh55", "bth0",
    };
    uint64_t seed = 3;
    unsigned found = 0;

    for (unsigned trial = 0; trial < 2000; trial++) {
        char text[2000] = "[rp_filter]\n";
        unsigned n = dice(&seed, 12);

        for (unsigned i = 0; i < n; i++)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s = off\n",
                     patterns[dice(&seed, ELEMENTSOF(patterns))]);
        if (dice(&seed, 3) == 0)
            snprintf(text + strlen(text), sizeof(text) - strlen(text),
                     "[exception e]\nreason = r\nrp_filter = off\ndevices = lo e*0 l*\n");
        _cleanup_policy_ struct policy *policy = policy_of(text, NULL);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
            struct device device = device_named(names[i]);
            const struct rule *rule = policy_match(policy, KEY_RP_FILTER, &device, NULL);

            assert_ptr_equal(rule, slow_winner(policy, &device));
            found += rule != NULL;
        }
    }
    assert_true(found > 10000); /* otherwise little was tested */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_class_decides_before_the_place),
        cmocka_unit_test(within_a_class_the_later_line_wins_also_over_files),
        cmocka_unit_test(the_later_exception_wins_whatever_its_patterns),
        cmocka_unit_test(lo_and_pins_are_apart),
        cmocka_unit_test(keys_do_not_mix),
        cmocka_unit_test(a_rule_that_may_win_is_named_beside_the_one_that_does),
        cmocka_unit_test(only_a_rule_that_may_win_is_left_where_none_does),
        cmocka_unit_test(every_rule_that_speaks_of_a_device_is_told_strongest_first),
        cmocka_unit_test(an_empty_policy_has_no_winner),
        cmocka_unit_test(the_quick_search_finds_what_the_slow_one_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
