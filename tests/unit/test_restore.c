/* What goes back, and to which value: our writes are undone, what somebody else did to `all` stays,
 * and nothing is put together from two moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "agent/engines/sysctl/restore.h"
#include "agent/store/before.h"

#define KEY KEY_RP_FILTER
#define ETH0 3
#define ETH1 4

struct world {
    struct device devices[2];
    struct live live;
    struct before_record records[8];
    size_t n;
    struct restore restore;
    struct plan plan;
};

static int make_world(void **state)
{
    static const char *const names[] = {"eth0", "eth1"};
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    for (int i = 0; i < 2; i++) {
        world->devices[i] = (struct device){.ifindex = ETH0 + i, .ipv4 = true};
        strcpy(world->devices[i].name, names[i]);
    }
    world->live = (struct live){.devices = world->devices, .count = 2, .all_writable = true};
    *state = world;
    return 0;
}

static int remove_world(void **state)
{
    struct world *world = *state;

    restore_done(&world->restore);
    plan_done(&world->plan);
    free(world);
    return 0;
}

static int *now(struct world *world, int ifindex)
{
    if (ifindex == IFINDEX_ALL)
        return &world->live.all[KEY];
    if (ifindex == IFINDEX_DEFAULT)
        return &world->live.def[KEY];
    return &live_by_ifindex(&world->live, ifindex)->conf[KEY];
}

/* As this program does it: noted, with `all` of the moment. */
static void we_write(struct world *world, int ifindex, int value)
{
    const char *name = ifindex == IFINDEX_ALL       ? "all"
                       : ifindex == IFINDEX_DEFAULT ? "default"
                                                    : live_by_ifindex(&world->live, ifindex)->name;
    struct before_record *record = &world->records[world->n++];

    *record = (struct before_record){.key = KEY,
                                     .ifindex = ifindex,
                                     .value = *now(world, ifindex),
                                     .all = *now(world, IFINDEX_ALL),
                                     .all_known = true,
                                     .wrote = value,
                                     .wrote_earlier = value};
    snprintf(record->name, sizeof(record->name), "%s", name);
    *now(world, ifindex) = value;
}

static void others_write(struct world *world, int ifindex, int value)
{
    *now(world, ifindex) = value;
}

static void restore(struct world *world)
{
    assert_int_equal(before_merge(world->records, &world->n), 0);
    plan_done(&world->plan);
    world->plan = (struct plan){0};
    assert_int_equal(
        restore_plan(&world->restore, world->records, world->n, &world->live, &world->plan), 0);
    for (size_t i = 0; i < world->plan.count; i++)
        *now(world, world->plan.writes[i].ifindex) = world->plan.writes[i].new_value;
}

static void expect_values(struct world *world, int all, int eth0, int eth1)
{
    assert_int_equal(*now(world, IFINDEX_ALL), all);
    assert_int_equal(*now(world, ETH0), eth0);
    assert_int_equal(*now(world, ETH1), eth1);
}

static void what_nobody_else_touched_is_exactly_what_it_was(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 2);
    others_write(world, ETH1, 7);
    we_write(world, ETH0, 2);
    we_write(world, IFINDEX_ALL, 0);
    we_write(world, ETH0, 1);
    we_write(world, ETH1, 1);
    restore(world);
    expect_values(world, 2, 0, 7);
    assert_int_equal(world->restore.n_skipped, 0);
}

/* We never wrote `all`: the device was strict by it, and is strict again without it. */
static void an_all_that_is_not_ours_stays_and_the_device_is_what_it_effectively_was(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 1);
    we_write(world, ETH0, 2);
    others_write(world, IFINDEX_ALL, 0);
    restore(world);
    expect_values(world, 0, 1, 0);
    assert_int_equal(world->restore.n_skipped, 0);
}

/* The device was loose by `all` when we first wrote it; `all` was 1 when we first wrote that. */
static void an_all_that_was_moved_between_our_writes_goes_back_to_what_it_was_then(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 2);
    we_write(world, ETH0, 2);
    others_write(world, IFINDEX_ALL, 1);
    we_write(world, IFINDEX_ALL, 0);
    we_write(world, ETH0, 1);
    restore(world);
    expect_values(world, 1, 2, 0);
}

