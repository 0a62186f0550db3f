/* The policy on disk is accepted, refused, or tried again later, by a clock that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/accepting.h"
#include "agent/store/lock.h"
#include "fake_clock.h"
#include "files.h"

#define FILE_NAME "/etc/rpfpolicy.d/10-test.conf"
#define GOOD "[rp_filter]\n* = strict\n"

struct fixture {
    char *root;
    struct paths paths;
    struct logger logger;
    struct fake_clock fake;
    struct presence *presence;
    struct accepting *accepting;
    unsigned tried;
};

static void on_lost(void *data)
{
    fail();
}

static void on_tried(void *data)
{
    ((struct fixture *)data)->tried++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct presence_options presence;
    struct accepting_options options;
    const char *where;

    assert_non_null(fixture);
    umask(022);
    fixture->root = files_root_new();
    assert_int_equal(paths_init(&(struct path_options){.root = fixture->root}, &fixture->paths), 0);
    fixture->logger.max_level = -1;
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    presence = (struct presence_options){
        .paths = &fixture->paths, .logger = &fixture->logger, .lost = on_lost};
    assert_int_equal(presence_new(&presence, &fixture->presence, &where), 0);
    options = (struct accepting_options){.paths = &fixture->paths,
                                         .loop = fixture->fake.loop,
                                         .logger = &fixture->logger,
                                         .presence = fixture->presence,
                                         .tried = on_tried,
                                         .data = fixture};
    assert_int_equal(accepting_new(&options, &fixture->accepting), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    accepting_free(fixture->accepting);
    presence_free(fixture->presence);
    loop_free(fixture->fake.loop);
    paths_done(&fixture->paths);
    files_root_remove(fixture->root);
    free(fixture);
    return 0;
}

static void a_good_policy_is_accepted(void **state)
{
    struct fixture *fixture = *state;

    files_put_text(fixture->root, FILE_NAME, GOOD);
    accepting_try(fixture->accepting);
    assert_int_equal(fixture->tried, 1);
    assert_false(accepting_was_refused(fixture->accepting));
    assert_int_equal(access(fixture->paths.accepted, F_OK), 0);
}

static void a_bad_one_is_refused_until_it_is_good(void **state)
{
    struct fixture *fixture = *state;

    accepting_try(fixture->accepting); /* there is none */
    assert_true(accepting_was_refused(fixture->accepting));
    files_put_text(fixture->root, FILE_NAME, "[rp_filter]\n* = severe\n");
    accepting_try(fixture->accepting);
    assert_true(accepting_was_refused(fixture->accepting));
    assert_int_equal(access(fixture->paths.accepted, F_OK), -1);
    files_put_text(fixture->root, FILE_NAME, GOOD);
    accepting_try(fixture->accepting);
    assert_false(accepting_was_refused(fixture->accepting));
    assert_int_equal(fixture->tried, 3);
}

static void while_somebody_holds_the_lock_it_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    files_put_text(fixture->root, FILE_NAME, GOOD);
    fd = lock_acquire(&fixture->paths, 0);
    assert_true(fd >= 0);
    accepting_try(fixture->accepting);
    assert_int_equal(fixture->tried, 0);
    assert_int_equal(access(fixture->paths.accepted, F_OK), -1);
    lock_release(fd);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(fixture->tried, 1);
    assert_int_equal(access(fixture->paths.accepted, F_OK), 0);
    fake_clock_pass(&fixture->fake, 10 * USEC_PER_SEC);
    assert_int_equal(fixture->tried, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_policy_is_accepted),
        TEST(a_bad_one_is_refused_until_it_is_good),
        TEST(while_somebody_holds_the_lock_it_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
