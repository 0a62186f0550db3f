/* Patterns: what each is taken for, what it matches, what is refused and with which words; and by
 * random trials that a range is its names and that "covers" never lies. */
#include "policy_text.h"

#include <stdlib.h>

#include "policy/lang/pattern.h"

#define TRIALS 200000

static struct pattern parsed(const char *text)
{
    struct pattern pattern = {0};
    char *message = NULL;

    if (pattern_parse(text, &pattern, &message) < 0)
        fail_msg("'%s' was refused: %s", text, message);
    assert_string_equal(pattern.text, text);
    return pattern;
}

static bool matches(const char *text, const char *name)
{
    _cleanup_(pattern_done) struct pattern pattern = parsed(text);
    bool yes = pattern_matches_name(&pattern, name);

    if (yes)
        assert_true((pattern_name8(name) & pattern.mask) == pattern.prefix);
    return yes;
}

static bool covers(const char *outer_text, const char *inner_text)
{
    _cleanup_(pattern_done) struct pattern outer = parsed(outer_text), inner = parsed(inner_text);

    return pattern_covers(&outer, &inner);
}

static void each_pattern_is_taken_for_what_it_is(void **state)
{
    static const struct {
        const char *text;
        enum pattern_kind kind;
    } patterns[] = {
        {"eth0", PATTERN_EXACT},
        {"lo", PATTERN_EXACT},
        {"eth1..3", PATTERN_RANGE},
        {"ens3f0..1", PATTERN_RANGE},
        {"vlan100..109", PATTERN_RANGE},
        {"eth1..3.100", PATTERN_RANGE},
        {"bond0.100..109", PATTERN_RANGE},
        {"0..9", PATTERN_RANGE},
        {"abcdefghijklm1..10", PATTERN_RANGE},
        {"lxc*", PATTERN_GLOB},
        {"eth?", PATTERN_GLOB},
        {"e[nt]*", PATTERN_GLOB},
        {"**", PATTERN_GLOB},
        {"*", PATTERN_ANY},
        {"@physical", PATTERN_SET},
        {"all", PATTERN_ALL},
        {"default", PATTERN_DEFAULT},
        {"all*", PATTERN_GLOB},
        {"a]b", PATTERN_EXACT},
        {"a\\b", PATTERN_EXACT},
        {"-rf", PATTERN_EXACT},
        {"$(id)", PATTERN_EXACT},
        {"=k", PATTERN_EXACT},
        {"\xff", PATTERN_EXACT},
        {"a.b", PATTERN_EXACT},
        {".*", PATTERN_GLOB},
        {"\\**", PATTERN_GLOB},
        {"?a]b", PATTERN_GLOB},
        {"a[]]", PATTERN_GLOB},
        {"a[[:digit:]]", PATTERN_GLOB},
        {"123456789012345", PATTERN_EXACT},
    };

    for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
        _cleanup_(pattern_done) struct pattern pattern = parsed(patterns[i].text);

        assert_int_equal(pattern.kind, patterns[i].kind);
    }
}

