/* The state of each device, and who caused it. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "judge_scene.h"

static void drift_names_the_line_that_caused_it(void **state)
{
    struct scene s;

    begin(&s, POLICY, SYSCTL);
    set(&s, 2, 2);
    add(&s, "eno1", 1);
    add(&s, "eno2", 2);
    add(&s, "lxc1", 3);
    expect(&s, "eno1", STATE_DRIFT, "loose, wanted strict: `all` is 2, set by s.conf:2");
    expect_cause(&s, 2);
    assert_true(s.state.enforced);
    expect(&s, "eno2", STATE_DRIFT, "loose, wanted strict: 2 is stored, set by s.conf:3");
    expect_cause(&s, 3);
    assert_int_equal(s.state.inherited, 2);
    expect(&s, "lxc1", STATE_DRIFT,
           "loose, wanted off: 3 is stored, which no line of sysctl.d gives");
    expect_cause(&s, 0);
    end(&s);
}

static void a_value_that_all_overrules_is_not_called_the_cause(void **state)
{
    struct scene s;

    begin(&s, POLICY, "net.ipv4.conf.default.rp_filter = 2\nnet.ipv4.conf.all.rp_filter = 2\n");
    set(&s, 2, 2);
    add(&s, "eno1", 0);
    expect(&s, "eno1", STATE_DRIFT, "loose, wanted strict: `all` is 2, set by s.conf:2");
    expect_cause(&s, 2);
    end(&s);
}

static void a_device_that_started_with_default_leads_to_the_line_of_default(void **state)
{
    struct scene s;

    begin(&s, POLICY, "net.ipv4.conf.default.rp_filter = 2\n");
    set(&s, 0, 2);
    add(&s, "lxc1", 2);
    expect(&s, "lxc1", STATE_DRIFT,
           "loose, wanted off: 2 is stored, as new devices start, set by s.conf:1");
    expect_cause(&s, 1);
    set(&s, 0, 1);
    start(&s);
    s.devices[0].conf[KEY_RP_FILTER] = 1;
    expect(&s, "lxc1", STATE_DRIFT, "strict, wanted off: 1 is stored, as new devices start");
    expect_cause(&s, 0);
    end(&s);
}

static void all_and_default_are_judged_too(void **state)
{
    struct scene s;

    begin(&s, POLICY, SYSCTL);
    set(&s, 2, 1);
    expect(&s, "all", STATE_DRIFT, "too large for lxc* = off, p.conf:2; set by s.conf:2");
    expect_cause(&s, 2);
    assert_int_equal(s.state.wanted, 0);
    expect(&s, "default", STATE_DRIFT,
           "new devices start loose, wanted strict: `all` is 2; set by s.conf:2");
    expect_cause(&s, 2);
    set(&s, 0, 1);
    start(&s);
    expect(&s, "all", STATE_LATENT,
           "right as it is, but the next full run of systemd-sysctl stores 2: s.conf:2");
    expect(&s, "default", STATE_LATENT,
           "right as it is, but the next full run of systemd-sysctl stores 2: s.conf:1");
    s.context.guard = GUARD_HELPER;
    start(&s);
    expect(&s, "all", STATE_LATENT,
           "right as it is, but the next full run of systemd-sysctl stores 2: s.conf:2");
    s.context.guard = GUARD_AGENT;
    start(&s);
    expect(&s, "all", STATE_OK, "");
    expect(&s, "default", STATE_OK, "");
    end(&s);
    begin(&s, "[rp_filter]\nall = off\ndefault = unmanaged\n", NULL);
    set(&s, 1, 1);
    expect(&s, "all", STATE_DRIFT, "stored 1, pinned to 0 by p.conf:2");
    expect(&s, "default", STATE_UNMANAGED, "left alone by default = unmanaged, p.conf:3");
    end(&s);
}

static void right_now_but_not_after_add_is_latent_unless_guarded(void **state)
{
    struct scene s;

    begin(&s, POLICY, "net.ipv4.conf.*.rp_filter = 2\n");
    set(&s, 0, 1);
    add(&s, "lxc1", 0);
    expect(&s, "lxc1", STATE_LATENT, "off now, but the next `add` event makes it loose: s.conf:1");
    expect_cause(&s, 1);
    s.context.guard = GUARD_HELPER;
    start(&s);
    expect(&s, "lxc1", STATE_LATENT,
           "off now, but the next full run of systemd-sysctl makes it loose: s.conf:1");
    assert_int_equal(s.state.guard, GUARD_HELPER);
    s.context.guard = GUARD_AGENT;
    start(&s);
    expect(&s, "lxc1", STATE_OK, "");
    s.context.enforcing = false; /* then nobody repairs anything */
    start(&s);
    expect(&s, "lxc1", STATE_LATENT, "off now, but the next `add` event makes it loose: s.conf:1");
    assert_int_equal(s.state.guard, GUARD_NONE);
    end(&s);
}

