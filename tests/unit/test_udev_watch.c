/* Waiting for udev: what it says, when it is asked, and how often. libudev answers from here, by a
 * clock that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <libudev.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/daemon/udev_watch.h"
#include "fake_clock.h"

#define DEVICES 100

/* An event, or a device as udev knows it. */
struct udev_device {
    const char *action, *ifindex;
    bool initialized;
};

static struct {
    sd_event_io_handler_t handler; /* of the monitor */
    void *data;
    struct udev_device *event; /* waits to be received */
    int error;                 /* of the next time that nothing is there to receive */
    struct udev_device devices[DEVICES];
    unsigned questions;
} world;

struct udev *udev_new(void)
{
    return (struct udev *)&world;
}

struct udev *udev_unref(struct udev *udev)
{
    return NULL;
}

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name)
{
    return (struct udev_monitor *)&world;
}

struct udev_monitor *udev_monitor_unref(struct udev_monitor *monitor)
{
    world.handler = NULL;
    return NULL;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor,
                                                    const char *subsystem, const char *type)
{
    return 0;
}

int udev_monitor_set_receive_buffer_size(struct udev_monitor *monitor, int size)
{
    return 0;
}

int udev_monitor_enable_receiving(struct udev_monitor *monitor)
{
    return 0;
}

int udev_monitor_get_fd(struct udev_monitor *monitor)
{
    return STDIN_FILENO;
}

struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor)
{
    struct udev_device *event = world.event;

    world.event = NULL;
    errno = event ? 0 : world.error;
    return event;
}

const char *udev_device_get_property_value(struct udev_device *device, const char *key)
{
    return device->ifindex;
}

const char *udev_device_get_action(struct udev_device *device)
{
    return device->action;
}

struct udev_device *udev_device_unref(struct udev_device *device)
{
    return NULL;
}

struct udev_device *udev_device_new_from_device_id(struct udev *udev, const char *id)
{
    int ifindex = atoi(id + 1);

    world.questions++;
    return ifindex < DEVICES ? &world.devices[ifindex] : NULL;
}

int udev_device_get_is_initialized(struct udev_device *device)
{
    return device->initialized;
}

int sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
                    sd_event_io_handler_t handler, void *data)
{
    world.handler = handler;
    world.data = data;
    return 0;
}

int sd_event_source_set_priority(sd_event_source *source, int64_t priority)
{
    return 0;
}

struct fixture {
    struct fake_clock fake;
    struct udev_watch *watch;
    int finished; /* the ifindex told last */
    unsigned told, lost;
};

static void on_finished(int ifindex, struct udev_device *device, void *data)
{
    struct fixture *fixture = data;

    fixture->finished = ifindex;
    fixture->told++;
}

static void on_lost(void *data)
{
    ((struct fixture *)data)->lost++;
}

static void make(struct fixture *fixture, bool foreign)
{
    struct udev_watch_options options = {.loop = fixture->fake.loop,
                                         .foreign = foreign,
                                         .finished = on_finished,
                                         .lost = on_lost,
                                         .data = fixture};

    assert_int_equal(udev_watch_new(&options, &fixture->watch), 0);
}

static void pass(struct fixture *fixture, uint64_t usec)
{
    fake_clock_pass(&fixture->fake, usec);
    (void)loop_take_up(fixture->fake.loop);
}

static void say(const char *action, const char *ifindex)
{
    struct udev_device event = {.action = action, .ifindex = ifindex};

    world.event = &event;
    assert_int_equal(world.handler(NULL, STDIN_FILENO, EPOLLIN, world.data), 0);
    assert_null(world.event);
}

/* It speaks of one device, so that it counts as active whatever the machine has, and falls silent.
 */
static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    memset(&world, 0, sizeof(world));
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    make(fixture, false);
    say("add", "99");
    assert_int_equal(fixture->told, 1);
    pass(fixture, 10 * USEC_PER_SEC);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    udev_watch_free(fixture->watch);
    assert_null(world.handler);
    loop_free(fixture->fake.loop);
    free(fixture);
    return 0;
}

/* Go on to when the wait wants to be looked at. */
static bool ends_when_due(struct fixture *fixture, struct udev_wait *wait, int ifindex)
{
    pass(fixture, wait->ask_at - fixture->fake.now);
    return udev_wait_ended(fixture->watch, wait, ifindex);
}

static void it_is_told_what_udev_finished_but_not_what_it_removed(void **state)
{
    struct fixture *fixture = *state;

    say("add", "7");
    assert_int_equal(fixture->finished, 7);
    say("remove", "8");
    say("add", NULL); /* not of a network device */
    assert_int_equal(fixture->finished, 7);
    assert_int_equal(fixture->told, 2);
    assert_int_equal(fixture->lost, 0);
    world.error = ENOBUFS;
    say("change", "9");
    assert_int_equal(fixture->finished, 9);
    assert_int_equal(fixture->lost, 1);
}

