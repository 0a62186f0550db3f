/* The last look before a write: the lock, and whether policy and pauses are still what they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/store/lock.h"
#include "agent/store/pause.h"
#include "files.h"
#include "keeper_scene.h"

#define STRICT "[agent]\nmode = enforce\n[rp_filter]\n* = strict\n"
#define LOOSE "[agent]\nmode = enforce\n[rp_filter]\n* = loose\n"

static int set_up(void **state)
{
    struct scene *scene = scene_new();

    (void)scene_add(scene, 2, "eth1");
    scene_accept(scene, STRICT);
    scene->read_again = 0;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    scene_free(*state);
    return 0;
}

static bool is_free(const struct scene *scene)
{
    int fd = lock_acquire(&scene->paths, 0);

    if (fd >= 0)
        lock_release(fd);
    return fd >= 0;
}

static void one_writes_at_a_time(void **state)
{
    struct scene *scene = *state;
    int fd;

    assert_int_equal(writing_begin(&scene->writing), 0);
    assert_false(is_free(scene));
    writing_end(&scene->writing);
    fd = lock_acquire(&scene->paths, 0);
    assert_int_equal(writing_begin(&scene->writing), -EBUSY);
    lock_release(fd);
    assert_int_equal(scene->read_again, 0);
}

static void nothing_is_written_by_a_policy_that_was_replaced(void **state)
{
    struct scene *scene = *state;

    scene_replace_policy(scene, LOOSE);
    assert_int_equal(writing_begin(&scene->writing), -ESTALE);
    assert_true(is_free(scene));
    assert_int_equal(scene->read_again, 1);
    assert_string_equal(scene->reason, "another policy is accepted");
    assert_int_equal(in_force_take(scene->in_force), 1);
    assert_int_equal(writing_begin(&scene->writing), 0);
    writing_end(&scene->writing);
}

static void pauses_that_were_changed_are_taken(void **state)
{
    struct scene *scene = *state;
    struct device device = {.ifindex = 2, .name = "eth0"};

    files_put_text("", scene->paths.paused, "damaged: everything is paused");
    assert_false(paused_covers(scene->paused, &device));
    assert_int_equal(writing_begin(&scene->writing), -ECANCELED);
    assert_true(is_free(scene));
    assert_true(paused_covers(scene->paused, &device));
    assert_int_equal(scene->read_again, 1);
    assert_string_equal(scene->reason, "pauses were changed");
    assert_int_equal(writing_begin(&scene->writing), 0); /* the caller decides by them now */
    writing_end(&scene->writing);
}

/* By a write of one device, and by a whole plan, which take the lock in different ways. */
static void the_keeper_asks_before_each_kind_of_write(void **state)
{
    struct scene *scene = *state;

    scene_read(scene);
    assert_int_equal(scene_value(scene, "eth1", KEY_RP_FILTER), 1);
    scene_replace_policy(scene, LOOSE);
    scene_somebody_writes(scene, "eth1", 0);
    assert_int_equal(scene_value(scene, "eth1", KEY_RP_FILTER), 0);
    scene_write(scene, "default", KEY_RP_FILTER, 0);
    scene_read(scene);
    assert_int_equal(scene_value(scene, "default", KEY_RP_FILTER), 0);
    assert_int_equal(in_force_take(scene->in_force), 1);
    scene_read(scene);
    assert_int_equal(scene_value(scene, "eth1", KEY_RP_FILTER), 2);
    assert_int_equal(scene_value(scene, "default", KEY_RP_FILTER), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_writes_at_a_time),
        TEST(nothing_is_written_by_a_policy_that_was_replaced),
        TEST(pauses_that_were_changed_are_taken),
        TEST(the_keeper_asks_before_each_kind_of_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
