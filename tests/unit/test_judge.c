/* What check says of each device: the state, who caused it, and the warnings beside it. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/decide/judge.h"

#define DEVICES_MAX 16

struct scene {
    struct policy *policy;
    struct device devices[DEVICES_MAX];
    struct live live;
    struct sysctl_conf *sysctl;
    struct judge_context context;
    struct judge *judge;
    struct key_state state; /* of the last expect() */
};

static void begin(struct scene *s, const char *text, const char *sysctl)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    *s = (struct scene){.policy = policy_new(),
                        .live = {.all_writable = true, .devconf_inherit = 2},
                        .context = {.enforcing = true, .today = 20240229}};
    assert_non_null(s->policy);
    assert_int_equal(policy_add_file(s->policy, "p.conf", text, strlen(text), &diags), 0);
    assert_int_equal(policy_finish(s->policy, &diags), 0);
    assert_false(diags_failed(&diags));
    s->live.devices = s->devices;
    if (!sysctl)
        return;
    s->sysctl = sysctl_conf_new(SYSCTL_SYSTEMD);
    assert_non_null(s->sysctl);
    assert_int_equal(sysctl_conf_add_file(s->sysctl, "s.conf", sysctl, strlen(sysctl), &diags), 0);
    s->context.sysctl = s->sysctl;
}

static struct device *add(struct scene *s, const char *name, int rp_filter)
{
    struct device *device = &s->devices[s->live.count++];

    device->ifindex = (int)s->live.count + 1;
    snprintf(device->name, sizeof(device->name), "%s", name);
    device->ipv4 = device->numbered = true;
    device->known = FACT_ADDRESSES;
    device->flags = IFF_UP;
    device->conf[KEY_RP_FILTER] = rp_filter;
    return device;
}

static void set(struct scene *s, int all, int def)
{
    s->live.all[KEY_RP_FILTER] = all;
    s->live.def[KEY_RP_FILTER] = def;
}

static void start(struct scene *s)
{
    s->judge = judge_free(s->judge);
    assert_int_equal(judge_new(s->policy, &s->live, &s->context, &s->judge), 0);
}

/* The state and the sentence of the first key of a device, or of `all` and `default`. */
static void expect(struct scene *s, const char *name, enum state state, const char *message)
{
    const struct device *device = live_by_name(&s->live, name);
    struct key_state states[KEY_COUNT];
    char text[JUDGE_TEXT_SIZE];
    enum state worst;

    if (!s->judge)
        start(s);
    if (streq(name, "all") || streq(name, "default")) {
        judge_special(s->judge, streq(name, "all") ? IFINDEX_ALL : IFINDEX_DEFAULT, KEY_RP_FILTER,
                      &states[0]);
    } else {
        assert_true(judge_device(s->judge, device, states, &worst) > 0);
        assert_int_equal(worst, states[0].state);
    }
    s->state = states[0];
    assert_string_equal(judge_text(s->judge, device, &s->state, text), message);
    assert_string_equal(state_name(s->state.state), state_name(state));
}

static void expect_cause(const struct scene *s, unsigned line)
{
    if (line == 0) {
        assert_null(s->state.cause.file);
        return;
    }
    assert_string_equal(s->state.cause.file, "s.conf");
    assert_int_equal(s->state.cause.line, line);
}

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
        if (warnings[i].code == code)
            found = &warnings[i];
    }
    return found;
}

static void end(struct scene *s)
{
    judge_free(s->judge);
    sysctl_conf_free(s->sysctl);
    policy_free(s->policy);
}

#define POLICY "[rp_filter]\nlxc* = off\n* = strict\n"
#define SYSCTL                                                                                     \
    "net.ipv4.conf.default.rp_filter = 2\n"                                                        \
    "net.ipv4.conf.all.rp_filter = 2\n"                                                            \
    "net.ipv4.conf.*.rp_filter = 2\n"

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
           "loose, wanted off: 3 is stored, written at run time (no sysctl.d line says so)");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(long_file_names_do_not_overrun_the_sentence),
        cmocka_unit_test(loose_on_a_device_without_address_is_warned_of),
        cmocka_unit_test(loose_that_is_to_become_strict_is_not_warned_of),
        cmocka_unit_test(stored_values_without_meaning_are_warned_of),
        cmocka_unit_test(floor_and_scanner_say_what_a_lowered_all_means),
        cmocka_unit_test(container_hosts_are_told_that_namespaces_copy),
        cmocka_unit_test(no_pin_is_advised_against_a_pin),
        cmocka_unit_test(expired_exception_counts_each_device_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
