/* The sections [agent] and [exception NAME]: what they take, and what is wrong with others. */
#include "policy/lang/values.h"
#include "policy_text.h"

static void the_agent_is_told_what_to_do(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[agent]\n"
                                                       "mode = observe\n"
                                                       "sweep = 5min\n"
                                                       "flush-routes = no\n"
                                                       "metrics-file = /run/m.prom\n"
                                                       "revision = v1\n"
                                                       "[rp_filter]\n"
                                                       "* = strict\n"
                                                       "[agent]\n"
                                                       "mode = enforce\n"
                                                       "metrics-file = /run/n.prom\n"
                                                       "revision = 4f2a \"spring\" \\ 2\n",
                                                       &diags);

    assert_quiet(&diags);
    assert_int_equal(policy->agent.mode, MODE_ENFORCE);
    assert_int_equal(policy->agent.sweep_usec, 300000000);
    assert_false(policy->agent.flush_routes);
    assert_string_equal(policy->agent.metrics_file, "/run/n.prom");
    assert_string_equal(policy->agent.revision, "4f2a \"spring\" \\ 2");
    assert_string_equal(policy_mode_name(MODE_OBSERVE), "observe");
}

static uint64_t sweep_of(const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    char whole[100];

    snprintf(whole, sizeof(whole), "[agent]\nmode = observe\nsweep = %s\n", text);
    _cleanup_policy_ struct policy *policy = policy_of(whole, &diags);
    assert_quiet(&diags);
    return policy->agent.sweep_usec / 1000;
}

static void times_have_units(void **state)
{
    assert_int_equal(sweep_of("1"), 1000);
    assert_int_equal(sweep_of("60s"), 60000);
    assert_int_equal(sweep_of("60 sec"), 60000);
    assert_int_equal(sweep_of("5min"), 300000);
    assert_int_equal(sweep_of("2m"), 120000);
    assert_int_equal(sweep_of("1h"), 3600000);
    assert_int_equal(sweep_of("1d"), 86400000);
    assert_int_equal(sweep_of("86400"), 86400000);
}

static void times_are_said_to_two_digits(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } times[] = {
        {0, "0 s"},         {0.00001, "0.01 ms"}, {0.0034, "3.4 ms"},    {0.0099, "9.9 ms"},
        {0.00997, "10 ms"}, {0.3204, "320 ms"},   {0.9994, "999 ms"},    {0.9996, "1 s"},
        {1.04, "1 s"},      {1.5, "1.5 s"},       {119.4, "119 s"},      {119.6, "2 min"},
        {1800, "30 min"},   {7199, "2 h"},        {43200 + 900, "12 h"}, {172800, "2 days"},
        {1e7, "116 days"},
    };
    char text[24];

    for (size_t i = 0; i < ELEMENTSOF(times); i++)
        assert_string_equal(value_format_time(times[i].seconds, text), times[i].text);
}

