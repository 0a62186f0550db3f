/* Warnings beside the states: counted per rule, with examples. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "judge_scene.h"

static const struct warning *find(struct scene *s, enum warning_code code)
{
    const struct warning *warnings, *found = NULL;
    struct key_state states[KEY_COUNT];
    enum state worst;
    size_t n;

    start(s);
    for (size_t i = 0; i < s->live.count; i++)
        judge_device(s->judge, &s->devices[i], states, &worst);
    warnings = judge_warnings(s->judge, &n);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || warnings[i - 1].code <= warnings[i].code);
        assert_true(warnings[i].message[0]);
        if (warnings[i].named.file) {
            char place[64];

            snprintf(place, sizeof(place), "(%s:%u)", warnings[i].named.file,
                     warnings[i].named.line);
            assert_non_null(strstr(warnings[i].message, place));
        }
        if (warnings[i].code == code)
            found = &warnings[i];
    }
    return found;
}

static bool memory_is_out;
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return memory_is_out ? NULL : __real_reallocarray(p, n, size);
}

static void a_warning_that_is_lost_for_want_of_memory_is_told(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\neth0 = loose\n", NULL);
    set(&s, 0, 0);
    add(&s, "eth0", 2)->numbered = false;
    assert_non_null(find(&s, WARN_LOOSE_UNNUMBERED));
    assert_false(judge_lost_warnings(s.judge));
    memory_is_out = true;
    assert_null(find(&s, WARN_LOOSE_UNNUMBERED));
    memory_is_out = false;
    assert_true(judge_lost_warnings(s.judge));
    end(&s);
}

static void loose_on_a_device_without_address_is_warned_of(void **state)
{
    const struct warning *w;
    struct scene s;

    begin(&s, "[rp_filter]\nlxc* = loose\n", NULL);
    set(&s, 0, 0);
    for (int i = 1; i <= 5; i++) {
        char name[8];

        snprintf(name, sizeof(name), "lxc%d", i);
        add(&s, name, 2)->numbered = i == 2;
    }
    add(&s, "eth0", 0)->numbered = false;
    strcpy(s.devices[3].kind, "vrf"); /* nothing comes in by lxc4 */
    w = find(&s, WARN_LOOSE_UNNUMBERED);
    assert_non_null(w);
    assert_int_equal(w->count, 3);
    assert_int_equal(w->n_examples, 3);
    assert_string_equal(w->examples[0], "lxc1");
    assert_string_equal(w->examples[2], "lxc5");
    assert_string_equal(w->rule->pattern.text, "lxc*");
    for (size_t i = 0; i < s.live.count; i++)
        s.devices[i].known = 0;
    assert_null(find(&s, WARN_LOOSE_UNNUMBERED));
    end(&s);
}

static void loose_that_is_to_become_strict_is_not_warned_of(void **state)
{
    static const char *const values[] = {"strict", "off", "unmanaged", "loose"};

    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        char text[64];
        struct device *device;
        struct scene s;

        snprintf(text, sizeof(text), "[rp_filter]\nlxc* = %s\n", values[i]);
        begin(&s, text, NULL);
        set(&s, 0, 0);
        device = add(&s, "lxc1", 2);
        device->numbered = false;
        device->flags |= IFF_UP;
        assert_int_equal(find(&s, WARN_LOOSE_UNNUMBERED) != NULL, i > 0);
        end(&s);
    }
}

static void stored_values_without_meaning_are_warned_of(void **state)
{
    const struct warning *w;
    struct scene s;

    begin(&s, "[rp_filter]\n* = loose\n", NULL);
    set(&s, 3, 2);
    add(&s, "eth0", 2);
    w = find(&s, WARN_OUT_OF_RANGE);
    assert_non_null(w);
    assert_int_equal(w->count, 1);
    assert_string_equal(w->examples[0], "all");
    set(&s, 0, 2);
    assert_null(find(&s, WARN_OUT_OF_RANGE));
    s.devices[0].conf[KEY_RP_FILTER] = -5;
    w = find(&s, WARN_OUT_OF_RANGE);
    assert_string_equal(w->examples[0], "eth0");
    end(&s);
}

