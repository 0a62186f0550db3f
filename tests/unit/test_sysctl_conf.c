/* sysctl.d as its two readers understand it: spelling, order, exclusions, values, and the story
 * that explain tells. The real programs are asked in tests/netns/sysctl-differential.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>

#include "policy/sysctl/sysctl_conf.h"

static void sysctl_conf_freep(struct sysctl_conf **conf)
{
    sysctl_conf_free(*conf);
}
#define _cleanup_conf_ _cleanup_(sysctl_conf_freep)

static struct sysctl_conf *conf_of(enum sysctl_flavor flavor, const char *text, size_t n,
                                   struct diags *diags)
{
    struct sysctl_conf *conf = sysctl_conf_new(flavor);

    assert_non_null(conf);
    assert_int_equal(sysctl_conf_add_file(conf, "/etc/sysctl.d/a.conf", text, n, diags), 0);
    return conf;
}

#define NOTHING INT_MIN

static int answer(const struct sysctl_conf *conf, enum sysctl_run run, const char *name)
{
    struct sysctl_answer a;

    assert_int_equal(sysctl_conf_resolve(conf, run, name, KEY_RP_FILTER, false, &a), 0);
    assert_null(a.verdicts);
    return a.given ? a.value : NOTHING;
}

static int full_n(const char *text, size_t n, const char *name)
{
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_SYSTEMD, text, n, NULL);

    return answer(conf, SYSCTL_RUN_FULL, name);
}

static int full(const char *text, const char *name)
{
    return full_n(text, strlen(text), name);
}

static int add(const char *text, const char *name)
{
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_SYSTEMD, text, strlen(text), NULL);

    return answer(conf, SYSCTL_RUN_ADD, name);
}

static int procps(const char *text, const char *name)
{
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_PROCPS, text, strlen(text), NULL);

    return answer(conf, SYSCTL_RUN_FULL, name);
}

static void the_first_separator_decides_how_a_key_is_read(void **state)
{
    assert_int_equal(full("net.ipv4.conf.enp3s0/200.rp_filter=1", "enp3s0.200"), 1);
    assert_int_equal(full("net/ipv4/conf/enp3s0.200/rp_filter=1", "enp3s0.200"), 1);
    assert_int_equal(full("net.ipv4.conf.enp3s0.200.rp_filter=1", "enp3s0.200"), NOTHING);
    assert_int_equal(full("/net//ipv4/./conf/eth0/rp_filter/ = 1", "eth0"), 1);
    assert_int_equal(full(".net.ipv4.conf.eth0.rp_filter = 1", "eth0"), 1);
    assert_int_equal(full("/proc/sys/net/ipv4/conf/eth0/rp_filter = 1", "eth0"), NOTHING);
    assert_int_equal(full("net/ipv4/conf/../conf/eth0/rp_filter = 1", "eth0"), NOTHING);
}

static void a_range_is_no_range(void **state)
{
    assert_int_equal(full("net.ipv4.conf.eth1..3.rp_filter = 1", "eth2"), NOTHING);
    assert_int_equal(full("net/ipv4/conf/eth1..3/rp_filter = 1", "eth1..3"), 1);
}

static void an_exact_key_beats_later_globs(void **state)
{
    static const char text[] = "net.ipv4.conf.eth0.rp_filter = 1\n"
                               "net.ipv4.conf.*.rp_filter = 2\n";

    assert_int_equal(full(text, "eth0"), 1);
    assert_int_equal(add(text, "eth0"), 1);
    assert_int_equal(full(text, "eth1"), 2);
    assert_int_equal(full(text, "all"), 2);
    assert_int_equal(full(text, "default"), 2);
    assert_int_equal(procps(text, "eth0"), 1);
}

static void the_last_of_several_globs_stays(void **state)
{
    assert_int_equal(full("net.ipv4.conf.*.rp_filter=2\nnet.ipv4.conf.lxc*.rp_filter=0", "lxc1"),
                     0);
    assert_int_equal(full("net.ipv4.conf.lxc*.rp_filter=0\nnet.ipv4.conf.*.rp_filter=2", "lxc1"),
                     2);
}

static void the_same_value_again_keeps_the_old_place(void **state)
{
    static const char again[] = "net.ipv4.conf.lxc*.rp_filter = 0\n"
                                "net.ipv4.conf.*.rp_filter = 2\n"
                                "net/ipv4/conf/lxc*/rp_filter = 0\n";
    static const char moved[] = "net.ipv4.conf.lxc*.rp_filter = 0\n"
                                "net.ipv4.conf.*.rp_filter = 2\n"
                                "-net/ipv4/conf/lxc*/rp_filter\n"
                                "net/ipv4/conf/lxc*/rp_filter = 0\n";

    assert_int_equal(full(again, "lxc1"), 2);
    assert_int_equal(full(moved, "lxc1"), 0);
    assert_int_equal(procps(again, "lxc1"), 0);
}