static void wrong_settings_of_the_agent_are_refused(void **state)
{
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"mode = on", "unknown mode 'on': observe (report, write nothing) or enforce"},
        {"mode =", "unknown mode ''"},
        {"sweep = 0", "out of range: 1s to 1d"},
        {"sweep = 0s", "out of range"},
        {"sweep = 86401", "out of range"},
        {"sweep = 2d", "out of range"},
        {"sweep = 99999999999999999999999d", "out of range"},
        {"sweep = 213503982334601d", "out of range"},
        {"sweep = -1", "is not a time; write 60s, 5min or 1h"},
        {"sweep = 1.5s", "is not a time"},
        {"sweep = 5 parsecs", "is not a time"},
        {"sweep =", "is not a time"},
        {"flush-routes = maybe", "unknown value 'maybe' for flush-routes: yes or no"},
        {"metrics-file = m.prom", "not the absolute path of a file"},
        {"metrics-file = /run/", "not the absolute path of a file"},
        {"metrics-file =", "not the absolute path of a file"},
        {"revision =", "revision = '' is not 1 to 100 printable ASCII characters"},
        {"revision = a\tb", "revision = 'a\\x09b' is not 1 to 100 printable"},
        {"revision = caf\xc3\xa9", "is not 1 to 100 printable"},
        {"revision = "
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
         "890123456789x",
         "is not 1 to 100 printable"},
        {"protect =", "protect is empty; name peers such as tcp/22 or 10.0.0.0/24"},
        {"protect = tcp/1 22", "'22' is a port without its protocol; write tcp/22 or udp/22"},
        {"protect = ssh", "'ssh' is the name of a service; write tcp/22"},
        {"protect = tcp/bgp", "'tcp/bgp': a port is a number; write tcp/179"},
        {"protect = tcp:22", "'tcp:22' is not a form of it; write tcp/22"},
        {"protect = TCP/22", "write tcp/22"},
        {"protect = 500/udp", "write udp/500"},
        {"protect = tcp/0", "a port is a number from 1 to 65535"},
        {"protect = tcp/65536", "a port is a number from 1 to 65535"},
        {"protect = tcp/", "a port is a number from 1 to 65535"},
        {"protect = udp", "a port is a number from 1 to 65535"},
        {"protect = 2001:db8::/32", "IPv6 is not covered"},
        {"protect = fe80::1", "IPv6 is not covered"},
        {"protect = 10.0.0.5/24",
         "has bits behind its length; write 10.0.0.0/24, or 10.0.0.5 for the one address"},
        {"protect = 10.0.0.0/33", "the length of a prefix is a number from 0 to 32"},
        {"protect = 10.0.0.1:6443", "write 10.0.0.1, or its port as tcp/PORT"},
        {"protect = tcp/22,tcp/6443", "items are separated by blanks"},
        {"protect = 10.0.0.1, 10.0.0.2", "items are separated by blanks"},
        {"protect = sctp/22", "write PROTO/PORT such as tcp/22, or an IPv4 prefix"},
        {"protect = uplink", "'uplink' is nothing that can be protected"},
        {"swep = 5", "unknown name 'swep' in [agent]; did you mean 'sweep'?"},
        {"x = 5", "known here are mode, sweep, flush-routes, metrics-file"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char text[200];

        snprintf(text, sizeof(text), "[agent]\n%s\n", bad[i].line);
        assert_refused(text, 2, bad[i].words);
    }
}

static void wrong_settings_of_a_trial_are_refused(void **state)
{
    static const struct {
        const char *line, *words;
    } bad[] = {
        {"probe =", "probe is empty; write for instance tcp/10.0.0.1:6443"},
        {"probe = 10.0.0.1:6443", "is not a form of it; write tcp/10.0.0.1:6443"},
        {"probe = tcp:10.0.0.1:6443", "is not a form of it; write tcp/10.0.0.1:6443"},
        {"probe = tcp/10.0.0.1", "has no port; write tcp/10.0.0.1:PORT"},
        {"probe = tcp/10.0.0.1:0", "write tcp/ADDRESS:PORT"},
        {"probe = tcp/10.0.0.1:70000", "write tcp/ADDRESS:PORT"},
        {"probe = tcp/[2001:db8::1]:6443", "IPv6 is not covered"},
        {"probe = tcp/2001:db8::1", "IPv6 is not covered"},
        {"probe = tcp/api.example.org:6443", "names are not looked up"},
        {"probe = ping/10.0.0.1", "only connections by TCP are probes"},
        {"probe = tcp/10.0.0.1:1,tcp/10.0.0.1:2", "probes are separated by blanks"},
        {"trial = soon", "trial = soon is no time from 1s to 1d"},
        {"trial = 0s", "trial = 0s is no time from 1s to 1d"},
        {"trial = 25h", "trial = 25h is no time from 1s to 1d"},
        {"trial-ends = maybe", "unknown value 'maybe' for trial-ends: keep or back"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char text[200];

        snprintf(text, sizeof(text), "[agent]\n%s\n", bad[i].line);
        assert_refused(text, 2, bad[i].words);
    }
}

static void lines_of_protect_add_up(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[agent]\n"
                                                       "mode = observe\n"
                                                       "protect = tcp/6443  10.0.0.0/24\n"
                                                       "protect = udp/500\n"
                                                       "protect = 192.0.2.1\n",
                                                       &diags);
    const struct protected_peer *items = policy->agent.protect;

    assert_quiet(&diags);
    assert_int_equal(policy->agent.n_protect, 4);
    assert_int_equal(items[0].proto, IPPROTO_TCP);
    assert_int_equal(items[0].port, 6443);
    assert_int_equal(items[1].port, 0);
    assert_int_equal(items[1].prefix.length, 24);
    assert_string_equal(items[1].text, "10.0.0.0/24");
    assert_int_equal(items[1].origin.line, 3);
    assert_int_equal(items[2].proto, IPPROTO_UDP);
    assert_int_equal(items[2].origin.line, 4);
    assert_int_equal(items[3].prefix.length, 32);
}