static void what_can_never_match_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "a pattern is missing"},
        {"eth0/1", "contains '/'"},
        {"lxc*/", "contains '/'"},
        {"a b", "one pattern per line"},
        {"a\xa0*", "white space"},
        {"eth0:1", "contains ':'"},
        {"eth*:", "contains ':'"},
        {"eth1..3:", "contains ':'"},
        {"1234567890123456", "it has 16 bytes, and device names have at most 15"},
        {"123456789012345?*", "it asks for 16 bytes or more"},
        {".", "not a name a device can have"},
        {"[ab]c", "cannot begin with '['; write '?'"},
        {"[1..3]", "write '?' for that byte"},
        {"eth[1..3]", "cannot be combined"},
        {"eth1..3*", "cannot be combined"},
        {"eth[12", "no ']' after the '['"},
        {"eth*\\", "a backslash at the end"},
        {"@", "without the name of a set"},
        {"eth3..1", "the first number is larger than the last"},
        {"eth0..4096", "has 4097 names, at most 4096"},
        {"eth0..999999999", "at most 4096"},
        {"eth0..1000000000", "at most 9 digits"},
        {"eth01..3", "same number of digits"},
        {"eth1..03", "same number of digits"},
        {"eth00..100", "same number of digits"},
        {"eth1..2..3", "one range per pattern"},
        {"eth1..2x3..4", "one range per pattern"},
        {"a..b", "where the dots are part of a name, write 'a??b'"},
        {"...", "write '?\?\?'"},
        {"..", "write '?\?'"},
        {"eth1..", "belongs to a range"},
        {"a..*", "belongs to a range"},
        {"abcdefghijklmn9..10", "its last name would have 16 bytes"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        struct pattern pattern;
        _cleanup_free_ char *message = NULL;

        assert_int_equal(pattern_parse(bad[i].text, &pattern, &message), -EINVAL);
        if (!strstr(message, bad[i].words))
            fail_msg("'%s': %s", bad[i].text, message);
        for (const char *p = message; *p; p++)
            assert_in_range(*p, 0x20, 0x7e);
    }
}

static void names_match_as_bytes(void **state)
{
    assert_true(matches("eth0", "eth0"));
    assert_false(matches("eth0", "eth00"));
    assert_false(matches("eth0", "eth"));
    assert_true(matches("123456789012345", "123456789012345"));
    assert_true(matches("lxc*", "lxc"));
    assert_true(matches("lxc*", "lxc_health"));
    assert_false(matches("lxc*", "xlxc"));
    assert_true(matches("?", "\xff"));
    assert_false(matches("?", "\xc3\xa4"));
    assert_true(matches("*.100", "eth0.100"));
    assert_true(matches("*", ".hidden"));
    assert_true(matches("?hidden", ".hidden"));
    assert_true(matches("e[a-n]*", "eno1"));
    assert_false(matches("e[!a-n]*", "eno1"));
    assert_true(matches("?set", "@set"));
    assert_true(matches("eth1???", "eth1..3"));
    assert_true(matches("\\**", "*x"));
    assert_false(matches("\\**", "x*"));
    assert_true(matches("a\\b", "a\\b"));
    assert_true(matches("a]b", "a]b"));
    /* The name is data, whatever it looks like. */
    assert_false(matches("eth0", "eth*"));
    assert_false(matches("lxca", "lxc*"));
    assert_true(matches("lxc*", "lxc*"));
}

static void lo_is_matched_by_its_own_name_only(void **state)
{
    static const char *const others[] = {"*", "l*", "l?", "lo*", "?o"};

    assert_true(matches("lo", "lo"));
    for (size_t i = 0; i < ELEMENTSOF(others); i++)
        assert_false(matches(others[i], "lo"));
    assert_true(matches("l*", "lo0"));
}

static void sets_and_pins_match_no_name(void **state)
{
    assert_false(matches("@physical", "eth0"));
    assert_false(matches("@physical", "@physical"));
    assert_false(matches("all", "all"));
    assert_false(matches("default", "default"));
}

static void ranges_hold_their_numbers_and_nothing_else(void **state)
{
    assert_true(matches("eth1..3", "eth1"));
    assert_true(matches("eth1..3", "eth3"));
    assert_false(matches("eth1..3", "eth0"));
    assert_false(matches("eth1..3", "eth4"));
    assert_false(matches("eth1..3", "eth01"));
    assert_false(matches("eth1..3", "eth10"));
    assert_false(matches("eth1..3", "eth"));
    assert_false(matches("eth1..3", "eth1.100"));
    assert_false(matches("eth1..3", "eth1..3"));
    assert_true(matches("eth01..12", "eth07"));
    assert_false(matches("eth01..12", "eth7"));
    assert_false(matches("eth01..12", "eth007"));
    assert_true(matches("eth9..11", "eth10"));
    assert_true(matches("eth1..3.100", "eth2.100"));
    assert_false(matches("eth1..3.100", "eth2.10"));
    assert_true(matches("bond0.100..109", "bond0.105"));
    assert_true(matches("ens3f0..1", "ens3f1"));
    assert_true(matches("0..0", "0"));
    assert_false(matches("eth1..3", "eth4294967298"));
}

