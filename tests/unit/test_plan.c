/* Plans people will see: what is written, in which order and why. The promises themselves are
 * checked over every combination in test_plan_properties.c. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/decide/plan.h"

#define DEVICES_MAX 16

struct scene {
    struct policy *policy;
    struct device devices[DEVICES_MAX];
    struct live live;
    struct plan plan;
};

static void begin(struct scene *s, const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    *s = (struct scene){.policy = policy_new()};
    assert_non_null(s->policy);
    assert_int_equal(policy_add_file(s->policy, "p.conf", text, strlen(text), &diags), 0);
    assert_int_equal(policy_finish(s->policy, &diags), 0);
    assert_false(diags_failed(&diags));
    s->live = (struct live){.devices = s->devices, .all_writable = true, .devconf_inherit = 2};
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

/* The plan as text: "0 eth0 1>1; 3 all 2>0; …" */
static void expect(struct scene *s, int only, const char *text)
{
    char got[1024] = "";

    plan_done(&s->plan);
    assert_int_equal(plan_make(s->policy, &s->live, only, &s->plan), 0);
    for (size_t i = 0; i < s->plan.count; i++) {
        const struct write *w = &s->plan.writes[i];
        size_t n = strlen(got);

        snprintf(got + n, sizeof(got) - n, "%s%u %s %d>%d", i ? "; " : "", w->step, w->name,
                 w->old_value, w->new_value);
    }
    assert_string_equal(got, text);
}

static void expect_reason(struct scene *s, size_t i, enum write_reason reason, const char *text)
{
    _cleanup_free_ char *got = write_reason_text(&s->plan.writes[i]);

    assert_int_equal(s->plan.writes[i].reason, reason);
    assert_string_equal(got, text);
}

static void end(struct scene *s)
{
    plan_done(&s->plan);
    policy_free(s->policy);
}

#define CILIUM "[rp_filter]\nlxc* = off\n* = strict\n"

static void cilium_node_gets_room_without_weakening_eno1(void **state)
{
    struct scene s;

    begin(&s, CILIUM);
    set(&s, 2, 2);
    add(&s, "lo", 0);
    add(&s, "eno1", 2);
    add(&s, "lxc1", 2);
    expect(&s, 0, "2 lo 0>2; 2 eno1 2>1; 2 lxc1 2>0; 3 all 2>0; 5 default 2>1");
    expect_reason(&s, 0, WRITE_KEEP, "keeps it effectively loose");
    expect_reason(&s, 1, WRITE_RULE, "*=strict (p.conf:3)");
    expect_reason(&s, 2, WRITE_RULE, "lxc*=off (p.conf:2)");
    expect_reason(&s, 3, WRITE_MAKE_ROOM, "makes room for lxc*=off (p.conf:2)");
    expect_reason(&s, 4, WRITE_NEW_DEVICES, "new devices start with *=strict (p.conf:3)");
    assert_true(s.plan.stricter);
    assert_int_equal(s.plan.until_reread, s.plan.count);
    end(&s);
}

static void device_that_is_looser_than_all_comes_after_all(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nlxc* = off\n");
    set(&s, 1, 0);
    add(&s, "lxc1", 2);
    /* off under all=1 would be strict: neither loose nor off. */
    expect(&s, 0, "1 default 0>1; 3 all 1>0; 4 lxc1 2>0");
    expect_reason(&s, 0, WRITE_KEEP, "keeps new devices effectively strict");
    assert_int_equal(s.plan.until_reread, 1);
    assert_false(s.plan.stricter);
    end(&s);
}

static void default_that_ends_right_is_not_written(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\n* = off\n");
    set(&s, 1, 0);
    add(&s, "eth0", 0);
    expect(&s, 0, "3 all 1>0");
    end(&s);
}

static void follower_stops_following_before_default_moves(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\neth* = off\n* = strict\n");
    set(&s, 0, 0);
    add(&s, "eth0", 0)->numbered = false;
    add(&s, "eth1", 0);
    expect(&s, 0, "0 eth0 0>0; 5 default 0>1");
    expect_reason(&s, 0, WRITE_STOP_FOLLOW, "stays as it is when default changes");
    end(&s);
}

static void unmanaged_observed_and_port_keep_what_they_have(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nlxc* = off\nwg0 = unmanaged\neth0 = strict, observe\nveth* = off\n");
    set(&s, 2, 2);
    add(&s, "wg0", 0);
    add(&s, "eth0", 1);
    memcpy(add(&s, "veth1", 0)->slave_kind, "bridge", sizeof("bridge"));
    expect(&s, 0, "2 wg0 0>2; 2 eth0 1>2; 2 veth1 0>2; 3 all 2>0");
    assert_false(s.plan.stricter);
    end(&s);
}

static void accepted_alternative_is_left_alone(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\neth* = strict|loose\n");
    set(&s, 0, 0);
    add(&s, "eth0", 2);
    add(&s, "eth1", 1);
    add(&s, "eth2", 0);
    expect(&s, 0, "2 eth2 0>1");
    end(&s);
}

