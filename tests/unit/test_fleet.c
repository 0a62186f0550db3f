/* Many reports in one picture: which of them count, what is said of those that do not, and what the
 * findings come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/report/fleet_view.h"

#define NOW 1795374000 /* 2026-11-22T19:00:00Z */
#define DAY 86400
#define HEAD                                                                                       \
    "\"version\": \"0.1.0\", \"agent\": null, \"all\": {}, \"default\": {}, "                      \
    "\"policy\": {\"hash\": \"aa\", \"files\": [], \"mode\": \"enforce\", \"valid\": true, "       \
    "\"accepted\": true}, "
#define RULE(line, pattern)                                                                        \
    "{\"file\": \"/etc/rpfpolicy.d/10-a.conf\", \"line\": " #line ", \"pattern\": \"" pattern "\"" \
    "}"
#define CAUSE(line)                                                                                \
    "{\"file\": \"/usr/lib/sysctl.d/50-default.conf\", \"line\": " #line ", \"text\": \"a = 2\"}"
#define SAID_KEY(state, rule, cause, reasons, message)                                             \
    "{\"key\": \"rp_filter\", \"wanted\": 0, \"state\": \"" state "\", \"rule\": " rule            \
    ", \"cause\": " cause ", " reasons ", \"message\": \"" message "\"}"
#define KEY(state, rule, cause, reasons) SAID_KEY(state, rule, cause, reasons, "words")
#define ORIGIN(origin) "\"origin\": " origin ", \"obstacle\": null"
#define OBSTACLE(reason, rule)                                                                     \
    "\"origin\": \"run-time\", \"obstacle\": {\"reason\": \"" reason                               \
    "\", \"all\": 2, \"rule\": " rule "}"
#define DEVICE(name, key) "{\"ifindex\": 1, \"name\": \"" name "\", \"keys\": [" key "]}"
#define OK KEY("ok", "null", "null", ORIGIN("null"))
#define DRIFT KEY("drift", RULE(2, "lxc*"), CAUSE(1), ORIGIN("\"sysctl.d\""))
#define RUN_TIME KEY("drift", RULE(4, "*"), "null", ORIGIN("\"run-time\""))

/* A report of a host at a time, of these devices and exceptions. Owned. */
static char *report_of_machine(const char *machine_id, const char *host, const char *time,
                               const char *devices, unsigned count, const char *exceptions)
{
    char *text;

    assert_true(
        asprintf(&text,
                 "{\"schema\": 1, \"host\": \"%s\", \"machine_id\": %s, \"time\": \"%s\", " HEAD
                 "\"devices\": [%s], \"exceptions\": [%s], \"summary\": {\"devices\": %u}}\n",
                 host, machine_id, time, devices, exceptions, count) > 0);
    return text;
}

static char *report_of(const char *host, const char *time, const char *devices, unsigned count,
                       const char *exceptions)
{
    return report_of_machine("null", host, time, devices, count, exceptions);
}

#define TODAY "2026-11-22T18:00:00Z"

static void read_text(struct fleet *fleet, const char *source, const char *text)
{
    assert_int_equal(fleet_source_begin(fleet, source), 0);
    assert_int_equal(fleet_feed(fleet, text, strlen(text)), 0);
    assert_int_equal(fleet_source_end(fleet, NULL), 0);
}

static void read_report(struct fleet *fleet, const char *host, const char *time,
                        const char *devices, unsigned count)
{
    _cleanup_free_ char *text = report_of(host, time, devices, count, "");

    read_text(fleet, host, text);
}

static const struct fleet_host *host_at(const struct fleet *fleet, size_t i)
{
    size_t n;
    const struct fleet_host *const *hosts = fleet_hosts(fleet, &n);

    assert_in_range(i, 0, n - 1);
    return hosts[i];
}