static void floor_and_scanner_say_what_a_lowered_all_means(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nlxc* = off\n", SYSCTL);
    set(&s, 2, 2);
    assert_string_equal(find(&s, WARN_FLOOR)->message,
                        "`all` is lowered for lxc*=off (p.conf:2) and no * rule says what the "
                        "other devices shall be: add one, such as * = strict");
    assert_non_null(find(&s, WARN_SCANNER));
    set(&s, 0, 2); /* it was lowered: sysctl.d had raised it */
    assert_non_null(find(&s, WARN_FLOOR));
    end(&s);
    begin(&s, "[rp_filter]\nlxc* = off\n", NULL);
    set(&s, 0, 2);
    assert_null(find(&s, WARN_FLOOR));
    assert_non_null(find(&s, WARN_SCANNER));
    end(&s);
    begin(&s, POLICY, SYSCTL);
    set(&s, 2, 2);
    assert_null(find(&s, WARN_FLOOR));
    end(&s);
    begin(&s, "[rp_filter]\n* = strict\n", SYSCTL);
    set(&s, 2, 2);
    assert_null(find(&s, WARN_SCANNER));
    end(&s);
    for (unsigned i = 0; i < 2; i++) {
        begin(&s,
              i ? "[rp_filter]\nall = off\n* = strict\n" : "[rp_filter]\nall = off\nlxc* = off\n",
              NULL);
        set(&s, 0, 2);
        assert_string_equal(find(&s, WARN_SCANNER)->message,
                            "all=off (p.conf:2) keeps `all` at 0, which audits that read only "
                            "`all` report: what counts is each device, as check shows it");
        end(&s);
    }
}

static void container_hosts_are_told_that_namespaces_copy(void **state)
{
    struct scene s;

    begin(&s, POLICY, NULL);
    set(&s, 2, 2);
    assert_null(find(&s, WARN_CONTAINERS));
    s.live.devconf_inherit = 0;
    assert_non_null(find(&s, WARN_CONTAINERS));
    set(&s, 0, 1);
    assert_null(find(&s, WARN_CONTAINERS));
    end(&s);
}

static void no_pin_is_advised_against_a_pin(void **state)
{
    static const struct {
        const char *text;
        bool advised;
    } cases[] = {
        {"[rp_filter]\n* = strict\n", true},
        {"[rp_filter]\nall = strict\n", false},
        {"[rp_filter]\ndefault = strict\n", false},
        {"[rp_filter]\nlxc* = off\ndefault = unmanaged\n", false},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        const struct warning *w;
        struct scene s;

        begin(&s, cases[i].text, NULL);
        set(&s, 2, 2);
        s.live.devconf_inherit = 0;
        w = find(&s, WARN_CONTAINERS);
        assert_non_null(w);
        assert_int_equal(strstr(w->message, "pin ") != NULL, cases[i].advised);
        end(&s);
    }
}

static void expired_exception_counts_each_device_once(void **state)
{
    const struct warning *w;
    struct scene s;

    begin(&s,
          "[exception old]\ndevices = eth0 eth1\nrp_filter = loose\naccept_local = no\n"
          "reason = test\nuntil = 2024-02-28\n"
          "[exception new]\ndevices = eth2\nrp_filter = loose\nreason = test\n"
          "until = 2024-02-29\n",
          NULL);
    add(&s, "eth0", 2);
    add(&s, "eth2", 2);
    w = find(&s, WARN_EXPIRED);
    assert_non_null(w);
    assert_int_equal(w->count, 1);
    assert_string_equal(w->examples[0], "eth0");
    assert_string_equal(w->message,
                        "exception old ended on 2024-02-28: remove it or renew it (p.conf:1)");
    s.context.today = 20240228;
    assert_null(find(&s, WARN_EXPIRED));
    end(&s);
}

static void what_a_sentence_names_is_known(void **state)
{
    struct scene s;

    begin(&s,
          "[rp_filter]\nlxc* = off\n[exception old]\ndevices = lxc1\nrp_filter = off\n"
          "reason = test\nuntil = 2024-02-28\n",
          NULL);
    set(&s, 2, 1);
    add(&s, "lxc1", 3);
    assert_int_equal(find(&s, WARN_FLOOR)->named.line, find(&s, WARN_FLOOR)->rule->origin.line);
    assert_int_equal(find(&s, WARN_EXPIRED)->named.line, 3);
    assert_null(find(&s, WARN_OUT_OF_RANGE)->named.file);
    for (enum warning_code code = 0; code < WARN_COUNT; code++)
        assert_true(*warning_name(code));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warning_that_is_lost_for_want_of_memory_is_told),
        cmocka_unit_test(loose_on_a_device_without_address_is_warned_of),
        cmocka_unit_test(loose_that_is_to_become_strict_is_not_warned_of),
        cmocka_unit_test(stored_values_without_meaning_are_warned_of),
        cmocka_unit_test(floor_and_scanner_say_what_a_lowered_all_means),
        cmocka_unit_test(container_hosts_are_told_that_namespaces_copy),
        cmocka_unit_test(no_pin_is_advised_against_a_pin),
        cmocka_unit_test(expired_exception_counts_each_device_once),
        cmocka_unit_test(what_a_sentence_names_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