static void pin_that_raises_all_lists_whom_it_changes(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nall = strict\neth0 = loose\n");
    set(&s, 0, 0);
    add(&s, "eth0", 2);
    add(&s, "eth1", 0);
    expect(&s, 0, "3 all 0>1");
    expect_reason(&s, 0, WRITE_PIN, "pinned by all=strict (p.conf:2)");
    assert_int_equal(s.plan.n_casualties, 2);
    assert_string_equal(s.plan.casualties[0].name, "eth1");
    assert_int_equal(s.plan.casualties[0].before, 0);
    assert_int_equal(s.plan.casualties[0].after, 1);
    assert_string_equal(s.plan.casualties[1].name, "default");
    assert_true(s.plan.stricter);
    end(&s);
}

static void all_that_cannot_move_makes_the_rule_impossible(void **state)
{
    struct key_target target;
    struct device_target t;
    struct scene s;

    begin(&s, "[rp_filter]\nall = unmanaged\nlxc* = off\n");
    set(&s, 2, 2);
    add(&s, "lxc1", 0);
    expect(&s, 0, "");
    plan_key_target(s.policy, &s.live, KEY_RP_FILTER, &target);
    assert_true(target.all_blocked);
    assert_false(target.all_drift);
    plan_device_target(s.policy, &target, KEY_RP_FILTER, &s.devices[0], &t);
    assert_true(t.impossible);
    assert_int_equal(t.wanted, 2);
    end(&s);
}

static void read_only_proc_leaves_all_and_default(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nlxc* = off\n* = loose\n");
    set(&s, 1, 1);
    s.live.all_writable = false;
    add(&s, "lxc1", 1);
    add(&s, "eth0", 1);
    expect(&s, 0, "2 eth0 1>2");
    end(&s);
}

static void rule_that_a_later_line_replaces_does_not_lower_all(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nlxc* = off\n* = loose\nlxc* = strict\n* = strict\n");
    set(&s, 2, 1);
    add(&s, "lxc1", 2);
    expect(&s, 0, "2 lxc1 2>1; 3 all 2>1");
    expect_reason(&s, 1, WRITE_MAKE_ROOM, "makes room for lxc*=strict (p.conf:4)");
    end(&s);
    begin(&s, "[rp_filter]\nlxc* = off\nlxc* = unmanaged\n");
    set(&s, 2, 1);
    add(&s, "lxc1", 2);
    expect(&s, 0, "");
    end(&s);
}

static void three_in_all_is_loose_enough_for_loose(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\n* = loose\n");
    set(&s, 3, 2);
    add(&s, "eth0", 0);
    expect(&s, 0, "");
    end(&s);
}

static void other_keys_move_all_only_when_pinned(void **state)
{
    struct scene s;

    begin(&s, "[accept_local]\neth0 = no\n");
    s.live.all[KEY_ACCEPT_LOCAL] = 1;
    add(&s, "eth0", 0);
    expect(&s, 0, "");
    end(&s);
    begin(&s, "[accept_local]\neth0 = no\nall = no\ndefault = yes\n");
    s.live.all[KEY_ACCEPT_LOCAL] = 1;
    add(&s, "eth0", 0);
    add(&s, "eth1", 0);
    expect(&s, 0, "1 default 0>1; 2 eth1 0>1; 3 all 1>0");
    assert_true(s.plan.stricter);
    end(&s);
}

static void one_device_alone_moves_all_only_for_need(void **state)
{
    struct scene s;

    begin(&s, CILIUM);
    set(&s, 1, 2);
    add(&s, "eno1", 0);
    add(&s, "eno2", 2);
    add(&s, "lxc1", 1);
    add(&s, "lxc2", 1);
    expect(&s, s.devices[0].ifindex, "");
    expect(&s, s.devices[1].ifindex, "2 eno2 2>1");
    expect(&s, s.devices[2].ifindex, "2 eno1 0>1; 2 lxc1 1>0; 3 all 1>0");
    expect(&s, 999, "");
    end(&s);
}

static void device_without_ipv4_is_not_there(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\n* = strict\n");
    set(&s, 0, 1);
    add(&s, "eth0", 0)->ipv4 = false;
    expect(&s, 0, "");
    expect(&s, s.devices[0].ifindex, "");
    end(&s);
}

static void device_that_is_down_needs_no_flush(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\neth0 = strict\n");
    add(&s, "eth0", 0)->flags = 0;
    expect(&s, 0, "2 eth0 0>1");
    assert_false(s.plan.stricter);
    end(&s);
}

static void undecided_rule_leaves_the_device_alone(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\n* = strict\n@unnumbered = off\n");
    set(&s, 0, 1);
    add(&s, "eth0", 0)->known = 0;
    add(&s, "eth1", 0);
    expect(&s, 0, "2 eth1 0>1");
    end(&s);
}

