/* What a plan promises, checked over every combination of small domains: a model of the kernel
 * carries the plan out write by write, and before each write a new device is born. */
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
    struct sim start, sim;
    struct key_target target;
    struct device_target devices[SIM_DEVICES_MAX]; /* of those there from the start */
    size_t writes;
    int only; /* ifindex, 0 for a full plan */
};

static void print_run(const struct run *run, const char *what, const struct sim_device *device)
{
    const struct sim *s = &run->start;

    print_error("%s\n%sall=%d default=%d forwarding=%d written=%d only=%d, after write %zu", what,
                run->text, s->all, s->def, s->def_forwarding, s->def_written, run->only,
                run->writes);
    if (device)
        print_error(", device %s stored %d effective %d born before write %zu", device->facts.name,
                    device->facts.conf[s->key], sim_effective(&run->sim, device),
                    device->born_before);
    print_error("\n");
}

static void make_plan(const struct run *run, size_t count, struct plan *ret)
{
    struct device devices[SIM_DEVICES_MAX];
    struct sim sim = run->sim;
    struct live live;

    sim.count = count;
    sim_picture(&sim, devices, &live);
    assert_int_equal(plan_make(run->policy, &live, run->only, ret), 0);
}

/* Is the value one of the two it may have? Who is born sees what default gave before or after. */
static void check_every_device(const struct run *run)
{
    for (size_t i = 0; i < run->sim.count; i++) {
        const struct sim_device *device = &run->sim.devices[i];
        int effective = sim_effective(&run->sim, device);
        int before = device->known ? run->devices[i].before : run->target.default_before;
        int after = device->known ? run->devices[i].wanted : run->target.default_after;

        CHECK(run, device, effective == before || effective == after);
    }
}

static void carry_out(struct run *run, const struct plan *plan)
{
    for (size_t i = 0; i < plan->until_reread; i++) {
        const struct write *write = &plan->writes[i];
        struct sim_device *born;
        char name[16];

        CHECK(run, NULL, (write->step == 0) == (write->new_value == write->old_value));
        CHECK(run, NULL, i == 0 || write->step >= plan->writes[i - 1].step);
        snprintf(name, sizeof(name), "n%zu", run->writes);
        born = sim_birth(&run->sim, name);
        born->born_before = ++run->writes;
        check_every_device(run);
        sim_write(&run->sim, write->ifindex, write->new_value);
        check_every_device(run);
    }
}

/* Would any stored value make the rule content under the `all` that is there now? */
static bool could_be_right(const struct run *run, const struct sim_device *device,
                           const struct rule *rule)
{
    for (int stored = -6; stored <= 100; stored++)
        if (rule_accepts(
                rule, key_effective(run->sim.key, run->sim.all, stored, device->facts.forwarding)))
            return true;
    return false;
}

static bool is_casualty(const struct plan *plan, int ifindex)
{
    for (size_t i = 0; i < plan->n_casualties; i++)
        if (plan->casualties[i].ifindex == ifindex)
            return true;
    return false;
}

static bool is_held_in(const struct plan *plan, int ifindex)
{
    for (size_t i = 0; i < plan->n_held; i++)
        if (plan->held[i].ifindex == ifindex)
            return true;
    return false;
}

