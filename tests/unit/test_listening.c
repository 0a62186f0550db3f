/* Which sockets of kernel messages are open when, by sockets that only say so and a clock that
 * stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>

#include "agent/daemon/listening.h"
#include "fake_clock.h"

struct fixture {
    struct fake_clock fake;
    struct logger logger;
    struct listening *listening;
    unsigned messages, taken, lost, resumed, changed;
};

/* The kernel: what of it is asked for, and what it answers. */
static struct {
    unsigned opened[WATCH_COUNT], joined;
    bool refuses;
    int result; /* of the next reading */
} kernel;

static int fake_open(struct watch *watch, enum watch_kind kind, int receive_buffer)
{
    assert_int_equal(receive_buffer, 4096);
    if (kernel.refuses)
        return -ENOMEM;
    watch->kind = kind;
    kernel.opened[kind]++;
    return 0;
}

static int fake_join(struct watch *watch, struct watch *beside, enum watch_kind kind)
{
    assert_int_equal(watch->kind, WATCH_LINK);
    assert_int_equal(kind, WATCH_NETCONF);
    kernel.joined++;
    watch->beside = beside;
    return 0;
}

static int fake_drain(struct watch *watch, uint64_t now, watch_message_t fn, void *data)
{
    const struct nlmsghdr message = {.nlmsg_len = sizeof(message), .nlmsg_type = RTM_NEWLINK};
    int result = kernel.result;

    if (result >= 0)
        fn(&message, data);
    kernel.result = 0;
    return result;
}

static void on_message(const struct nlmsghdr *message, void *data)
{
    assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
    ((struct fixture *)data)->messages++;
}

static void on_taken(void *data)
{
    ((struct fixture *)data)->taken++;
}

static void on_lost(void *data)
{
    ((struct fixture *)data)->lost++;
}

static void on_resumed(void *data)
{
    ((struct fixture *)data)->resumed++;
}

static void on_changed(void *data)
{
    ((struct fixture *)data)->changed++;
}

static int set_up(void **state)
{
    static const struct listening_kernel answers = {
        .open = fake_open, .join = fake_join, .drain = fake_drain};
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct listening_options options;

    assert_non_null(fixture);
    memset(&kernel, 0, sizeof(kernel));
    fixture->logger.max_level = -1;
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    options = (struct listening_options){.loop = fixture->fake.loop,
                                         .logger = &fixture->logger,
                                         .kernel = &answers,
                                         .receive_buffer = 4096,
                                         .message = on_message,
                                         .taken = on_taken,
                                         .lost = on_lost,
                                         .resumed = on_resumed,
                                         .changed = on_changed,
                                         .data = fixture};
    assert_int_equal(listening_new(&options, &fixture->listening), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    listening_free(fixture->listening);
    loop_free(fixture->fake.loop);
    free(fixture);
    return 0;
}

static bool is_paused(const struct fixture *fixture, const char *kind)
{
    json_t *all = listening_json(fixture->listening);
    const json_t *one = json_object_get(all, kind);
    bool paused;

    assert_non_null(one);
    paused = json_is_true(json_object_get(one, "paused"));
    json_decref(all);
    return paused;
}

static void take(struct fixture *fixture, int result)
{
    kernel.result = result;
    listening_take(fixture->listening, WATCH_LINK);
}

static void only_what_is_asked_for_is_listened_to(void **state)
{
    struct fixture *fixture = *state;
    json_t *all;

    assert_int_equal(listening_to(fixture->listening, 0), 0);
    assert_int_equal(kernel.opened[WATCH_LINK], 1);
    assert_int_equal(kernel.joined, 1);
    assert_int_equal(kernel.opened[WATCH_NETCONF], 0); /* it has no socket of its own */
    assert_int_equal(listening_to(fixture->listening, 1U << WATCH_ROUTE), 0);
    assert_int_equal(kernel.opened[WATCH_LINK], 1);
    assert_int_equal(kernel.opened[WATCH_ROUTE], 1);
    assert_int_equal(listening_to(fixture->listening, 0), 0);
    all = listening_json(fixture->listening);
    assert_int_equal(json_object_size(all), 2);
    json_decref(all);
    take(fixture, 0);
    assert_int_equal(fixture->messages, 1);
    assert_int_equal(fixture->taken, 1);
    assert_int_equal(fixture->lost + fixture->resumed, 0);
}

static void a_flood_of_settings_does_not_keep_links_away(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(listening_to(fixture->listening, 0), 0);
    take(fixture, WATCH_FLOOD_BESIDE);
    assert_true(is_paused(fixture, "netconf"));
    assert_false(is_paused(fixture, "link"));
    take(fixture, 0);
    assert_int_equal(fixture->messages, 2);
    assert_int_equal(fixture->resumed, 0);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(kernel.joined, 2);
    assert_int_equal(kernel.opened[WATCH_LINK], 1);
    assert_int_equal(fixture->resumed, 1);
    assert_false(is_paused(fixture, "netconf"));
}

static void after_a_flood_of_links_both_come_back_together(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(listening_to(fixture->listening, 0), 0);
    take(fixture, WATCH_FLOOD);
    assert_true(is_paused(fixture, "link"));
    assert_true(is_paused(fixture, "netconf")); /* nobody reads them */
    assert_true(fixture->changed > 0);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(kernel.opened[WATCH_LINK], 2);
    assert_int_equal(kernel.joined, 2);
    assert_int_equal(fixture->resumed, 1);
    /* a policy that changes meanwhile opens nothing before its time */
    take(fixture, WATCH_FLOOD | WATCH_FLOOD_BESIDE);
    assert_int_equal(listening_to(fixture->listening, 0), 0);
    assert_int_equal(kernel.opened[WATCH_LINK], 2);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(kernel.opened[WATCH_LINK], 3);
    assert_int_equal(kernel.joined, 3);
    assert_false(is_paused(fixture, "link"));
    assert_false(is_paused(fixture, "netconf"));
}

static void messages_that_were_lost_are_told_also_in_a_flood_of_settings(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(listening_to(fixture->listening, 0), 0);
    take(fixture, WATCH_OVERRUN);
    assert_int_equal(fixture->lost, 1);
    take(fixture, WATCH_OVERRUN | WATCH_FLOOD_BESIDE);
    assert_int_equal(fixture->lost, 2);
    listening_discard(fixture->listening);
}

static void what_cannot_be_opened_or_read_is_tried_again(void **state)
{
    struct fixture *fixture = *state;

    kernel.refuses = true;
    assert_int_equal(listening_to(fixture->listening, 0), -ENOMEM);
    assert_true(is_paused(fixture, "link"));
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(fixture->resumed, 0);
    kernel.refuses = false;
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(fixture->resumed, 1);
    assert_int_equal(kernel.joined, 1);
    take(fixture, -EIO);
    assert_int_equal(fixture->messages, 0);
    assert_true(is_paused(fixture, "link"));
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(kernel.opened[WATCH_LINK], 2);
    assert_int_equal(kernel.joined, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(only_what_is_asked_for_is_listened_to),
        TEST(a_flood_of_settings_does_not_keep_links_away),
        TEST(after_a_flood_of_links_both_come_back_together),
        TEST(messages_that_were_lost_are_told_also_in_a_flood_of_settings),
        TEST(what_cannot_be_opened_or_read_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
