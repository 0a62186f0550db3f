/* The keeper of values: what it writes when, what it waits for, and whom it blames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <stdio.h>

#include "agent/store/lock.h"
#include "keeper_scene.h"

#define RP KEY_RP_FILTER
#define SECOND USEC_PER_SEC
#define POLICY "[agent]\nmode = enforce\n[rp_filter]\nlxc* = off\neth* = strict\n"

static int set_up(void **state)
{
    struct scene *scene = scene_new();

    (void)scene_add(scene, 2, "eth1");
    (void)scene_add(scene, 3, "eth2");
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    scene_free(*state);
    return 0;
}

static void begin(struct scene *scene, const char *policy)
{
    scene_accept(scene, policy);
    scene_read(scene);
}

static uint64_t repairs(const struct scene *scene)
{
    return keeper_counters(scene->keeper).repairs[RP];
}

static void what_is_found_and_what_is_written_is_put_right(void **state)
{
    struct scene *scene = *state;

    begin(scene, POLICY);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    assert_int_equal(scene_value(scene, "eth2", RP), 1);
    assert_int_equal(keeper_in_state(scene->keeper, STATE_OK), 2);
    scene_somebody_writes(scene, "eth1", 2);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    assert_int_equal(repairs(scene), 3);
    assert_int_equal(scene->written, 3);
    scene_tell_value(scene, RTM_NEWNETCONF, 2, 1, false); /* our own write */
    assert_int_equal(repairs(scene), 3);
    assert_int_equal(scene->read_again, 0);
}

static void a_new_device_gets_its_value_before_it_is_announced(void **state)
{
    struct scene *scene = *state;
    struct scene_device *device;

    scene_write(scene, "default", RP, 1);
    begin(scene, POLICY "[log_martians]\nlxc* = yes\n");
    device = scene_add(scene, 4, "lxc1");
    scene_tell_value(scene, RTM_NEWNETCONF, 4, 1, true);
    assert_int_equal(scene_value(scene, "lxc1", RP), 0);
    assert_int_equal(scene_value(scene, "lxc1", KEY_LOG_MARTIANS), 0); /* not known yet */
    assert_int_equal(keeper_live(scene->keeper)->count, 3);
    scene_tell_link(scene, RTM_NEWLINK, device);
    assert_int_equal(scene_value(scene, "lxc1", KEY_LOG_MARTIANS), 1);
    assert_int_equal(keeper_counters(scene->keeper).given[RP], 1);
    assert_int_equal(keeper_live(scene->keeper)->count, 3);
    scene_tell_link(scene, RTM_DELLINK, device);
    assert_int_equal(keeper_live(scene->keeper)->count, 2);
}

/* The kernel fills a message and sends it: what is written in between is told first. */
static void what_was_told_of_an_unseen_device_counts(void **state)
{
    struct scene *scene = *state;
    struct scene_device *device;

    begin(scene, "[agent]\nmode = enforce\n[rp_filter]\ntap* = off, observe\n");
    scene_write(scene, "default", RP, 1);
    device = scene_add(scene, 4, "tap1");
    scene_tell_value(scene, RTM_NEWNETCONF, 4, 1, true);
    assert_int_equal(keeper_in_state(scene->keeper, STATE_DRIFT), 1);
    scene_tell_value(scene, RTM_NEWNETCONF, 4, 0, false);
    scene_tell_link(scene, RTM_NEWLINK, device); /* says 1 */
    assert_int_equal(keeper_in_state(scene->keeper, STATE_DRIFT), 0);
}

static void a_device_that_could_not_be_made_is_forgotten(void **state)
{
    struct scene *scene = *state;
    struct scene_device *device;

    begin(scene, POLICY);
    device = scene_add(scene, 4, "lxc1");
    scene_tell_value(scene, RTM_NEWNETCONF, 4, 0, true);
    assert_int_equal(keeper_live(scene->keeper)->count, 3);
    device->ifindex = 0;
    scene_tell_value(scene, RTM_DELNETCONF, 4, -1, false);
    assert_int_equal(keeper_live(scene->keeper)->count, 2);
    scene_tell_value(scene, RTM_DELNETCONF, 2, -1, false); /* of one that is known: the MTU */
    assert_int_equal(keeper_live(scene->keeper)->count, 2);
    scene_tell_value(scene, RTM_NEWNETCONF, 5, 0, true); /* it is gone already */
    assert_int_equal(keeper_live(scene->keeper)->count, 2);
}

