/* When everything is read again, and in which order it is put right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "agent/store/pause.h"
#include "keeper_scene.h"

#define RP KEY_RP_FILTER
#define MSEC USEC_PER_MSEC
#define SECOND USEC_PER_SEC
#define POLICY "[agent]\nmode = enforce\nsweep = 30s\n[rp_filter]\nlxc* = off\n* = strict\n"

static int set_up(void **state)
{
    struct scene *scene = scene_new();

    (void)scene_add(scene, 2, "eth1");
    (void)scene_add(scene, 3, "lxc1");
    scene_make_reader(scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    scene_free(*state);
    return 0;
}

static void begin(struct scene *scene)
{
    scene_accept(scene, POLICY);
    assert_int_equal(reader_start(scene->reader), 0);
    fake_clock_pass(&scene->fake, SECOND);
    scene->reads = scene->dumps = 0;
}

static void at_the_start_a_dump_that_was_interrupted_is_made_again(void **state)
{
    struct scene *scene = *state;

    scene_accept(scene, POLICY);
    scene->read_error = -EAGAIN;
    assert_int_equal(reader_start(scene->reader), 0);
    assert_int_equal(scene->reads, 3); /* the last time since `default` was moved */
    assert_int_equal(scene_value(scene, "default", RP), 1);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    assert_int_equal(scene_value(scene, "lxc1", RP), 0);
}

static void at_the_start_another_failure_is_the_end(void **state)
{
    struct scene *scene = *state;

    scene_accept(scene, POLICY);
    scene->read_error = -EACCES;
    assert_int_equal(reader_start(scene->reader), -EACCES);
}

static void many_reasons_lead_to_one_reading_and_those_take_a_share_of_the_time(void **state)
{
    struct scene *scene = *state;

    begin(scene);
    for (unsigned i = 0; i < 10; i++)
        reader_schedule(scene->reader, i < 9 ? "something" : NULL);
    fake_clock_pass(&scene->fake, 0);
    assert_int_equal(scene->reads, 1);
    assert_int_equal(reader_count(scene->reader), 1);
    scene->cost = 20 * MSEC;
    reader_now(scene->reader, NULL);
    assert_int_equal(reader_count(scene->reader), 1); /* routine */
    reader_schedule(scene->reader, "something");
    fake_clock_pass(&scene->fake, 399 * MSEC);
    assert_int_equal(scene->reads, 2);
    fake_clock_pass(&scene->fake, 51 * MSEC);
    assert_int_equal(scene->reads, 3);
}

static void a_failure_is_tried_again_after_a_second(void **state)
{
    struct scene *scene = *state;

    begin(scene);
    scene->read_error = -ENOMEM;
    reader_now(scene->reader, NULL);
    scene_write(scene, "eth1", RP, 0);
    fake_clock_pass(&scene->fake, SECOND - 1);
    assert_int_equal(scene_value(scene, "eth1", RP), 0);
    fake_clock_pass(&scene->fake, 50 * MSEC);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
}

static void who_moves_all_is_answered_at_once_but_not_who_keeps_doing_so(void **state)
{
    struct scene *scene = *state;
    unsigned reads;

    begin(scene);
    scene_somebody_writes(scene, "all", 2);
    fake_clock_pass(&scene->fake, 0);
    assert_int_equal(scene_value(scene, "all", RP), 0);
    assert_int_equal(scene->reads, 2);
    for (unsigned i = 0; i < 200; i++) {
        scene_somebody_writes(scene, "all", 2 - (int)(i & 1));
        fake_clock_pass(&scene->fake, 10 * MSEC);
    }
    assert_int_equal(scene_conflicts(scene), 1);
    reads = scene->reads;
    for (unsigned i = 0; i < 100; i++) {
        scene_somebody_writes(scene, "all", 2 - (int)(i & 1));
        fake_clock_pass(&scene->fake, 10 * MSEC);
    }
    assert_true(scene->reads <= reads + 12);
    fake_clock_pass(&scene->fake, 120 * SECOND);
    assert_int_equal(scene_value(scene, "all", RP), 0);
}

static void a_sweep_comes_by_the_policys_interval_and_reads_all_where_it_must(void **state)
{
    struct scene *scene = *state;

    begin(scene);
    reader_plan_sweep(scene->reader);
    scene_write(scene, "eth1", RP, 2);
    fake_clock_pass(&scene->fake, 30 * SECOND);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    assert_int_equal(scene->dumps, 1);
    assert_int_equal(scene->reads, 0);
    scene_write(scene, "default", RP, 0);
    (void)scene_add(scene, 4, "eth2");
    fake_clock_pass(&scene->fake, 30 * SECOND);
    assert_int_equal(scene->dumps, 2);
    assert_int_equal(scene_value(scene, "eth2", RP), 1);
    assert_int_equal(scene_value(scene, "default", RP), 1);
}

/* Their directories may not be watched, or no longer. */
static void a_sweep_also_finds_another_policy_and_other_pauses(void **state)
{
    struct scene *scene = *state;
    _cleanup_pauses_ struct pauses none = {0};

    begin(scene);
    reader_plan_sweep(scene->reader);
    scene_replace_policy(scene, "[agent]\nmode = enforce\n[rp_filter]\n* = loose\n");
    fake_clock_pass(&scene->fake, 30 * SECOND);
    assert_int_equal(scene->policy_changed, 1);
    assert_int_equal(scene_value(scene, "eth1", RP), 2);
    scene_pause(scene, "eth1");
    scene_somebody_writes(scene, "eth1", 1);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    assert_int_equal(pauses_write(&scene->paths, &none), 0);
    fake_clock_pass(&scene->fake, 60 * SECOND);
    assert_int_equal(scene_value(scene, "eth1", RP), 2);
}

static void after_a_foreign_write_keys_that_are_not_announced_are_looked_at(void **state)
{
    struct scene *scene = *state;

    begin(scene);
    scene_somebody_writes(scene, "eth1", 0);
    fake_clock_pass(&scene->fake, 5 * SECOND);
    assert_int_equal(scene->reads, 0); /* the kernel tells of all that is managed */
    scene_accept(scene, POLICY "[log_martians]\neth* = yes\n");
    reader_take_over(scene->reader);
    fake_clock_pass(&scene->fake, 5 * SECOND);
    scene_somebody_writes(scene, "eth1", 0);
    scene_write(scene, "eth1", KEY_LOG_MARTIANS, 0);
    assert_int_equal(scene_value(scene, "eth1", KEY_LOG_MARTIANS), 0);
    fake_clock_pass(&scene->fake, SECOND);
    assert_int_equal(scene_value(scene, "eth1", KEY_LOG_MARTIANS), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(at_the_start_a_dump_that_was_interrupted_is_made_again),
        TEST(at_the_start_another_failure_is_the_end),
        TEST(many_reasons_lead_to_one_reading_and_those_take_a_share_of_the_time),
        TEST(a_failure_is_tried_again_after_a_second),
        TEST(who_moves_all_is_answered_at_once_but_not_who_keeps_doing_so),
        TEST(a_sweep_comes_by_the_policys_interval_and_reads_all_where_it_must),
        TEST(a_sweep_also_finds_another_policy_and_other_pauses),
        TEST(after_a_foreign_write_keys_that_are_not_announced_are_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