static void an_exclusion_stands_for_its_own_text_only(void **state)
{
    static const char text[] = "net.ipv4.conf.*.rp_filter = 2\n"
                               "-net.ipv4.conf.all.rp_filter\n"
                               "-net.ipv4.conf.veth*.rp_filter\n";

    assert_int_equal(full(text, "all"), NOTHING);
    assert_int_equal(full(text, "veth0"), 2);
    assert_int_equal(full("net.ipv4.conf.eth0.rp_filter=1\n-net.ipv4.conf.eth0.rp_filter", "eth0"),
                     NOTHING);
    assert_int_equal(
        procps("net.ipv4.conf.eth0.rp_filter=1\n-net.ipv4.conf.eth0.rp_filter", "eth0"), 1);
}

static void a_refused_value_leaves_the_one_before(void **state)
{
    assert_int_equal(full("net.ipv4.conf.*.rp_filter=1\nnet.ipv4.conf.e*.rp_filter=abc", "eth0"),
                     1);
    assert_int_equal(full("net.ipv4.conf.eth0.rp_filter=x\nnet.ipv4.conf.*.rp_filter=1", "eth0"),
                     NOTHING);
    assert_int_equal(
        procps("net.ipv4.conf.eth0.rp_filter=1\nnet.ipv4.conf.eth0.rp_filter=x", "eth0"), 1);
}

static void braces_count_only_in_a_full_run_and_beside_a_wildcard(void **state)
{
    assert_int_equal(full("net.ipv4.conf.{eth,lxc}*.rp_filter=1", "lxc1"), 1);
    assert_int_equal(add("net.ipv4.conf.{eth,lxc}*.rp_filter=1", "lxc1"), NOTHING);
    assert_int_equal(full("net.ipv4.conf.{eth0,lxc1}.rp_filter=1", "lxc1"), NOTHING);
    assert_int_equal(full("net.ipv4.conf.{eth0,lxc1}.rp_filter=1", "{eth0,lxc1}"), 1);
    assert_int_equal(procps("net.ipv4.conf.{eth,lxc}*.rp_filter=1", "lxc1"), NOTHING);
    assert_int_equal(add("net.ipv4.conf.*.rp_*=1", "lxc1"), 1);
}

static void a_leading_dot_hides_from_wildcards_in_a_full_run(void **state)
{
    assert_int_equal(full("net/ipv4/conf/*/rp_filter=1", ".x"), NOTHING);
    assert_int_equal(full("net/ipv4/conf/.*/rp_filter=1", ".x"), 1);
    assert_int_equal(add("net/ipv4/conf/*/rp_filter=1", ".x"), 1);
}

static void the_udev_rule_does_not_reach_every_device(void **state)
{
    static const char text[] = "net/ipv4/conf/*/rp_filter=1";

    assert_int_equal(add(text, "lo"), NOTHING);
    assert_int_equal(add(text, "default"), NOTHING);
    assert_int_equal(add(text, "a'b"), NOTHING);
    assert_int_equal(add(text, "a!b"), NOTHING);
    assert_int_equal(add(text, "$(id)"), 1);
    assert_int_equal(full(text, "a'b"), 1);
}

static void a_name_with_wildcards_cannot_be_stated(void **state)
{
    assert_int_equal(full("net/ipv4/conf/[a]/rp_filter=1", "[a]"), NOTHING);
    assert_int_equal(full("net/ipv4/conf/[[]a]/rp_filter=1", "[a]"), 1);
    assert_int_equal(full("net/ipv4/conf/*/rp_filter=1", "[a]"), 1);
    assert_int_equal(full("net/ipv4/conf/[a]/rp_filter=1", "a"), 1);
}

static void lines_end_in_many_ways(void **state)
{
    static const char text[] = "net.ipv4.conf.a.rp_filter=1\r\nnet.ipv4.conf.b.rp_filter=1\r"
                               "net.ipv4.conf.c.rp_filter=1\0net.ipv4.conf.d.rp_filter=1\n\r"
                               "\t net.ipv4.conf.e.rp_filter \t=\t 1 ";

    for (char name[] = "a"; *name <= 'e'; ++*name)
        assert_int_equal(full_n(text, sizeof(text) - 1, name), 1);
}

