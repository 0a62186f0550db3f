/* Policy files: what they may say, what they become, and every error with its file and line. */
#include "policy_text.h"

static void the_first_example_of_the_manual_is_a_policy(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy =
        policy_of("[rp_filter]\nlxc*    = off\neth1..3 = loose\n*       = strict\n", &diags);

    assert_quiet(&diags);
    assert_int_equal(policy->n_rules, 3);
    assert_string_equal(policy->rules[1].pattern.text, "eth1..3");
    assert_string_equal(policy->rules[1].origin.file, "p.conf");
    assert_int_equal(policy->rules[1].origin.line, 3);
    assert_int_equal(policy->rules[1].values[0], 2);
    assert_int_equal(policy->rules[1].n_values, 1);
    assert_int_equal(policy->rules[1].exception, -1);
    assert_int_equal(policy->keys, KEY_BIT(KEY_RP_FILTER));
    assert_int_equal(policy->facts, 0);
    assert_int_equal(policy->agent.mode, MODE_OBSERVE);
    assert_int_equal(policy->agent.sweep_usec, 60000000);
    assert_true(policy->agent.flush_routes);
    assert_null(policy->agent.metrics_file);
}

static void a_policy_without_a_rule_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "# nothing\n",
        "[agent]\n[rp_filter]\n",
        "[agent]\nsweep = 1h\n",
        "[agent]\nmode = enforce\n",
        "[agent]\nmode = observe\nmode = enforce\n",
        "[set s]\nname = a\n",
        "[routing]\n",
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        assert_refused(texts[i], 0, "no rule in any file; to report nothing");
}

static void one_that_only_this_version_does_not_know_is_refused_too(void **state)
{
    static const char *const texts[] = {"[-newkey]\neth0 = 1\n", "[agent]\n-newword = 1\n",
                                        "[routing eth0]\ngateway = first\n"};

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_diags_ struct diags diags = DIAGS_INIT;

        policy_free(policy_of(texts[i], &diags));
        assert_said(&diags, DIAG_ERROR, "p.conf", 0, "no rule in any file");
        assert_int_equal(diags.errors, 1);
        assert_int_equal(diags.warnings, 1);
    }
}

static void a_rule_or_the_word_that_there_is_none_is_enough(void **state)
{
    assert_taken("[agent]\nmode = observe\n");
    assert_taken("[agent]\nmode = enforce\nmode = observe\n");
    assert_taken("[rp_filter]\n* = unmanaged\n");
    assert_taken("[log_martians]\nall = no\n");
    assert_taken("[routing]\neth1 = auto\n");
    assert_taken("[exception e]\nreason = r\ndevices = eth0\nrp_filter = off\n");
}

static void where_errors_may_be_why_no_rule_is_left_they_are_all_that_is_said(void **state)
{
    assert_refused("[rp_filter]\n* = of\n", 2, "unknown value 'of'");
}

static void of_several_files_without_a_rule_the_last_is_named(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "a.conf", "[agent]\nmode = enforce\n", &diags);
    policy_add(policy, "b.conf", "", &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_said(&diags, DIAG_ERROR, "b.conf", 0, "write 'mode = observe' in [agent]");
    assert_int_equal(diags.count, 1);
}

static void only_the_end_of_all_rules_that_are_enforced_disarms(void **state)
{
    static const char observe[] = "[agent]\nmode = observe\n";
    static const char rules[] = "[agent]\nmode = enforce\n[rp_filter]\n* = strict\n";
    static const char routing[] = "[agent]\nmode = enforce\n[routing]\neth1 = auto\n";
    static const char observed[] = "[rp_filter]\n* = strict\n";
    static const struct {
        const char *in_force, *next;
        bool disarms;
    } changes[] = {
        {rules, observe, true},    {routing, observe, true}, {rules, observed, false},
        {rules, routing, false},   {routing, rules, false},  {observed, observe, false},
        {observe, observe, false}, {observe, rules, false},
    };

    for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
        _cleanup_policy_ struct policy *in_force = policy_of(changes[i].in_force, NULL);
        _cleanup_policy_ struct policy *next = policy_of(changes[i].next, NULL);

        assert_int_equal(policy_disarms(in_force, next), changes[i].disarms);
        assert_false(policy_disarms(NULL, next));
    }
}

static void every_key_has_its_section(void **state)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        _cleanup_diags_ struct diags diags = DIAGS_INIT;
        char text[64];

        snprintf(text, sizeof(text), "[%s]\neth0 = 1\n", key_info(key)->name);
        _cleanup_policy_ struct policy *policy = policy_of(text, &diags);
        assert_quiet(&diags);
        assert_int_equal(policy->rules[0].key, key);
        assert_int_equal(policy->keys, KEY_BIT(key));
    }
}

