/* What is said when all files were read: rules that can never win, rules that a pin rules out, and
 * where the udev hook cannot judge. */
#include "policy_text.h"

/* Exactly one message, at this line, of this level. */
static void assert_one(const char *text, enum diag_level level, unsigned line, const char *words)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    policy_free(policy_of(text, &diags));
    assert_said(&diags, level, "p.conf", line, words);
    if (diags.count != 1) {
        diags_show(&diags);
        fail_msg("one message was expected for:\n%s", text);
    }
}

static void a_rule_that_can_never_win_is_warned_of_with_the_line_that_shadows_it(void **state)
{
    assert_one("[rp_filter]\neth0 = off\neth0 = strict\n", DIAG_WARNING, 2,
               "rp_filter: 'eth0 = off' can never win: 'eth0 = strict' in p.conf:3 stands before");
    assert_one("[rp_filter]\nlxc1* = off\n* = strict\nlxc* = loose\n", DIAG_WARNING, 2,
               "'lxc* = loose' in p.conf:4");
    assert_one("[rp_filter]\neth0..3 = off\neth0..9 = loose\neth2..4 = off\n", DIAG_WARNING, 2,
               "p.conf:3");
}

static void stronger_kinds_of_patterns_shadow_from_above_too(void **state)
{
    assert_one("[rp_filter]\neth1..3 = off\neth? = strict\neth1..3 = loose\n", DIAG_WARNING, 2,
               "'eth1..3 = loose' in p.conf:4");
    assert_one("[exception e]\nreason = r\ndevices = lxc*\nrp_filter = off\n[rp_filter]\n"
               "lxc0 = strict\n",
               DIAG_WARNING, 6, "in p.conf:4 stands before it as an exception");
    assert_one("[set s]\nkind = veth\n[rp_filter]\n@s = off\n@s = loose\n", DIAG_WARNING, 4,
               "'@s = loose' in p.conf:5");
    assert_one("[rp_filter]\nall = strict\nall = off\n", DIAG_WARNING, 2,
               "'all = off' in p.conf:3");
    assert_one("[rp_filter]\n* = strict\n* = off\n", DIAG_WARNING, 2, "'* = off' in p.conf:3");
}

static void rules_that_can_win_are_not_warned_of(void **state)
{
    assert_taken("[rp_filter]\n* = strict\nlxc* = off\nlxc1* = loose\nlxc0 = strict\nlo = off\n");
    assert_taken("[rp_filter]\neth0 = off\n* = off\n");
    assert_taken("[rp_filter]\neth0..3 = off\neth2..9 = strict\n");
    assert_taken("[rp_filter]\neth0 = off\n[log_martians]\neth0 = no\n");
    assert_taken("[rp_filter]\nlo = off\n* = strict\n**= loose\n");
    assert_taken("[rp_filter]\nall = off\ndefault = off\neth0 = off\n");
    assert_taken("[exception e]\nreason = r\ndevices = lxc1 lxc*\nrp_filter = off\n");
}

static void a_fallback_to_unmanaged_is_there_to_be_replaced(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "20-preset-a.conf", "[rp_filter]\n* = unmanaged\n", &diags);
    policy_add(policy, "20-preset-b.conf", "[rp_filter]\n* = unmanaged\n", &diags);
    policy_add(policy, "50.conf", "[rp_filter]\n* = strict\n", &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_said(&diags, DIAG_NOTE, "20-preset-a.conf", 2, "50.conf:2");
    assert_said(&diags, DIAG_NOTE, "20-preset-b.conf", 2, "50.conf:2");
    assert_int_equal(diags.warnings + diags.errors, 0);
    assert_one("[rp_filter]\n* = unmanaged\n* = strict\n", DIAG_WARNING, 2, "can never win");
}