static void it_is_asked_more_and_more_seldom(void **state)
{
    struct fixture *fixture = *state;
    struct udev_wait wait = {0};
    uint64_t began = fixture->fake.now, last = began, gap = 0;

    assert_int_equal(udev_wait_begin(fixture->watch, &wait), began + USEC_PER_SEC);
    pass(fixture, USEC_PER_SEC / 2);
    assert_false(udev_wait_ended(fixture->watch, &wait, 1));
    assert_int_equal(world.questions, 0);
    for (unsigned i = 1; i <= 5; i++) {
        assert_false(ends_when_due(fixture, &wait, 1));
        assert_int_equal(world.questions, i);
        assert_true(fixture->fake.now - last >= gap);
        gap = fixture->fake.now - last;
        last = fixture->fake.now;
    }
    assert_true(gap >= 8 * USEC_PER_SEC);
    world.devices[1].initialized = true;
    assert_true(ends_when_due(fixture, &wait, 1));
    assert_int_equal(wait.until, 0);
    assert_false(udev_wait_ended(fixture->watch, &wait, 1)); /* once */
}

static void it_is_not_waited_for_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct udev_wait wait = {0};
    uint64_t began = fixture->fake.now;

    (void)udev_wait_begin(fixture->watch, &wait);
    for (unsigned i = 0; wait.until != 0; i++) {
        assert_true(i < 20);
        (void)ends_when_due(fixture, &wait, 1);
    }
    assert_int_equal(fixture->fake.now, began + 200 * USEC_PER_SEC);
}

static void it_is_not_asked_while_it_speaks_of_others(void **state)
{
    struct fixture *fixture = *state;
    struct udev_wait wait = {0};

    (void)udev_wait_begin(fixture->watch, &wait);
    world.devices[1].initialized = true;
    for (unsigned i = 0; i < 20; i++) {
        pass(fixture, USEC_PER_SEC / 2);
        say("change", "7");
        assert_false(udev_wait_ended(fixture->watch, &wait, 1));
    }
    assert_int_equal(world.questions, 0);
    assert_true(ends_when_due(fixture, &wait, 1));
    assert_int_equal(world.questions, 1);
}

static void few_questions_in_a_row_and_all_get_their_turn(void **state)
{
    struct fixture *fixture = *state;
    struct udev_wait waits[50] = {0};
    unsigned ended = 0, passes = 0;

    for (size_t i = 0; i < ELEMENTSOF(waits); i++) {
        (void)udev_wait_begin(fixture->watch, &waits[i]);
        world.devices[i].initialized = true;
    }
    for (pass(fixture, USEC_PER_SEC); ended < ELEMENTSOF(waits); passes++) {
        unsigned before = world.questions;

        for (size_t i = 0; i < ELEMENTSOF(waits); i++)
            ended += udev_wait_ended(fixture->watch, &waits[i], (int)i);
        assert_in_range(world.questions - before, 1, 16);
        pass(fixture, 5 * USEC_PER_MSEC);
    }
    assert_int_equal(passes, 4);
    assert_int_equal(world.questions, ELEMENTSOF(waits));
}

static void a_physical_device_may_be_renamed_until_udev_has_finished(void **state)
{
    struct fixture *fixture = *state;
    struct device device = {.ifindex = 1, .bus_parent = true};
    struct udev_wait wait = {0};

    assert_false(udev_watch_may_rename(fixture->watch, &device, &wait));
    (void)udev_wait_begin(fixture->watch, &wait);
    assert_true(udev_watch_may_rename(fixture->watch, &device, &wait));
    assert_int_equal(world.questions, 0);
    assert_true(udev_watch_may_rename(fixture->watch, &device, NULL)); /* asked */
    world.devices[1].initialized = true;
    assert_false(udev_watch_may_rename(fixture->watch, &device, NULL));
    device.ifindex = DEVICES; /* gone */
    assert_false(udev_watch_may_rename(fixture->watch, &device, NULL));
    device.bus_parent = false;
    assert_false(udev_watch_may_rename(fixture->watch, &device, &wait));
}

static void the_parent_of_a_device_is_read_from_sys(void **state)
{
    struct fixture *fixture = *state;
    bool has_sys = access("/sys/class/net/lo", F_OK) == 0;

    assert_int_equal(udev_watch_may_be_on_bus(fixture->watch, "lo"), !has_sys);
    assert_true(udev_watch_may_be_on_bus(fixture->watch, "no-such-device"));
}

static void nothing_is_asked_of_the_udev_of_another_namespace(void **state)
{
    struct fixture *fixture = *state;
    struct device device = {.ifindex = 1, .bus_parent = true};
    struct udev_wait wait = {0};

    udev_watch_free(fixture->watch);
    make(fixture, true);
    assert_null(world.handler);
    assert_true(udev_wait_begin(fixture->watch, &wait) == UINT64_MAX);
    assert_int_equal(wait.until, 0);
    assert_false(udev_watch_may_rename(fixture->watch, &device, NULL));
    assert_true(udev_watch_is_initialized(fixture->watch, 1));
    assert_true(udev_watch_may_be_on_bus(fixture->watch, "lo"));
    assert_int_equal(world.questions, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_told_what_udev_finished_but_not_what_it_removed),
        TEST(it_is_asked_more_and_more_seldom),
        TEST(it_is_not_waited_for_for_ever),
        TEST(it_is_not_asked_while_it_speaks_of_others),
        TEST(few_questions_in_a_row_and_all_get_their_turn),
        TEST(a_physical_device_may_be_renamed_until_udev_has_finished),
        TEST(the_parent_of_a_device_is_read_from_sys),
        TEST(nothing_is_asked_of_the_udev_of_another_namespace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
