/* A policy read for one device's name alone answers for this device as the whole one does: over
 * random policies, the same rule wins for each key, and the same plan is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/decide/plan.h"

#define POLICIES 4000
#define LINES_MAX 24

/* xorshift64: the same policies in every run. */
static unsigned pick(uint64_t *state, unsigned n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)(*state >> 33) % n;
}

static const char *const names[] = {"eth0",   "eth1",     "eth12", "lxc1", "lxc.1", "l",    "all0",
                                    "defaul", "default1", "-x",    "a*b",  "lo",    "\xffx"};

static const char *const patterns[] = {
    "*",     "eth*", "eth0",  "eth1..3",     "eth0..12", "et?1",       "e*",   "lxc*",   "lxc1",
    "lxc.1", "l*",   "l",     "all",         "default",  "all0",       "all*", "defaul", "default*",
    "-x",    "-*",   "?x",    "[el]*",       "@here",    "@physical",  "ens*", "bond0",  "vlan1..9",
    "wg0",   "tun*", "cali*", "cilium_host", "x-1.2",    "vlan1..9.5", "lo",   "e\\th0", "alle"};

static const char *const values[] = {"off",          "strict",        "loose",
                                     "strict|loose", "loose | off",   "unmanaged",
                                     "off, observe", "off ; because", "strict,observe"};

static void make_policy(uint64_t *state, char *text, size_t size)
{
    FILE *f = fmemopen(text, size, "w");
    unsigned lines = pick(state, LINES_MAX);

    assert_non_null(f);
    fputs("[set here]\nname = eth1 lxc*\n[rp_filter]\n", f);
    for (unsigned i = 0; i < lines; i++) {
        if (pick(state, 12) == 0)
            fputs(pick(state, 2) ? "[log_martians]\n" : "[rp_filter]\n", f);
        if (pick(state, 30) == 0)
            fprintf(f,
                    "[exception e%u]\ndevices = lxc1 ens*\nreason = x\nrp_filter = off\n"
                    "[rp_filter]\n",
                    i);
        fprintf(f, "%s%s%s%s\n", patterns[pick(state, ELEMENTSOF(patterns))],
                pick(state, 2) ? " = " : "=", values[pick(state, ELEMENTSOF(values))],
                pick(state, 5) ? "" : " ");
    }
    assert_int_equal(fclose(f), 0);
}

/* NULL where it holds an error, such as a word of the other key. */
static struct policy *read_policy(const char *text, const char *device)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct policy *policy = policy_new_for(device);

    assert_non_null(policy);
    assert_int_equal(policy_add_file(policy, "t.conf", text, strlen(text), &diags), 0);
    assert_int_equal(policy_finish(policy, NULL), 0);
    return diags_failed(&diags) ? policy_free(policy) : policy;
}

static unsigned line_of(const struct rule *rule)
{
    return rule ? rule->origin.line : 0;
}

static void compare_rules(const struct policy *whole, const struct policy *part,
                          const struct device *device)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        const struct rule *a_undecided, *b_undecided;
        const struct rule *a = policy_match(whole, key, device, &a_undecided);
        const struct rule *b = policy_match(part, key, device, &b_undecided);

        assert_int_equal(line_of(a), line_of(b));
        assert_int_equal(line_of(a_undecided), line_of(b_undecided));
        assert_int_equal(line_of(policy_any(whole, key)), line_of(policy_any(part, key)));
        for (enum pattern_kind pin = PATTERN_ALL; pin <= PATTERN_DEFAULT; pin++)
            assert_int_equal(line_of(policy_pin(whole, key, pin)),
                             line_of(policy_pin(part, key, pin)));
    }
    assert_int_equal(whole->keys, part->keys);
    assert_int_equal(whole->facts, part->facts);
    assert_true(whole->hash == part->hash);
}

