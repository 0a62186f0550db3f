/* Back-off and the `writer` mark, on made-up times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/daemon/conflict.h"

#define SECOND USEC_PER_SEC
#define HOUR (3600 * SECOND)
#define START (1000 * SECOND)

static void the_first_repairs_are_made_at_once(void **state)
{
    struct conflict conflict = {0};
    uint64_t now = START;

    for (unsigned i = 0; i < CONFLICT_FREE_REPAIRS; i++, now += 100) {
        assert_true(conflict_allowed_at(&conflict, now) <= now);
        conflict_repaired(&conflict, now);
    }
    assert_true(conflict_allowed_at(&conflict, now) > now);
}

static void a_tight_loop_slows_repairs_down_to_one_a_minute(void **state)
{
    struct conflict conflict = {0};
    uint64_t now = START, last = 0;
    unsigned repairs = 0;

    for (; now < START + HOUR; now += 100 * USEC_PER_MSEC) {
        uint64_t at = conflict_allowed_at(&conflict, now);

        if (at > now)
            continue;
        conflict_repaired(&conflict, now);
        repairs++;
        last = now;
        assert_true(conflict_delay(&conflict) <= CONFLICT_MAX_DELAY);
    }
    assert_int_equal(conflict_delay(&conflict), CONFLICT_MAX_DELAY);
    assert_int_equal(conflict_allowed_at(&conflict, now), last + CONFLICT_MAX_DELAY);
    assert_in_range(repairs, 60, 85);
    assert_int_equal(conflict.mark, CONFLICT_FAST);
}

static void the_mark_changes_once_and_not_at_every_repair(void **state)
{
    struct conflict conflict = {0};
    uint64_t now = START;
    unsigned changes = 0;

    for (unsigned i = 0; i < 20; i++) {
        now = conflict_allowed_at(&conflict, now + 1);
        changes += conflict_repaired(&conflict, now);
    }
    assert_int_equal(changes, 2); /* none to slow at the third, slow to fast later */
    assert_int_equal(conflict.mark, CONFLICT_FAST);
}

static void it_recovers_by_itself_when_the_writer_stops(void **state)
{
    struct conflict conflict = {0};
    uint64_t now = START;

    for (unsigned i = 0; i < 12; i++) {
        now = conflict_allowed_at(&conflict, now + 1);
        conflict_repaired(&conflict, now);
    }
    assert_false(conflict_settle(&conflict, now + 1));
    now = conflict_settles_at(&conflict);
    assert_true(conflict_settle(&conflict, now));
    assert_int_equal(conflict.mark, CONFLICT_SLOW); /* a day has to pass without repairs */
    assert_true(conflict_allowed_at(&conflict, now) <= now);
    now = conflict_settles_at(&conflict);
    assert_true(conflict_settle(&conflict, now));
    assert_int_equal(conflict.mark, CONFLICT_NONE);
    assert_int_equal(conflict_settles_at(&conflict), UINT64_MAX);
}

static void a_half_hour_cycle_is_seen_at_the_third_repair(void **state)
{
    struct conflict conflict = {0};

    assert_false(conflict_repaired(&conflict, START));
    assert_false(conflict_repaired(&conflict, START + HOUR / 2));
    assert_true(conflict_repaired(&conflict, START + HOUR));
    assert_int_equal(conflict.mark, CONFLICT_SLOW);
    assert_int_equal(conflict_interval(&conflict), HOUR / 2);
    assert_int_equal(conflict_delay(&conflict), 0); /* still repaired at once */
}

static void three_repairs_in_more_than_a_day_are_no_conflict(void **state)
{
    struct conflict conflict = {0};

    assert_false(conflict_repaired(&conflict, START));
    assert_false(conflict_repaired(&conflict, START + 13 * HOUR));
    assert_false(conflict_repaired(&conflict, START + 26 * HOUR));
    assert_int_equal(conflict.mark, CONFLICT_NONE);
}

static void times_are_said_in_the_unit_that_fits(void **state)
{
    struct conflict conflict = {0};
    char text[CONFLICT_TEXT_SIZE];

    for (unsigned i = 0; i < CONFLICT_FREE_REPAIRS; i++)
        conflict_repaired(&conflict, START + i * 3470);
    assert_string_equal(conflict_text(&conflict, text),
                        "3 repairs, the latest every 3.5 ms on average; they now wait up to 10 ms");
    for (unsigned i = 0; i < 3; i++)
        conflict_repaired(&conflict, START + (i + 1) * HOUR / 2);
    assert_string_equal(conflict_text(&conflict, text),
                        "6 repairs, the latest every 30 min on average; they are made at once");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_repairs_are_made_at_once),
        cmocka_unit_test(a_tight_loop_slows_repairs_down_to_one_a_minute),
        cmocka_unit_test(the_mark_changes_once_and_not_at_every_repair),
        cmocka_unit_test(it_recovers_by_itself_when_the_writer_stops),
        cmocka_unit_test(a_half_hour_cycle_is_seen_at_the_third_repair),
        cmocka_unit_test(three_repairs_in_more_than_a_day_are_no_conflict),
        cmocka_unit_test(times_are_said_in_the_unit_that_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
