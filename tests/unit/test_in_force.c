/* The policy in force: what takes its place, what does not, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/in_force.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/policy_load.h"
#include "fake_clock.h"
#include "files.h"

#define STRICT "[agent]\nmode = enforce\n[rp_filter]\n* = strict\n"
#define LOOSE "[agent]\nmode = enforce\n[rp_filter]\n* = loose\n"
#define OBSERVING "[agent]\nmode = observe\n[rp_filter]\n* = loose\n"

struct fixture {
    char *root;
    struct paths paths;
    struct logger logger;
    struct fake_clock fake;
    struct in_force *in_force;
    bool can_write;
    unsigned replaced;
    const struct policy *seen; /* in force when that was told */
};

/* In the place of policy_load_stamped(): what it returns where that is not 0, having read. */
static int load_error;
int __real_policy_load_stamped(const struct paths *paths, const char *device, struct diags *diags,
                               struct accepted_stamp *ret_stamp, struct policy **ret);
int __wrap_policy_load_stamped(const struct paths *paths, const char *device, struct diags *diags,
                               struct accepted_stamp *ret_stamp, struct policy **ret);

int __wrap_policy_load_stamped(const struct paths *paths, const char *device, struct diags *diags,
                               struct accepted_stamp *ret_stamp, struct policy **ret)
{
    int r = __real_policy_load_stamped(paths, device, diags, ret_stamp, ret);

    if (load_error == 0)
        return r;
    if (r >= 0)
        *ret = policy_free(*ret);
    return load_error;
}

static bool can_write(void *data)
{
    return ((struct fixture *)data)->can_write;
}

static void on_replaced(void *data)
{
    struct fixture *fixture = data;

    fixture->replaced++;
    fixture->seen = in_force_policy(fixture->in_force);
}

static void on_changed(void *data)
{
    fail(); /* nothing is watched here */
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct in_force_options options;

    assert_non_null(fixture);
    umask(022);
    fixture->root = files_root_new();
    assert_int_equal(paths_init(&(struct path_options){.root = fixture->root}, &fixture->paths), 0);
    fixture->logger.max_level = -1;
    fixture->can_write = true;
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    options = (struct in_force_options){.paths = &fixture->paths,
                                        .loop = fixture->fake.loop,
                                        .logger = &fixture->logger,
                                        .can_write = can_write,
                                        .replaced = on_replaced,
                                        .changed = on_changed,
                                        .data = fixture};
    assert_int_equal(in_force_new(&options, &fixture->in_force), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    in_force_free(fixture->in_force);
    loop_free(fixture->fake.loop);
    paths_done(&fixture->paths);
    files_root_remove(fixture->root);
    free(fixture);
    return 0;
}

static void accept_flags(struct fixture *fixture, const char *text, unsigned flags)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    files_put_text(fixture->root, "/etc/rpfpolicy.d/10-test.conf", text);
    assert_int_equal(policy_load(&fixture->paths, &diags, &policy), 0);
    assert_int_equal(policy_accept(&fixture->paths, policy->hash, flags, &diags), 0);
}

static void accept_text(struct fixture *fixture, const char *text)
{
    accept_flags(fixture, text, 0);
}

static void without_an_accepted_policy_nothing_is_in_force(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(in_force_take(fixture->in_force), 1); /* that is news once */
    assert_null(in_force_policy(fixture->in_force));
    assert_false(in_force_enforces(fixture->in_force));
    assert_int_equal(fixture->replaced, 1);
    assert_int_equal(in_force_take(fixture->in_force), 0);
    assert_int_equal(fixture->replaced, 1);
}

static void it_is_told_which_policy_that_is(void **state)
{
    struct fixture *fixture = *state;
    const char *file, *mode;
    json_t *told = in_force_json(fixture->in_force);
    double since;

    assert_true(json_is_null(told));
    json_decref(told);
    accept_text(fixture, OBSERVING);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    told = in_force_json(fixture->in_force);
    assert_int_equal(
        json_unpack(told, "{s:[s!], s:s, s:f}", "files", &file, "mode", &mode, "since", &since), 0);
    assert_string_equal(file, "/etc/rpfpolicy.d/10-test.conf");
    assert_string_equal(mode, "observe");
    assert_true(since > 0);
    json_decref(told);
}

