/* A few devices, a policy and sysctl.d, and what the judge says of them. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "judge_scene.h"

void begin(struct scene *s, const char *text, const char *sysctl)
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

struct device *add(struct scene *s, const char *name, int rp_filter)
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

void set(struct scene *s, int all, int def)
{
    s->live.all[KEY_RP_FILTER] = all;
    s->live.def[KEY_RP_FILTER] = def;
}

void start(struct scene *s)
{
    s->judge = judge_free(s->judge);
    assert_int_equal(judge_new(s->policy, &s->live, &s->context, &s->judge), 0);
}

void expect(struct scene *s, const char *name, enum state state, const char *message)
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

void expect_reason(const struct scene *s, const char *name, enum value_origin origin,
                   const char *reason)
{
    char text[JUDGE_TEXT_SIZE];

    assert_string_equal(
        judge_reason(s->judge, live_by_name(&s->live, name), &s->state, origin, text), reason);
}

void expect_cause(const struct scene *s, unsigned line)
{
    if (line == 0) {
        assert_null(s->state.cause.file);
        return;
    }
    assert_string_equal(s->state.cause.file, "s.conf");
    assert_int_equal(s->state.cause.line, line);
}

void end(struct scene *s)
{
    judge_free(s->judge);
    sysctl_conf_free(s->sysctl);
    policy_free(s->policy);
}
