/* Somebody else moves `all` or `default`, and a plan undoes it: what was there before is there
 * again, over every combination of small domains. A model of the kernel carries the plan out write
 * by write; a device is born before each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "plan_domain.h"
#include "policy/decide/plan.h"

/* One run: what is needed to say where it went wrong. */
struct run {
    const char *text; /* the policy */
    struct policy *policy;
    struct sim settled, moved, sim; /* before the move, after it, now */
    bool was_follower[SIM_DEVICES_MAX];
    struct key_target target;                      /* of the plan that undoes it */
    struct device_target devices[SIM_DEVICES_MAX]; /* of those there from the start */
};

static void print_run(const struct run *run, const char *what, const struct sim_device *device)
{
    print_error("%s\n%sall %d -> %d -> %d, default %d -> %d -> %d", what, run->text,
                run->settled.all, run->moved.all, run->sim.all, run->settled.def, run->moved.def,
                run->sim.def);
    if (device)
        print_error(", device %s stored %d effective %d forwarding %d", device->facts.name,
                    device->facts.conf[run->sim.key], sim_effective(&run->sim, device),
                    device->facts.forwarding);
    print_error("\n");
}

/* What whoever watches all the time knows: the state before, and who followed from there. */
static void take_picture(const struct run *run, struct device *devices, struct live *ret)
{
    enum key key = run->sim.key;

    sim_picture(&run->sim, devices, ret);
    ret->kept = KEY_BIT(key);
    ret->kept_all[key] = run->settled.all;
    ret->kept_def[key] = run->settled.def;
    for (size_t i = 0; i < run->settled.count; i++)
        if (run->was_follower[i] && run->moved.def != run->settled.def)
            devices[i].followed = KEY_BIT(key);
}

static void make_plan(const struct run *run, struct plan *ret)
{
    struct device devices[SIM_DEVICES_MAX];
    struct live live;

    take_picture(run, devices, &live);
    assert_int_equal(plan_make(run->policy, &live, 0, ret), 0);
}

static void check_every_device(const struct run *run)
{
    for (size_t i = 0; i < run->sim.count; i++) {
        const struct sim_device *device = &run->sim.devices[i];
        int effective = sim_effective(&run->sim, device);
        int before = device->known ? run->devices[i].before : run->target.default_before;
        int after = device->known ? run->devices[i].wanted : run->target.default_after;

        CHECK(run, device, effective == before || effective == after);
        if (device->facts.held && device->known && !run->devices[i].moot)
            CHECK(run, device, !key_may_refuse(run->sim.key, before, effective));
    }
}

/* What the devices head for; those that were born since the last look have no earlier state. */
static void look(struct run *run, bool first)
{
    struct device devices[SIM_DEVICES_MAX];
    struct live live;

    take_picture(run, devices, &live);
    if (first)
        plan_key_target(run->policy, &live, run->sim.key, &run->target);
    for (size_t i = 0; i < run->sim.count; i++) {
        if (!first && run->sim.devices[i].known)
            continue;
        plan_device_target(run->policy, &run->target, run->sim.key, &devices[i], &run->devices[i]);
        run->sim.devices[i].known = true;
    }
}

static void carry_out(struct run *run, const struct plan *plan)
{
    for (size_t i = 0; i < plan->until_reread; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%zu", run->sim.count);
        (void)sim_birth(&run->sim, name);
        check_every_device(run);
        sim_write(&run->sim, plan->writes[i].ifindex, plan->writes[i].new_value);
        check_every_device(run);
    }
}

static size_t put_right(struct run *run, bool held)
{
    _cleanup_plan_ struct plan first = {0}, second = {0}, none = {0};

    look(run, true);
    make_plan(run, &first);
    carry_out(run, &first);
    if (first.until_reread < first.count) {
        look(run, false);
        make_plan(run, &second);
        CHECK(run, NULL, second.until_reread == second.count);
        carry_out(run, &second);
    }
    run->sim.count = run->settled.count;
    if (held) /* what is back may let `all` follow */
        return first.count;
    make_plan(run, &none);
    CHECK(run, NULL, none.count == 0 && none.n_casualties == 0);
    return first.count;
}