static void compare_plans(const struct policy *whole, const struct policy *part,
                          const struct live *live)
{
    _cleanup_plan_ struct plan a = {0}, b = {0};

    assert_int_equal(plan_make(whole, live, live->devices[0].ifindex, &a), 0);
    assert_int_equal(plan_make(part, live, live->devices[0].ifindex, &b), 0);
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++) {
        assert_int_equal(a.writes[i].key, b.writes[i].key);
        assert_int_equal(a.writes[i].ifindex, b.writes[i].ifindex);
        assert_int_equal(a.writes[i].new_value, b.writes[i].new_value);
        assert_int_equal(line_of(a.writes[i].rule), line_of(b.writes[i].rule));
    }
    for (enum key key = 0; key < KEY_COUNT; key++) {
        struct key_target a_key, b_key;
        struct device_target a_device, b_device;

        plan_key_target(whole, live, key, &a_key);
        plan_key_target(part, live, key, &b_key);
        assert_int_equal(a_key.all_blocked, b_key.all_blocked);
        assert_int_equal(a_key.new_all, b_key.new_all);
        plan_device_target(whole, &a_key, key, &live->devices[0], &a_device);
        plan_device_target(part, &b_key, key, &live->devices[0], &b_device);
        assert_int_equal(a_device.impossible, b_device.impossible);
        assert_int_equal(a_device.wanted, b_device.wanted);
    }
}

static void a_policy_for_one_device_answers_as_the_whole_one(void **state)
{
    uint64_t random = 20261122;
    unsigned valid = 0, shorter = 0, enough = 0;

    for (unsigned i = 0; i < POLICIES; i++) {
        const char *name = names[pick(&random, ELEMENTSOF(names))];
        struct device device = {.ifindex = 2, .ipv4 = true, .known = FACT_ADDRESSES};
        struct live live = {.devices = &device, .count = 1, .devconf_inherit = -1};
        _cleanup_policy_ struct policy *whole = NULL, *part = NULL;
        char text[4096];

        make_policy(&random, text, sizeof(text));
        whole = read_policy(text, NULL);
        part = read_policy(text, name);
        if (!whole)
            continue;
        assert_non_null(part);
        strcpy(device.name, name);
        valid++;
        shorter += part->n_rules < whole->n_rules;
        compare_rules(whole, part, &device);
        for (unsigned k = 0; k < 8; k++) {
            live.all_writable = pick(&random, 4) != 0;
            live.all[KEY_RP_FILTER] = (int)pick(&random, 5) - 1;
            live.def[KEY_RP_FILTER] = (int)pick(&random, 4);
            device.conf[KEY_RP_FILTER] = (int)pick(&random, 4);
            if (!plan_is_enough(part, &live))
                continue;
            enough++;
            compare_plans(whole, part, &live);
        }
    }
    assert_true(valid > POLICIES / 4 && shorter > valid / 4 && enough > valid);
}

static void another_device_needs_the_whole_policy(void **state)
{
    static const char text[] = "[rp_filter]\neth* = strict\nlxc* = strict\nwg* = strict\n";
    struct device device = {.name = "lxc1", .ifindex = 2, .ipv4 = true};
    struct live live = {.devices = &device, .count = 1, .all_writable = true};
    _cleanup_policy_ struct policy *part = read_policy(text, "eth0");

    assert_non_null(part);
    assert_false(plan_is_enough(part, &live));
    strcpy(device.name, "eth0");
    assert_true(plan_is_enough(part, &live));
    /* `all` may have to move, and what the other rules want is not known. */
    live.all[KEY_RP_FILTER] = 2;
    assert_false(plan_is_enough(part, &live));
}

static void a_name_that_no_device_has_reads_the_whole_policy(void **state)
{
    static const char *const bad[] = {"", "all", "a/b", "sixteen-bytes-16"};

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        _cleanup_policy_ struct policy *policy = policy_new_for(bad[i]);

        assert_non_null(policy);
        assert_string_equal(policy->device, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_for_one_device_answers_as_the_whole_one),
        cmocka_unit_test(another_device_needs_the_whole_policy),
        cmocka_unit_test(a_name_that_no_device_has_reads_the_whole_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