static void check_outcome(const struct run *run, const struct plan *last)
{
    for (size_t i = 0; i < run->sim.count; i++) {
        const struct sim_device *device = &run->sim.devices[i];
        const struct device_target *t = &run->devices[i];
        int effective = sim_effective(&run->sim, device);
        bool asked = device->known && plan_rule_writes(t->rule) && !t->moot && !t->paused &&
                     !t->held && (!run->only || run->only == device->facts.ifindex);

        if (!device->known)
            continue;
        if (asked)
            CHECK(run, device,
                  rule_accepts(t->rule, effective) ||
                      (t->impossible && !could_be_right(run, device, t->rule)));
        if (asked && !t->impossible)
            CHECK(run, device, !is_casualty(last, device->facts.ifindex));
        if (!asked && effective != t->before)
            CHECK(run, device,
                  is_casualty(last, device->facts.ifindex) && run->target.all_rule &&
                      run->target.all_rule->pattern.kind == PATTERN_ALL);
        if (!run->only)
            CHECK(run, device, effective == t->wanted);
        if (device->facts.held && !t->moot && run->sim.key == KEY_RP_FILTER)
            CHECK(run, device, !key_may_refuse(run->sim.key, t->before, effective));
        if (!run->only)
            CHECK(run, device, is_held_in(last, device->facts.ifindex) == t->held);
    }
    if (run->target.default_paused)
        CHECK(run, NULL,
              key_effective(run->sim.key, run->sim.all, run->sim.def, run->sim.def_forwarding) ==
                  run->target.default_after);
    if (run->only || run->target.default_paused || !plan_rule_writes(run->target.default_rule))
        return;
    if (run->target.default_rule->pattern.kind == PATTERN_DEFAULT)
        CHECK(run, NULL, rule_accepts(run->target.default_rule, run->sim.def));
    else if (!run->target.default_impossible)
        CHECK(run, NULL,
              rule_accepts(run->target.default_rule,
                           key_effective(run->sim.key, run->sim.all, run->sim.def,
                                         run->sim.def_forwarding)));
}

/* Something that a plan could put right. */
static bool has_drift(const struct run *run)
{
    const struct key_target *t = &run->target;

    if (t->all_drift && !t->all_blocked && !t->all_held && plan_rule_writes(t->all_rule))
        return true;
    if (t->default_drift && !t->default_impossible && plan_rule_writes(t->default_rule))
        return true;
    for (size_t i = 0; i < run->start.count; i++)
        if (run->devices[i].drift && !run->devices[i].impossible && !run->devices[i].held &&
            plan_rule_writes(run->devices[i].rule))
            return true;
    return false;
}

/* What the devices are heading for, from what is there now. Those born since the last look are
 * known from here on, with targets of their own; the others must not change course. */
static void look(struct run *run)
{
    struct device devices[SIM_DEVICES_MAX];
    struct live live;

    sim_picture(&run->sim, devices, &live);
    if (run->writes == 0)
        plan_key_target(run->policy, &live, run->sim.key, &run->target);
    for (size_t i = 0; i < run->sim.count; i++) {
        if (run->sim.devices[i].known)
            continue;
        plan_device_target(run->policy, &run->target, run->sim.key, &devices[i], &run->devices[i]);
        run->sim.devices[i].known = true;
    }
}

static bool moves_all(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->writes[i].ifindex == IFINDEX_ALL)
            return true;
    return false;
}

/* In a plan for one device the others, and who is born, keep what they have. */
static void expect_one(struct run *run, const struct plan *plan)
{
    for (size_t i = 0; i < run->sim.count; i++) {
        struct device_target *t = &run->devices[i];

        if (run->sim.devices[i].facts.ifindex != run->only) {
            t->wanted = t->before;
            for (size_t k = 0; k < plan->n_casualties; k++)
                if (plan->casualties[k].ifindex == run->sim.devices[i].facts.ifindex)
                    t->wanted = plan->casualties[k].after;
        } else if (!moves_all(plan)) {
            t->wanted = plan->count > 0 ? plan->writes[plan->count - 1].after : t->before;
        }
    }
    run->target.default_after = run->target.default_before;
    for (size_t k = 0; k < plan->n_casualties; k++)
        if (plan->casualties[k].ifindex == IFINDEX_DEFAULT)
            run->target.default_after = plan->casualties[k].after;
}

