/* When status and metrics are written, by a clock that stands still; the service manager and the
 * log are here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/daemon/publisher.h"
#include "fake_clock.h"
#include "files.h"

struct fixture {
    char *root, metrics[128], status[128];
    struct paths paths;
    struct logger logger;
    struct fake_clock fake;
    struct presence *presence;
    struct publisher *publisher;
    bool with_metrics;
    int n; /* what is told */
    unsigned asked, lost;
};

static char notified[64];
static unsigned said;

int sd_notifyf(int unset, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(notified, sizeof(notified), format, arguments);
    va_end(arguments);
    return 0;
}

void log_plain(const struct logger *logger, enum log_event event, int level, const char *format,
               ...)
{
    said++;
}

static json_t *status(const char *state, void *data)
{
    struct fixture *fixture = data;

    fixture->asked++;
    return json_pack("{s:s, s:i}", "state", state, "n", fixture->n);
}

static void metrics(FILE *out, void *data)
{
    fprintf(out, "n %d\n", ((struct fixture *)data)->n);
}

static void summary(FILE *out, void *data)
{
    fprintf(out, "n is %d", ((struct fixture *)data)->n);
}

static const char *metrics_file(void *data)
{
    const struct fixture *fixture = data;

    return fixture->with_metrics ? fixture->metrics : NULL;
}

static void on_lost(void *data)
{
    ((struct fixture *)data)->lost++;
}

static void make(struct fixture *fixture)
{
    struct presence_options presence = {
        .paths = &fixture->paths, .logger = &fixture->logger, .lost = on_lost, .data = fixture};
    struct publisher_options options = {.paths = &fixture->paths,
                                        .loop = fixture->fake.loop,
                                        .logger = &fixture->logger,
                                        .status = status,
                                        .metrics = metrics,
                                        .summary = summary,
                                        .metrics_file = metrics_file,
                                        .data = fixture};
    const char *where;

    assert_int_equal(presence_new(&presence, &fixture->presence, &where), 0);
    options.presence = fixture->presence;
    assert_int_equal(publisher_new(&options, &fixture->publisher), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    umask(022);
    said = 0;
    fixture->root = files_root_new();
    assert_int_equal(paths_init(&(struct path_options){.root = fixture->root}, &fixture->paths), 0);
    snprintf(fixture->metrics, sizeof(fixture->metrics), "%s/metrics", fixture->root);
    snprintf(fixture->status, sizeof(fixture->status), "%s/status.json", fixture->paths.run);
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    make(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    publisher_free(fixture->publisher);
    presence_free(fixture->presence);
    loop_free(fixture->fake.loop);
    paths_done(&fixture->paths);
    files_root_remove(fixture->root);
    free(fixture);
    return 0;
}

static void assert_text(const char *path, const char *expected)
{
    char text[128] = "";
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    fclose(file);
    assert_string_equal(text, expected);
}

static void all_of_it_is_written_at_once_when_asked(void **state)
{
    struct fixture *fixture = *state;

    fixture->n = 3;
    assert_int_equal(publisher_write(fixture->publisher, "stopped"), 0);
    assert_text(fixture->status, "{\n  \"state\": \"stopped\",\n  \"n\": 3\n}");
    assert_string_equal(notified, "STATUS=n is 3");
    assert_int_equal(access(fixture->metrics, F_OK), -1); /* not asked for */
    fixture->with_metrics = true;
    assert_int_equal(publisher_write(fixture->publisher, "stopped"), 0);
    assert_text(fixture->metrics, "n 3\n");
}

static void news_are_written_once_a_second(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < 5; i++) {
        publisher_changed(fixture->publisher);
        fake_clock_pass(&fixture->fake, USEC_PER_SEC / 5 - 1);
    }
    assert_int_equal(fixture->asked, 0);
    fixture->n = 7;
    fake_clock_pass(&fixture->fake, 5);
    assert_int_equal(fixture->asked, 1);
    assert_text(fixture->status, "{\n  \"state\": \"running\",\n  \"n\": 7\n}");
    publisher_changed(fixture->publisher);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC - 1);
    assert_int_equal(fixture->asked, 1);
    fake_clock_pass(&fixture->fake, 1);
    assert_int_equal(fixture->asked, 2);
}

static void without_news_it_is_written_now_and_then(void **state)
{
    struct fixture *fixture = *state;

    publisher_changed(fixture->publisher);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fixture->asked, 1 + i);
        fake_clock_pass(&fixture->fake, 30 * USEC_PER_SEC - 1);
        assert_int_equal(fixture->asked, 1 + i);
        fake_clock_pass(&fixture->fake, 1);
    }
}

static void a_failure_is_said_once_and_keeps_nothing_else_from_being_written(void **state)
{
    struct fixture *fixture = *state;

    fixture->with_metrics = true;
    assert_int_equal(mkdir(fixture->status, 0755), 0);
    publisher_changed(fixture->publisher);
    fake_clock_pass(&fixture->fake, 100 * USEC_PER_SEC);
    fake_clock_pass(&fixture->fake, 100 * USEC_PER_SEC);
    assert_int_equal(fixture->asked, 2);
    assert_int_equal(said, 1);
    assert_text(fixture->metrics, "n 0\n");
    assert_int_equal(rmdir(fixture->status), 0);
    fake_clock_pass(&fixture->fake, 100 * USEC_PER_SEC);
    assert_int_equal(said, 1);
    assert_int_equal(unlink(fixture->status), 0);
    assert_int_equal(mkdir(fixture->status, 0755), 0);
    fake_clock_pass(&fixture->fake, 100 * USEC_PER_SEC);
    assert_int_equal(said, 2); /* another one */
    assert_int_equal(rmdir(fixture->status), 0);
}

static void nothing_is_written_once_its_files_are_gone(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(unlink(fixture->paths.agent), 0);
    publisher_changed(fixture->publisher);
    fake_clock_pass(&fixture->fake, 100 * USEC_PER_SEC);
    assert_int_equal(fixture->lost, 1);
    assert_int_equal(fixture->asked, 0);
    assert_int_equal(access(fixture->status, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_of_it_is_written_at_once_when_asked),
        TEST(news_are_written_once_a_second),
        TEST(without_news_it_is_written_now_and_then),
        TEST(a_failure_is_said_once_and_keeps_nothing_else_from_being_written),
        TEST(nothing_is_written_once_its_files_are_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