static void another_policy_is_noticed_and_taken_once(void **state)
{
    struct fixture *fixture = *state;

    accept_text(fixture, STRICT);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_true(in_force_enforces(fixture->in_force));
    assert_ptr_equal(fixture->seen, in_force_policy(fixture->in_force));
    assert_false(in_force_is_stale(fixture->in_force));
    accept_text(fixture, LOOSE);
    assert_true(in_force_is_stale(fixture->in_force));
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_string_equal(in_force_policy(fixture->in_force)->rules[0].value_text, "loose");
    accept_text(fixture, LOOSE); /* the same again is another file, and no other policy */
    assert_true(in_force_is_stale(fixture->in_force));
    assert_int_equal(in_force_take(fixture->in_force), 0);
    assert_false(in_force_is_stale(fixture->in_force));
    assert_int_equal(fixture->replaced, 2);
    assert_int_equal(unlink(fixture->paths.accepted), 0);
    assert_true(in_force_is_stale(fixture->in_force));
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_null(in_force_policy(fixture->in_force));
}

static void a_damaged_one_does_not_take_the_place_of_a_good_one(void **state)
{
    struct fixture *fixture = *state;
    const struct policy *good;

    accept_text(fixture, STRICT);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    good = in_force_policy(fixture->in_force);
    files_put_text(fixture->root, "/var/lib/rpfpolicy/accepted.conf", "not ours");
    assert_true(in_force_is_stale(fixture->in_force));
    assert_int_equal(in_force_take(fixture->in_force), 0);
    assert_false(in_force_is_stale(fixture->in_force)); /* no reason to try it again at once */
    assert_ptr_equal(in_force_policy(fixture->in_force), good);
    assert_true(in_force_enforces(fixture->in_force));
    assert_int_equal(fixture->replaced, 1);
}

/* Of that nothing is known: the one before stays, and what is accepted is not forgotten. */
static void what_memory_is_too_short_for_is_tried_again(void **state)
{
    struct fixture *fixture = *state;

    accept_text(fixture, STRICT);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    accept_text(fixture, LOOSE);
    load_error = -ENOMEM;
    assert_int_equal(in_force_take(fixture->in_force), -ENOMEM);
    assert_true(in_force_is_stale(fixture->in_force));
    assert_int_equal(in_force_take(fixture->in_force), -ENOMEM);
    assert_int_equal(fixture->replaced, 1);
    load_error = 0;
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_false(in_force_is_stale(fixture->in_force));
    assert_string_equal(in_force_policy(fixture->in_force)->rules[0].value_text, "loose");
}

static void what_only_observes_enforces_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->can_write = false;
    accept_text(fixture, OBSERVING);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_false(in_force_enforces(fixture->in_force));
    assert_false(in_force_is_barred(fixture->in_force));
    accept_text(fixture, LOOSE);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_false(in_force_enforces(fixture->in_force));
    assert_true(in_force_is_barred(fixture->in_force));
}

/* Its guardian ends without a word; nothing about accepted.conf changes then. */
static void a_trial_is_over_when_its_guardian_is_gone(void **state)
{
    struct fixture *fixture = *state;
    int guardian;

    accept_text(fixture, STRICT);
    guardian = accepted_hold(&fixture->paths);
    assert_true(guardian >= 0);
    accept_flags(fixture, LOOSE, ACCEPT_ON_TRIAL);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_string_equal(in_force_policy(fixture->in_force)->rules[0].value_text, "loose");
    assert_false(in_force_is_stale(fixture->in_force));
    assert_int_equal(close(guardian), 0);
    assert_true(in_force_is_stale(fixture->in_force));
    assert_int_equal(in_force_take(fixture->in_force), 1);
    assert_string_equal(in_force_policy(fixture->in_force)->rules[0].value_text, "strict");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_an_accepted_policy_nothing_is_in_force),
        TEST(it_is_told_which_policy_that_is),
        TEST(another_policy_is_noticed_and_taken_once),
        TEST(a_damaged_one_does_not_take_the_place_of_a_good_one),
        TEST(what_memory_is_too_short_for_is_tried_again),
        TEST(what_only_observes_enforces_nothing),
        TEST(a_trial_is_over_when_its_guardian_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