static bool pin_has(const struct rule *pin, int stored)
{
    for (unsigned i = 0; i < pin->n_values; i++)
        if (pin->values[i] == stored)
            return true;
    return false;
}

/* Does the policy say that `all` cannot stay as it was moved? Asked of a plan that knows nothing of
 * the state before. */
static bool all_must_move(const struct run *run)
{
    struct device devices[SIM_DEVICES_MAX];
    struct key_target target;
    struct live live;

    sim_picture(&run->moved, devices, &live);
    plan_key_target(run->policy, &live, run->sim.key, &target);
    return target.new_all != target.old_all;
}

static bool default_must_move(const struct run *run, int all)
{
    enum key key = run->sim.key;
    const struct rule *pin = policy_pin(run->policy, key, PATTERN_DEFAULT);
    const struct rule *any = policy_any(run->policy, key);

    if (pin)
        return plan_rule_writes(pin) && !pin_has(pin, run->moved.def);
    return plan_rule_writes(any) &&
           !rule_accepts(any, key_effective(key, all, run->moved.def, run->moved.def_forwarding));
}

static void check_outcome(const struct run *run)
{
    enum key key = run->sim.key;
    int all = all_must_move(run) ? run->settled.all : run->moved.all;
    bool default_back = default_must_move(run, all);

    CHECK(run, NULL, run->sim.all == all);
    if (!default_back)
        CHECK(run, NULL, run->sim.def == run->moved.def);
    else if (all == run->settled.all) /* one that may stay may rule out what was there */
        CHECK(run, NULL, run->sim.def == run->settled.def);
    for (size_t i = 0; i < run->settled.count; i++) {
        const struct sim_device *device = &run->sim.devices[i], *was = &run->settled.devices[i];
        int stored = run->moved.devices[i].facts.conf[key];
        bool went_along = stored != was->facts.conf[key];

        if (default_back)
            stored = was->facts.conf[key];
        if (!plan_rule_writes(run->devices[i].rule) || run->devices[i].moot)
            CHECK(run, device, device->facts.conf[key] == stored);
        if (all == run->settled.all && (default_back || !went_along))
            CHECK(run, device,
                  sim_effective(&run->sim, device) == sim_effective(&run->settled, was));
    }
}

static void add_devices(struct sim *sim, const struct domain *domain, bool forwarding)
{
    char name[32];

    for (size_t i = 0; i < domain->n_stored; i++)
        for (const char *prefix = "abp"; *prefix; prefix++) {
            struct sim_device *device;

            snprintf(name, sizeof(name), "%c%zu", *prefix == 'p' ? 'a' : *prefix,
                     i + (*prefix == 'p' ? 100 : 0));
            device = sim_birth(sim, name);
            device->facts.conf[sim->key] = domain->stored[i];
            device->facts.forwarding = forwarding ^ (i & 1);
            device->follows = false;
            if (*prefix == 'p')
                memcpy(device->facts.slave_kind, "bridge", sizeof("bridge"));
        }
    for (size_t i = 0; i < 4; i++) { /* followers, with a rule and without */
        snprintf(name, sizeof(name), "%cf%zu", i & 1 ? 'b' : 'a', i);
        sim_birth(sim, name)->follows = true;
        sim->devices[sim->count - 1].facts.forwarding = forwarding ^ (i & 2);
    }
}

/* The state that the policy makes of it, with the same devices; who followed before the policy was
 * in force, and was not written, still does. */
static bool settle(struct run *run)
{
    _cleanup_plan_ struct plan plan = {0};
    struct device devices[SIM_DEVICES_MAX];
    size_t count = run->sim.count;
    struct live live;

    for (unsigned i = 0; i < 2; i++) {
        plan_done(&plan);
        sim_picture(&run->sim, devices, &live);
        assert_int_equal(plan_make(run->policy, &live, 0, &plan), 0);
        for (size_t k = 0; k < plan.count; k++)
            sim_write(&run->sim, plan.writes[k].ifindex, plan.writes[k].new_value);
    }
    run->sim.count = count;
    run->settled = run->sim;
    return plan.count == 0;
}