static void probes_of_all_lines_are_asked(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[agent]\n"
                                                       "mode = observe\n"
                                                       "probe = tcp/10.0.0.1:6443 tcp/10.0.0.2:22\n"
                                                       "probe = tcp/10.0.0.3:65535\n"
                                                       "trial = 5min\n"
                                                       "trial-ends = keep\n",
                                                       &diags);

    assert_quiet(&diags);
    assert_int_equal(policy->agent.n_probes, 3);
    assert_string_equal(policy->agent.probes[0].text, "tcp/10.0.0.1:6443");
    assert_int_equal(policy->agent.probes[2].port, 65535);
    assert_int_equal(policy->agent.trial_usec, 300000000);
    assert_true(policy->agent.trial_keeps);
}

static void an_exception_becomes_a_rule_per_key_and_device(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[exception lab]\n"
                                                       "rp_filter = loose, observe\n"
                                                       "reason = asymmetric lab uplink\n"
                                                       "ref = NET-42\n"
                                                       "until = 2028-02-29\n"
                                                       "devices = eth1..3   wlan*\n"
                                                       "devices = @physical\n"
                                                       "log_martians = no\n",
                                                       &diags);
    const struct exception *exception = &policy->exceptions[0];

    assert_quiet(&diags);
    assert_int_equal(policy->n_exceptions, 1);
    assert_string_equal(exception->name, "lab");
    assert_string_equal(exception->reason, "asymmetric lab uplink");
    assert_string_equal(exception->ref, "NET-42");
    assert_int_equal(exception->until, 20280229);
    assert_string_equal(exception->devices[1], "wlan*");
    assert_string_equal(exception->devices[2], "@physical");
    assert_null(exception->devices[3]);
    assert_int_equal(policy->n_rules, 6);
    assert_string_equal(policy->rules[1].pattern.text, "wlan*");
    assert_int_equal(policy->rules[1].exception, 0);
    assert_int_equal(policy->rules[1].origin.line, 2);
    assert_true(policy->rules[1].observe);
    assert_int_equal(policy->rules[5].key, KEY_LOG_MARTIANS);
    assert_int_equal(policy->rules[5].pattern.set, BUILTIN_SET_PHYSICAL);
    assert_false(exception_expired(exception, 20280229));
    assert_true(exception_expired(exception, 20280301));
}

static void an_exception_without_a_date_never_expires(void **state)
{
    assert_false(exception_expired(&(struct exception){.until = 0}, 99991231));
}

#define EXCEPTION "[exception e]\nreason = r\ndevices = eth0\nrp_filter = off\n"