/* What is left out, as text: "eth0 0>1 off>strict; …" */
static void expect_held(const struct scene *s, const char *text)
{
    char got[256] = "", before[12], after[12];

    for (size_t i = 0; i < s->plan.n_held; i++) {
        const struct write *w = &s->plan.held[i];
        size_t n = strlen(got);

        snprintf(got + n, sizeof(got) - n, "%s%s %d>%d %s>%s", i ? "; " : "", w->name, w->old_value,
                 w->new_value, key_value_format(w->key, w->before, before, sizeof(before)),
                 key_value_format(w->key, w->after, after, sizeof(after)));
    }
    assert_string_equal(got, text);
}

static void held_device_does_not_become_stricter(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\neth1 = loose\n* = strict\n");
    set(&s, 0, 1);
    add(&s, "eth0", 0)->held = true;
    add(&s, "eth1", 0)->held = true;
    add(&s, "eth2", 2)->held = true;
    add(&s, "eth3", 2);
    expect(&s, 0, "2 eth3 2>1");
    expect_held(&s, "eth0 0>1 off>strict; eth1 0>2 off>loose; eth2 2>1 loose>strict");
    end(&s);
}

static void held_device_becomes_looser(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\neth0 = loose\n* = off\n");
    set(&s, 0, 0);
    add(&s, "eth0", 1)->held = true;
    add(&s, "eth1", 2)->held = true;
    expect(&s, 0, "2 eth0 1>2; 2 eth1 2>0");
    expect_held(&s, "");
    end(&s);
}

static void all_moves_down_past_a_held_device(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\n* = strict\n");
    set(&s, 2, 1);
    add(&s, "eth0", 1)->held = true;
    add(&s, "eth1", 1);
    expect(&s, 0, "2 eth0 1>2; 3 all 2>1");
    expect_held(&s, "eth0 1>1 loose>strict");
    end(&s);
}

static void pinned_all_waits_for_a_held_device(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\nall = strict\neth1 = strict\n");
    set(&s, 0, 0);
    add(&s, "eth0", 0)->held = true; /* no rule speaks of it */
    add(&s, "eth1", 0);
    expect(&s, 0, "2 eth1 0>1");
    expect_held(&s, "all 0>1 off>strict");
    assert_int_equal(s.plan.n_casualties, 0);
    s.devices[0].conf[KEY_RP_FILTER] = 2;
    expect(&s, 0, "3 all 0>1");
    expect_held(&s, "");
    end(&s);
}

static void only_rp_filter_is_held(void **state)
{
    struct scene s;

    begin(&s, "[log_martians]\n* = yes\n[accept_local]\n* = no\n");
    add(&s, "eth0", 0)->held = true;
    s.devices[0].conf[KEY_ACCEPT_LOCAL] = 1;
    plan_done(&s.plan);
    assert_int_equal(plan_make(s.policy, &s.live, 0, &s.plan), 0);
    assert_int_equal(s.plan.n_held, 0);
    assert_int_equal(s.plan.count, 3); /* eth0 twice, and default */
    end(&s);
}

static void reasons_escape_what_others_wrote(void **state)
{
    struct scene s;

    begin(&s, "[rp_filter]\n\x1b* = off\n");
    add(&s, "\x1b[2J", 1);
    expect(&s, 0, "2 \x1b[2J 1>0");
    expect_reason(&s, 0, WRITE_RULE, "\\x1B*=off (p.conf:2)");
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cilium_node_gets_room_without_weakening_eno1),
        cmocka_unit_test(device_that_is_looser_than_all_comes_after_all),
        cmocka_unit_test(default_that_ends_right_is_not_written),
        cmocka_unit_test(follower_stops_following_before_default_moves),
        cmocka_unit_test(unmanaged_observed_and_port_keep_what_they_have),
        cmocka_unit_test(accepted_alternative_is_left_alone),
        cmocka_unit_test(pin_that_raises_all_lists_whom_it_changes),
        cmocka_unit_test(all_that_cannot_move_makes_the_rule_impossible),
        cmocka_unit_test(read_only_proc_leaves_all_and_default),
        cmocka_unit_test(rule_that_a_later_line_replaces_does_not_lower_all),
        cmocka_unit_test(three_in_all_is_loose_enough_for_loose),
        cmocka_unit_test(other_keys_move_all_only_when_pinned),
        cmocka_unit_test(one_device_alone_moves_all_only_for_need),
        cmocka_unit_test(device_without_ipv4_is_not_there),
        cmocka_unit_test(device_that_is_down_needs_no_flush),
        cmocka_unit_test(undecided_rule_leaves_the_device_alone),
        cmocka_unit_test(held_device_does_not_become_stricter),
        cmocka_unit_test(held_device_becomes_looser),
        cmocka_unit_test(all_moves_down_past_a_held_device),
        cmocka_unit_test(pinned_all_waits_for_a_held_device),
        cmocka_unit_test(only_rp_filter_is_held),
        cmocka_unit_test(reasons_escape_what_others_wrote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
