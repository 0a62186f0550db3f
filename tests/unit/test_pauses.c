/* Pauses: whom they cover, how long, and that their text comes back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/base/util.h"
#include "policy/lang/pauses.h"

static void add(struct pauses *pauses, const char *devices, uint64_t until)
{
    struct pause pause = {.until = until, .since = 5, .date = 7, .uid = 1000};
    char *message = NULL;

    pause.everything = !devices;
    if (devices)
        assert_int_equal(pattern_parse(devices, &pause.pattern, &message), 0);
    pause.who = strdup("alice");
    pause.reason = strdup("why \\ not,\nshe said");
    assert_int_equal(pauses_add(pauses, &pause), 0);
}

static void a_name_is_covered_by_name_range_and_glob(void **state)
{
    _cleanup_pauses_ struct pauses pauses = {0};

    add(&pauses, "eth1..3", 0);
    add(&pauses, "lxc*", 0);
    add(&pauses, "br0", 0);
    for (const char **n = (const char *[]){"eth1", "eth3", "lxc", "lxc9", "br0", NULL}; *n; n++)
        assert_non_null(pauses_find(&pauses, *n, 100));
    for (const char **n = (const char *[]){"eth4", "br01", "lo", "all", "default", NULL}; *n; n++)
        assert_null(pauses_find(&pauses, *n, 100));
}

static void a_star_covers_every_device_but_not_all_default_and_lo(void **state)
{
    _cleanup_pauses_ struct pauses pauses = {0};

    add(&pauses, "*", 0);
    assert_non_null(pauses_find(&pauses, "eth0", 100));
    assert_null(pauses_find(&pauses, "all", 100));
    assert_null(pauses_find(&pauses, "default", 100));
    assert_null(pauses_find(&pauses, "lo", 100));
    add(&pauses, NULL, 0);
    for (const char **n = (const char *[]){"eth0", "lo", "all", "default", NULL}; *n; n++)
        assert_non_null(pauses_find(&pauses, *n, 100));
}

static void the_one_that_lasts_longest_is_named(void **state)
{
    _cleanup_pauses_ struct pauses pauses = {0};

    add(&pauses, "eth*", 200);
    add(&pauses, "eth0", 300);
    add(&pauses, "eth?", 250);
    assert_int_equal(pauses_find(&pauses, "eth0", 100)->until, 300);
    assert_int_equal(pauses_next_end(&pauses, 100), 200);
    assert_int_equal(pauses_next_end(&pauses, 200), 250);
    assert_null(pauses_find(&pauses, "eth0", 300));
    assert_true(pauses_next_end(&pauses, 300) == UINT64_MAX);
    add(&pauses, "eth0", 0); /* replaces */
    assert_int_equal(pauses.count, 3);
    assert_int_equal(pauses_find(&pauses, "eth0", 1000)->until, 0);
}

static void the_text_comes_back_as_it_was(void **state)
{
    _cleanup_pauses_ struct pauses pauses = {0}, again = {0};
    struct pause named = {0};
    _cleanup_free_ char *text = NULL, *second = NULL;

    add(&pauses, NULL, 123456789);
    add(&pauses, "lxc[0-9]*", 0);
    add(&pauses, "all", 77);
    assert_int_equal(pause_set_name(&named, "\xff*\\x41..2"), 0);
    named.who = strdup("root");
    named.reason = strdup("");
    assert_int_equal(pauses_add(&pauses, &named), 0);
    text = pauses_format(&pauses);
    assert_non_null(text);
    assert_int_equal(pauses_parse(text, &again), 0);
    assert_int_equal(again.count, 4);
    second = pauses_format(&again);
    assert_string_equal(text, second);
    assert_string_equal(again.items[0].reason, "why \\ not,\nshe said");
    assert_int_equal(again.items[2].pattern.kind, PATTERN_ALL);
    assert_non_null(pauses_find(&again, "\xff*\\x41..2", 200));
    assert_null(pauses_find(&again, "eth2", 200000000));
}

static void a_text_that_is_none_is_refused_as_a_whole(void **state)
{
    static const char *const lines[] = {
        "x",
        "1 2 3 4 who name",
        "1 2 3 4 who pattern @physical x",
        "1 2 3 4 who pattern eth1..0 x",
        "1 2 3 4 who nothing eth0 x",
        "1 2 3 4 who name eth\\x0 x",
        "1 2 3 4 who name eth\\x00 x",
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        struct pauses pauses = {0};

        assert_int_equal(pauses_parse(lines[i], &pauses), -EBADMSG);
    }
}

static void marks_follow_the_name(void **state)
{
    _cleanup_pauses_ struct pauses pauses = {0};
    struct device devices[] = {{.ifindex = 1, .name = "lo"}, {.ifindex = 2, .name = "eth0"}};
    struct live live = {.devices = devices, .count = 2, .all_paused = true};

    add(&pauses, "eth*", 0);
    pauses_mark(&pauses, &live, 100);
    assert_false(devices[0].paused || live.all_paused || live.default_paused);
    assert_true(devices[1].paused);
    strcpy(devices[1].name, "ens1");
    pauses_mark(&pauses, &live, 100);
    assert_false(devices[1].paused);
}

static void the_time_left_is_told_in_a_fitting_unit(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {{58, "for 58 s"},      {121, "for 3 min"},
                 {7200, "for 120 min"}, {7201 + 60, "for 2 h 1 min"},
                 {200000, "for 3 d"},   {0, "for 0 s"}};
    char buf[32];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        assert_string_equal(
            pause_left_text(&(struct pause){.until = 1000 + cases[i].seconds * 1000000}, 1000, buf),
            cases[i].text);
    assert_string_equal(pause_left_text(&(struct pause){0}, 1000, buf), "until the next boot");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_covered_by_name_range_and_glob),
        cmocka_unit_test(a_star_covers_every_device_but_not_all_default_and_lo),
        cmocka_unit_test(the_one_that_lasts_longest_is_named),
        cmocka_unit_test(the_text_comes_back_as_it_was),
        cmocka_unit_test(a_text_that_is_none_is_refused_as_a_whole),
        cmocka_unit_test(marks_follow_the_name),
        cmocka_unit_test(the_time_left_is_told_in_a_fitting_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
