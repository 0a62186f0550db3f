/* A policy as a sysctl.d fragment: the lines an administrator reads. That systemd-sysctl does with
 * them what the policy wants is proved in tests/netns/sysctl-fragment.py. */
#include "policy_text.h"

#include "policy/sysctl/fragment.h"

struct result {
    char *text;
    unsigned missing;
};

static void result_done(struct result *result)
{
    free(result->text);
}

/* others: the content of the file, NULL for none. */
static struct result fragment_of(const char *policy_text, const char *file, const char *others)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of(policy_text, &diags);
    struct sysctl_conf *conf = NULL;
    struct result result = {0};

    assert_int_equal(diags.errors, 0);
    if (others) {
        conf = sysctl_conf_new(SYSCTL_SYSTEMD);
        assert_non_null(conf);
        assert_int_equal(sysctl_conf_add_file(conf, file, others, strlen(others), NULL), 0);
    }
    assert_int_equal(fragment_generate(policy, NULL, conf, NULL, &result.text, &result.missing), 0);
    sysctl_conf_free(conf);
    return result;
}

/* What follows the header, and how much is missing. */
static void assert_fragment(const char *policy, const char *file, const char *others,
                            const char *expected, unsigned missing)
{
    _cleanup_(result_done) struct result result = fragment_of(policy, file, others);
    const char *body = strstr(result.text, "\n\n");

    assert_non_null(body);
    assert_string_equal(body + 2, expected);
    assert_int_equal(result.missing, missing);
}

#define ALONE NULL, NULL
#define KEY(device) "net/ipv4/conf/" device "/rp_filter"

static void a_device_named_as_a_wildcard_is_told_of(void **state)
{
    struct device devices[] = {{.name = "a*b"}, {.name = "axb"}, {.name = "a?b"}, {.name = "c*"}};
    const struct live live = {.devices = devices, .count = ELEMENTSOF(devices)};
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy =
        policy_of("[rp_filter]\na*b = off\nc* = unmanaged\n", &diags);
    _cleanup_(result_done) struct result result = {0};

    assert_int_equal(fragment_generate(policy, NULL, NULL, &live, &result.text, &result.missing),
                     0);
    assert_int_equal(result.missing, 1);
    assert_non_null(strstr(result.text, "# not expressed: rp_filter a*b: no wildcard is written"));
}

static void a_cilium_node_behind_a_hardening_file(void **state)
{
    assert_fragment(
        "[rp_filter]\nlxc* = off\ncilium_* = off\n* = strict\n",
        "/etc/sysctl.d/10-network-security.conf",
        "net.ipv4.conf.default.rp_filter=2\nnet.ipv4.conf.all.rp_filter=2\n"
        "net.ipv4.conf.*.rp_filter=2\n",
        "# rp_filter\n" KEY("*") " = 1\n" KEY("lxc*") " = 0\n" KEY("cilium_*") " = 0\n" KEY(
            "lo") " = 2\n" KEY("default") " = 1\n" KEY("all") " = 0\n",
        0);
}

static void ranges_are_expanded_and_names_take_the_winner(void **state)
{
    assert_fragment(
        "[rp_filter]\n* = strict\neth1..3 = loose\neth2 = off\n", ALONE,
        "# rp_filter\n" KEY("*") " = 1\n" KEY("eth1") " = 2\n" KEY("eth2") " = 0\n" KEY(
            "eth3") " = 2\n-" KEY("lo") "\n" KEY("default") " = 1\n" KEY("all") " = 0\n",
        0);
}

static void an_exception_beats_an_exact_name(void **state)
{
    assert_fragment("[rp_filter]\nlxc1 = strict\nlxc2 = strict\n"
                    "[exception e]\nreason = r\ndevices = lxc1*\nrp_filter = off\n",
                    ALONE,
                    "# rp_filter\n" KEY("lxc1*") " = 0\n" KEY("lxc1") " = 0\n" KEY(
                        "lxc2") " = 1\n" KEY("all") " = 0\n",
                    0);
}

static void unmanaged_names_are_kept_off_by_an_exclusion(void **state)
{
    assert_fragment("[rp_filter]\n* = strict\neth9 = unmanaged\n", ALONE,
                    "# rp_filter\n" KEY("*") " = 1\n-" KEY("eth9") "\n-" KEY("lo") "\n" KEY(
                        "default") " = 1\n" KEY("all") " = 0\n",
                    0);
}

