/* The one order in which things are changed, with engines that only tests have: what comes when,
 * what ends it, and that a trial takes back what they did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/change/change.h"
#include "agent/change/confirm.h"
#include "agent/store/lock.h"
#include "probe_engine.h"

static const struct confirm_terms minute = {.timeout_usec = 60000000};
static const struct engine *const both[] = {&engine_probe_a, &engine_probe_b, NULL};

struct place {
    char root[64];
    struct paths paths;
    struct change_request request;
    struct change_outcome outcome;
    int accept; /* what the listener answers under the lock */
    bool locked;
    unsigned reports, ends;
};

static int announce(const struct change_announcement *what, void *data)
{
    struct place *place = data;

    if (what->engine)
        return 0;
    place->locked = lock_acquire(&place->paths, 0) == -EBUSY;
    return place->accept;
}

static void report(const struct change_report *told, void *data)
{
    struct place *place = data;

    assert_non_null(told->engine);
    place->reports++;
}

static void finished(unsigned phases, const struct engine_report *found, void *data)
{
    struct place *place = data;

    assert_non_null(found->engine);
    place->ends++;
}

static const struct change_listener listener = {
    .announce = announce, .report = report, .finished = finished};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place)
        return -1;
    strcpy(place->root, "/tmp/rpfpolicy-change-XXXXXX");
    if (!mkdtemp(place->root) ||
        paths_init(&(struct path_options){.root = place->root}, &place->paths) < 0)
        return -1;
    strcpy(probe_directory, place->root);
    probe_wish_a = probe_wish_b = (struct probe_wish){0};
    probe_device[0] = '\0';
    place->request = (struct change_request){.paths = &place->paths,
                                             .engines = both,
                                             .lock_timeout_ms = 1000,
                                             .listener = &listener,
                                             .data = place};
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", place->root);
    paths_done(&place->paths);
    free(place);
    return system(command);
}

/* The lines of the log since the last time, each after a comma. */
static void assert_done(struct place *place, const char *wanted)
{
    char path[96], text[256] = "";
    size_t n = 0;
    FILE *log;

    snprintf(path, sizeof(path), "%s/log", place->root);
    log = fopen(path, "re");
    if (log) {
        n = fread(text, 1, sizeof(text) - 1, log);
        (void)fclose(log);
        (void)unlink(path);
    }
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\n')
            text[i] = i + 1 < n ? ',' : '\0';
    assert_string_equal(text, wanted);
}

static void all_ways_come_before_any_value_and_go_after_it(void **state)
{
    struct place *place = *state;

    probe_wish_a = (struct probe_wish){.value = 1, .way = true};
    probe_wish_b = (struct probe_wish){.value = 2, .way = true};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a add,b add,a value,b value");
    assert_true(place->locked);
    assert_int_equal(place->reports, 4);
    assert_int_equal(place->ends, 6);
    assert_int_equal(place->outcome.counts[0].done, 2);
    assert_int_equal(change_total(&place->outcome).done, 4);

    probe_wish_a = (struct probe_wish){.value = 0};
    probe_wish_b = (struct probe_wish){.value = 0};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a value,b value,a remove,b remove");
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "");
}

static void one_engine_alone_is_asked_once(void **state)
{
    static const struct engine *const one[] = {&engine_probe_b, NULL};
    struct place *place = *state;

    place->request.engines = one;
    probe_wish_b = (struct probe_wish){.value = 2, .way = true};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "b add,b value");
    assert_int_equal(place->ends, 1);
}

static void what_is_not_accepted_changes_nothing(void **state)
{
    struct place *place = *state;

    place->accept = -EINPROGRESS;
    probe_wish_a = (struct probe_wish){.value = 1, .way = true};
    assert_int_equal(change_run(&place->request, &place->outcome), -EINPROGRESS);
    assert_null(place->outcome.broke);
    assert_done(place, "");
}

static void without_its_ways_no_value_is_written(void **state)
{
    struct place *place = *state;

    probe_wish_a = (struct probe_wish){.value = 1, .way = true};
    probe_wish_b = (struct probe_wish){.value = 2, .way = true, .error = {-ENOBUFS}};
    assert_int_equal(change_run(&place->request, &place->outcome), -ENOBUFS);
    assert_ptr_equal(place->outcome.broke, &engine_probe_b);
    assert_int_equal(place->outcome.phases, CHANGE_ADDITIONS);
    assert_done(place, "a add");
}

/* Whichever engine lacks something, and whichever writes; and it is told once. */
static void a_value_waits_for_the_way_of_its_device(void **state)
{
    struct place *place = *state;

    strcpy(probe_device, "lo");
    probe_wish_a = (struct probe_wish){.value = 1, .way = true, .way_fails = true};
    probe_wish_b = (struct probe_wish){.value = 2};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a add fails,a held,b held");
    assert_int_equal(place->reports, 3);
    assert_int_equal(change_total(&place->outcome).held, 2);
    probe_wish_a.way_fails = false;
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a add,a value,b value");
}

