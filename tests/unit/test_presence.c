/* The agent's files: what others see in them, and what it does when somebody removes one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "agent/daemon/presence.h"
#include "agent/store/agent_state.h"
#include "agent/store/lock.h"
#include "files.h"

struct fixture {
    char *root;
    struct paths paths;
    struct logger logger;
    struct presence *presence;
    unsigned lost;
};

static void on_lost(void *data)
{
    ((struct fixture *)data)->lost++;
}

static int make(struct fixture *fixture, struct presence **ret)
{
    struct presence_options options = {
        .paths = &fixture->paths, .logger = &fixture->logger, .lost = on_lost, .data = fixture};
    const char *where = NULL;
    int r = presence_new(&options, ret, &where);

    if (r < 0)
        assert_non_null(where);
    return r;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->root = files_root_new();
    assert_int_equal(paths_init(&(struct path_options){.root = fixture->root}, &fixture->paths), 0);
    fixture->logger.max_level = -1;
    assert_int_equal(make(fixture, &fixture->presence), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    presence_free(fixture->presence);
    paths_done(&fixture->paths);
    files_root_remove(fixture->root);
    free(fixture);
    return 0;
}

static void the_lock_is_taken_and_given_back(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    assert_true(presence_lock(fixture->presence));
    assert_int_equal(lock_acquire(&fixture->paths, 0), -EBUSY);
    presence_unlock(fixture->presence);
    fd = lock_acquire(&fixture->paths, 0);
    assert_true(fd >= 0);
    assert_false(presence_lock(fixture->presence));
    lock_release(fd);
    assert_true(presence_lock(fixture->presence));
    presence_unlock(fixture->presence);
}

static void a_removed_file_is_noticed_under_the_lock_and_told_once(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(presence_check(fixture->presence), 0);
    assert_int_equal(unlink(fixture->paths.agent), 0);
    assert_false(presence_lock(fixture->presence));
    assert_false(presence_lock(fixture->presence));
    assert_int_equal(presence_check(fixture->presence), -ESTALE);
    assert_true(presence_is_lost(fixture->presence));
    assert_int_equal(fixture->lost, 1);
}

static void a_removed_lock_locks_nobody_out(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    assert_int_equal(unlink(fixture->paths.lock), 0);
    assert_false(presence_lock(fixture->presence));
    assert_int_equal(fixture->lost, 1);
    fd = lock_acquire(&fixture->paths, 0); /* of the new file */
    assert_true(fd >= 0);
    lock_release(fd);
}

static void being_stopped_on_purpose_is_told_by_a_file(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(presence_tell_stopped(fixture->presence, true), 0);
    assert_int_equal(access(fixture->paths.stand_back, F_OK), 0);
    assert_int_equal(presence_tell_stopped(fixture->presence, false), 0);
    assert_int_equal(access(fixture->paths.stand_back, F_OK), -1);
    assert_int_equal(presence_tell_stopped(fixture->presence, false), 0);
}

/* The marker for the udev rule is made and removed, and a directory that is not there is tried
 * again. */
static void the_marker_follows_what_is_told(void **state)
{
    struct fixture *fixture = *state;
    char directory[128], marker[160];

    if (fixture->paths.foreign)
        return; /* there is no marker in another namespace */
    snprintf(directory, sizeof(directory), "%s/unit", fixture->root);
    snprintf(marker, sizeof(marker), "%s/enforcing", directory);
    assert_int_equal(setenv("RUNTIME_DIRECTORY", directory, 1), 0);
    presence_tell(fixture->presence, true);
    files_put_text(fixture->root, "/unit/there", "");
    presence_tell_again(fixture->presence);
    assert_int_equal(access(marker, F_OK), 0);
    assert_int_equal(unlink(marker), 0);
    presence_tell_again(fixture->presence); /* it did not fail: nothing to say again */
    assert_int_equal(access(marker, F_OK), -1);
    presence_tell(fixture->presence, true);
    presence_tell(fixture->presence, false);
    assert_int_equal(access(marker, F_OK), -1);
    assert_int_equal(unsetenv("RUNTIME_DIRECTORY"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_lock_is_taken_and_given_back),
        TEST(a_removed_file_is_noticed_under_the_lock_and_told_once),
        TEST(a_removed_lock_locks_nobody_out),
        TEST(being_stopped_on_purpose_is_told_by_a_file),
        TEST(the_marker_follows_what_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