static void what_cannot_be_said_is_told_and_counted(void **state)
{
    _cleanup_(result_done) struct result result =
        fragment_of("[rp_filter]\n* = strict\nveth* = unmanaged\nwl* = off, observe\n"
                    "@physical = loose\n",
                    "/etc/sysctl.d/50-site.conf", "net.ipv4.conf.eth0.rp_filter = 0\n");

    assert_int_equal(result.missing, 4);
    assert_non_null(
        strstr(result.text, "\n# not expressed: rp_filter veth*: unmanaged (p.conf:3)"));
    assert_non_null(strstr(result.text, "\n# not expressed: rp_filter wl*: only observed"));
    assert_non_null(strstr(result.text, "\n# not expressed: rp_filter @physical: "));
    assert_non_null(strstr(result.text, "\n# not expressed: rp_filter eth0: "
                                        "/etc/sysctl.d/50-site.conf:1 names this key exactly"));
}

static void unmanaged_without_a_wider_line_is_no_loss(void **state)
{
    assert_fragment("[rp_filter]\n* = unmanaged\nveth* = unmanaged\nlxc* = off\n", ALONE,
                    "# rp_filter\n# *: unmanaged (p.conf:2)\n# veth*: unmanaged (p.conf:3)\n" KEY(
                        "lxc*") " = 0\n" KEY("all") " = 0\n",
                    0);
}

static void devices_without_a_rule_stay_as_they_are_when_all_moves(void **state)
{
    assert_fragment("[rp_filter]\nlxc* = off\n", "/usr/lib/sysctl.d/10.conf",
                    "net.ipv4.conf.all.rp_filter = 2\n",
                    "# rp_filter\n# keeps devices without a rule as they are, since `all` "
                    "moves\n" KEY("*") " = 2\n" KEY("lxc*") " = 0\n" KEY("lo") " = 2\n" KEY(
                        "default") " = 2\n" KEY("all") " = 0\n",
                    0);
}

static void a_line_that_was_said_before_takes_a_new_place(void **state)
{
    _cleanup_(result_done) struct result result =
        fragment_of("[rp_filter]\n* = strict\nlxc* = off\n", "/etc/sysctl.d/10.conf",
                    "net.ipv4.conf.lxc*.rp_filter = 0\n");

    assert_non_null(strstr(result.text, "\n-" KEY("lxc*") "\n" KEY("lxc*") " = 0\n"));
}

static void a_file_that_comes_later_is_named(void **state)
{
    _cleanup_(result_done) struct result result = fragment_of(
        "[rp_filter]\n* = strict\nlxc* = strict\n", "/etc/sysctl.d/99-zzz-override_cilium.conf",
        "net.ipv4.conf.lxc*.rp_filter = 0\nnet.ipv4.conf.all.rp_filter = 2\n");

    assert_non_null(strstr(result.text, "# not expressed: rp_filter lxc*: "
                                        "/etc/sysctl.d/99-zzz-override_cilium.conf:1 comes later"));
    assert_non_null(strstr(result.text, "# not expressed: rp_filter all: "
                                        "/etc/sysctl.d/99-zzz-override_cilium.conf:2 comes later"));
    assert_null(strstr(result.text, "\n" KEY("all")));
    assert_non_null(strstr(result.text, "# not expressed: rp_filter *: `all` rules it out, which "
                                        "/etc/sysctl.d/99-zzz-override_cilium.conf:2 decides"));
    assert_non_null(strstr(result.text,
                           "# not expressed: rp_filter default: `all` rules it out, "
                           "which /etc/sysctl.d/99-zzz-override_cilium.conf:2 decides"));
}

static void a_later_exclusion_or_refused_value_takes_our_line_away(void **state)
{
    _cleanup_(result_done) struct result result =
        fragment_of("[send_redirects]\nall = no\n* = no\n", "/etc/sysctl.d/99-zzz.conf",
                    "-net.ipv4.conf.all.send_redirects\nnet.ipv4.conf.*.send_redirects = x\n");

    assert_non_null(strstr(result.text, "# not expressed: send_redirects all: "
                                        "/etc/sysctl.d/99-zzz.conf:1 comes later"));
    assert_non_null(strstr(result.text, "# not expressed: send_redirects *: "
                                        "/etc/sysctl.d/99-zzz.conf:2 comes later"));
}