/* Plan and carry out, with the second reading where the plan asks for one. */
static void go(struct run *run, struct plan *first, struct plan *second)
{
    struct plan again = {0};

    run->sim = run->start;
    run->writes = 0;
    look(run);
    make_plan(run, run->sim.count, first);
    if (run->only)
        expect_one(run, first);
    else
        CHECK(run, NULL, (first->count > 0) == has_drift(run));
    carry_out(run, first);
    if (first->until_reread < first->count) {
        look(run);
        make_plan(run, run->sim.count, second);
        if (run->only)
            expect_one(run, second);
        CHECK(run, NULL, second->until_reread == second->count);
        carry_out(run, second);
    }
    check_outcome(run, second->count > 0 ? second : first);
    make_plan(run, run->start.count, &again);
    CHECK(run, NULL, again.count == 0 && again.n_casualties == 0);
    plan_done(&again);
}

/* What is pinned unmanaged, and a paused `all`, is never written. What is paused otherwise only to
 * keep what it effectively is, while `all` moves for others. */
static void check_left_alone(const struct run *run)
{
    const struct rule *all = policy_pin(run->policy, run->sim.key, PATTERN_ALL);
    const struct rule *def = policy_pin(run->policy, run->sim.key, PATTERN_DEFAULT);

    CHECK(run, NULL, !all || !all->unmanaged || run->sim.all == run->start.all);
    CHECK(run, NULL, !def || !def->unmanaged || run->sim.def == run->start.def);
    CHECK(run, NULL, !run->sim.all_paused || run->sim.all == run->start.all);
    if (run->sim.all != run->start.all)
        return;
    CHECK(run, NULL, !run->sim.def_paused || run->sim.def == run->start.def);
    for (size_t i = 0; i < run->start.count; i++) {
        const struct sim_device *device = &run->start.devices[i];
        int now = run->sim.devices[i].facts.conf[run->sim.key];

        CHECK(run, device, !device->facts.paused || now == device->facts.conf[run->sim.key]);
    }
}

/* A plan for one device moves `all` only where it must: the old one would not let the device be
 * what it becomes, and what it was is not accepted. */
static void check_one_moves_all_only_for_need(const struct run *run, const struct plan *plan)
{
    size_t i = 0;

    if (!run->only || !moves_all(plan))
        return;
    while (run->start.devices[i].facts.ifindex != run->only)
        i++;
    CHECK(run, &run->sim.devices[i],
          run->devices[i].drift &&
              !key_reachable(run->sim.key, run->start.all, run->devices[i].wanted,
                             run->start.devices[i].facts.forwarding));
}

static void check_plan(struct run *run, int only)
{
    _cleanup_plan_ struct plan first = {0}, second = {0};

    run->only = only;
    go(run, &first, &second);
    check_left_alone(run);
    check_one_moves_all_only_for_need(run, &first);
}

static void add_devices(struct sim *sim, const struct domain *domain, bool forwarding)
{
    struct sim_device *device;
    char name[16];

    for (size_t i = 0; i < domain->n_stored; i++)
        for (const char *prefix = "abp"; *prefix; prefix++) {
            if (*prefix == 'p' && i % 3 != 0)
                continue; /* some ports are enough */
            snprintf(name, sizeof(name), "%c%zu", *prefix == 'p' ? 'a' : *prefix,
                     i + (*prefix == 'p' ? 100 : 0));
            device = sim_birth(sim, name);
            device->facts.conf[sim->key] = domain->stored[i];
            device->facts.forwarding = forwarding ^ (i & 1);
            device->follows = false;
            device->facts.numbered = i & 2;
            if (*prefix == 'p')
                memcpy(device->facts.slave_kind, "bridge", sizeof("bridge"));
        }
    /* Followers: one with a rule, one without, one of which the addresses are not known. */
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%cf%zu", i == 1 ? 'b' : 'a', i);
        device = sim_birth(sim, name);
        device->follows = true;
        device->facts.forwarding = forwarding;
        if (i == 2)
            device->facts.known = 0;
    }
}