static void bad_lines_are_told_and_skipped(void **state)
{
    static const char text[] = "# comment\n; comment\n\ngarbage\nnet.ipv4.conf.eth0.rp_filter = x\n"
                               "kernel.panic = x\nnet.ipv6.conf.*.forwarding = x\n"
                               "net.ipv4.conf.eth1.rp_filter = 1";
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_SYSTEMD, text, strlen(text), &diags);

    assert_int_equal(answer(conf, SYSCTL_RUN_FULL, "eth1"), 1);
    assert_int_equal(diags.count, 2);
    assert_int_equal(diags.warnings, 2);
    assert_int_equal(diags.items[0].line, 4);
    assert_int_equal(diags.items[1].line, 5);
}

static void a_line_beyond_a_mebibyte_ends_the_file(void **state)
{
    static const char first[] = "net.ipv4.conf.a.rp_filter=1\n";
    static const char last[] = "\nnet.ipv4.conf.b.rp_filter=1\n";
    size_t n = sizeof(first) - 1 + ((size_t)1 << 20) + sizeof(last) - 1;
    _cleanup_free_ char *text = malloc(n);

    assert_non_null(text);
    memset(text, '#', n);
    memcpy(text, first, sizeof(first) - 1);
    memcpy(text + n - (sizeof(last) - 1), last, sizeof(last) - 1);
    assert_int_equal(full_n(text, n, "a"), 1);
    assert_int_equal(full_n(text, n, "b"), NOTHING);
}

static void procps_reads_differently(void **state)
{
    assert_int_equal(procps("--net.ipv4.conf.eth0.rp_filter = 1", "eth0"), 1);
    assert_int_equal(full("--net.ipv4.conf.eth0.rp_filter = 1", "eth0"), NOTHING);
    assert_int_equal(procps("- net.ipv4.conf.eth0.rp_filter = 1", "eth0"), NOTHING);
    assert_int_equal(full("- net.ipv4.conf.eth0.rp_filter = 1", "eth0"), 1);
    assert_int_equal(procps("net/ipv4/conf/eth0/rp_filter/ = 1", "eth0"), NOTHING);
    /* other spelling, other text: the glob is not kept off */
    assert_int_equal(procps("/net/ipv4/conf/eth0/rp_filter=1\nnet/ipv4/conf/*/rp_filter=2", "eth0"),
                     2);
    assert_int_equal(full("/net/ipv4/conf/eth0/rp_filter=1\nnet/ipv4/conf/*/rp_filter=2", "eth0"),
                     1);
}

static void numbers_are_read_as_the_kernel_reads_them(void **state)
{
    static const struct {
        const char *text;
        int value;
    } good[] = {{"1", 1},
                {"0x2", 2},
                {"0X1f", 31},
                {"010", 8},
                {"-5", -5},
                {"1 2 3", 1},
                {"1\tx", 1},
                {"  7", 7},
                {"\v1", 1},
                {"\xa0"
                 "2",
                 2},
                {"-0", 0},
                {"2147483647", INT_MAX},
                {"-2147483648", INT_MIN},
                {"00000000000000000001", 1}};
    static const char *const bad[] = {"",
                                      "-",
                                      "abc",
                                      "1a",
                                      "+1",
                                      "08",
                                      "0x",
                                      "- 1",
                                      "1,2",
                                      "1\v",
                                      "--1",
                                      "2147483648",
                                      "-2147483649",
                                      "000000000000000000001",
                                      "99999999999999999999999"};
    int value;

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        assert_int_equal(sysctl_parse_int(good[i].text, &value), 0);
        assert_int_equal(value, good[i].value);
    }
    value = 42;
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(sysctl_parse_int(bad[i], &value), -EINVAL);
    assert_int_equal(value, 42);
}