static void findings_are_added_up_worst_first(void **state)
{
    _cleanup_fleet_ struct fleet *fleet = fleet_new();
    _cleanup_fleet_sum_ struct fleet_sum sum = {0};

    read_report(fleet, "a", TODAY,
                DEVICE("lxc12", DRIFT) "," DEVICE("lxcab", DRIFT) "," DEVICE("eth0", OK), 3);
    read_report(fleet, "b", TODAY, DEVICE("lxc9", DRIFT) "," DEVICE("eno1", RUN_TIME), 2);
    read_report(fleet, "c", TODAY, DEVICE("eth0", OK), 1);
    assert_int_equal(fleet_judge(fleet, NOW, DAY, &sum), 0);

    assert_int_equal(sum.hosts, 3);
    assert_int_equal(sum.states[FLEET_DRIFT], 2);
    assert_int_equal(sum.states[FLEET_OK], 1);
    assert_int_equal(sum.devices, 6);
    assert_int_equal(sum.device_states[STATE_DRIFT], 4);
    assert_int_equal(sum.causes.count, 2);
    assert_int_equal(sum.causes.items[0].hosts, 2);
    assert_int_equal(sum.causes.items[0].count, 3);
    assert_string_equal(sum.causes.items[0].finding->cause_file,
                        "/usr/lib/sysctl.d/50-default.conf");
    assert_string_equal(sum.causes.items[1].finding->cause, "no line of sysctl.d");
    assert_int_equal(sum.rules.count, 2);
    assert_int_equal(sum.rules.items[0].finding->rule_line, 2);
    assert_string_equal(sum.rules.items[0].finding->wanted, "off");
    assert_int_equal(sum.patterns.count, 2);
    assert_string_equal(sum.patterns.items[0].devices, "lxc*");
    assert_string_equal(sum.patterns.items[1].devices, "eno*");
    assert_string_equal(sum.patterns.items[1].example, "eno1");
    assert_string_equal(host_at(fleet, 0)->name, "a");
    assert_string_equal(host_at(fleet, 2)->name, "c");
}

/* The sentence is for people: what programs need has members of its own. */
static void a_cause_without_a_line_is_what_members_say_not_what_the_message_says(void **state)
{
    static const struct {
        const char *state, *reasons, *cause;
    } cases[] = {
        {"drift", ORIGIN("\"run-time\""), "no line of sysctl.d"},
        {"drift", ORIGIN("\"writer\""), "another program keeps writing it"},
        {"drift", ORIGIN("\"default\""), "as new devices start"},
        {"drift", ORIGIN("\"unknown\""), "not known: sysctl.d was not read"},
        {"drift", ORIGIN("\"later\""), "not told"},
        {"drift", "\"origin\": null", "not told"},
        {"drift", "\"later\": 1", "not told"},
        {"impossible", OBSTACLE("read-only", RULE(3, "all")),
         "cannot be off: `all` is 2 and cannot be written (/proc/sys/net is read-only)"},
        {"impossible", OBSTACLE("paused", "null"), "cannot be off: `all` is 2 and is paused"},
        {"impossible", OBSTACLE("policy", RULE(3, "all")),
         "cannot be off: `all` is 2 and the policy says so, /etc/rpfpolicy.d/10-a.conf:3"},
        {"impossible", OBSTACLE("unpinned", "null"),
         "cannot be off: `all` is 2 and moves only when the policy pins it"},
        {"impossible", OBSTACLE("later", "null"), "cannot be off: `all` is 2 and stays so"},
    };
    static const char *const messages[] = {"", "words", "1 is stored, as new devices start",
                                           "1 is stored, which no line of sysctl.d gives"};

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_fleet_ struct fleet *fleet = fleet_new();
        _cleanup_fleet_sum_ struct fleet_sum sum = {0};

        for (size_t k = 0; k < ELEMENTSOF(messages); k++) {
            _cleanup_free_ char *device = NULL;
            const char host[] = {(char)('a' + k), '\0'};

            assert_true(
                asprintf(&device,
                         DEVICE("lxc1", SAID_KEY("%s", RULE(2, "lxc*"), "null", "%s", "%s")),
                         cases[i].state, cases[i].reasons, messages[k]) > 0);
            read_report(fleet, host, TODAY, device, 1);
        }
        assert_int_equal(fleet_judge(fleet, NOW, DAY, &sum), 0);
        assert_int_equal(sum.causes.count, 1);
        assert_int_equal(sum.causes.items[0].hosts, ELEMENTSOF(messages));
        assert_string_equal(sum.causes.items[0].finding->cause, cases[i].cause);
    }
}

