/* The policy that `generate policy` writes: readable patterns, and check is clean with it. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/decide/judge.h"
#include "policy/lang/generate.h"

#define DEVICES_MAX 64

struct scene {
    struct device devices[DEVICES_MAX];
    struct live live;
};

static void begin(struct scene *s, int all, int def)
{
    *s = (struct scene){.live = {.all_writable = true, .devconf_inherit = 2}};
    s->live.devices = s->devices;
    s->live.all[KEY_RP_FILTER] = all;
    s->live.def[KEY_RP_FILTER] = def;
}

static struct device *add(struct scene *s, const char *name, int rp_filter)
{
    struct device *device = &s->devices[s->live.count++];

    device->ifindex = (int)s->live.count;
    snprintf(device->name, sizeof(device->name), "%s", name);
    device->ipv4 = true;
    device->known = FACT_ADDRESSES;
    device->flags = IFF_UP;
    device->conf[KEY_RP_FILTER] = rp_filter;
    return device;
}

static struct policy *parse(const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct policy *policy = policy_new();

    assert_non_null(policy);
    assert_int_equal(policy_add_file(policy, "g.conf", text, strlen(text), &diags), 0);
    assert_int_equal(policy_finish(policy, &diags), 0);
    for (size_t i = 0; i < diags.count; i++)
        if (diags.items[i].level == DIAG_ERROR)
            print_error("%u: %s\n%s\n", diags.items[i].line, diags.items[i].text, text);
    assert_false(diags_failed(&diags));
    return policy;
}

/* The lines without comments and without the blanks that align them: "lxc*=off; *=strict". */
static void expect(struct scene *s, const char *wanted)
{
    _cleanup_free_ char *text = NULL;
    char got[1024] = "", *save = NULL;
    size_t n = 0;

    assert_int_equal(generate_policy(&s->live, KEY_BIT(KEY_RP_FILTER), &text), 0);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (line[0] == '#' || line[0] == '[')
            continue;
        if (n > 0)
            n += (size_t)snprintf(got + n, sizeof(got) - n, "; ");
        for (; *line; line++)
            if (*line != ' ')
                got[n++] = *line;
    }
    assert_string_equal(got, wanted);
}

static bool is_clean(const struct policy *policy, const struct live *live)
{
    _cleanup_plan_ struct plan plan = {0};
    struct key_state states[KEY_COUNT];
    struct judge *judge = NULL;
    enum state worst;
    bool clean = true;

    assert_int_equal(judge_new(policy, live, &(struct judge_context){0}, &judge), 0);
    for (size_t i = 0; i < live->count; i++) {
        judge_device(judge, &live->devices[i], states, &worst);
        clean = clean && worst > STATE_LATENT;
    }
    for (enum key key = 0; key < KEY_COUNT; key++)
        for (int which = IFINDEX_DEFAULT; which <= IFINDEX_ALL; which++) {
            judge_special(judge, which, key, &states[0]);
            clean = clean && states[0].state > STATE_LATENT;
        }
    judge_free(judge);
    assert_int_equal(plan_make(policy, live, 0, &plan), 0);
    return clean && plan.count == 0;
}

static void family_gets_a_glob_and_the_rest_the_star(void **state)
{
    struct scene s;

    begin(&s, 0, 1);
    add(&s, "lo", 0);
    add(&s, "eno1", 1);
    add(&s, "eno2", 1);
    add(&s, "wlan0", 1);
    add(&s, "lxc1a2b3c", 0);
    add(&s, "lxcffee00", 0);
    add(&s, "cilium_host", 0);
    add(&s, "cilium_net", 0);
    expect(&s, "cilium_*=off; lxc*=off; *=strict");
}

static void numbers_in_a_row_become_a_range(void **state)
{
    struct scene s;

    begin(&s, 0, 1);
    for (int i = 0; i < 8; i++) {
        char name[8];

        snprintf(name, sizeof(name), "eth%d", i);
        add(&s, name, i >= 2 && i <= 4 ? 2 : i == 6 ? 0 : 1);
    }
    expect(&s, "eth2..4=loose; eth6=off; *=strict");
}

static void star_is_missing_where_new_devices_begin_otherwise(void **state)
{
    struct scene s;

    begin(&s, 0, 0);
    add(&s, "eth0", 1);
    add(&s, "eth1", 1);
    add(&s, "wg0", 2);
    expect(&s, "wg0=loose; eth*=strict");
}

static void reserved_bytes_become_question_marks(void **state)
{
    struct scene s;

    begin(&s, 0, 1);
    add(&s, "eth1..3", 0);
    add(&s, "@set", 2);
    add(&s, "=k", 0);
    add(&s, "nk", 1);
    add(&s, "a", 1);
    add(&s, "b", 1);
    expect(&s, "nk=strict; ?k=off; ?set=loose; eth1.?3=off; *=strict");
}

static void two_that_look_the_same_are_left_alone(void **state)
{
    struct scene s;

    begin(&s, 0, 1);
    add(&s, "=k", 0);
    add(&s, ";k", 2);
    add(&s, "a", 1);
    expect(&s, "?k=unmanaged; ?k=unmanaged; *=strict");
}