static void presets_that_say_the_same_are_not_warned_of(void **state)
{
    static const struct {
        const char *value;
        enum diag_level level;
        const char *words;
    } other[] = {{"off|loose", DIAG_NOTE, "20-preset-b.conf:2 stands before it, of another preset"},
                 {"off", DIAG_WARNING, "20-preset-b.conf:2 stands before it"},
                 {"loose|off", DIAG_WARNING, "20-preset-b.conf:2 stands before it"},
                 {"off|loose, observe", DIAG_WARNING, "20-preset-b.conf:2 stands before it"},
                 {"unmanaged", DIAG_WARNING, "20-preset-b.conf:2 stands before it"}};

    for (size_t i = 0; i < ELEMENTSOF(other); i++) {
        _cleanup_diags_ struct diags diags = DIAGS_INIT;
        _cleanup_policy_ struct policy *policy = policy_start();
        _cleanup_free_ char *bytes = NULL;

        assert_true(asprintf(&bytes, "[rp_filter]\nwg* = %s\n", other[i].value) > 0);
        policy_add(policy, "20-preset-a.conf", "[rp_filter]\nwg* = off|loose\n", &diags);
        policy_add(policy, "20-preset-b.conf", bytes, &diags);
        assert_int_equal(policy_finish(policy, &diags), 0);
        assert_said(&diags, other[i].level, "20-preset-a.conf", 2, other[i].words);
    }
}

static void a_preset_yields_to_the_administrator_wherever_the_files_sort(void **state)
{
    static const char *const files[] = {"10-local.conf", "20-preset-a.conf", "20-preset-b.conf",
                                        "30-local.conf"};
    static const char *const lines[] = {"lxc* = off", "lxc0 = off", "* = off", "all = off"};

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        for (size_t own = 0; own < 4; own += 3) {
            _cleanup_diags_ struct diags diags = DIAGS_INIT;
            _cleanup_policy_ struct policy *policy = policy_start();
            _cleanup_free_ char *bytes = NULL;

            assert_true(asprintf(&bytes, "[rp_filter]\n%s\n", lines[i]) > 0);
            for (size_t k = own == 0 ? 0 : 1; k <= (own == 0 ? 2 : 3); k++)
                policy_add(policy, files[k], bytes, &diags);
            assert_int_equal(policy_finish(policy, &diags), 0);
            assert_said(&diags, DIAG_NOTE, "20-preset-a.conf", 2, "stands before it, since a pre");
            assert_said(&diags, DIAG_NOTE, "20-preset-b.conf", 2, files[own]);
            assert_int_equal(diags.count, 2);
        }
    }
}

static void a_pin_of_all_rules_out_what_it_makes_unreachable(void **state)
{
    assert_one("[rp_filter]\nall = loose\neth0 = strict\n", DIAG_ERROR, 3,
               "rp_filter: 'eth0 = strict' cannot be reached while p.conf:2 pins 'all = loose'");
    assert_one("[rp_filter]\n* = off\nall = strict\n", DIAG_ERROR, 2, "p.conf:3 pins");
    assert_one("[rp_filter]\nall = loose\neth0 = strict|off\n", DIAG_ERROR, 3, "strict|off");
    assert_one("[rp_filter]\nall = loose\neth0 = strict, observe\n", DIAG_ERROR, 3, "pins");
    assert_one("[log_martians]\nall = yes\neth0 = no\n", DIAG_ERROR, 3, "'eth0 = no'");
    assert_one("[accept_source_route]\nall = no\neth0 = yes\n", DIAG_ERROR, 3, "'eth0 = yes'");
    assert_one("[arp_ignore]\nall = 2\neth0 = 1\n", DIAG_ERROR, 3, "'all = 2'");
    assert_one("[exception e]\nreason = r\ndevices = eth0\nrp_filter = off\n[rp_filter]\n"
               "all = strict\n",
               DIAG_ERROR, 4, "'eth0 = off'");
}

static void a_pin_leaves_alone_what_can_be_reached_under_it(void **state)
{
    assert_taken("[rp_filter]\nall = off\na = off\nb = strict\nc = loose\n");
    assert_taken("[rp_filter]\nall = strict\nb = strict\nc = loose\nd = off|loose\n");
    assert_taken("[rp_filter]\nall = loose\nc = loose\nd = unmanaged\n");
    assert_taken("[rp_filter]\nall = unmanaged\nc = off\n");
    assert_taken("[rp_filter]\ndefault = loose\n* = off\n");
    assert_taken("[log_martians]\nall = no\na = no\nb = yes\n");
    assert_taken("[log_martians]\nall = yes\n[rp_filter]\n* = off\n");
    assert_taken("[accept_source_route]\nall = yes\na = no\nb = yes\n");
    /* Which of the two it is depends on forwarding, which a policy does not know. */
    assert_taken("[accept_redirects]\nall = no\na = yes\n");
    assert_taken("[accept_redirects]\nall = yes\na = no\n");
}