static void names_become_the_pattern_of_the_rule_or_lose_their_number(void **state)
{
    static const struct {
        const char *device, *wanted;
    } cases[] = {
        {DEVICE("lxcabcd", RUN_TIME), "lxc*"},
        {DEVICE("veth0a1b2c", RUN_TIME), "veth*"},
        {DEVICE("eth0.100", RUN_TIME), "eth*"},
        {DEVICE("br-0a1b", RUN_TIME), "br-*"},
        {DEVICE("lo", RUN_TIME), "lo"},
        {DEVICE("cilium_host", RUN_TIME), "cilium_host"},
        {DEVICE("anything", KEY("drift", RULE(1, "@uplink"), "null", ORIGIN("null"))), "@uplink"},
        {DEVICE("eth2", KEY("drift", RULE(1, "eth1..3"), "null", ORIGIN("null"))), "eth1..3"},
        {DEVICE("eth7", KEY("drift", RULE(1, "eth7"), "null", ORIGIN("null"))), "eth*"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_fleet_ struct fleet *fleet = fleet_new();
        _cleanup_fleet_sum_ struct fleet_sum sum = {0};

        read_report(fleet, "a", TODAY, cases[i].device, 1);
        assert_int_equal(fleet_judge(fleet, NOW, DAY, &sum), 0);
        assert_int_equal(sum.patterns.count, 1);
        assert_string_equal(sum.patterns.items[0].devices, cases[i].wanted);
    }
}

static void of_two_reports_of_a_host_the_later_one_counts(void **state)
{
    for (int later_first = 0; later_first < 2; later_first++) {
        _cleanup_fleet_ struct fleet *fleet = fleet_new();
        _cleanup_fleet_sum_ struct fleet_sum sum = {0};

        if (later_first)
            read_report(fleet, "a", "2026-11-22T18:30:00Z", DEVICE("eth0", OK), 1);
        read_report(fleet, "a", "2026-11-22T18:00:00Z", DEVICE("lxc1", DRIFT), 1);
        if (!later_first)
            read_report(fleet, "a", "2026-11-22T18:30:00Z", DEVICE("eth0", OK), 1);
        assert_int_equal(fleet_judge(fleet, NOW, DAY, &sum), 0);
        assert_int_equal(sum.hosts, 1);
        assert_int_equal(sum.states[FLEET_OK], 1);
        assert_int_equal(sum.causes.count, 0);
        assert_int_equal(host_at(fleet, 0)->reports, 2);
        assert_int_equal(fleet_superseded(fleet), 1);
    }
}

static void two_machines_of_one_name_are_two_hosts(void **state)
{
    _cleanup_fleet_ struct fleet *fleet = fleet_new();
    _cleanup_free_ char *one = report_of_machine("null", "a", TODAY, "", 0, "");
    _cleanup_free_ char *other = report_of_machine("\"ab\"", "a", TODAY, "", 0, "");

    read_text(fleet, "1", one);
    read_text(fleet, "2", other);
    assert_string_equal(host_at(fleet, 1)->machine_id, "ab");
    assert_int_equal(fleet_superseded(fleet), 0);
}

static void reports_too_old_or_of_the_future_are_listed_and_not_counted(void **state)
{
    _cleanup_fleet_ struct fleet *fleet = fleet_new();
    _cleanup_fleet_sum_ struct fleet_sum sum = {0};

    read_report(fleet, "old", "2026-11-20T18:59:59Z", DEVICE("lxc1", DRIFT), 1);
    read_report(fleet, "just", "2026-11-21T19:00:00Z", "", 0);
    read_report(fleet, "soon", "2026-11-22T19:10:00Z", "", 0);
    read_report(fleet, "future", "2026-11-22T22:00:01Z", "", 0);
    assert_int_equal(fleet_judge(fleet, NOW, DAY, &sum), 0);
    assert_int_equal(sum.states[FLEET_STALE], 2);
    assert_int_equal(sum.states[FLEET_OK], 2);
    assert_int_equal(sum.causes.count, 0);
    assert_string_equal(host_at(fleet, 0)->name, "future");
    assert_string_equal(host_at(fleet, 0)->why,
                        "its time is 3 hours ahead of ours: one of the clocks is wrong");
    assert_string_equal(host_at(fleet, 1)->why, "2 days old, drift then");
}

static void exceptions_are_counted_by_host_and_judged_by_today(void **state)
{
    static const char one[] =
        "{\"name\": \"lab\", \"reason\": \"moves\", \"ref\": null, \"until\": "
        "\"2026-11-21\", \"expired\": false, \"devices\": [\"eth*\", \"en1\"]}";
    static const char two[] =
        "{\"name\": \"lab\", \"reason\": \"moves\", \"ref\": null, \"until\": "
        "\"2026-11-22\", \"expired\": false, \"devices\": []}";
    _cleanup_fleet_ struct fleet *fleet = fleet_new();
    _cleanup_fleet_sum_ struct fleet_sum sum = {0};

    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *both = NULL, *text = NULL;

        assert_true(asprintf(&both, "%s, %s, %s", one, two, one) > 0);
        text = report_of(i ? "a" : "b", TODAY, "", 0, i ? both : one);
        read_text(fleet, "x", text);
    }
    assert_int_equal(fleet_judge(fleet, NOW, DAY, &sum), 0);
    assert_int_equal(sum.n_exceptions, 2);
    assert_int_equal(sum.expired, 1);
    assert_int_equal(sum.exceptions[0]->hosts, 2);
    assert_true(sum.exceptions[0]->expired);
    assert_string_equal(sum.exceptions[0]->devices, "eth* en1");
    assert_int_equal(sum.exceptions[1]->until, 20261122);
}