static const struct rule *rule_of(struct policy **policy, const char *section, const char *value)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    char text[200];

    snprintf(text, sizeof(text), "[%s]\neth0 = %s\n", section, value);
    *policy = policy_free(*policy);
    *policy = policy_of(text, &diags);
    assert_quiet(&diags);
    assert_int_equal((*policy)->n_rules, 1);
    return &(*policy)->rules[0];
}

static void alternatives_keep_their_order(void **state)
{
    _cleanup_policy_ struct policy *policy = NULL;
    const struct rule *rule = rule_of(&policy, "rp_filter", "loose | off");

    assert_int_equal(rule->n_values, 2);
    assert_int_equal(rule->values[0], 2);
    assert_int_equal(rule->values[1], 0);
    assert_string_equal(rule->value_text, "loose | off");
    assert_true(rule_accepts(rule, 0));
    assert_true(rule_accepts(rule, 2));
    assert_false(rule_accepts(rule, 1));
    rule = rule_of(&policy, "arp_ignore", "0|1|2|3|4|5|6|7|8");
    assert_int_equal(rule->n_values, RULE_VALUES_MAX);
}

static void observe_is_kept_apart_from_the_value(void **state)
{
    _cleanup_policy_ struct policy *policy = NULL;
    const struct rule *rule = rule_of(&policy, "rp_filter", "strict|loose ,  observe ; later off");

    assert_true(rule->observe);
    assert_int_equal(rule->n_values, 2);
    assert_string_equal(rule->value_text, "strict|loose");
    assert_false(rule_of(&policy, "rp_filter", "strict")->observe);
}

static void unmanaged_accepts_nothing_and_asks_for_nothing(void **state)
{
    _cleanup_policy_ struct policy *policy = NULL;
    const struct rule *rule = rule_of(&policy, "log_martians", "unmanaged");

    assert_true(rule->unmanaged);
    assert_int_equal(rule->n_values, 0);
    assert_false(rule_accepts(rule, 0));
    assert_string_equal(rule->value_text, "unmanaged");
}

static void wrong_values_are_refused_with_the_right_ones(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"[rp_filter]\neth0 = srict\n",
         "unknown value 'srict' for rp_filter: off (0), strict (1), loose (2), or unmanaged"},
        {"[rp_filter]\neth0 = 3\n", "unknown value '3'"},
        {"[rp_filter]\neth0 = -1\n", "unknown value '-1'"},
        {"[rp_filter]\neth0 =\n", "a value is missing: off (0)"},
        {"[rp_filter]\neth0 = , observe\n", "a value is missing"},
        {"[rp_filter]\neth0 = strict|\n", "unknown value ''"},
        {"[rp_filter]\neth0 = strict|1\n", "stands twice"},
        {"[rp_filter]\neth0 = strict|unmanaged\n", "cannot be combined with other values"},
        {"[rp_filter]\neth0 = unmanaged|strict\n", "cannot be combined with other values"},
        {"[rp_filter]\neth0 = unmanaged, observe\n", "cannot be combined with observe"},
        {"[rp_filter]\neth0 = strict, obsreve\n", "only observe is known"},
        {"[rp_filter]\neth0 = strict,\n", "only observe is known"},
        {"[rp_filter]\neth0 = strict, observe, observe\n", "only observe is known"},
        {"[rp_filter]\neth0 = strict # note\n", "'#' begins no comment, ' ;' does"},
        {"[rp_filter]\neth0 = st\xffrict\n", "unknown value 'st\\xFFrict'"},
        {"[log_martians]\neth0 = on\n", "unknown value 'on' for log_martians: no (0), yes (1)"},
        {"[log_martians]\neth0 = 2\n", "unknown value '2'"},
        {"[arp_ignore]\neth0 = 9\n", "for arp_ignore: a number from 0 to 8"},
        {"[arp_announce]\neth0 = 3\n", "for arp_announce: a number from 0 to 2"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_refused(bad[i].text, 2, bad[i].words);
}