/* As the agent does it: around what it writes by itself. */
static void what_is_missing_is_known_to_the_next_request(void **state)
{
    struct place *place = *state;
    struct missing_ways missing = {0};

    strcpy(probe_device, "lo");
    place->request.missing = &missing;
    probe_wish_a = (struct probe_wish){.value = 1, .way = true, .way_fails = true};
    place->request.phases = CHANGE_ADDITIONS;
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a add fails");
    place->request.phases = CHANGE_VALUES | CHANGE_REMOVALS;
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a held");
    missing_ways_done(&missing);
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a value");
    missing_ways_done(&missing);
}

static void where_values_break_no_way_is_taken(void **state)
{
    struct place *place = *state;

    probe_wish_a = (struct probe_wish){.value = 1, .way = true};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a add,a value");
    probe_wish_a = (struct probe_wish){0};
    probe_wish_b = (struct probe_wish){.error = {0, -EIO}};
    assert_int_equal(change_run(&place->request, &place->outcome), -EIO);
    assert_done(place, "a value");
    probe_wish_b = (struct probe_wish){.value = 1, .last = CHANGE_FAILED};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "b value");
    probe_wish_b = (struct probe_wish){.value = 1};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "b value,a remove");
}

static void a_value_that_fails_is_counted_and_does_not_stop_the_rest(void **state)
{
    struct place *place = *state;

    probe_wish_a = (struct probe_wish){.value = 1, .last = CHANGE_FAILED};
    probe_wish_b = (struct probe_wish){.value = 2};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_int_equal(place->outcome.counts[0].failed, 1);
    assert_int_equal(place->outcome.counts[0].first_error, -EPERM);
    assert_int_equal(place->outcome.counts[1].done, 1);
    assert_done(place, "a value,b value");
}

static void the_lock_is_waited_for_no_longer_than_asked(void **state)
{
    struct place *place = *state;
    int fd = lock_acquire(&place->paths, 0);

    assert_true(fd >= 0);
    place->request.lock_timeout_ms = 0;
    probe_wish_a = (struct probe_wish){.value = 1};
    assert_int_equal(change_run(&place->request, &place->outcome), -EBUSY);
    assert_done(place, "");
    lock_release(fd);
}

/* By the guardian, which knows no more of an engine than its row. */
static void a_trial_that_is_not_confirmed_takes_everything_back(void **state)
{
    struct place *place = *state;
    struct confirm confirm = CONFIRM_INIT;
    struct confirm_result result;

    probe_wish_b = (struct probe_wish){.value = 3, .way = true};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "b add,b value");
    assert_int_equal(run_directory_make(&place->paths), 0);
    assert_int_equal(confirm_begin(&place->paths, both, &minute, NULL, NULL, &confirm), 0);
    probe_wish_a = (struct probe_wish){.value = 1, .way = true};
    probe_wish_b = (struct probe_wish){.value = 4};
    assert_int_equal(change_run(&place->request, &place->outcome), 0);
    assert_done(place, "a add,a value,b value,b remove");
    assert_int_equal(confirm_start_time(&confirm), 0);
    assert_int_equal(confirm_answer(&confirm, false), 0);
    confirm_receive(&confirm, &result);
    confirm_done(&confirm);
    assert_int_equal(result.outcome, CONFIRM_PUT_BACK);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.done, 4);
    assert_int_equal(result.failed, 0);
    assert_done(place, "b add,a value,b value,a remove");
}

/* Decided, but the lock is ours: it cannot begin yet, and nothing may be taken for awaited any
 * more. */
static void a_guardian_that_has_decided_to_go_back_is_not_taken_for_one_that_waits(void **state)
{
    struct place *place = *state;
    struct confirm confirm = CONFIRM_INIT;
    struct confirm_result result;
    uint64_t left;
    int lock, r = 0, error;

    assert_int_equal(run_directory_make(&place->paths), 0);
    assert_int_equal(confirm_begin(&place->paths, both, &minute, NULL, NULL, &confirm), 0);
    lock = lock_acquire(&place->paths, 0);
    assert_true(lock >= 0);
    assert_int_equal(confirm_check(&place->paths, &confirm), 0);
    assert_int_equal(confirm_answer(&confirm, false), 0);
    for (unsigned i = 0; r == 0 && i < 3000; i++) {
        usleep(10000);
        r = confirm_check(&place->paths, &confirm);
    }
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(confirm_keep(&place->paths, &error), -ECANCELED);
    assert_int_equal(confirm_pending(&place->paths, &left), 2);
    lock_release(lock);
    confirm_receive(&confirm, &result);
    assert_int_equal(result.outcome, CONFIRM_PUT_BACK);
    confirm_done(&confirm);
    assert_int_equal(confirm_pending(&place->paths, &left), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_ways_come_before_any_value_and_go_after_it),
        TEST(one_engine_alone_is_asked_once),
        TEST(what_is_not_accepted_changes_nothing),
        TEST(without_its_ways_no_value_is_written),
        TEST(a_value_waits_for_the_way_of_its_device),
        TEST(what_is_missing_is_known_to_the_next_request),
        TEST(where_values_break_no_way_is_taken),
        TEST(a_value_that_fails_is_counted_and_does_not_stop_the_rest),
        TEST(the_lock_is_waited_for_no_longer_than_asked),
        TEST(a_trial_that_is_not_confirmed_takes_everything_back),
        TEST(a_guardian_that_has_decided_to_go_back_is_not_taken_for_one_that_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
