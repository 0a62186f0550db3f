/* The history of decisions: what is written is read again, bounded, and safe against what is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/store/history.h"
#include "files.h"
#include "policy_text.h"

#define HISTORY "/var/lib/rpfpolicy/history"

struct place {
    char *root;
    struct paths paths;
    char history[4096];
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->root = files_root_new();
    snprintf(place->history, sizeof(place->history), "%s" HISTORY, place->root);
    place->paths = (struct paths){.root = place->root, .history = place->history};
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    files_root_remove(place->root);
    free(place);
    return 0;
}

static void add(struct place *place, enum decision what, const char *detail)
{
    struct history_record record;

    history_describe(what, 0, 0, NULL, detail, &record);
    assert_int_equal(history_add(&place->paths, &record), 0);
}

static void a_decision_is_read_as_it_was_written(void **state)
{
    static const char odd[] = "two\nlines\t, a tab, \\x41 and \xff";
    struct place *place = *state;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy =
        policy_of("[agent]\nrevision = r 7\n[rp_filter]\n* = strict\n", &diags);
    _cleanup_history_ struct history history = {0};
    struct history_record record, *read;
    struct stat st;

    history_describe(DECISION_FORCE, 0, 0, policy, odd, &record);
    strcpy(record.sudo, "al ice");
    record.login = 1000;
    assert_int_equal(history_add(&place->paths, &record), 0);
    add(place, DECISION_PAUSE, "");
    assert_int_equal(history_read(&place->paths, &history), 0);
    assert_int_equal(history.count, 2);
    read = &history.records[0];
    assert_int_equal(read->what, DECISION_FORCE);
    assert_int_equal(read->time, record.time);
    assert_string_equal(read->detail, odd);
    assert_string_equal(read->revision, "r 7");
    assert_string_equal(read->hash, record.hash);
    assert_int_equal(strlen(read->hash), 16);
    assert_string_equal(read->origin, policy->files[0]);
    assert_string_equal(read->sudo, "al ice");
    assert_int_equal(read->login, 1000);
    assert_int_equal(read->uid, getuid());
    assert_string_equal(read->unit, record.unit);
    assert_int_equal(history.records[1].what, DECISION_PAUSE);
    assert_string_equal(history.records[1].hash, "");
    assert_int_equal(stat(place->history, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void every_decision_has_a_name_and_an_id_of_its_own(void **state)
{
    for (enum decision a = 0; a < DECISION_COUNT; a++) {
        assert_int_equal(strlen(decision_id(a)), 32);
        for (enum decision b = 0; b < a; b++) {
            assert_string_not_equal(decision_name(a), decision_name(b));
            assert_string_not_equal(decision_id(a), decision_id(b));
        }
    }
}

static void the_last_ones_are_kept(void **state)
{
    _cleanup_history_ struct history history = {0};
    struct place *place = *state;
    char number[16];

    for (unsigned i = 0; i < HISTORY_RECORDS + 5; i++) {
        snprintf(number, sizeof(number), "%u", i);
        add(place, DECISION_ACCEPT, number);
    }
    assert_int_equal(history_read(&place->paths, &history), 0);
    assert_int_equal(history.count, HISTORY_RECORDS);
    assert_string_equal(history.records[0].detail, "5");
    snprintf(number, sizeof(number), "%u", HISTORY_RECORDS + 4);
    assert_string_equal(history.records[history.count - 1].detail, number);
}

static void what_one_left_that_was_killed_goes_with_the_next(void **state)
{
    struct place *place = *state;
    char left[4200];

    files_put_text(place->root, HISTORY ".aB3dE6", "half a");
    files_put_text(place->root, HISTORY ".tar", "somebody's");
    add(place, DECISION_ACCEPT, "");
    snprintf(left, sizeof(left), "%s.aB3dE6", place->history);
    assert_int_equal(access(left, F_OK), -1);
    snprintf(left, sizeof(left), "%s.tar", place->history);
    assert_int_equal(access(left, F_OK), 0);
}

static void what_is_too_long_is_cut(void **state)
{
    _cleanup_history_ struct history history = {0};
    struct place *place = *state;
    char text[4 * HISTORY_TEXT_SIZE];

    memset(text, '\xff', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    add(place, DECISION_RESUME, text);
    assert_int_equal(history_read(&place->paths, &history), 0);
    assert_int_equal(history.count, 1);
    assert_int_equal(strlen(history.records[0].detail), HISTORY_TEXT_SIZE - 1);
}

/* As after a power cut where somebody appended, or of a later version. */
static void lines_that_are_none_are_passed_over(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "2\t0\taccept\t\t\t\t\t0\t0\t\t\t",
        "1\t0\tnonsense\t\t\t\t\t0\t0\t\t\t",
        "1\tx\taccept\t\t\t\t\t0\t0\t\t\t",
        "1\t0\taccept\txyz\t\t\t\t0\t0\t\t\t",
        "1\t0\taccept\t00000000000000000\t\t\t\t0\t0\t\t\t",
        "1\t0\taccept\t\t\\xZZ\t\t\t0\t0\t\t\t",
        "1\t0\taccept\t\t\t\t\t-2\t0\t\t\t",
        "1\t0\taccept\t\t\t\t\t0\t\t\t\t",
        "1\t0\taccept\t\t\t\t\t0\t0\t\t",
        "1\t0\taccept\t\t\t\t\t0\t0\t\t\t\t",
    };
    _cleanup_history_ struct history history = {0};
    struct place *place = *state;
    _cleanup_text_ struct text text = {0};

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        text_add(&text, "%s\n", bad[i]);
    text_add(&text, "1\t7\taccept\t\t\t\tgood\t0\t-1\t\t\t\n1\t8\taccept\t\t\t\ttorn");
    files_put(place->root, HISTORY, text.bytes, text.n);
    assert_int_equal(history_read(&place->paths, &history), 0);
    assert_int_equal(history.count, 1);
    assert_string_equal(history.records[0].detail, "good");
    assert_int_equal(history.records[0].login, -1);
    history_done(&history);
    add(place, DECISION_CONFIRM, "next");
    assert_int_equal(history_read(&place->paths, &history), 0);
    assert_int_equal(history.count, 2);
    assert_string_equal(history.records[1].detail, "next");
}

static void what_is_no_file_of_ours_is_not_read_and_replaced(void **state)
{
    _cleanup_history_ struct history history = {0};
    struct place *place = *state;
    struct stat st;

    files_put_text(place->root, "/var/lib/rpfpolicy/other", "other\n");
    assert_int_equal(symlink("other", place->history), 0);
    assert_int_equal(history_read(&place->paths, &history), -ELOOP);
    add(place, DECISION_ACCEPT, "");
    assert_int_equal(lstat(place->history, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(unlink(place->history), 0);
    assert_int_equal(mkfifo(place->history, 0644), 0);
    assert_int_equal(history_read(&place->paths, &history), -EBADMSG);
    add(place, DECISION_ACCEPT, "");
    assert_int_equal(history_read(&place->paths, &history), 0);
    assert_int_equal(history.count, 1);
}

static void none_is_none(void **state)
{
    _cleanup_history_ struct history history = {0};
    struct place *place = *state;

    assert_int_equal(history_read(&place->paths, &history), 0);
    assert_int_equal(history.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_decision_is_read_as_it_was_written, set_up, tear_down),
        cmocka_unit_test(every_decision_has_a_name_and_an_id_of_its_own),
        cmocka_unit_test_setup_teardown(the_last_ones_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_one_left_that_was_killed_goes_with_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_that_are_none_are_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_of_ours_is_not_read_and_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(none_is_none, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