static void incomplete_or_wrong_exceptions_are_refused(void **state)
{
    assert_taken(EXCEPTION);
    assert_refused("[exception e]\ndevices = eth0\nrp_filter = off\n", 1, "says no reason");
    assert_refused("[exception e]\nreason = r\nrp_filter = off\n", 1, "names no devices");
    assert_refused("[exception e]\nreason = r\ndevices = eth0\n", 1, "names no key");
    assert_refused("[exception e]\nreason =\ndevices = eth0\nrp_filter = off\n", 2, "is empty");
    assert_refused(
        "[exception e]\nreason = \xc2\xa0\xe3\x80\x80\ndevices = eth0\nrp_filter = off\n", 2,
        "is empty");
    assert_refused(EXCEPTION "ref = \xe2\x80\x8b\n", 5, "is empty");
    assert_refused("[exception e]\nreason = r\ndevices =\nrp_filter = off\n", 3, "is empty");
    assert_refused("[exception e]\nreason = r\ndevices = eth0 all\nrp_filter = off\n", 3,
                   "'all' is not a device");
    assert_refused("[exception e]\nreason = r\ndevices = default\nrp_filter = off\n", 3,
                   "'default' is not a device");
    assert_refused("[exception e]\nreason = r\ndevices = eth0, eth1\nrp_filter = off\n", 3,
                   "'eth0,': patterns are separated by blanks");
    assert_refused("[exception e]\nreason = r\ndevices = a/b\nrp_filter = off\n", 3, "'/'");
    assert_refused(EXCEPTION "reason = s\n", 5, "'reason' stands twice");
    assert_refused(EXCEPTION "rp_filter = strict\n", 5,
                   "stands twice in [exception e], first in "
                   "line 4");
    assert_refused(EXCEPTION "rp_fliter = strict\n", 5, "did you mean 'rp_filter'?");
    assert_refused(EXCEPTION "log_martians = strict\n", 5, "unknown value 'strict'");
    assert_refused(EXCEPTION "[exception e]\nreason = s\n", 5, "stated twice, first in p.conf:1");
    assert_refused("[exception e e]\nreason = s\n", 1, "cannot be used as a name");
}

static void dates_are_days_of_the_calendar(void **state)
{
    static const char *const bad[] = {
        "2026-02-29",  "2100-02-29", "2026-13-01", "2026-00-10", "2026-04-31",
        "2026-1-01",   "26-01-01",   "2026/01/01", "tomorrow",   "",
        "2026-01-001", "0000-01-01", "2026-01-0x", "+026-01-01",
    };
    static const char *const good[] = {"2026-12-31", "2028-02-29", "2000-02-29", "2026-04-30"};

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char text[200];

        snprintf(text, sizeof(text), EXCEPTION "until = %s\n", bad[i]);
        assert_refused(text, 5, "not a day of the calendar; write YYYY-MM-DD");
    }
    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        char text[200];

        snprintf(text, sizeof(text), EXCEPTION "until = %s\n", good[i]);
        assert_taken(text);
    }
    assert_refused(EXCEPTION "until = 2026-01-01\nuntil = 2027-01-01\n", 6, "'until' stands twice");
}

static void sets_and_exceptions_are_stated_once_over_all_files(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "10.conf", EXCEPTION "[set s]\nkind = veth\n", &diags);
    policy_add(policy, "20.conf", EXCEPTION "[set s]\nkind = veth\n", &diags);
    assert_said(&diags, DIAG_ERROR, "20.conf", 1, "first in 10.conf:1");
    assert_said(&diags, DIAG_ERROR, "20.conf", 5, "first in 10.conf:5");
    assert_int_equal(diags.errors, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_agent_is_told_what_to_do),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(times_are_said_to_two_digits),
        cmocka_unit_test(wrong_settings_of_the_agent_are_refused),
        cmocka_unit_test(lines_of_protect_add_up),
        cmocka_unit_test(wrong_settings_of_a_trial_are_refused),
        cmocka_unit_test(probes_of_all_lines_are_asked),
        cmocka_unit_test(an_exception_becomes_a_rule_per_key_and_device),
        cmocka_unit_test(an_exception_without_a_date_never_expires),
        cmocka_unit_test(incomplete_or_wrong_exceptions_are_refused),
        cmocka_unit_test(dates_are_days_of_the_calendar),
        cmocka_unit_test(sets_and_exceptions_are_stated_once_over_all_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
