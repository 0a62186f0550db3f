/* Pauses in force: from their file, until their time is up, by a clock that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "agent/daemon/paused.h"
#include "agent/store/pause.h"
#include "fake_clock.h"
#include "files.h"

#define HOUR (3600 * USEC_PER_SEC)

struct fixture {
    char *root, path[128];
    struct fake_clock fake;
    struct paths paths;
    struct logger logger;
    struct paused *paused;
    unsigned changed, time_is_up;
};

static void on_changed(void *data)
{
    ((struct fixture *)data)->changed++;
}

static void on_time_is_up(void *data)
{
    struct fixture *fixture = data;

    assert_true(fixture->changed > 0); /* it comes after the other one */
    fixture->time_is_up++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct paused_options options;

    assert_non_null(fixture);
    fixture->root = files_root_new();
    snprintf(fixture->path, sizeof(fixture->path), "%s/paused", fixture->root);
    fixture->paths =
        (struct paths){.run = fixture->root, .orders = fixture->root, .paused = fixture->path};
    fixture->logger.max_level = -1;
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    fixture->fake.suspended = pauses_now() + HOUR - fixture->fake.now; /* not the system's clock */
    options = (struct paused_options){.paths = &fixture->paths,
                                      .loop = fixture->fake.loop,
                                      .logger = &fixture->logger,
                                      .changed = on_changed,
                                      .time_is_up = on_time_is_up,
                                      .data = fixture};
    assert_int_equal(paused_new(&options, &fixture->paused), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    paused_free(fixture->paused);
    loop_free(fixture->fake.loop);
    files_root_remove(fixture->root);
    free(fixture);
    return 0;
}

static void write_pause(struct fixture *fixture, const char *name, uint64_t until)
{
    _cleanup_pauses_ struct pauses pauses = {0};
    struct pause pause = {.until = until, .since = 1, .date = 2};

    assert_int_equal(pause_set_name(&pause, name), 0);
    pause.who = strdup("alice");
    pause.reason = strdup("tests");
    assert_int_equal(pauses_add(&pauses, &pause), 0);
    assert_int_equal(pauses_write(&fixture->paths, &pauses), 0);
}

static bool covers(const struct fixture *fixture, const char *name)
{
    struct device device = {.ifindex = 2};

    snprintf(device.name, sizeof(device.name), "%s", name);
    return paused_covers(fixture->paused, &device);
}

static size_t count_told(const struct fixture *fixture)
{
    json_t *list = paused_json(fixture->paused);
    size_t n = json_array_size(list);

    json_decref(list);
    return n;
}

static void a_new_file_is_noticed_and_taken_once(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(paused_take(fixture->paused), 0);
    assert_false(paused_is_stale(fixture->paused));
    write_pause(fixture, "eth0", 0);
    assert_true(paused_is_stale(fixture->paused));
    assert_false(covers(fixture, "eth0"));
    assert_int_equal(paused_take(fixture->paused), 1);
    assert_false(paused_is_stale(fixture->paused));
    assert_true(covers(fixture, "eth0"));
    assert_false(covers(fixture, "eth1"));
    assert_int_equal(paused_take(fixture->paused), 0);
    assert_int_equal(fixture->changed, 1);
    write_pause(fixture, "eth0", 0); /* the same again, in another file */
    assert_true(paused_is_stale(fixture->paused));
    assert_int_equal(paused_take(fixture->paused), 0);
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(paused_take(fixture->paused), 1);
    assert_false(covers(fixture, "eth0"));
}

static void its_time_is_up_by_the_clock_that_runs_in_suspend(void **state)
{
    struct fixture *fixture = *state;

    write_pause(fixture, "eth0", loop_boottime(fixture->fake.loop) + 2 * HOUR);
    assert_int_equal(paused_take(fixture->paused), 1);
    fake_clock_pass(&fixture->fake, HOUR);
    assert_true(covers(fixture, "eth0"));
    fixture->fake.suspended += HOUR - 1;
    fake_clock_pass(&fixture->fake, 0);
    assert_int_equal(fixture->time_is_up, 0);
    fake_clock_pass(&fixture->fake, 1);
    assert_int_equal(fixture->time_is_up, 1);
    assert_int_equal(fixture->changed, 2);
    assert_false(covers(fixture, "eth0"));
    assert_int_equal(count_told(fixture), 0);
    fake_clock_pass(&fixture->fake, HOUR);
    assert_int_equal(fixture->time_is_up, 1);
}

static void a_pause_that_is_lifted_has_no_end_to_wait_for(void **state)
{
    struct fixture *fixture = *state;

    write_pause(fixture, "eth0", loop_boottime(fixture->fake.loop) + HOUR);
    assert_int_equal(paused_take(fixture->paused), 1);
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(paused_take(fixture->paused), 1);
    fake_clock_pass(&fixture->fake, 2 * HOUR);
    assert_int_equal(fixture->time_is_up, 0);
}

static void what_is_paused_is_told(void **state)
{
    struct fixture *fixture = *state;
    const char *devices, *who, *reason;
    json_t *list, *until;
    json_int_t since;

    write_pause(fixture, "eth0", 0);
    assert_int_equal(paused_take(fixture->paused), 1);
    list = paused_json(fixture->paused);
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(json_unpack(list, "[{s:s, s:s, s:s, s:I, s:o}]", "devices", &devices, "by",
                                 &who, "reason", &reason, "since", &since, "until_boottime",
                                 &until),
                     0);
    assert_string_equal(devices, "eth0");
    assert_string_equal(who, "alice");
    assert_string_equal(reason, "tests");
    assert_int_equal(since, 2);
    assert_true(json_is_null(until));
    json_decref(list);
}

static void everything_is_paused_while_the_file_cannot_be_used(void **state)
{
    struct fixture *fixture = *state;
    struct device devices[] = {{.ifindex = 1, .name = "lo"}, {.ifindex = 2, .name = "eth1"}};
    struct live live = {.devices = devices, .count = 2};

    write_pause(fixture, "eth0", 0);
    assert_int_equal(paused_take(fixture->paused), 1);
    files_put_text(fixture->root, "/paused", "not ours");
    assert_int_equal(paused_take(fixture->paused), 1);
    assert_true(paused_is_unknown(fixture->paused));
    assert_true(covers(fixture, "eth1"));
    assert_int_equal(count_told(fixture), 1);
    paused_mark(fixture->paused, &live);
    assert_true(live.all_paused && live.default_paused && devices[0].paused && devices[1].paused);
    assert_int_equal(paused_take(fixture->paused), 0); /* said once */
    write_pause(fixture, "eth0", 0);
    assert_int_equal(paused_take(fixture->paused), 1); /* though they are the same as before it */
    assert_false(paused_is_unknown(fixture->paused));
    paused_mark(fixture->paused, &live);
    assert_false(live.all_paused || live.default_paused || devices[0].paused || devices[1].paused);
    assert_true(covers(fixture, "eth0"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_is_noticed_and_taken_once),
        TEST(its_time_is_up_by_the_clock_that_runs_in_suspend),
        TEST(a_pause_that_is_lifted_has_no_end_to_wait_for),
        TEST(what_is_paused_is_told),
        TEST(everything_is_paused_while_the_file_cannot_be_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
