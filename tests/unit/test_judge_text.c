/* The sentence that goes with a state, and the reason alone. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "judge_scene.h"

static void the_reason_repeats_no_value(void **state)
{
    struct scene s;

    begin(&s, POLICY, SYSCTL);
    set(&s, 2, 1);
    expect(&s, "all", STATE_DRIFT, "too large for lxc* = off, p.conf:2; set by s.conf:2");
    expect_reason(&s, "all", ORIGIN_SYSCTL_D,
                  "too large for lxc* = off, p.conf:2; set by s.conf:2");
    expect(&s, "default", STATE_DRIFT,
           "new devices start loose, wanted strict: `all` is 2; set by s.conf:2");
    assert_int_equal(s.state.blame, BLAME_ALL);
    expect_reason(&s, "default", ORIGIN_SYSCTL_D, "`all` is 2; set by s.conf:2");
    set(&s, 0, 2);
    start(&s);
    expect(&s, "default", STATE_DRIFT, "new devices start loose, wanted strict; set by s.conf:1");
    assert_int_equal(s.state.blame, BLAME_VALUE);
    expect_reason(&s, "default", ORIGIN_SYSCTL_D, "set by s.conf:1");
    set(&s, 0, 1);
    start(&s);
    expect(&s, "all", STATE_LATENT,
           "right as it is, but the next full run of systemd-sysctl stores 2: s.conf:2");
    expect_reason(&s, "all", ORIGIN_NONE, "the next full run of systemd-sysctl stores 2: s.conf:2");
    end(&s);
    begin(&s, "[rp_filter]\nall = off\ndefault = strict\n", NULL);
    set(&s, 1, 2);
    expect(&s, "all", STATE_DRIFT, "stored 1, pinned to 0 by p.conf:2");
    expect_reason(&s, "all", ORIGIN_UNKNOWN, "pinned to 0 by p.conf:2");
    assert_true(judge_is_pinned(&s.state));
    s.live.default_paused = true;
    start(&s);
    expect(&s, "default", STATE_PAUSED, "left alone");
    expect_reason(&s, "default", ORIGIN_NONE, "left alone");
    end(&s);
}

static void the_reason_goes_by_who_wrote_the_value(void **state)
{
    static const char *const words[ORIGIN_COUNT] = {
        [ORIGIN_NONE] = "2 is stored",
        [ORIGIN_SYSCTL_D] = "2 is stored", /* the line would follow, and there is none */
        [ORIGIN_DEFAULT] = "2 is stored, as new devices start",
        [ORIGIN_WRITER] = "2 is stored, which another program keeps writing",
        [ORIGIN_RUN_TIME] = "2 is stored, which no line of sysctl.d gives",
        [ORIGIN_UNKNOWN] = "2 is stored",
        [ORIGIN_START] = "2 is stored, as it was from the start",
        [ORIGIN_OURS] = "2 is stored, as rpfpolicy wrote it",
    };
    struct scene s;

    begin(&s, "[rp_filter]\n* = strict, observe\n", "a.b = 1\n");
    add(&s, "eth0", 2);
    expect(&s, "eth0", STATE_DRIFT,
           "loose, wanted strict: 2 is stored, which no line of sysctl.d gives; "
           "the rule only observes");
    assert_int_equal(judge_origin(s.judge, &s.state), ORIGIN_RUN_TIME);
    for (enum value_origin origin = 0; origin < ORIGIN_COUNT; origin++) {
        char text[JUDGE_TEXT_SIZE];

        snprintf(text, sizeof(text), "%s; the rule only observes", words[origin]);
        expect_reason(&s, "eth0", origin, text);
    }
    end(&s);
}

static void long_file_names_do_not_overrun_the_sentence(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    const char *line = "net.ipv4.conf.all.rp_filter = 2\n";
    struct scene s;
    char path[4096];

    begin(&s, "[rp_filter]\nall = unmanaged\nlxc* = off\n", "");
    memset(path, '\xff', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(sysctl_conf_add_file(s.sysctl, path, line, strlen(line), &diags), 0);
    set(&s, 2, 2);
    add(&s, "lxc1", 0);
    start(&s);
    {
        struct key_state states[KEY_COUNT];
        char text[JUDGE_TEXT_SIZE];
        enum state worst;

        judge_device(s.judge, &s.devices[0], states, &worst);
        judge_text(s.judge, &s.devices[0], &states[0], text);
        assert_non_null(strstr(text, "\\xFF"));
        assert_true(strlen(text) < sizeof(text));
        assert_ptr_equal(strchr(text, '\xff'), NULL);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reason_repeats_no_value),
        cmocka_unit_test(the_reason_goes_by_who_wrote_the_value),
        cmocka_unit_test(long_file_names_do_not_overrun_the_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