static void full_run_that_raises_all_is_blamed_on_its_line(void **state)
{
    struct scene s;

    begin(&s, POLICY, "net.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.lxc1.rp_filter = 0\n");
    add(&s, "lxc1", 0);
    expect(&s, "lxc1", STATE_LATENT,
           "off now, but the next full run of systemd-sysctl makes it strict: s.conf:1");
    end(&s);
}

static void observed_drift_says_that_nothing_is_written(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\neth0 = strict, observe\n", NULL);
    s.context.guard = GUARD_AGENT;
    set(&s, 2, 2);
    add(&s, "eth0", 1);
    expect(&s, "eth0", STATE_DRIFT, "loose, wanted strict: `all` is 2; the rule only observes");
    assert_false(s.state.enforced);
    assert_int_equal(s.state.guard, GUARD_NONE);
    end(&s);
}

static void impossible_says_what_stands_in_the_way(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nall = unmanaged\nlxc* = off\n", "net.ipv4.conf.all.rp_filter = 2\n");
    set(&s, 2, 2);
    add(&s, "lxc1", 0);
    expect(&s, "lxc1", STATE_IMPOSSIBLE,
           "cannot be off: `all` is 2 and the policy says all = unmanaged, p.conf:2; set by "
           "s.conf:1");
    assert_int_equal(s.state.wanted, 0);
    expect(&s, "all", STATE_UNMANAGED, "left alone by all = unmanaged, p.conf:2");
    end(&s);
    begin(&s, POLICY, NULL);
    set(&s, 2, 2);
    s.live.all_writable = false;
    add(&s, "lxc1", 0);
    expect(&s, "lxc1", STATE_IMPOSSIBLE,
           "cannot be off: `all` is 2 and cannot be written (/proc/sys/net is read-only)");
    expect(&s, "all", STATE_IMPOSSIBLE,
           "too large for lxc* = off, p.conf:2; /proc/sys/net is "
           "read-only");
    expect(&s, "default", STATE_IMPOSSIBLE,
           "new devices start loose, wanted strict: `all` is 2; /proc/sys/net is read-only");
    end(&s);
    begin(&s, "[accept_local]\neth0 = no\n", NULL);
    s.live.all[KEY_ACCEPT_LOCAL] = 1;
    add(&s, "eth0", 0);
    {
        struct key_state states[KEY_COUNT];
        char text[JUDGE_TEXT_SIZE];
        enum state worst;

        start(&s);
        assert_int_equal(judge_device(s.judge, &s.devices[0], states, &worst), 2);
        assert_int_equal(worst, STATE_IMPOSSIBLE);
        assert_int_equal(states[0].state, STATE_UNMANAGED);
        assert_string_equal(judge_text(s.judge, &s.devices[0], &states[1], text),
                            "cannot be no: `all` is 1 and moves only when the policy pins it");
    }
    end(&s);
}