/* Deterministic, so that a failure can be seen again. */
static unsigned dice(uint64_t *seed, unsigned sides)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % sides;
}

struct listed {
    const struct pattern *pattern;
    const char *wanted;
    unsigned count;
    bool seen;
};

static int look_for(const char *name, void *data)
{
    struct listed *listed = data;

    assert_true(pattern_matches_name(listed->pattern, name));
    assert_true((pattern_name8(name) & listed->pattern->mask) == listed->pattern->prefix);
    assert_true(strlen(name) <= DEVICE_NAME_MAX);
    listed->seen = listed->seen || streq(name, listed->wanted);
    listed->count++;
    return 0;
}

static void a_range_matches_exactly_the_names_it_lists(void **state)
{
    static const char *const before[] = {"", "e", "eth", "vlan-", "abcdefgh", "x."};
    static const char *const after[] = {"", ".1", "f", "np0"};
    uint64_t seed = 1;

    for (unsigned i = 0; i < 3000; i++) {
        unsigned first = dice(&seed, 1200), width = dice(&seed, 5);
        unsigned last = first + dice(&seed, 40), number = dice(&seed, 1300);
        const char *b = before[dice(&seed, ELEMENTSOF(before))];
        const char *a = after[dice(&seed, ELEMENTSOF(after))];
        char text[64], name[64];
        _cleanup_free_ char *message = NULL;
        struct pattern pattern;
        struct listed listed = {.pattern = &pattern, .wanted = name};

        snprintf(text, sizeof(text), "%s%0*u..%0*u%s", b, (int)width, first, (int)width, last, a);
        snprintf(name, sizeof(name), "%s%0*u%s", b, (int)dice(&seed, 5), number, a);
        if (pattern_parse(text, &pattern, &message) < 0)
            continue; /* too long, or ends of different width */
        assert_int_equal(pattern_each_name(&pattern, look_for, &listed), 0);
        assert_int_equal(listed.count, last - first + 1);
        assert_int_equal(listed.seen, pattern_matches_name(&pattern, name));
        pattern_done(&pattern);
    }
}

static int stop_at_second(const char *name, void *data)
{
    unsigned *count = data;

    return ++*count == 2 ? -ECANCELED : 0;
}

static void listing_stops_when_told(void **state)
{
    _cleanup_(pattern_done) struct pattern pattern = parsed("eth1..9");
    unsigned count = 0;

    assert_int_equal(pattern_each_name(&pattern, stop_at_second, &count), -ECANCELED);
    assert_int_equal(count, 2);
}

static void plain_covers_are_seen(void **state)
{
    assert_true(covers("lxc*", "lxc1*"));
    assert_true(covers("lxc*", "lxc1..30"));
    assert_true(covers("lxc*", "lxc0"));
    assert_true(covers("lxc*", "lxc*"));
    assert_true(covers("*", "lxc*"));
    assert_true(covers("*", "@physical"));
    assert_true(covers("@a", "@a"));
    assert_true(covers("eth1..9", "eth3..5"));
    assert_true(covers("eth1..9", "eth3"));
    assert_true(covers("eth3", "eth3..3"));
    assert_true(covers("eth?", "eth0..9"));
    assert_true(covers("e*0", "et*0"));
    assert_true(covers("?*", "a?*"));
    assert_true(covers("a[bc]*", "ab*"));
    assert_true(covers("**", "*x*"));
    assert_true(covers("all", "all"));
}