static void other_keys_move_all_only_when_pinned(void **state)
{
    assert_fragment("[send_redirects]\n* = no\n", ALONE,
                    "# send_redirects\n"
                    "# not expressed: send_redirects *: `all` rules it out, and the policy does "
                    "not pin `all` (p.conf:2)\n"
                    "# not expressed: send_redirects default: `all` rules it out, and the policy "
                    "does not pin `all`\n",
                    2);
    assert_fragment("[send_redirects]\nall = no\ndefault = no\n* = no\n", ALONE,
                    "# send_redirects\nnet/ipv4/conf/*/send_redirects = 0\n"
                    "-net/ipv4/conf/lo/send_redirects\n"
                    "net/ipv4/conf/default/send_redirects = 0\n"
                    "net/ipv4/conf/all/send_redirects = 0\n",
                    0);
}

static void braces_in_a_policy_are_ordinary_bytes(void **state)
{
    _cleanup_(result_done) struct result result = fragment_of("[rp_filter]\n{a,b}* = off\n", ALONE);

    assert_non_null(strstr(result.text, "\n" KEY("\\{a,b\\}*") " = 0\n"));
}

static void assert_header(const char *text)
{
    _cleanup_free_ char *copy = strdup(text);
    char *end, *rest;

    assert_non_null(copy);
    end = strstr(copy, "\n\n");
    assert_non_null(end);
    end[1] = '\0';
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_int_equal(line[0], '#');
        assert_true(strlen(line) <= 80);
    }
}

static void every_line_of_the_header_is_a_comment(void **state)
{
    _cleanup_(result_done) struct result result = fragment_of("[rp_filter]\n* = strict\n", ALONE);

    assert_header(result.text);
    assert_non_null(strstr(result.text, "/etc/sysctl.d/" FRAGMENT_NAME));
}

static void the_fragment_of_a_preset_is_for_any_host_unless_other_files_count(void **state)
{
    static const char title[] = "# rpfpolicy's preset one, version 2, for systemd-sysctl alone.\n";
    static const char other[] = "net.ipv4.conf.all.rp_filter = 2\n";
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[rp_filter]\nlxc* = off\n", &diags);
    struct sysctl_conf *conf = sysctl_conf_new(SYSCTL_SYSTEMD);

    assert_non_null(conf);
    for (unsigned i = 0; i < 2; i++) {
        _cleanup_(result_done) struct result result = {0};

        assert_int_equal(
            fragment_generate(policy, "one, version 2", conf, NULL, &result.text, &result.missing),
            0);
        assert_header(result.text);
        assert_non_null(startswith(result.text, title));
        assert_int_equal(strstr(result.text, "copy it to /etc/sysctl.d and run") == NULL, i);
        assert_int_equal(strstr(result.text, "/etc/sysctl.d/" FRAGMENT_NAME) != NULL, i);
        assert_int_equal(
            sysctl_conf_add_file(conf, "/etc/sysctl.d/10.conf", other, strlen(other), NULL), 0);
    }
    sysctl_conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_named_as_a_wildcard_is_told_of),
        cmocka_unit_test(a_cilium_node_behind_a_hardening_file),
        cmocka_unit_test(ranges_are_expanded_and_names_take_the_winner),
        cmocka_unit_test(an_exception_beats_an_exact_name),
        cmocka_unit_test(unmanaged_names_are_kept_off_by_an_exclusion),
        cmocka_unit_test(what_cannot_be_said_is_told_and_counted),
        cmocka_unit_test(unmanaged_without_a_wider_line_is_no_loss),
        cmocka_unit_test(devices_without_a_rule_stay_as_they_are_when_all_moves),
        cmocka_unit_test(a_line_that_was_said_before_takes_a_new_place),
        cmocka_unit_test(a_file_that_comes_later_is_named),
        cmocka_unit_test(a_later_exclusion_or_refused_value_takes_our_line_away),
        cmocka_unit_test(other_keys_move_all_only_when_pinned),
        cmocka_unit_test(braces_in_a_policy_are_ordinary_bytes),
        cmocka_unit_test(every_line_of_the_header_is_a_comment),
        cmocka_unit_test(the_fragment_of_a_preset_is_for_any_host_unless_other_files_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