static void wrong_patterns_are_refused_at_their_line(void **state)
{
    assert_refused("[rp_filter]\neth3..1 = off\n", 2, "larger than the last");
    assert_refused("[rp_filter]\n\neth0..4096 = off\n", 3, "at most 4096");
    assert_refused("[rp_filter]\neth0/1 = off\n", 2, "contains '/'");
    assert_refused("[rp_filter]\neth0 eth1 = off\n", 2, "one pattern per line");
    assert_refused("[rp_filter]\n= off\n", 2, "nothing stands before the '='");
    assert_refused("[rp_filter]\nnet.ipv4.conf.eth0.rp_filter = 1\n", 2, "at most 15");
    assert_refused("[rp_filter]\n[ab]* = off\neth0 = off\n", 2, "write '?' for that byte");
    assert_refused("[rp_filter]\neth0: off\n", 2, "':' where '=' is expected");
}

static void an_unknown_set_is_refused_with_those_there_are(void **state)
{
    assert_refused("[rp_filter]\n@foo = off\n[set bar]\nkind = veth\n", 2,
                   "there is no set 'foo'; known here are physical, uplink, unnumbered, bar");
    assert_refused("[rp_filter]\n@phisical = off\n", 2, "did you mean 'physical'?");
}

static void unknown_sections_are_refused_once_with_a_hint(void **state)
{
    assert_refused("[rpfilter]\neth0 = off\nnonsense\n", 1, "did you mean 'rp_filter'?");
    assert_refused("[foo]\neth0 = yes\n", 1, "known here are agent, rp_filter,");
    assert_refused("[tunnels]\ntable = 5\n", 1, "unknown section [tunnels]");
    assert_refused("[agent x]\nmode = enforce\n", 1, "unknown section [agent x]");
    assert_refused("[rp_filter ]\n", 1, "unknown section [rp_filter ]; did you mean");
    assert_refused("[]\n", 1, "unknown section []");
    assert_refused("[set]\nkind = veth\n", 1, "write [set NAME]");
    assert_refused("[exception]\n", 1, "write [exception NAME]");
    assert_refused("[sets x]\n", 1, "unknown section [sets x]");
    assert_refused("eth0 = off\n[rp_filter]\n", 1, "stands before any section");
    assert_refused("[\x1b[31m]\n", 1, "[\\x1B[31m]");
}

static void a_dash_allows_what_a_later_version_may_know(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[-tunnels]\n"
                                                       "whatever this\n"
                                                       "[agent]\n"
                                                       "-journal = yes\n"
                                                       "-mode = enforce\n"
                                                       "[-rp_filter]\n"
                                                       "-eth0 = off\n"
                                                       "[-set s]\n"
                                                       "-group = 5\n"
                                                       "kind = veth\n"
                                                       "[exception e]\n"
                                                       "-owner = me\n"
                                                       "devices = eth1\n"
                                                       "reason = r\n"
                                                       "-rp_filter = loose\n",
                                                       &diags);

    assert_said(&diags, DIAG_WARNING, "p.conf", 1, "section [tunnels] is not known");
    assert_said(&diags, DIAG_WARNING, "p.conf", 4, "'journal' in [agent] is not known");
    assert_said(&diags, DIAG_WARNING, "p.conf", 9, "'group' in [set] is not known");
    assert_said(&diags, DIAG_WARNING, "p.conf", 12, "'owner' in [exception] is not known");
    assert_int_equal(diags.count, 4);
    assert_false(diags_failed(&diags));
    assert_int_equal(policy->agent.mode, MODE_ENFORCE);
    assert_int_equal(policy->n_rules, 2);
    assert_string_equal(policy->rules[0].pattern.text, "-eth0"); /* a name, not a mark */
    assert_int_equal(policy->n_sets, 1);
}

static void a_dash_does_not_excuse_a_wrong_value(void **state)
{
    assert_refused("[agent]\n-mode = on\n", 2, "unknown mode 'on'");
}

static void pins_are_one_value_or_unmanaged(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy =
        policy_of("[rp_filter]\nall = off\ndefault = unmanaged\n", &diags);

    assert_quiet(&diags);
    assert_int_equal(policy_pin(policy, KEY_RP_FILTER, PATTERN_ALL)->values[0], 0);
    assert_true(policy_pin(policy, KEY_RP_FILTER, PATTERN_DEFAULT)->unmanaged);
    assert_null(policy_pin(policy, KEY_LOG_MARTIANS, PATTERN_ALL));
    assert_refused("[rp_filter]\nall = strict|loose\n", 2, "'all' is pinned to one value");
    assert_refused("[rp_filter]\ndefault = strict, observe\n", 2, "'default' is pinned to one");
}