/* What is said of `text`, alone in its file. */
static const char *why(struct fleet *fleet, const char *text)
{
    read_text(fleet, "file", text);
    assert_int_equal(host_at(fleet, 0)->state, FLEET_UNREADABLE);
    return host_at(fleet, 0)->why;
}

static void what_cannot_be_read_says_why(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "it is empty: `check` found no policy, or failed"},
        {" \n", "it is empty: `check` found no policy, or failed"},
        {"no route to host", "something in it is not JSON"},
        {"{", "it is cut off"},
        {"{}", "'schema' is missing"},
        {"{\"schema\": 2}", "it is of schema 2, this version reads 1"},
        {"{\"schema\": \"1\"}", "'schema' is not a whole number"},
        {"{\"schema\": 1, \"host\": 7}", "'host' is not a string"},
        {"{\"schema\": 1, \"host\": \"\"}", "'host' is empty"},
        {"{\"schema\": 99999999999}", "'schema' is out of range"},
        {"{\"schema\": 1, \"devices\": [1]}", "a device is not an object"},
        {"{\"schema\": 1, \"devices\": [{}]}", "'ifindex' is missing"},
        {"{\"schema\": 1, \"devices\": [{\"a\" 1}]}",
         "a device is not JSON: ':' expected near '1'"},
        {"{\"schema\": 1, \"devices\": [], \"devices\": []}",
         "it is not JSON: 'devices' is there twice, or is no list"},
        {"{\"schema\": 1, \"devices\": [{},]}",
         "it is not JSON: 'devices' is there twice, or is no list"},
        {"{\"schema\": 1, \"schema\": 1}",
         "it is not JSON: duplicate object key near '\"schema\"'"},
        {"{\"schema\": 1, \"devices\": [" DEVICE("a",
                                                 KEY("good", "null", "null", ORIGIN("null"))) "]}",
         "'state' is none that this version knows"},
        {"{\"schema\": 1, \"devices\": [" DEVICE("a", KEY("ok", "null", "null", ORIGIN("7"))) "]}",
         "'origin' is not a string"},
        {"{\"schema\": 1, \"devices\": [" DEVICE("a",
                                                 KEY("ok", "null", "null", "\"obstacle\": 7")) "]}",
         "'obstacle' is not an object"},
        {"{\"schema\": 1, \"devices\": [" DEVICE(
             "a", KEY("ok", "null", "null", "\"obstacle\": {}")) "]}",
         "'reason' is missing"},
        {"{\"schema\": 1, \"devices\": [" DEVICE("a", KEY("ok", "7", "null", ORIGIN("null"))) "]}",
         "'rule' is not an object"},
        {"{\"schema\": 1, \"devices\": [" DEVICE(
             "a", KEY("ok", "null", "{\"file\": \"x\", \"line\": -1}", ORIGIN("null"))) "]}",
         "'line' is out of range"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_fleet_ struct fleet *fleet = fleet_new();

        assert_string_equal(why(fleet, cases[i].text), cases[i].why);
    }
}