static void awkward_name_in_a_comment_is_escaped(void **state)
{
    _cleanup_free_ char *text = NULL;
    struct scene s;

    begin(&s, 0, 1);
    add(&s, "\x1b[31m", 0);
    add(&s, "eth0", 1);
    assert_int_equal(generate_policy(&s.live, KEY_BIT(KEY_RP_FILTER), &text), 0);
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "# \\x1B[31m\n"));
}

static void empty_host_gives_a_policy_without_rules(void **state)
{
    struct scene s;

    begin(&s, 0, 0);
    expect(&s, "");
}

static unsigned next(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

static const char *const names[] = {
    "lo",      "eth0",     "eth1",     "eth2",     "eth3",   "eth10", "eth01",
    "eth1..3", "eth1.100", "eth1.101", "lxc1",     "lxcab",  "lxc_x", "lxc..",
    "cali1",   "calia",    "veth0",    "vethff",   "br-1",   "br-2",  "...",
    "*",       "?",        "a",        "b",        "[a]",    "x[a]",  "=k",
    ";k",      "#c",       "nk",       "-rf",      "--help", "$(id)", ";reboot;",
    "'q'",     "\"q\"",    "\x1b[1m",  "\xff\xfe", "@set",   "a]b",   "\xe2\x80\xaex",
    "a\\b",    "a*b",      "aXb",      "a=b",      "a..b",   "a.xb",  "=;",
    "x;",      "=y",       "xy",       "!e",       "@=",     "0",     "1",
    "7.8",     "7.9",      "all0",     "default1", "\x01",   "-",     "!",
    "%s",
};

static void random_picture(struct scene *s, unsigned *seed)
{
    static const int stored[] = {-5, -1, 0, 0, 1, 1, 2, 2, 3, 9};
    unsigned spread = next(seed, ELEMENTSOF(stored)) + 1;

    begin(s, 0, 0);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        s->live.all[key] = next(seed, 3) ? 0 : stored[next(seed, ELEMENTSOF(stored))];
        s->live.def[key] = stored[next(seed, ELEMENTSOF(stored))];
    }
    s->live.def_forwarding = next(seed, 2);
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        struct device *device;

        if (next(seed, 3) == 0)
            continue;
        device = add(s, names[i], 0);
        device->forwarding = next(seed, 2);
        device->numbered = next(seed, 2);
        device->ipv4 = next(seed, 20) != 0;
        if (next(seed, 20) == 0)
            memcpy(device->slave_kind, "bond", sizeof("bond"));
        for (enum key key = 0; key < KEY_COUNT; key++)
            device->conf[key] = stored[next(seed, spread)];
    }
}

/* Not only clean because nothing is managed: each device is asked for just what it has. */
static void check_rules(const struct policy *policy, const struct live *live, const char *text)
{
    for (size_t i = 0; i < live->count; i++)
        for (enum key key = 0; key < KEY_COUNT; key++) {
            const struct device *d = &live->devices[i];
            const struct rule *rule = policy_match(policy, key, d, NULL);
            int effective = key_effective(key, live->all[key], d->conf[key], d->forwarding);

            if (!d->ipv4 || device_is_port(d) || streq(d->name, "lo"))
                continue;
            if (key_out_of_range(key, effective) && (!rule || rule->unmanaged))
                continue;
            if (rule && rule->unmanaged && strchr(rule->pattern.text, '?'))
                continue;
            if (!rule || rule->n_values != 1 || rule->values[0] != effective) {
                print_error("%s of %s is %d\n%s\n", key_info(key)->name, d->name, effective, text);
                fail();
            }
        }
}

static void check_is_clean_with_any_generated_policy(void **state)
{
    const char *given = getenv("RPFPOLICY_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : 20240229u;

    assert_true(ELEMENTSOF(names) <= DEVICES_MAX);
    print_message("seed %u\n", seed);
    for (int round = 0; round < 300; round++) {
        _cleanup_policy_ struct policy *policy = NULL;
        _cleanup_free_ char *text = NULL;
        unsigned start = seed;
        struct scene s;

        random_picture(&s, &seed);
        assert_int_equal(generate_policy(&s.live, KEY_MASK_ALL, &text), 0);
        policy = parse(text);
        if (!is_clean(policy, &s.live)) {
            print_error("seed %u\n%s\n", start, text);
            fail();
        }
        check_rules(policy, &s.live, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(family_gets_a_glob_and_the_rest_the_star),
        cmocka_unit_test(numbers_in_a_row_become_a_range),
        cmocka_unit_test(star_is_missing_where_new_devices_begin_otherwise),
        cmocka_unit_test(reserved_bytes_become_question_marks),
        cmocka_unit_test(two_that_look_the_same_are_left_alone),
        cmocka_unit_test(awkward_name_in_a_comment_is_escaped),
        cmocka_unit_test(empty_host_gives_a_policy_without_rules),
        cmocka_unit_test(check_is_clean_with_any_generated_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