static void what_is_only_reported_observes_whatever_the_line_says_and_cannot_be_pinned(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy =
        policy_of("[forwarding]\neth0 = yes\n* = no, observe\neth1 = unmanaged\n"
                  "[exception e]\ndevices = eth2\nreason = r\nforwarding = yes\n",
                  &diags);

    assert_quiet(&diags);
    for (size_t i = 0; i < policy->n_rules; i++)
        assert_true(policy->rules[i].observe != policy->rules[i].unmanaged);
    assert_refused("[forwarding]\nall = yes\n", 2,
                   "'all' cannot be pinned: forwarding is reported");
    assert_refused("[forwarding]\ndefault = no\n", 2, "'default' cannot be pinned");
}

static void later_pins_and_bare_stars_win_over_files(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "10.conf", "[rp_filter]\nall = strict\n* = loose\n", &diags);
    policy_add(policy, "20.conf", "[rp_filter]\n* = off\nall = off\n", &diags);
    policy_add(policy, "30.conf",
               "[exception e]\ndevices = *\nreason = r\nrp_filter = strict\n[log_martians]\n* = no",
               &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_int_equal(policy_pin(policy, KEY_RP_FILTER, PATTERN_ALL)->values[0], 0);
    assert_string_equal(policy_any(policy, KEY_RP_FILTER)->origin.file, "20.conf");
    assert_int_equal(policy_any(policy, KEY_LOG_MARTIANS)->values[0], 0);
    assert_null(policy_any(policy, KEY_ARP_FILTER));
}

static void sections_of_keys_may_be_repeated_also_over_files(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "10.conf",
               "[rp_filter]\neth0 = off\n[log_martians]\n* = no\n[rp_filter]\n"
               "eth1 = off",
               &diags);
    policy_add(policy, "20.conf", "\xef\xbb\xbf[rp_filter]\r\n  eth2 = off\r\n", &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_quiet(&diags);
    assert_int_equal(policy->n_rules, 4);
    assert_string_equal(policy->rules[3].origin.file, "20.conf");
    assert_int_equal(policy->rules[3].origin.line, 2);
}

static void a_section_does_not_reach_into_the_next_file(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "10.conf", "[rp_filter]\neth0 = off\n", &diags);
    policy_add(policy, "20.conf", "eth1 = off\n", &diags);
    assert_said(&diags, DIAG_ERROR, "20.conf", 1, "stands before any section");
    assert_int_equal(policy->n_rules, 1);
}

static void one_run_reports_every_error_of_every_file(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();
    static const char nul[] = "[rp_filter]\neth0\0 = off\neth1 = nope\n";

    policy_add(policy, "10.conf",
               "x = 1\n[rp_filter\neth0 = off\n[agent]\nmode = on\nno equals\n[rp_filter]\n"
               "eth9..1 = srict\n@nowhere = off\nlxc*: off\n",
               &diags);
    assert_int_equal(policy_add_file(policy, "20.conf", nul, sizeof(nul) - 1, &diags), 0);
    policy_add(policy, "30.conf", "[exception e]\n[set s]\n[unknown]\nrubbish\n", &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_said(&diags, DIAG_ERROR, "10.conf", 1, "before any section");
    assert_said(&diags, DIAG_ERROR, "10.conf", 2, "without ']'");
    assert_said(&diags, DIAG_ERROR, "10.conf", 5, "unknown mode");
    assert_said(&diags, DIAG_ERROR, "10.conf", 6, "no '='");
    assert_said(&diags, DIAG_ERROR, "10.conf", 8, "larger than the last");
    assert_said(&diags, DIAG_ERROR, "10.conf", 8, "unknown value 'srict'");
    assert_said(&diags, DIAG_ERROR, "10.conf", 9, "no set 'nowhere'");
    assert_said(&diags, DIAG_ERROR, "10.conf", 10, "':'");
    assert_said(&diags, DIAG_ERROR, "20.conf", 2, "NUL");
    assert_said(&diags, DIAG_ERROR, "20.conf", 3, "unknown value 'nope'");
    assert_said(&diags, DIAG_ERROR, "30.conf", 1, "no reason");
    assert_said(&diags, DIAG_ERROR, "30.conf", 1, "no devices");
    assert_said(&diags, DIAG_ERROR, "30.conf", 1, "no key");
    assert_said(&diags, DIAG_ERROR, "30.conf", 2, "no condition");
    assert_said(&diags, DIAG_ERROR, "30.conf", 3, "unknown section");
    assert_int_equal(diags.errors, 15);
    assert_int_equal(diags.count, 15);
}

static void messages_are_printable_whatever_the_file_holds(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();
    char bytes[1024];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 + i / 7);
    assert_int_equal(policy_add_file(policy, "p.conf", bytes, sizeof(bytes), &diags), 0);
    policy_add(policy, "q.conf",
               "[rp_filter]\n\xe2\x80\xae\x1b[2J = \x1b]0;\x07\n[agent]\n\xff = 1", &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_true(diags.errors > 3);
    for (size_t i = 0; i < diags.count; i++) {
        for (const char *p = diags.items[i].text; *p; p++)
            assert_in_range(*p, 0x20, 0x7e);
    }
}

static void awkward_names_can_be_written(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[rp_filter]\n"
                                                       "a]b = off\n"
                                                       "-rf = off\n"
                                                       "--help = off\n"
                                                       "$(id) = off\n"
                                                       "\"' = off\n"
                                                       "\xff\xfe = off\n"
                                                       "\\* = off\n"
                                                       "??? = off\n"
                                                       "?set = off\n"
                                                       "eth1??3 = off\n"
                                                       "a;b = off\n",
                                                       &diags);

    assert_quiet(&diags);
    assert_int_equal(policy->n_rules, 11);
}

