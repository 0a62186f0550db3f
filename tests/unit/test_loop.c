/* Deadlines, by a clock that stands still and by the real event loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_clock.h"

#define SECOND USEC_PER_SEC

struct calls {
    struct deadline deadline;
    unsigned count;
    uint64_t again_at; /* 0: not again */
    const struct calls *before;
    unsigned before_count; /* how often that one was called by then */
};

static void on_due(void *data)
{
    struct calls *calls = data;

    calls->count++;
    if (calls->before)
        calls->before_count = calls->before->count;
    if (calls->again_at)
        deadline_set(&calls->deadline, calls->again_at);
    calls->again_at = 0;
}

static void it_calls_once_when_its_time_has_come(void **state)
{
    struct calls calls = {0};
    struct fake_clock fake;

    assert_int_equal(fake_clock_begin(&fake), 0);
    deadline_init(&calls.deadline, fake.loop, on_due, &calls);
    assert_false(deadline_is_set(&calls.deadline));
    deadline_set(&calls.deadline, fake.now + SECOND);
    assert_true(deadline_is_set(&calls.deadline));
    fake_clock_pass(&fake, SECOND - 1);
    assert_int_equal(calls.count, 0);
    fake_clock_pass(&fake, 1);
    assert_int_equal(calls.count, 1);
    assert_false(deadline_is_set(&calls.deadline));
    fake_clock_pass(&fake, SECOND);
    assert_int_equal(calls.count, 1);
    deadline_done(&calls.deadline);
    loop_free(fake.loop);
}

static void only_an_earlier_time_takes_the_place_of_one_that_is_set(void **state)
{
    struct calls calls = {0};
    struct fake_clock fake;
    uint64_t start;

    assert_int_equal(fake_clock_begin(&fake), 0);
    start = fake.now;
    deadline_init(&calls.deadline, fake.loop, on_due, &calls);
    deadline_set_by(&calls.deadline, UINT64_MAX);
    assert_false(deadline_is_set(&calls.deadline));
    deadline_set_by(&calls.deadline, start + 2 * SECOND);
    deadline_set_by(&calls.deadline, start + 3 * SECOND);
    assert_int_equal(calls.deadline.at, start + 2 * SECOND);
    deadline_set_by(&calls.deadline, start + SECOND);
    assert_int_equal(calls.deadline.at, start + SECOND);
    deadline_set(&calls.deadline, start + 4 * SECOND);
    fake_clock_pass(&fake, 3 * SECOND);
    assert_int_equal(calls.count, 0);
    deadline_clear(&calls.deadline);
    fake_clock_pass(&fake, 3 * SECOND);
    assert_int_equal(calls.count, 0);
    deadline_done(&calls.deadline);
    loop_free(fake.loop);
}

static void the_earlier_of_two_comes_first_and_may_set_itself_again(void **state)
{
    struct calls early = {0}, late = {.before = &early};
    struct fake_clock fake;

    assert_int_equal(fake_clock_begin(&fake), 0);
    deadline_init(&late.deadline, fake.loop, on_due, &late);
    deadline_init(&early.deadline, fake.loop, on_due, &early);
    deadline_set(&late.deadline, fake.now + 3 * SECOND);
    deadline_set(&early.deadline, fake.now + SECOND);
    early.again_at = fake.now + 2 * SECOND;
    fake_clock_pass(&fake, 5 * SECOND);
    assert_int_equal(early.count, 2);
    assert_int_equal(late.count, 1);
    assert_int_equal(late.before_count, 2);
    deadline_done(&early.deadline);
    deadline_set(&late.deadline, fake.now);
    fake_clock_pass(&fake, 0);
    assert_int_equal(late.count, 2);
    deadline_done(&late.deadline);
    deadline_done(&late.deadline); /* harmless */
    loop_free(fake.loop);
}

static void one_by_the_clock_that_runs_in_suspend_comes_due_there(void **state)
{
    struct calls calls = {0};
    struct fake_clock fake;

    assert_int_equal(fake_clock_begin(&fake), 0);
    deadline_init(&calls.deadline, fake.loop, on_due, &calls);
    calls.deadline.clock = CLOCK_BOOTTIME;
    deadline_set(&calls.deadline, loop_boottime(fake.loop) + SECOND);
    fake.suspended = SECOND;
    fake_clock_pass(&fake, 0);
    assert_int_equal(calls.count, 1);
    deadline_done(&calls.deadline);
    loop_free(fake.loop);
}

static void an_event_keeps_the_time_at_which_it_was_taken_up(void **state)
{
    struct fake_clock fake;

    assert_int_equal(fake_clock_begin(&fake), 0);
    assert_int_equal(loop_take_up(fake.loop), fake.now);
    fake.now += SECOND;
    assert_int_equal(loop_taken_up(fake.loop), fake.now - SECOND);
    assert_int_equal(loop_now(fake.loop), fake.now);
    loop_free(fake.loop);
}

static void on_last(void *data)
{
    struct calls *calls = data;

    calls->count++;
    assert_int_equal(sd_event_exit(loop_event(calls->deadline.loop), 0), 0);
}

static void the_real_loop_calls_what_is_due_and_what_is_set_again(void **state)
{
    struct calls calls = {0}, never = {0}, last = {0};
    struct loop *loop = NULL;

    assert_int_equal(loop_new(NULL, NULL, &loop), 0);
    deadline_init(&calls.deadline, loop, on_due, &calls);
    deadline_init(&never.deadline, loop, on_due, &never);
    deadline_init(&last.deadline, loop, on_last, &last);
    last.deadline.priority = SD_EVENT_PRIORITY_IDLE;
    deadline_set(&calls.deadline, loop_now(loop) + 3600 * SECOND);
    deadline_set_by(&calls.deadline, loop_now(loop));
    calls.again_at = 1; /* long ago */
    deadline_set(&never.deadline, 1);
    deadline_clear(&never.deadline);
    deadline_set(&last.deadline, 1);
    assert_int_equal(sd_event_loop(loop_event(loop)), 0);
    assert_int_equal(calls.count, 2);
    assert_int_equal(never.count, 0);
    assert_int_equal(last.count, 1);
    deadline_done(&calls.deadline);
    deadline_done(&never.deadline);
    deadline_done(&last.deadline);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_calls_once_when_its_time_has_come),
        cmocka_unit_test(only_an_earlier_time_takes_the_place_of_one_that_is_set),
        cmocka_unit_test(the_earlier_of_two_comes_first_and_may_set_itself_again),
        cmocka_unit_test(one_by_the_clock_that_runs_in_suspend_comes_due_there),
        cmocka_unit_test(an_event_keeps_the_time_at_which_it_was_taken_up),
        cmocka_unit_test(the_real_loop_calls_what_is_due_and_what_is_set_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