/* What a person told to leave alone: everything, `all`, `default`, some devices. */
static void pause_some(struct sim *sim, unsigned turn)
{
    sim->all_paused = turn % 3 == 0;
    sim->def_paused = turn % 4 < 2;
    for (size_t i = 0; i < sim->count; i++)
        sim->devices[i].facts.paused = turn % 5 == 0 || (i + turn) % 3 == 0;
}

/* Devices that may not become stricter; those that follow `default`, too. */
static void hold_some(struct sim *sim, unsigned turn)
{
    for (size_t i = 0; i < sim->count; i++)
        sim->devices[i].facts.held = turn % 5 == 0 || (i + turn) % 4 == 0;
}

static void check_both_plans(struct run *run, unsigned *counter)
{
    check_plan(run, 0);
    check_plan(run, run->start.devices[(*counter)++ % run->start.count].facts.ifindex);
}

struct trial {
    struct run run;
    unsigned *counter;
};

static void try_start(const struct domain *domain, const struct sim *start, bool forwarding,
                      void *data)
{
    struct trial *trial = data;
    struct run *run = &trial->run;

    run->start = *start;
    add_devices(&run->start, domain, forwarding);
    check_both_plans(run, trial->counter);
    hold_some(&run->start, *trial->counter);
    check_both_plans(run, trial->counter);
    pause_some(&run->start, *trial->counter);
    check_both_plans(run, trial->counter);
}

static void try_policy(const struct domain *domain, const char *text, struct policy *policy,
                       void *data)
{
    struct trial trial = {.run = {.text = text, .policy = policy}, .counter = data};

    domain_each_start(domain, try_start, &trial);
}

static void try_all(const struct domain *domain)
{
    unsigned counter = 0;

    domain_each_policy(domain, try_policy, &counter);
    assert_true(counter > 0);
}

static void rp_filter_plans_keep_every_promise(void **state)
{
    static const int stored[] = {-5, -1, 0, 1, 2, 3, 99};
    static const char *const rules[] = {
        "",           "off",       "strict",          "loose", "loose|off", "strict|loose",
        "strict|off", "unmanaged", "strict, observe", NULL};
    static const char *const any[] = {"",           "off",       "strict",       "loose",
                                      "strict|off", "unmanaged", "off, observe", NULL};
    static const char *const pins[] = {"", "off", "strict", "loose", "unmanaged", NULL};

    try_all(&(struct domain){KEY_RP_FILTER, stored, ELEMENTSOF(stored), rules, any, pins});
}

static void number_plans_keep_every_promise(void **state)
{
    static const int stored[] = {-1, 0, 1, 2, 99};
    static const char *const rules[] = {"", "0", "1", "2", "1|0", "unmanaged", "2, observe", NULL};
    static const char *const any[] = {"", "0", "1", "2", "unmanaged", NULL};
    static const char *const pins[] = {"", "0", "1", "2", "unmanaged", NULL};

    try_all(&(struct domain){KEY_ARP_IGNORE, stored, ELEMENTSOF(stored), rules, any, pins});
    try_all(&(struct domain){KEY_ARP_ANNOUNCE, stored, ELEMENTSOF(stored), rules, any, pins});
}

static void switch_plans_keep_every_promise(void **state)
{
    static const int stored[] = {-1, 0, 1, 2};
    static const char *const rules[] = {"",          "no",          "yes", "yes|no",
                                        "unmanaged", "no, observe", NULL};
    static const char *const any[] = {"", "no", "yes", "unmanaged", NULL};
    static const char *const pins[] = {"", "no", "yes", "unmanaged", NULL};

    for (enum key key = 0; key < KEY_COUNT; key++)
        if (key_info(key)->values == VALUES_SWITCH)
            try_all(&(struct domain){key, stored, ELEMENTSOF(stored), rules, any, pins});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rp_filter_plans_keep_every_promise),
        cmocka_unit_test(number_plans_keep_every_promise),
        cmocka_unit_test(switch_plans_keep_every_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
