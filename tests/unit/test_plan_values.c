/* Putting values back: exactly those, and no device is at any step effectively at a third value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_sim.h"
#include "policy/base/util.h"
#include "policy/decide/plan.h"

static struct sim_device *add(struct sim *sim, const char *name, int stored, bool follows,
                              bool forwarding)
{
    struct sim_device *device = sim_birth(sim, name);

    device->facts.conf[sim->key] = stored;
    device->facts.forwarding = forwarding;
    device->facts.ipv4 = true;
    device->follows = follows && stored == sim->def;
    return device;
}

struct step {
    int before[SIM_DEVICES_MAX], after[SIM_DEVICES_MAX];
};

static void carry_out(struct sim *sim, const struct plan *plan, const struct step *step)
{
    for (size_t i = 0; i < plan->count; i++) {
        sim_write(sim, plan->writes[i].ifindex, plan->writes[i].new_value);
        for (size_t d = 0; d < sim->count; d++) {
            int now = sim_effective(sim, &sim->devices[d]);

            assert_true(now == step->before[d] || now == step->after[d]);
        }
    }
}

static void try_one(enum key key, const int v[6], bool follows, bool forwarding)
{
    static struct device pictures[SIM_DEVICES_MAX];
    struct sim sim = {.key = key, .all = v[0], .def = v[1]};
    struct wanted_value values[3] = {{key, IFINDEX_ALL, v[3]}, {key, IFINDEX_DEFAULT, v[4]}};
    struct live live = {0};
    struct step step;
    _cleanup_plan_ struct plan plan = {0};

    add(&sim, "eth0", v[2], follows, forwarding);
    add(&sim, "eth1", v[1], follows, forwarding); /* not named: keeps what is stored */
    values[2] = (struct wanted_value){key, sim.devices[0].facts.ifindex, v[5]};
    sim_picture(&sim, pictures, &live);
    live.all_writable = true;
    for (size_t d = 0; d < 2; d++) {
        int stored = d == 0 ? v[5] : v[1];

        step.before[d] = sim_effective(&sim, &sim.devices[d]);
        step.after[d] = key_effective(key, v[3], stored, forwarding);
    }
    assert_int_equal(plan_values(values, 3, &live, &plan), 0);
    carry_out(&sim, &plan, &step);
    assert_int_equal(sim.all, v[3]);
    assert_int_equal(sim.def, v[4]);
    assert_int_equal(sim.devices[0].facts.conf[key], v[5]);
    assert_int_equal(sim.devices[1].facts.conf[key], v[1]);
}

static void every_combination(enum key key, int low, int high)
{
    int v[6];
    unsigned base = (unsigned)(high - low + 1), total = 1;

    for (int i = 0; i < 6; i++)
        total *= base;
    for (unsigned n = 0; n < total; n++) {
        unsigned rest = n;

        for (int i = 0; i < 6; i++, rest /= base)
            v[i] = low + (int)(rest % base);
        for (int flags = 0; flags < 4; flags++)
            try_one(key, v, flags & 1, flags & 2);
    }
}

static void rp_filter_goes_back_past_no_third_value(void **state)
{
    every_combination(KEY_RP_FILTER, -1, 3);
}

static void switches_go_back_past_no_third_value(void **state)
{
    static const enum key keys[] = {KEY_ACCEPT_LOCAL, KEY_ACCEPT_SOURCE_ROUTE, KEY_ACCEPT_REDIRECTS,
                                    KEY_SEND_REDIRECTS};

    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        every_combination(keys[i], 0, 1);
}

static void what_is_there_already_is_not_written(void **state)
{
    struct device device = {.ifindex = 2, .name = "eth0", .ipv4 = true};
    struct live live = {.devices = &device, .count = 1, .all_writable = true};
    struct wanted_value values[] = {{KEY_RP_FILTER, IFINDEX_ALL, 0}, {KEY_RP_FILTER, 2, 0}};
    _cleanup_plan_ struct plan plan = {0};

    assert_int_equal(plan_values(values, 2, &live, &plan), 0);
    assert_int_equal(plan.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rp_filter_goes_back_past_no_third_value),
        cmocka_unit_test(switches_go_back_past_no_third_value),
        cmocka_unit_test(what_is_there_already_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