static void what_is_not_covered_is_not_said_to_be(void **state)
{
    assert_false(covers("lxc1*", "lxc*"));
    assert_false(covers("*", "lo"));
    assert_false(covers("l*", "lo"));
    assert_false(covers("lo", "l*"));
    assert_false(covers("@a", "@b"));
    assert_false(covers("@a", "eth0"));
    assert_false(covers("eth*", "@a"));
    assert_false(covers("*", "all"));
    assert_false(covers("all", "default"));
    assert_false(covers("all", "*"));
    assert_false(covers("eth?", "eth*"));
    assert_false(covers("eth?", "eth8..10"));
    assert_false(covers("eth1..9", "eth5..10"));
    assert_false(covers("a[!b]*", "a?*"));
}

/* A short text over few bytes, so that two of them often have something to do with each other. */
static void random_text(uint64_t *seed, const char *alphabet, unsigned most, char *ret)
{
    unsigned n = 1 + dice(seed, most);

    for (unsigned i = 0; i < n; i++)
        ret[i] = alphabet[dice(seed, (unsigned)strlen(alphabet))];
    ret[n] = '\0';
}

static bool random_pattern(uint64_t *seed, struct pattern *ret)
{
    char text[16];
    _cleanup_free_ char *message = NULL;

    random_text(seed, dice(seed, 2) ? "ab*?lo" : "ab1*?[]!^-\\.lo:", 9, text);
    return pattern_parse(text, ret, &message) == 0;
}

static void covering_never_lies(void **state)
{
    uint64_t seed = 7;
    unsigned covered = 0, tried = 0;

    for (unsigned i = 0; i < TRIALS; i++) {
        struct pattern outer, inner;

        if (!random_pattern(&seed, &outer))
            continue;
        if (!random_pattern(&seed, &inner)) {
            pattern_done(&outer);
            continue;
        }
        assert_true(pattern_covers(&outer, &outer));
        for (unsigned k = 0; k < 20 && pattern_covers(&outer, &inner); k++) {
            char name[16];

            random_text(&seed, "ab1[]\\lo.-!", 5, name);
            covered++;
            if (!pattern_matches_name(&inner, name))
                continue;
            tried++;
            if (!pattern_matches_name(&outer, name))
                fail_msg("'%s' does not cover '%s': %s", outer.text, inner.text, name);
        }
        pattern_done(&outer);
        pattern_done(&inner);
    }
    assert_true(covered > 1000 && tried > 1000); /* otherwise nothing was tested */
}

static void look_alikes_of_ranges_are_remarked(void **state)
{
    static const struct {
        const char *text;
        bool remark;
    } names[] = {
        {"eth1-3", true},     {"eth{1,2}", true}, {"eth0,eth1", true}, {"eth3-1", false},
        {"br-0f3e", false},   {"veth-1", false},  {"eth1..3", false},  {"wl-1-", false},
        {"docker-12", false}, {"-1", false},      {"1-2", false},      {"!eth0", true},
        {"eth!0", false},
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        _cleanup_(pattern_done) struct pattern pattern = parsed(names[i].text);

        assert_int_equal(pattern_advice(&pattern) != NULL, names[i].remark);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pattern_is_taken_for_what_it_is),
        cmocka_unit_test(what_can_never_match_is_refused_with_a_reason),
        cmocka_unit_test(names_match_as_bytes),
        cmocka_unit_test(lo_is_matched_by_its_own_name_only),
        cmocka_unit_test(sets_and_pins_match_no_name),
        cmocka_unit_test(ranges_hold_their_numbers_and_nothing_else),
        cmocka_unit_test(a_range_matches_exactly_the_names_it_lists),
        cmocka_unit_test(listing_stops_when_told),
        cmocka_unit_test(plain_covers_are_seen),
        cmocka_unit_test(what_is_not_covered_is_not_said_to_be),
        cmocka_unit_test(covering_never_lies),
        cmocka_unit_test(look_alikes_of_ranges_are_remarked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
