/* How the kernel combines `all` with a device, key by key, against what was measured; and the words
 * for values. */
#include "policy_text.h"

#include <linux/ip.h>

#include "policy/facts/keys.h"

#define LOWEST (-5)
#define HIGHEST 99

static enum key key_of(const char *name)
{
    enum key key;

    assert_int_equal(key_from_name(name, &key), 0);
    return key;
}

static void rp_filter_takes_the_signed_maximum_and_more_than_one_is_loose(void **state)
{
    static const struct {
        int all, device, effective;
    } measured[] = {
        {0, 0, 0},  {0, 1, 1},   {0, 2, 2},   {1, 0, 1},   {1, 1, 1},  {1, 2, 2},
        {2, 0, 2},  {2, 1, 2},   {2, 2, 2},   {0, 3, 2},   {0, 7, 2},  {0, 99, 2},
        {3, 0, 2},  {99, 1, 2},  {-1, 0, 0},  {-5, 1, 1},  {0, -5, 0}, {1, -5, 1},
        {-5, 2, 2}, {-1, -5, 2}, {-5, -5, 2}, {-5, -1, 2},
    };

    for (size_t i = 0; i < ELEMENTSOF(measured); i++)
        assert_int_equal(
            key_effective(KEY_RP_FILTER, measured[i].all, measured[i].device, i % 2 == 0),
            measured[i].effective);
}

static void either_one_switches_on_what_the_kernel_joins_by_or(void **state)
{
    static const char *const names[] = {
        "log_martians",        "accept_local",   "src_valid_mark",
        "arp_filter",          "route_localnet", "send_redirects",
        "secure_redirects",    "proxy_arp",      "ignore_routes_with_linkdown",
        "drop_gratuitous_arp",
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        for (unsigned bits = 0; bits < 8; bits++)
            assert_int_equal(key_effective(key_of(names[i]), bits & 1, bits >> 1 & 1, bits >> 2),
                             (bits & 3) != 0);
        assert_int_equal(key_effective(key_of(names[i]), 0, 5, false), 1);
        assert_int_equal(key_effective(key_of(names[i]), -1, 0, false), 1);
    }
}

static void source_routes_need_both(void **state)
{
    enum key key = key_of("accept_source_route");

    for (unsigned bits = 0; bits < 8; bits++)
        assert_int_equal(key_effective(key, bits & 1, bits >> 1 & 1, bits >> 2), (bits & 3) == 3);
}

static void redirects_need_both_where_the_device_forwards_and_else_either(void **state)
{
    enum key key = key_of("accept_redirects");

    for (unsigned bits = 0; bits < 4; bits++) {
        assert_int_equal(key_effective(key, bits & 1, bits >> 1, true), bits == 3);
        assert_int_equal(key_effective(key, bits & 1, bits >> 1, false), bits != 0);
    }
}

static void arp_levels_take_the_larger_number(void **state)
{
    assert_int_equal(key_effective(key_of("arp_ignore"), 1, 8, false), 8);
    assert_int_equal(key_effective(key_of("arp_ignore"), 2, 1, false), 2);
    assert_int_equal(key_effective(key_of("arp_announce"), 0, 2, false), 2);
    assert_int_equal(key_effective(key_of("arp_announce"), 2, 1, false), 2);
    assert_int_equal(key_effective(key_of("arp_announce"), -1, 0, false), 0);
}

/* As a switch that is joined by the maximum: a negative number of one switches nothing on. */
static void arp_notify_is_on_where_the_larger_number_is_not_zero(void **state)
{
    enum key key = key_of("arp_notify");

    assert_int_equal(key_effective(key, 0, 0, false), 0);
    assert_int_equal(key_effective(key, 1, 0, false), 1);
    assert_int_equal(key_effective(key, 0, 3, false), 1);
    assert_int_equal(key_effective(key, -1, 0, false), 0);
    assert_int_equal(key_effective(key, -1, -1, false), 1);
}

static void whether_a_device_forwards_is_its_own_value_and_only_reported(void **state)
{
    enum key key = key_of("forwarding");

    for (enum key other = 0; other < KEY_COUNT; other++)
        assert_int_equal(key_info(other)->report_only, other == key);
    for (unsigned bits = 0; bits < 4; bits++)
        assert_int_equal(key_effective(key, bits & 1, bits >> 1, bits >> 1), bits >> 1);
}