static void every_line_is_told_with_what_beat_it(void **state)
{
    static const char text[] = "net.ipv4.conf.e*.rp_filter = 1\n"   /* replaced by 3 */
                               "net.ipv4.conf.lxc*.rp_filter = 0\n" /* of another device */
                               "net.ipv4.conf.e*.rp_filter = 0\n"   /* written, then 6 */
                               "net.ipv4.conf.e*.rp_filter = 0\n"   /* repeats 3 */
                               "-net.ipv4.conf.et*.rp_filter\n"     /* no effect */
                               "net.ipv4.conf.*.rp_filter = 2\n"    /* wins */
                               "net.ipv4.conf.eth?.rp_filter = x\n" /* invalid */;
    static const struct {
        unsigned line, by;
        enum sysctl_outcome outcome;
    } expected[] = {{1, 3, SYSCTL_REPLACED},  {3, 6, SYSCTL_WRITTEN}, {4, 3, SYSCTL_REPEATED},
                    {5, 0, SYSCTL_NO_EFFECT}, {6, 0, SYSCTL_WINS},    {7, 0, SYSCTL_INVALID}};
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_SYSTEMD, text, strlen(text), NULL);
    struct sysctl_answer a;

    assert_int_equal(sysctl_conf_resolve(conf, SYSCTL_RUN_FULL, "eth0", KEY_RP_FILTER, true, &a),
                     0);
    assert_int_equal(a.value, 2);
    assert_int_equal(a.line->line, 6);
    assert_int_equal(a.count, ELEMENTSOF(expected));
    for (size_t i = 0; i < a.count; i++) {
        const struct sysctl_verdict *v = &a.verdicts[i];

        assert_int_equal(v->line->line, expected[i].line);
        assert_int_equal(v->outcome, expected[i].outcome);
        assert_int_equal(v->by ? v->by->line : 0, expected[i].by);
        assert_true(strlen(sysctl_outcome_text(v->outcome)) > 0);
    }
    assert_string_equal(a.line->text, "net.ipv4.conf.*.rp_filter = 2");
    assert_string_equal(a.line->key, "net/ipv4/conf/*/rp_filter");
    assert_string_equal(a.line->file, "/etc/sysctl.d/a.conf");
    sysctl_answer_done(&a);
}

static void the_last_line_that_states_a_key_counts_though_it_repeats(void **state)
{
    static const char text[] = "net.ipv4.conf.all.rp_filter = 2\nnet.ipv4.conf.all.rp_filter = 2\n";
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_SYSTEMD, text, strlen(text), NULL);

    assert_int_equal(sysctl_conf_exact(conf, "all", KEY_RP_FILTER)->line, 2);
}

static void the_line_that_states_a_key_exactly_is_found(void **state)
{
    static const char text[] = "net.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.all.rp_filter = 2\n"
                               "net.ipv4.conf.*.rp_filter = 2\n";
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_SYSTEMD, text, strlen(text), NULL);

    assert_int_equal(sysctl_conf_exact(conf, "all", KEY_RP_FILTER)->line, 2);
    assert_null(sysctl_conf_exact(conf, "eth0", KEY_RP_FILTER));
    assert_null(sysctl_conf_exact(conf, "*", KEY_RP_FILTER));
    assert_null(sysctl_conf_exact(conf, "all", KEY_ARP_IGNORE));
}

static void too_many_alternatives_are_cut_and_told(void **state)
{
    static const char text[] = "net/ipv4/conf/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"
                               "{a,b}{a,b}*/rp_filter = 1";
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_conf_ struct sysctl_conf *conf = conf_of(SYSCTL_SYSTEMD, text, strlen(text), &diags);

    assert_int_equal(diags.warnings, 1);
    assert_int_equal(answer(conf, SYSCTL_RUN_FULL, "aaaaaaaaaaaa"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_separator_decides_how_a_key_is_read),
        cmocka_unit_test(a_range_is_no_range),
        cmocka_unit_test(an_exact_key_beats_later_globs),
        cmocka_unit_test(the_last_of_several_globs_stays),
        cmocka_unit_test(the_same_value_again_keeps_the_old_place),
        cmocka_unit_test(an_exclusion_stands_for_its_own_text_only),
        cmocka_unit_test(a_refused_value_leaves_the_one_before),
        cmocka_unit_test(braces_count_only_in_a_full_run_and_beside_a_wildcard),
        cmocka_unit_test(a_leading_dot_hides_from_wildcards_in_a_full_run),
        cmocka_unit_test(the_udev_rule_does_not_reach_every_device),
        cmocka_unit_test(a_name_with_wildcards_cannot_be_stated),
        cmocka_unit_test(lines_end_in_many_ways),
        cmocka_unit_test(bad_lines_are_told_and_skipped),
        cmocka_unit_test(a_line_beyond_a_mebibyte_ends_the_file),
        cmocka_unit_test(procps_reads_differently),
        cmocka_unit_test(numbers_are_read_as_the_kernel_reads_them),
        cmocka_unit_test(every_line_is_told_with_what_beat_it),
        cmocka_unit_test(the_line_that_states_a_key_exactly_is_found),
        cmocka_unit_test(the_last_line_that_states_a_key_counts_though_it_repeats),
        cmocka_unit_test(too_many_alternatives_are_cut_and_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