static void a_renamed_device_waits_for_its_directory(void **state)
{
    struct scene *scene = *state;
    struct scene_device *device = &scene->devices[0];

    begin(scene, POLICY);
    scene_write(scene, "lxc1", RP, 1);
    scene_write(scene, "lxc1", KEY_LOG_MARTIANS, 0);
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (key != RP)
            scene_write(scene, "lxc1", key, 0);
    (void)snprintf(device->name, sizeof(device->name), "lxc1");
    device->nameless = true;
    scene_tell_link(scene, RTM_NEWLINK, device);
    assert_int_equal(scene_value(scene, "lxc1", RP), 1);
    fake_clock_pass(&scene->fake, USEC_PER_MSEC);
    fake_clock_pass(&scene->fake, 10 * USEC_PER_MSEC);
    assert_int_equal(scene_value(scene, "lxc1", RP), 1);
    device->nameless = false;
    fake_clock_pass(&scene->fake, SECOND);
    assert_int_equal(scene_value(scene, "lxc1", RP), 0);
}

static void who_writes_back_again_and_again_is_answered_later_and_named(void **state)
{
    struct scene *scene = *state;
    uint64_t before;

    begin(scene, POLICY);
    for (unsigned i = 0; i < 20; i++)
        scene_somebody_writes(scene, "eth1", 2);
    assert_int_equal(scene_conflicts(scene), 1);
    assert_int_equal(scene_value(scene, "eth1", RP), 2);
    before = repairs(scene);
    fake_clock_pass(&scene->fake, 60 * SECOND);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    assert_int_equal(repairs(scene), before + 1);
    scene_somebody_writes(scene, "eth2", 2); /* another device is none the later for it */
    assert_int_equal(scene_value(scene, "eth2", RP), 1);
    fake_clock_pass(&scene->fake, 3600 * SECOND);
    assert_int_equal(scene_conflicts(scene), 1); /* of the day */
    fake_clock_pass(&scene->fake, 86400 * SECOND);
    fake_clock_pass(&scene->fake, 86400 * SECOND);
    assert_int_equal(scene_conflicts(scene), 0);
}

static void what_another_policy_made_wrong_is_nobodys_doing_however_late(void **state)
{
    struct scene *scene = *state;
    int fd;

    begin(scene, POLICY);
    fd = lock_acquire(&scene->paths, 0);
    assert_true(fd >= 0);
    lock_release(fd);
    scene_accept(scene, "[agent]\nmode = enforce\n[rp_filter]\neth* = loose\n");
    fd = lock_acquire(&scene->paths, 0);
    scene_read(scene);
    fake_clock_pass(&scene->fake, 10 * USEC_PER_MSEC);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    lock_release(fd);
    fake_clock_pass(&scene->fake, 10 * USEC_PER_MSEC);
    assert_int_equal(scene_value(scene, "eth1", RP), 2);
    for (unsigned i = 0; i < 2; i++) {
        fake_clock_pass(&scene->fake, 60 * SECOND);
        scene_somebody_writes(scene, "eth1", 1);
        assert_int_equal(scene_value(scene, "eth1", RP), 2);
    }
    assert_int_equal(scene_conflicts(scene), 0);
    fake_clock_pass(&scene->fake, 60 * SECOND);
    scene_somebody_writes(scene, "eth1", 1);
    assert_int_equal(scene_conflicts(scene), 1);
}

/* For as long as a policy asks who is numbered. */
static void the_time_of_a_set_goes_with_the_policy(void **state)
{
    struct scene *scene = *state;

    scene->devices[0].numbered = true;
    begin(scene, "[agent]\nmode = enforce\n[rp_filter]\n@unnumbered = off\n* = strict\n");
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    assert_int_equal(scene_value(scene, "eth2", RP), 0);
    scene->devices[0].numbered = false;
    scene_read(scene);
    fake_clock_pass(&scene->fake, 5 * SECOND);
    assert_int_equal(scene_value(scene, "eth1", RP), 1); /* it still counts */
    begin(scene, "[agent]\nmode = enforce\n[rp_filter]\n* = strict\n");
    scene->read_again = 0;
    for (unsigned i = 0; i < 5; i++) {
        fake_clock_pass(&scene->fake, 10 * SECOND);
        scene_somebody_writes(scene, "eth2", 0);
    }
    fake_clock_pass(&scene->fake, 60 * SECOND);
    assert_int_equal(scene->read_again, 0);
    begin(scene, "[agent]\nmode = enforce\n[rp_filter]\n@unnumbered = off\n* = strict\n");
    assert_int_equal(scene_value(scene, "eth1", RP), 0);
}