static uint64_t hash_of(const char *path_a, const char *a, const char *path_b, const char *b)
{
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, path_a, a, NULL);
    policy_add(policy, path_b, b, NULL);
    return policy->hash;
}

static void the_hash_tells_names_contents_and_order_apart(void **state)
{
    uint64_t hash = hash_of("a", "#x", "b", "#y");
    _cleanup_policy_ struct policy *empty = policy_start();
    char text[17];

    assert_true(hash == hash_of("a", "#x", "b", "#y"));
    assert_true(hash != hash_of("b", "#y", "a", "#x"));
    assert_true(hash != hash_of("a", "#x#", "b", "y"));
    assert_true(hash != hash_of("a#", "x", "b", "#y"));
    assert_true(hash != hash_of("a", "#x", "c", "#y"));
    assert_string_equal(policy_hash_text(empty, text), "cbf29ce484222325");
    policy_add(empty, "a", "b", NULL); /* FNV-1a, 64 bits, of "a", NUL, "b", NUL */
    assert_string_equal(policy_hash_text(empty, text), "ab40d7820d408076");
}

static void without_anyone_to_tell_the_matcher_is_built_all_the_same(void **state)
{
    _cleanup_policy_ struct policy *policy = policy_of("[rp_filter]\n* = off\nnonsense", NULL);

    assert_non_null(policy->matcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_example_of_the_manual_is_a_policy),
        cmocka_unit_test(a_policy_without_a_rule_is_refused),
        cmocka_unit_test(one_that_only_this_version_does_not_know_is_refused_too),
        cmocka_unit_test(a_rule_or_the_word_that_there_is_none_is_enough),
        cmocka_unit_test(where_errors_may_be_why_no_rule_is_left_they_are_all_that_is_said),
        cmocka_unit_test(of_several_files_without_a_rule_the_last_is_named),
        cmocka_unit_test(only_the_end_of_all_rules_that_are_enforced_disarms),
        cmocka_unit_test(every_key_has_its_section),
        cmocka_unit_test(alternatives_keep_their_order),
        cmocka_unit_test(observe_is_kept_apart_from_the_value),
        cmocka_unit_test(unmanaged_accepts_nothing_and_asks_for_nothing),
        cmocka_unit_test(wrong_values_are_refused_with_the_right_ones),
        cmocka_unit_test(wrong_patterns_are_refused_at_their_line),
        cmocka_unit_test(an_unknown_set_is_refused_with_those_there_are),
        cmocka_unit_test(unknown_sections_are_refused_once_with_a_hint),
        cmocka_unit_test(a_dash_allows_what_a_later_version_may_know),
        cmocka_unit_test(a_dash_does_not_excuse_a_wrong_value),
        cmocka_unit_test(pins_are_one_value_or_unmanaged),
        cmocka_unit_test(
            what_is_only_reported_observes_whatever_the_line_says_and_cannot_be_pinned),
        cmocka_unit_test(later_pins_and_bare_stars_win_over_files),
        cmocka_unit_test(sections_of_keys_may_be_repeated_also_over_files),
        cmocka_unit_test(a_section_does_not_reach_into_the_next_file),
        cmocka_unit_test(one_run_reports_every_error_of_every_file),
        cmocka_unit_test(messages_are_printable_whatever_the_file_holds),
        cmocka_unit_test(awkward_names_can_be_written),
        cmocka_unit_test(the_hash_tells_names_contents_and_order_apart),
        cmocka_unit_test(without_anyone_to_tell_the_matcher_is_built_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