static bool some_value_gives(enum key key, int all, int wanted, bool forwarding)
{
    for (int value = LOWEST; value <= HIGHEST; value++) {
        if (key_effective(key, all, value, forwarding) == wanted)
            return true;
    }
    return false;
}

static void what_is_called_reachable_is_reached_and_nothing_else_can_be(void **state)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        for (int all = LOWEST; all <= HIGHEST; all++) {
            for (int wanted = 0; wanted <= key_info(key)->max; wanted++) {
                for (unsigned forwarding = 0; forwarding < 2; forwarding++)
                    assert_int_equal(key_reachable(key, all, wanted, forwarding),
                                     some_value_gives(key, all, wanted, forwarding));
            }
        }
    }
}

static void the_table_names_each_key_once_with_the_kernels_number(void **state)
{
    uint64_t seen = 0;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        const struct key_info *info = key_info(key);

        assert_int_equal(key_of(info->name), key);
        assert_true(info->devconf > 0 && info->devconf < 64);
        assert_false(seen >> info->devconf & 1);
        seen |= UINT64_C(1) << info->devconf;
        assert_true(info->max < RULE_VALUES_MAX);
    }
    assert_int_equal(key_info(KEY_RP_FILTER)->devconf, IPV4_DEVCONF_RP_FILTER);
    assert_int_equal(key_info(KEY_ARP_FILTER)->devconf, IPV4_DEVCONF_ARPFILTER);
    assert_int_equal(key_info(KEY_SRC_VALID_MARK)->devconf, IPV4_DEVCONF_SRC_VMARK);
}

static void other_words_are_no_keys(void **state)
{
    enum key key = KEY_COUNT;

    assert_int_equal(key_from_name("mc_forwarding", &key), -ENOENT);
    assert_int_equal(key_from_name("", &key), -ENOENT);
    assert_int_equal(key_from_name("RP_FILTER", &key), -ENOENT);
    assert_int_equal(key, KEY_COUNT);
}

static void every_value_can_be_written_as_its_word_and_as_its_number(void **state)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        for (int value = 0; value <= key_info(key)->max; value++) {
            char word[12], number[12];
            int parsed = -1;

            snprintf(number, sizeof(number), "%d", value);
            assert_int_equal(
                key_value_parse(key, key_value_format(key, value, word, sizeof(word)), &parsed), 0);
            assert_int_equal(parsed, value);
            assert_int_equal(key_value_parse(key, number, &parsed), 0);
            assert_int_equal(parsed, value);
        }
    }
}

static void other_values_are_refused(void **state)
{
    static const char *const bad[] = {"",    "3",  "9",   "-1",      "01",    "+1", "1 ",
                                      "0x1", "on", "Off", "strict ", "stric", "ye", "10"};
    int value = 42;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        assert_int_equal(key_value_parse(KEY_RP_FILTER, bad[i], &value), -EINVAL);
        assert_int_equal(key_value_parse(KEY_LOG_MARTIANS, bad[i], &value), -EINVAL);
        assert_int_equal(key_value_parse(KEY_ARP_ANNOUNCE, bad[i], &value), -EINVAL);
    }
    assert_int_equal(key_value_parse(KEY_RP_FILTER, "yes", &value), -EINVAL);
    assert_int_equal(key_value_parse(KEY_LOG_MARTIANS, "strict", &value), -EINVAL);
    assert_int_equal(key_value_parse(KEY_ARP_IGNORE, "9", &value), -EINVAL);
    assert_int_equal(value, 42);
}

static void stored_values_beyond_the_documented_ones_are_told(void **state)
{
    char buf[12];

    assert_true(key_out_of_range(KEY_RP_FILTER, 3));
    assert_true(key_out_of_range(KEY_RP_FILTER, -5));
    assert_false(key_out_of_range(KEY_RP_FILTER, 2));
    assert_true(key_out_of_range(KEY_LOG_MARTIANS, 2));
    assert_false(key_out_of_range(KEY_ARP_IGNORE, 8));
    assert_string_equal(key_value_format(KEY_RP_FILTER, -5, buf, sizeof(buf)), "-5");
    assert_string_equal(key_value_format(KEY_RP_FILTER, 1, buf, sizeof(buf)), "strict");
    assert_string_equal(key_value_format(KEY_LOG_MARTIANS, 7, buf, sizeof(buf)), "7");
}