static void a_shadowed_rule_is_not_held_against_a_pin(void **state)
{
    assert_one("[rp_filter]\nall = loose\n* = strict\n* = loose\n", DIAG_WARNING, 3,
               "can never win");
}

static void the_hooks_blindness_is_told_where_a_device_may_stay_looser(void **state)
{
    assert_one("[rp_filter]\n* = strict\n@uplink = loose\n", DIAG_WARNING, 3,
               "rp_filter: '@uplink' depends on routes, which the udev hook does not judge");
    assert_one("[rp_filter]\n* = strict\n@uplink = loose\n", DIAG_WARNING, 3,
               "'* = strict' in p.conf:2");
    assert_one("[rp_filter]\n* = strict\n@unnumbered = unmanaged\n", DIAG_WARNING, 3, "addresses");
    assert_one("[rp_filter]\n* = loose\n@unnumbered = off\n", DIAG_WARNING, 3, "addresses");
    assert_one("[set s]\nmaster = br0\n[route_localnet]\n* = no\n@s = yes\n", DIAG_WARNING, 5,
               "the master");
    assert_one("[rp_filter]\n* = strict\nlxc* = off\n@uplink = loose\n", DIAG_WARNING, 4,
               "'* = strict' in p.conf:2");
    assert_one("[exception e]\nreason = r\ndevices = @uplink\nrp_filter = loose\n[rp_filter]\n"
               "* = strict\n",
               DIAG_WARNING, 4, "depends on routes");
}

static void the_hooks_blindness_is_not_told_where_it_does_no_harm(void **state)
{
    assert_taken("[rp_filter]\n* = loose\n@uplink = strict\n");
    assert_taken("[rp_filter]\n* = strict\n@physical = loose\n");
    assert_taken("[rp_filter]\n@uplink = loose\n");
    assert_taken("[rp_filter]\n* = unmanaged\n@uplink = loose\n");
    assert_taken("[rp_filter]\neth0 = strict\n@uplink = loose\n");
    assert_taken("[set s]\ndriver = ixgbe\nmac = 52:*\naltname = wan\n[rp_filter]\n* = strict\n"
                 "@s = off\n");
    /* udev tells the hook the properties. */
    assert_taken("[set s]\nproperty = A=b\n[rp_filter]\n* = strict\n@s = off\n");
    assert_taken("[log_martians]\n* = no\n@uplink = yes\n");
}

static void messages_come_in_the_order_of_files_and_lines(void **state)
{
    static const char *const expected[] = {"read.conf:0", "b.conf:2", "b.conf:3", "b.conf:4",
                                           "a.conf:1",    "a.conf:2", "a.conf:3"};
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();
    char place[32];

    diags_add(&diags, DIAG_ERROR, "read.conf", 0, "cannot be read");
    policy_add(policy, "b.conf", "[rp_filter]\n@none = off\neth0 = of\neth1 = off\n", &diags);
    policy_add(policy, "a.conf", "x\n[rp_filter]bad\n[rp_filter\n[rp_filter]\neth1 = strict\n",
               &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_int_equal(diags.count, ELEMENTSOF(expected));
    for (size_t i = 0; i < diags.count; i++) {
        snprintf(place, sizeof(place), "%s:%u", diags.items[i].file, diags.items[i].line);
        assert_string_equal(place, expected[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_can_never_win_is_warned_of_with_the_line_that_shadows_it),
        cmocka_unit_test(stronger_kinds_of_patterns_shadow_from_above_too),
        cmocka_unit_test(rules_that_can_win_are_not_warned_of),
        cmocka_unit_test(a_fallback_to_unmanaged_is_there_to_be_replaced),
        cmocka_unit_test(presets_that_say_the_same_are_not_warned_of),
        cmocka_unit_test(a_preset_yields_to_the_administrator_wherever_the_files_sort),
        cmocka_unit_test(a_pin_of_all_rules_out_what_it_makes_unreachable),
        cmocka_unit_test(a_pin_leaves_alone_what_can_be_reached_under_it),
        cmocka_unit_test(a_shadowed_rule_is_not_held_against_a_pin),
        cmocka_unit_test(the_hooks_blindness_is_told_where_a_device_may_stay_looser),
        cmocka_unit_test(the_hooks_blindness_is_not_told_where_it_does_no_harm),
        cmocka_unit_test(messages_come_in_the_order_of_files_and_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
