/* The one order of rules, and its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/lang/precedence.h"

static void every_pattern_has_its_rank(void **state)
{
    static const struct {
        enum rank rank;
        const char *text;
    } known[] = {
        {RANK_NAME, "eth0"}, {RANK_NAME, "eth0..3"}, {RANK_NAME, "lo"},        {RANK_GLOB, "eth*"},
        {RANK_GLOB, "eth?"}, {RANK_GLOB, "eth[01]"}, {RANK_GLOB, "@physical"}, {RANK_ANY, "*"},
        {RANK_PIN, "all"},   {RANK_PIN, "default"},
    };

    for (size_t i = 0; i < ELEMENTSOF(known); i++) {
        struct rule rule = {.exception = -1};
        char *message = NULL;

        assert_int_equal(pattern_parse(known[i].text, &rule.pattern, &message), 0);
        assert_int_equal(pattern_rank(&rule.pattern), known[i].rank);
        assert_int_equal(rule_rank(&rule), known[i].rank);
        assert_int_equal(pattern_is_pin(&rule.pattern), known[i].rank == RANK_PIN);
        rule.exception = 0;
        assert_int_equal(rule_rank(&rule), RANK_EXCEPTION);
        pattern_done(&rule.pattern);
    }
}

static void every_rank_can_be_told(void **state)
{
    for (enum rank rank = 0; rank <= RANK_PIN; rank++) {
        assert_true(*rank_wins(rank));
        assert_true(*rank_beats(rank));
    }
}

static void a_preset_yields_only_in_its_own_rank(void **state)
{
    struct rule own = {
        .exception = -1, .pattern.kind = PATTERN_GLOB, .origin.file = "/p/10-a.conf"};
    struct rule preset = {
        .exception = -1, .pattern.kind = PATTERN_SET, .origin.file = "/p/20-preset-a.conf"};

    assert_true(rule_yields(&preset, &own));
    assert_false(rule_yields(&own, &preset));
    assert_true(rule_order(&own) < rule_order(&preset));
    preset.pattern.kind = PATTERN_EXACT;
    assert_false(rule_yields(&own, &preset));
    assert_true(rule_order(&preset) < rule_order(&own));
    assert_true(policy_file_is_preset("20-preset-a.conf"));
    assert_false(policy_file_is_preset("/20-preset-/a.conf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_has_its_rank),
        cmocka_unit_test(every_rank_can_be_told),
        cmocka_unit_test(a_preset_yields_only_in_its_own_rank),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