/* Writes of `all` and `default` in a row, undone together. Every fourth device may be held. */
static size_t move(struct run *run, int all, int def, bool held)
{
    run->sim = run->settled;
    for (size_t i = 0; i < run->sim.count; i++)
        run->sim.devices[i].facts.held = held && i % 4 == 0;
    for (size_t i = 0; i < run->sim.count; i++)
        run->was_follower[i] = run->sim.devices[i].follows;
    if (def != run->settled.def)
        sim_write(&run->sim, IFINDEX_DEFAULT, def);
    sim_write(&run->sim, IFINDEX_ALL, all);
    run->moved = run->sim;
    return put_right(run, held);
}

static void try_moves(struct run *run, const struct domain *domain, size_t *undone)
{
    for (size_t i = 0; i < domain->n_stored; i++)
        for (size_t k = 0; k < domain->n_stored; k++) {
            *undone += move(run, domain->stored[i], domain->stored[k], false) > 0;
            check_outcome(run);
            if (domain->key == KEY_RP_FILTER)
                (void)move(run, domain->stored[i], domain->stored[k], true);
        }
}

struct trial {
    struct run run;
    size_t undone;
};

static void try_start(const struct domain *domain, const struct sim *start, bool forwarding,
                      void *data)
{
    struct trial *trial = data;

    trial->run.sim = *start;
    add_devices(&trial->run.sim, domain, forwarding);
    if (settle(&trial->run))
        try_moves(&trial->run, domain, &trial->undone);
}

static void try_policy(const struct domain *domain, const char *text, struct policy *policy,
                       void *data)
{
    struct trial trial = {.run = {.text = text, .policy = policy}};
    size_t *undone = data;

    domain_each_start(domain, try_start, &trial);
    *undone += trial.undone;
}

static void try_all(const struct domain *domain)
{
    size_t undone = 0;

    domain_each_policy(domain, try_policy, &undone);
    if (key_info(domain->key)->report_only)
        assert_int_equal(undone, 0); /* nothing is written, so that nothing is undone */
    else
        assert_true(undone > 0);
}

static void moved_rp_filter_is_as_before_again(void **state)
{
    static const int stored[] = {-5, 0, 1, 2, 3};
    static const char *const rules[] = {"", "strict", "loose|off", "strict|loose", "off", NULL};
    static const char *const any[] = {"", "loose", "strict|off", NULL};
    static const char *const pins[] = {"", "off", "strict|loose", "loose", "unmanaged", NULL};

    try_all(&(struct domain){KEY_RP_FILTER, stored, ELEMENTSOF(stored), rules, any, pins});
}

static void moved_numbers_are_as_before_again(void **state)
{
    static const int stored[] = {-1, 0, 1, 2, 99};
    static const char *const rules[] = {"", "1", "1|0", NULL};
    static const char *const any[] = {"", "1", NULL};
    static const char *const pins[] = {"", "0", "2", "1|0", NULL};

    try_all(&(struct domain){KEY_ARP_IGNORE, stored, ELEMENTSOF(stored), rules, any, pins});
}

static void moved_switches_are_as_before_again(void **state)
{
    static const int stored[] = {-1, 0, 1, 2};
    static const char *const rules[] = {"", "no", "yes|no", NULL};
    static const char *const any[] = {"", "yes", NULL};
    static const char *const pins[] = {"", "no", "yes", "unmanaged", NULL};

    for (enum key key = 0; key < KEY_COUNT; key++)
        if (key_info(key)->values == VALUES_SWITCH)
            try_all(&(struct domain){key, stored, ELEMENTSOF(stored), rules, any, pins});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_rp_filter_is_as_before_again),
        cmocka_unit_test(moved_numbers_are_as_before_again),
        cmocka_unit_test(moved_switches_are_as_before_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