/* Its routes go without a word, but those of others do not. */
static void an_uplink_that_goes_down_has_everything_read_again(void **state)
{
    struct scene *scene = *state;

    scene->devices[0].uplink = true;
    begin(scene, "[agent]\nmode = enforce\n[rp_filter]\n@uplink = loose\n* = strict\n");
    assert_int_equal(scene_value(scene, "eth1", RP), 2);
    scene->devices[1].down = true;
    scene_tell_link(scene, RTM_NEWLINK, &scene->devices[1]);
    assert_int_equal(scene->read_again, 0);
    scene->devices[0].down = true;
    scene_tell_link(scene, RTM_NEWLINK, &scene->devices[0]);
    assert_int_equal(scene->read_again, 1);
    scene->devices[0].uplink = false;
    scene_read(scene);
    assert_int_equal(scene_value(scene, "eth1", RP), 2); /* it still counts as one */
    fake_clock_pass(&scene->fake, 60 * SECOND);
    assert_int_equal(scene->read_again, 2);
    scene_read(scene);
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
}

static void a_decision_is_made_again_where_all_has_moved_unnoticed(void **state)
{
    struct scene *scene = *state;

    begin(scene, "[agent]\nmode = enforce\n[rp_filter]\nall = unmanaged\neth* = loose\n");
    assert_int_equal(scene_value(scene, "eth1", RP), 2);
    scene_write(scene, "all", RP, 2); /* its message is on the way */
    scene_somebody_writes(scene, "eth1", 1);
    assert_int_equal(scene_value(scene, "eth1", RP), 1); /* is as good, by now */
    assert_int_equal(scene->special_moved, 1);
    scene_tell_value(scene, RTM_NEWNETCONF, IFINDEX_ALL, 2, false);
    assert_int_equal(scene->special_moved, 1);
    scene_somebody_writes(scene, "all", 0);
    assert_int_equal(scene->special_moved, 2);
    assert_string_equal(scene->reason, "`all` was changed");
}

static void all_and_default_are_put_right_by_a_plan_and_later_where_the_lock_is_held(void **state)
{
    struct scene *scene = *state;
    int fd;

    begin(scene, POLICY "* = strict\n");
    assert_int_equal(scene_value(scene, "default", RP), 1);
    assert_int_equal(keeper_counters(scene->keeper).plans, 1);
    scene_somebody_writes(scene, "all", 2);
    fd = lock_acquire(&scene->paths, 0);
    scene_read(scene);
    assert_int_equal(scene_value(scene, "all", RP), 2);
    lock_release(fd);
    scene->read_again = 0;
    fake_clock_pass(&scene->fake, 100 * USEC_PER_MSEC);
    assert_int_equal(scene->read_again, 1);
    scene_read(scene);
    assert_int_equal(scene_value(scene, "all", RP), 0);
    assert_int_equal(keeper_counters(scene->keeper).plans, 2);
}

static void default_is_kept_right_beside_a_paused_all(void **state)
{
    struct scene *scene = *state;

    begin(scene, POLICY "* = strict\n");
    scene_pause(scene, "all");
    scene_somebody_writes(scene, "all", 1);
    scene_somebody_writes(scene, "default", 2);
    scene_read(scene);
    assert_int_equal(scene_value(scene, "all", RP), 1);
    assert_int_equal(scene_value(scene, "default", RP), 1);
    scene_pause(scene, NULL);
    scene_read(scene);
    assert_int_equal(scene_value(scene, "all", RP), 0);
}

static void a_sweep_finds_what_nobody_told_of(void **state)
{
    struct scene *scene = *state;

    begin(scene, POLICY);
    assert_false(keeper_sweep(scene->keeper));
    scene_write(scene, "eth1", RP, 0);
    assert_false(keeper_sweep(scene->keeper));
    assert_int_equal(scene_value(scene, "eth1", RP), 1);
    (void)scene_add(scene, 4, "eth3");
    assert_true(keeper_sweep(scene->keeper));
    assert_int_equal(scene->dumps, 3);
    begin(scene, POLICY "[log_martians]\neth* = yes\n");
    assert_true(keeper_sweep(scene->keeper)); /* one dump does not tell of that key */
    assert_int_equal(scene->dumps, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_found_and_what_is_written_is_put_right),
        TEST(a_new_device_gets_its_value_before_it_is_announced),
        TEST(what_was_told_of_an_unseen_device_counts),
        TEST(a_device_that_could_not_be_made_is_forgotten),
        TEST(a_renamed_device_waits_for_its_directory),
        TEST(who_writes_back_again_and_again_is_answered_later_and_named),
        TEST(what_another_policy_made_wrong_is_nobodys_doing_however_late),
        TEST(the_time_of_a_set_goes_with_the_policy),
        TEST(an_uplink_that_goes_down_has_everything_read_again),
        TEST(a_decision_is_made_again_where_all_has_moved_unnoticed),
        TEST(all_and_default_are_put_right_by_a_plan_and_later_where_the_lock_is_held),
        TEST(default_is_kept_right_beside_a_paused_all),
        TEST(a_sweep_finds_what_nobody_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