static void strict_is_stricter_than_loose_although_its_number_is_smaller(void **state)
{
    assert_true(key_strictness(KEY_RP_FILTER, 1) > key_strictness(KEY_RP_FILTER, 2));
    assert_true(key_strictness(KEY_RP_FILTER, 2) > key_strictness(KEY_RP_FILTER, 0));
    assert_true(key_strictness(KEY_ACCEPT_LOCAL, 0) > key_strictness(KEY_ACCEPT_LOCAL, 1));
    assert_true(key_strictness(KEY_ROUTE_LOCALNET, 0) > key_strictness(KEY_ROUTE_LOCALNET, 1));
    assert_int_equal(key_strictness(KEY_LOG_MARTIANS, 0), key_strictness(KEY_LOG_MARTIANS, 1));
    assert_true(key_may_refuse(KEY_RP_FILTER, 2, 1) && key_may_refuse(KEY_RP_FILTER, 0, 2));
    assert_false(key_may_refuse(KEY_RP_FILTER, 1, 2) || key_may_refuse(KEY_RP_FILTER, 1, 1));
    assert_true(key_may_refuse(KEY_ACCEPT_LOCAL, 1, 0));
    assert_false(key_may_refuse(KEY_ACCEPT_LOCAL, 0, 1));
    assert_true(key_may_refuse(KEY_SRC_VALID_MARK, 1, 0) &&
                key_may_refuse(KEY_SRC_VALID_MARK, 0, 1));
    assert_false(key_may_refuse(KEY_SRC_VALID_MARK, 1, 1));
    assert_false(key_may_refuse(KEY_LOG_MARTIANS, 1, 0));
}

static void every_row_tells_what_its_values_do(void **state)
{
    static const char elsewhere[] = "the kernel's documentation of this setting (ip-sysctl) tells.";
    char text[KEY_VALUES_TEXT_SIZE];

    for (enum key key = 0; key < KEY_COUNT; key++) {
        for (int value = 0; value <= key_info(key)->max; value++) {
            bool reserved = key == KEY_ARP_IGNORE && value > 2 && value < 8;

            assert_int_equal(streq(key_meaning(key, value), elsewhere), reserved);
            for (int other = 0; other < value && !reserved; other++)
                assert_string_not_equal(key_meaning(key, value), key_meaning(key, other));
        }
        assert_string_equal(key_meaning(key, -1), elsewhere);
        assert_string_equal(key_meaning(key, 99), elsewhere);
        assert_true(*key_combine_text(key, false) && *key_combine_text(key, true));
        assert_string_equal(key_values_text(key, text),
                            key_info(key)->max == 8                  ? "a number from 0 to 8"
                            : key_info(key)->values == VALUES_NUMBER ? "a number from 0 to 2"
                            : key == KEY_RP_FILTER ? "off (0), strict (1), loose (2)"
                                                   : "no (0), yes (1)");
    }
}

static void only_of_rp_filter_the_kernel_tells_each_change(void **state)
{
    assert_int_equal(keys_announced(), KEY_BIT(KEY_RP_FILTER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rp_filter_takes_the_signed_maximum_and_more_than_one_is_loose),
        cmocka_unit_test(either_one_switches_on_what_the_kernel_joins_by_or),
        cmocka_unit_test(source_routes_need_both),
        cmocka_unit_test(redirects_need_both_where_the_device_forwards_and_else_either),
        cmocka_unit_test(arp_levels_take_the_larger_number),
        cmocka_unit_test(arp_notify_is_on_where_the_larger_number_is_not_zero),
        cmocka_unit_test(whether_a_device_forwards_is_its_own_value_and_only_reported),
        cmocka_unit_test(what_is_called_reachable_is_reached_and_nothing_else_can_be),
        cmocka_unit_test(the_table_names_each_key_once_with_the_kernels_number),
        cmocka_unit_test(other_words_are_no_keys),
        cmocka_unit_test(every_value_can_be_written_as_its_word_and_as_its_number),
        cmocka_unit_test(other_values_are_refused),
        cmocka_unit_test(stored_values_beyond_the_documented_ones_are_told),
        cmocka_unit_test(strict_is_stricter_than_loose_although_its_number_is_smaller),
        cmocka_unit_test(every_row_tells_what_its_values_do),
        cmocka_unit_test(only_of_rp_filter_the_kernel_tells_each_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