static void a_report_that_does_not_add_up_or_has_no_day_is_refused(void **state)
{
    static const struct {
        const char *time;
        unsigned count;
        const char *why;
    } cases[] = {
        {TODAY, 2, "it says that it has 2 devices, and has 1"},
        {"2026-11-22", 1, "'time' is not of the form 2000-01-01T00:00:00Z"},
        {"2026-13-22T00:00:00Z", 1, "'time' is not of the form 2000-01-01T00:00:00Z"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_fleet_ struct fleet *fleet = fleet_new();
        _cleanup_free_ char *text =
            report_of("a", cases[i].time, DEVICE("eth0", OK), cases[i].count, "");

        assert_string_equal(why(fleet, text), cases[i].why);
        assert_string_equal(host_at(fleet, 0)->name, "a");
    }
}

static void a_report_cut_off_does_not_take_the_next_one_with_it(void **state)
{
    _cleanup_free_ char *whole = report_of("b", TODAY, DEVICE("eth0", OK), 1, "");
    _cleanup_free_ char *first = report_of("a", TODAY, DEVICE("eth0", OK), 1, "");

    for (size_t n = 1; n + 2 < strlen(first); n++) {
        _cleanup_fleet_ struct fleet *fleet = fleet_new();
        _cleanup_free_ char *text = NULL;
        size_t count;

        assert_true(asprintf(&text, "%.*s\n%s%s", (int)n, first, whole, whole) > 0);
        read_text(fleet, "stream", text);
        fleet_hosts(fleet, &count);
        assert_int_equal(count, 2);
        assert_int_equal(host_at(fleet, 0)->state, FLEET_UNREADABLE);
        assert_string_equal(host_at(fleet, 0)->why, "it is cut off");
        assert_string_equal(host_at(fleet, 1)->name, "b");
        assert_int_equal(fleet_superseded(fleet), 1);
    }
}

static void a_stream_of_rubbish_is_listed_in_few_lines(void **state)
{
    _cleanup_fleet_ struct fleet *fleet = fleet_new();
    size_t count;

    assert_int_equal(fleet_source_begin(fleet, "x"), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fleet_feed(fleet, "{}", 2), 0);
    assert_int_equal(fleet_source_end(fleet, "Input/output error"), 0);
    fleet_hosts(fleet, &count);
    assert_int_equal(count, 9);
    assert_string_equal(host_at(fleet, 8)->why, "993 more reports in it cannot be read");
}

static void a_policy_that_is_not_valid_is_a_state_of_the_host(void **state)
{
    _cleanup_fleet_ struct fleet *fleet = fleet_new();

    read_text(fleet, "x",
              "{\"schema\": 1, \"version\": \"0.1.0\", \"host\": \"a\", \"machine_id\": null, "
              "\"time\": \"" TODAY
              "\", \"policy\": {\"hash\": null, \"files\": [], \"mode\": null, "
              "\"valid\": false, \"accepted\": false}, \"agent\": null, \"errors\": [{\"file\": "
              "\"/etc/rpfpolicy.d/a.conf\", \"line\": 2, \"message\": \"unknown value\"}]}");
    assert_int_equal(host_at(fleet, 0)->state, FLEET_BROKEN);
    assert_string_equal(host_at(fleet, 0)->why, "/etc/rpfpolicy.d/a.conf:2: unknown value");
}

/* The same bytes of keys are recognised; that must not depend on what else stands in a device. */
static void a_device_is_judged_by_what_it_says_not_by_how_it_is_laid_out(void **state)
{
    static const char *const layouts[] = {
        "{\"ifindex\": 1, \"name\": \"lxc1\", \"keys\": [" DRIFT "]}",
        "{\"ifindex\": 2, \"name\": \"lxc2\", \"keys\": [" DRIFT "]}",
        "{\"ifindex\":3,\"name\":\"lxc3\",\"keys\":[" DRIFT "]}",
        "{\"keys\": [" DRIFT "], \"name\": \"lxc\\u0034\", \"ifindex\": 4}",
        "{\"ifindex\": 5, \"name\": \"lxc5\", \"keys\": [" DRIFT "], \"later\": [" OK "]}",
        "{\"ifindex\": 6, \"name\": \"lxc6\", \"keys\": [" DRIFT "] }",
    };
    _cleanup_fleet_ struct fleet *fleet = fleet_new();
    _cleanup_fleet_sum_ struct fleet_sum sum = {0};
    _cleanup_free_ char *devices = NULL;
    size_t size;
    FILE *stream = open_memstream(&devices, &size);

    for (size_t i = 0; i < 2 * ELEMENTSOF(layouts); i++)
        fprintf(stream, "%s%s", i ? "," : "", layouts[i % ELEMENTSOF(layouts)]);
    fclose(stream);
    read_report(fleet, "a", TODAY, devices, 2 * ELEMENTSOF(layouts));
    assert_int_equal(fleet_judge(fleet, NOW, DAY, &sum), 0);
    assert_int_equal(sum.device_states[STATE_DRIFT], 2 * ELEMENTSOF(layouts));
    assert_int_equal(sum.causes.count, 1);
    assert_int_equal(sum.causes.items[0].count, 2 * ELEMENTSOF(layouts));
}

static void hidden_characters_become_visible(void **state)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"Umz\xc3\xbcge \xe2\x86\x92 eth0", "Umz\xc3\xbcge \xe2\x86\x92 eth0"},
        {"a\nb\x1b[2J\x7f", "a\\x0Ab\\x1B[2J\\x7F"},
        {"\xe2\x80\xae"
         "fdp",
         "\\u{202E}fdp"},
        {"\xf3\xa0\x81\x81", "\\u{E0041}"},
        {"\xff\xfe", "\\xFF\\xFE"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_free_ char *clean = fleet_clean(cases[i].text);

        assert_string_equal(clean, cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_are_added_up_worst_first),
        cmocka_unit_test(a_cause_without_a_line_is_what_members_say_not_what_the_message_says),
        cmocka_unit_test(names_become_the_pattern_of_the_rule_or_lose_their_number),
        cmocka_unit_test(of_two_reports_of_a_host_the_later_one_counts),
        cmocka_unit_test(two_machines_of_one_name_are_two_hosts),
        cmocka_unit_test(reports_too_old_or_of_the_future_are_listed_and_not_counted),
        cmocka_unit_test(exceptions_are_counted_by_host_and_judged_by_today),
        cmocka_unit_test(what_cannot_be_read_says_why),
        cmocka_unit_test(a_report_that_does_not_add_up_or_has_no_day_is_refused),
        cmocka_unit_test(a_report_cut_off_does_not_take_the_next_one_with_it),
        cmocka_unit_test(a_stream_of_rubbish_is_listed_in_few_lines),
        cmocka_unit_test(a_policy_that_is_not_valid_is_a_state_of_the_host),
        cmocka_unit_test(a_device_is_judged_by_what_it_says_not_by_how_it_is_laid_out),
        cmocka_unit_test(hidden_characters_become_visible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