static void port_and_unmanaged_are_no_drift(void **state)
{
    struct device *port;
    struct scene s;

    begin(&s, "[rp_filter]\nlxc* = off\nwg0 = unmanaged\n", NULL);
    set(&s, 0, 1);
    port = add(&s, "lxc1", 2);
    memcpy(port->slave_kind, "bridge", sizeof("bridge"));
    add(&s, "wg0", 2);
    add(&s, "eth0", 2);
    expect(&s, "lxc1", STATE_MOOT, "a bridge port: what is set on its master decides");
    memcpy(port->master_name, "br\x1b", sizeof("br\x1b"));
    expect(&s, "lxc1", STATE_MOOT, "a port: what is set on its master br\\x1B decides");
    expect(&s, "wg0", STATE_UNMANAGED, "left alone by wg0 = unmanaged, p.conf:3");
    assert_false(s.state.wanted_known);
    expect(&s, "eth0", STATE_UNMANAGED, "no rule speaks of it");
    assert_null(s.state.rule);
    end(&s);
}

static void rule_that_cannot_be_decided_is_no_drift(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\n* = strict\n@unnumbered = off\n", NULL);
    set(&s, 0, 1);
    add(&s, "eth0", 2)->known = 0;
    expect(&s, "eth0", STATE_UNMANAGED,
           "not judged: a stronger rule depends on what is not known here");
    assert_true(s.state.undecided);
    end(&s);
}

static void key_that_cannot_be_decided_is_reported_although_nothing_manages_it(void **state)
{
    struct key_state states[KEY_COUNT];
    enum state worst;
    struct scene s;

    begin(&s, "[log_martians]\n@unnumbered = yes\n", NULL);
    add(&s, "eth0", 0)->known = 0;
    start(&s);
    assert_int_equal(judge_device(s.judge, &s.devices[0], states, &worst), 2);
    assert_int_equal(states[1].key, KEY_LOG_MARTIANS);
    assert_true(states[1].undecided);
    assert_int_equal(worst, STATE_UNMANAGED);
    s.devices[0].known = FACT_ADDRESSES;
    assert_int_equal(judge_device(s.judge, &s.devices[0], states, &worst), 1);
    end(&s);
}

static void device_without_ipv4_has_no_keys(void **state)
{
    struct key_state states[KEY_COUNT];
    enum state worst;
    struct scene s;

    begin(&s, POLICY, NULL);
    add(&s, "eth0", 2)->ipv4 = false;
    start(&s);
    assert_int_equal(judge_device(s.judge, &s.devices[0], states, &worst), 0);
    assert_int_equal(worst, STATE_UNMANAGED);
    end(&s);
}

static void what_a_key_is_heading_for_gives_its_state(void **state)
{
    static const struct rule rule = {.n_values = 1}, none = {.unmanaged = true};
    static const struct {
        enum state state;
        struct device_target target;
    } known[] = {
        {STATE_UNMANAGED, {.rule = NULL, .paused = true}},
        {STATE_UNMANAGED, {.rule = &none, .paused = true}},
        {STATE_UNMANAGED, {.rule = &rule, .undecided = true}}, /* not "ok": nothing is known */
        {STATE_PAUSED, {.rule = &rule, .paused = true, .moot = true}},
        {STATE_MOOT, {.rule = &rule, .moot = true}},
        {STATE_IMPOSSIBLE, {.rule = &rule, .impossible = true, .drift = true}},
        {STATE_DRIFT, {.rule = &rule, .drift = true}},
        {STATE_OK, {.rule = &rule}},
    };

    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        assert_int_equal(judge_target_state(&known[i].target), known[i].state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_key_is_heading_for_gives_its_state),
        cmocka_unit_test(drift_names_the_line_that_caused_it),
        cmocka_unit_test(a_value_that_all_overrules_is_not_called_the_cause),
        cmocka_unit_test(a_device_that_started_with_default_leads_to_the_line_of_default),
        cmocka_unit_test(all_and_default_are_judged_too),
        cmocka_unit_test(right_now_but_not_after_add_is_latent_unless_guarded),
        cmocka_unit_test(full_run_that_raises_all_is_blamed_on_its_line),
        cmocka_unit_test(observed_drift_says_that_nothing_is_written),
        cmocka_unit_test(impossible_says_what_stands_in_the_way),
        cmocka_unit_test(port_and_unmanaged_are_no_drift),
        cmocka_unit_test(rule_that_cannot_be_decided_is_no_drift),
        cmocka_unit_test(key_that_cannot_be_decided_is_reported_although_nothing_manages_it),
        cmocka_unit_test(device_without_ipv4_has_no_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