static void a_device_that_came_under_our_all_counts_as_if_all_had_not_moved(void **state)
{
    struct world *world = *state;

    we_write(world, IFINDEX_ALL, 1);
    we_write(world, ETH1, 2); /* 0 until then, and strict by our `all` alone */
    restore(world);
    expect_values(world, 0, 0, 0);
}

static void the_same_after_all_was_ours_twice(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 2);
    we_write(world, IFINDEX_ALL, 0);
    we_write(world, IFINDEX_ALL, 1);
    we_write(world, ETH1, 2);
    restore(world);
    expect_values(world, 2, 0, 0);
}

static void an_all_that_was_moved_after_us_stays_and_is_listed(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 2);
    we_write(world, ETH0, 1);
    we_write(world, IFINDEX_ALL, 0);
    others_write(world, IFINDEX_ALL, 1);
    restore(world);
    expect_values(world, 1, 2, 0);
    assert_int_equal(world->restore.n_skipped, 1);
    assert_int_equal(world->restore.skipped[0].why, RESTORE_CHANGED);
    assert_int_equal(world->restore.skipped[0].record.ifindex, IFINDEX_ALL);
}

/* eth1 was loose only before its `all` moved, by somebody else's hand in the end. */
static void a_device_that_we_never_wrote_is_left_to_an_all_of_others(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 2);
    we_write(world, IFINDEX_ALL, 0);
    others_write(world, IFINDEX_ALL, 1);
    restore(world);
    expect_values(world, 1, 0, 0);
}

static void what_all_rules_out_comes_back_as_configured_and_is_listed(void **state)
{
    struct world *world = *state;

    others_write(world, ETH0, 1);
    we_write(world, ETH0, 0);
    others_write(world, IFINDEX_ALL, 2);
    restore(world);
    expect_values(world, 2, 1, 0);
    assert_int_equal(world->restore.n_skipped, 1);
    assert_int_equal(world->restore.skipped[0].why, RESTORE_RULED_OUT);
    assert_int_equal(world->restore.skipped[0].before, 1);
    assert_int_equal(world->restore.skipped[0].all, 2);
}

static void one_device_alone_becomes_what_it_effectively_was(void **state)
{
    struct world *world = *state;
    const int only = ETH0;

    others_write(world, IFINDEX_ALL, 2);
    we_write(world, ETH1, 1);
    we_write(world, ETH0, 1);
    we_write(world, IFINDEX_ALL, 0);
    world->restore.ifindexes = &only;
    world->restore.n_ifindexes = 1;
    restore(world);
    expect_values(world, 0, 2, 1);
}

static void default_goes_by_the_same_rules(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 1);
    we_write(world, IFINDEX_DEFAULT, 2);
    others_write(world, IFINDEX_ALL, 0);
    restore(world);
    assert_int_equal(*now(world, IFINDEX_DEFAULT), 1);
}

/* Written down before `all` was noted: what there is of `all` is taken. */
static void a_record_of_an_older_version_goes_back_to_its_values(void **state)
{
    struct world *world = *state;

    others_write(world, IFINDEX_ALL, 2);
    we_write(world, IFINDEX_ALL, 0);
    we_write(world, ETH0, 1);
    we_write(world, ETH1, 1);
    for (size_t i = 0; i < world->n; i++)
        world->records[i].all_known = false;
    restore(world);
    expect_values(world, 2, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, remove_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_nobody_else_touched_is_exactly_what_it_was),
        TEST(an_all_that_is_not_ours_stays_and_the_device_is_what_it_effectively_was),
        TEST(an_all_that_was_moved_between_our_writes_goes_back_to_what_it_was_then),
        TEST(a_device_that_came_under_our_all_counts_as_if_all_had_not_moved),
        TEST(the_same_after_all_was_ours_twice),
        TEST(an_all_that_was_moved_after_us_stays_and_is_listed),
        TEST(a_device_that_we_never_wrote_is_left_to_an_all_of_others),
        TEST(what_all_rules_out_comes_back_as_configured_and_is_listed),
        TEST(one_device_alone_becomes_what_it_effectively_was),
        TEST(default_goes_by_the_same_rules),
        TEST(a_record_of_an_older_version_goes_back_to_its_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
