/* The record of former values: the first one of this boot counts, whatever the file went through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/before.h"

struct place {
    char directory[64], run[96], before[128], other[128];
    struct paths paths;
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    snprintf(place->directory, sizeof(place->directory), "/tmp/rpfpolicy-before-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->run, sizeof(place->run), "%s/run/below", place->directory);
    snprintf(place->before, sizeof(place->before), "%s/before", place->run);
    snprintf(place->other, sizeof(place->other), "%s/other", place->run);
    /* `before` is where this user writes. */
    place->paths = (struct paths){.run = place->run,
                                  .orders = place->run,
                                  .before = geteuid() == 0 ? place->before : place->other,
                                  .claims = geteuid() == 0 ? place->other : place->before};
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", place->directory);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static void append(struct place *place, enum key key, int ifindex, const char *name, int value)
{
    struct before_record record = {.key = key, .ifindex = ifindex, .value = value};

    snprintf(record.name, sizeof(record.name), "%s", name);
    assert_int_equal(before_append(&place->paths, &record, 1), 0);
}

static size_t count(struct place *place)
{
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;

    assert_int_equal(before_read(&place->paths, &records, &n), 0);
    return n;
}

/* The value recorded for rp_filter of a device. */
static int recorded(struct place *place, int ifindex, const char *name)
{
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;

    assert_int_equal(before_read(&place->paths, &records, &n), 0);
    for (size_t i = 0; i < n; i++)
        if (records[i].ifindex == ifindex && streq(records[i].name, name))
            return records[i].value;
    fail_msg("nothing recorded for %d %s", ifindex, name);
    return -1;
}

static void the_first_value_stays(void **state)
{
    struct place *place = *state;

    append(place, KEY_RP_FILTER, 3, "eth0", 2);
    append(place, KEY_RP_FILTER, 3, "eth0", 0);
    append(place, KEY_ACCEPT_LOCAL, 3, "eth0", 1);
    append(place, KEY_RP_FILTER, 4, "eth0", -5);
    append(place, KEY_RP_FILTER, 3, "eth1", 99);
    append(place, KEY_RP_FILTER, IFINDEX_ALL, "all", 1);
    assert_int_equal(count(place), 5);
    assert_int_equal(recorded(place, 3, "eth0"), 2);
    assert_int_equal(recorded(place, 4, "eth0"), -5);
    assert_int_equal(recorded(place, 3, "eth1"), 99);
    assert_int_equal(recorded(place, IFINDEX_ALL, "all"), 1);
}

static void of_two_in_one_go_the_first_counts(void **state)
{
    struct place *place = *state;
    struct before_record records[2] = {
        {.key = KEY_RP_FILTER, .ifindex = IFINDEX_DEFAULT, .name = "default", .value = 2},
        {.key = KEY_RP_FILTER, .ifindex = IFINDEX_DEFAULT, .name = "default", .value = 1}};

    assert_int_equal(before_append(&place->paths, records, 2), 0);
    assert_int_equal(before_append(&place->paths, records + 1, 1), 0);
    assert_int_equal(count(place), 1);
    assert_int_equal(recorded(place, IFINDEX_DEFAULT, "default"), 2);
}

static void write_over(struct place *place, int from, int to)
{
    struct before_record record = {.key = KEY_RP_FILTER, .ifindex = 1, .name = "lo"};

    record.value = from;
    record.wrote = to;
    assert_int_equal(before_append(&place->paths, &record, 1), 0);
}

static void what_was_written_last_is_known(void **state)
{
    struct place *place = *state;

    write_over(place, 7, 1);
    write_over(place, 1, 0);
    write_over(place, 1, 0);
    write_over(place, 0, 2);
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ struct before_record *records = NULL;
        size_t n;

        assert_int_equal(before_read(&place->paths, &records, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(records[0].value, 7);
        assert_int_equal(records[0].wrote, 2);
        assert_int_equal(records[0].wrote_earlier, 0);
        /* and once more after it was written anew */
        for (int k = 0; i == 0 && k < 5000; k++)
            write_over(place, 3, k % 2 ? 2 : 0);
    }
}

static void awkward_names_come_back_as_they_were(void **state)
{
    static const char *const names[] = {"...",  "-rf",    "=k",      "#c",       "$(id)",
                                        "a\\b", "a\\x41", "\x1b[1m", "\xff\xfe", "eth1..3",
                                        "*",    "[a]",    "@set",    ";reboot;"};
    struct place *place = *state;

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        append(place, KEY_RP_FILTER, 5, names[i], (int)i);
    assert_int_equal(count(place), ELEMENTSOF(names));
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        assert_int_equal(recorded(place, 5, names[i]), i);
}

static void change_file(struct place *place, const char *command)
{
    char line[256];

    snprintf(line, sizeof(line), "%s %s", command, place->before);
    assert_int_equal(system(line), 0);
}

static void a_record_of_another_boot_is_discarded(void **state)
{
    struct place *place = *state;
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;

    append(place, KEY_RP_FILTER, 3, "eth0", 2);
    change_file(place, "sed -i '1s/ 2 ./ 2 X/'");
    assert_int_equal(before_read(&place->paths, &records, &n), -ENOENT);
    append(place, KEY_RP_FILTER, 3, "eth0", 0);
    assert_int_equal(recorded(place, 3, "eth0"), 0);
    assert_int_equal(count(place), 1);
}

static void a_line_that_was_cut_is_dropped_and_the_next_is_whole(void **state)
{
    struct place *place = *state;

    append(place, KEY_RP_FILTER, 3, "eth0", 2);
    append(place, KEY_RP_FILTER, 4, "eth1", 1);
    change_file(place, "truncate -s -4");
    assert_int_equal(count(place), 1);
    append(place, KEY_RP_FILTER, 5, "eth2", 0);
    assert_int_equal(count(place), 2);
    assert_int_equal(recorded(place, 3, "eth0"), 2);
    assert_int_equal(recorded(place, 5, "eth2"), 0);
}

static void a_line_that_cannot_be_understood_is_passed_over(void **state)
{
    struct place *place = *state;

    append(place, KEY_RP_FILTER, 3, "eth0", 2);
    change_file(place, "sed -i '$a new_key 1 4 eth1\\nrp_filter x y z\\n\\nrp_filter 1 7 \\\\x4'");
    append(place, KEY_RP_FILTER, 5, "eth2", 0);
    assert_int_equal(count(place), 2);
    assert_int_equal(recorded(place, 5, "eth2"), 0);
}

static void without_a_record_reading_says_so(void **state)
{
    struct place *place = *state;
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;

    assert_int_equal(before_read(&place->paths, &records, &n), -ENOENT);
}

/* ifindexes far above any that exists stand for the devices of pods that are gone. */
static void the_record_does_not_grow_with_every_device_that_ever_was(void **state)
{
    struct place *place = *state;
    struct before_record records[500];
    struct stat st;

    append(place, KEY_RP_FILTER, IFINDEX_ALL, "all", 2);
    append(place, KEY_RP_FILTER, 1, "lo", 2);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 500; i++) {
            records[i] = (struct before_record){
                .key = KEY_RP_FILTER, .ifindex = 2000000000 + round * 500 + i, .value = 2};
            snprintf(records[i].name, sizeof(records[i].name), "lxc%d", round * 500 + i);
        }
        assert_int_equal(before_append(&place->paths, records, 500), 0);
    }
    assert_int_equal(stat(place->before, &st), 0);
    assert_true(st.st_size < 128 * 1024);
    assert_int_equal(recorded(place, IFINDEX_ALL, "all"), 2);
    assert_int_equal(recorded(place, 1, "lo"), 2);
}

static void log_one(struct place *place, struct before_log *log, int ifindex, const char *name,
                    int value)
{
    struct before_record record = {.key = KEY_RP_FILTER, .ifindex = ifindex, .value = value};

    snprintf(record.name, sizeof(record.name), "%s", name);
    assert_int_equal(before_log_add(log, &place->paths, &record), 0);
}

/* The agent keeps the file open, and a command may add to it, replace it or remove it meanwhile. */
static void a_file_that_stays_open_follows_what_others_do(void **state)
{
    struct place *place = *state;
    struct before_log log = BEFORE_LOG_INIT;

    log_one(place, &log, 1, "lo", 2);
    log_one(place, &log, 1, "eth0", 1);
    append(place, KEY_RP_FILTER, 1, "eth1", 7);
    log_one(place, &log, 1, "eth2", 3);
    log_one(place, &log, 1, "lo", 9);
    assert_int_equal(count(place), 4);
    assert_int_equal(recorded(place, 1, "lo"), 2);
    assert_int_equal(recorded(place, 1, "eth1"), 7);
    assert_int_equal(recorded(place, 1, "eth2"), 3);
    assert_int_equal(unlink(place->before), 0);
    log_one(place, &log, 1, "eth3", 1);
    log_one(place, &log, 1, "eth4", 2);
    assert_int_equal(count(place), 2);
    for (int i = 0; i < 300; i++) { /* past several rewrites */
        char name[16];

        snprintf(name, sizeof(name), "lxc%d", i);
        log_one(place, &log, 1, name, i % 3);
    }
    assert_int_equal(count(place), 302);
    assert_int_equal(recorded(place, 1, "lxc200"), 200 % 3);
    for (int i = 0; i < 2000; i++)
        log_one(place, &log, 2000000000 + i, "gone", 1);
    assert_int_equal(count(place), 2302);
    assert_int_equal(before_log_tidy(&log, &place->paths), 0);
    assert_int_equal(count(place), 302);
    log_one(place, &log, 1, "eth5", 2);
    assert_int_equal(recorded(place, 1, "eth5"), 2);
    before_log_close(&log);
}

static void append_under(struct place *place, int ifindex, const char *name, int value, int wrote,
                         int all)
{
    struct before_record record = {.key = KEY_RP_FILTER,
                                   .ifindex = ifindex,
                                   .value = value,
                                   .wrote = wrote,
                                   .all = all,
                                   .all_known = true};

    snprintf(record.name, sizeof(record.name), "%s", name);
    assert_int_equal(before_append(&place->paths, &record, 1), 0);
}

/* -100: not known. */
static int recorded_all(struct place *place, const char *name)
{
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;

    assert_int_equal(before_read(&place->paths, &records, &n), 0);
    for (size_t i = 0; i < n; i++)
        if (streq(records[i].name, name))
            return records[i].all_known ? records[i].all : -100;
    fail_msg("nothing recorded for %s", name);
    return -1;
}

static void make_it_be_written_anew(struct place *place)
{
    struct stat before, after;

    assert_int_equal(stat(place->before, &before), 0);
    do {
        struct before_record records[100];

        for (int i = 0; i < 100; i++)
            records[i] = (struct before_record){
                .key = KEY_ACCEPT_LOCAL, .ifindex = 1, .name = "lo", .all = 1, .all_known = true};
        assert_int_equal(before_append(&place->paths, records, 100), 0);
        assert_int_equal(stat(place->before, &after), 0);
    } while (after.st_ino == before.st_ino);
}

static void all_of_the_moment_is_known(void **state)
{
    struct place *place = *state;

    append_under(place, 1, "1", 0, 1, 2); /* a name like a number */
    append_under(place, IFINDEX_ALL, "all", 2, 0, 2);
    append_under(place, 1, "in-plan", 0, 1, 2);
    append_under(place, 1, "ours", 0, 1, 0);
    append_under(place, 1, "theirs", 0, 1, 1);
    append_under(place, IFINDEX_ALL, "all", 1, -3, 1);
    append_under(place, 1, "ours-again", 0, 1, -3);
    append_under(place, 1, "1", 7, 7, 7);
    append_under(place, IFINDEX_ALL, "all", -3, 1, -3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recorded_all(place, "1"), 2);
        assert_int_equal(recorded_all(place, "in-plan"), 2);
        assert_int_equal(recorded_all(place, "ours"), 2);
        assert_int_equal(recorded_all(place, "theirs"), 1);
        assert_int_equal(recorded_all(place, "ours-again"), 2);
        make_it_be_written_anew(place);
    }
    append_under(place, 1, "ours-more", 0, 1, 1);
    assert_int_equal(recorded_all(place, "ours-more"), 2);
}

/* After an upgrade the file goes on. */
static void a_file_of_a_version_that_did_not_note_all_is_read(void **state)
{
    struct place *place = *state;

    append(place, KEY_RP_FILTER, 1, "lo", 2); /* the very lines of that version */
    change_file(place, "sed -i '$a rp_filter 1 2 1 eth0\\nrp_filter 3 0 -1 all'");
    append_under(place, 1, "eth1", 0, 1, 1);
    append_under(place, 1, "eth0", 0, 1, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(recorded(place, 1, "eth0"), 1);
        assert_int_equal(recorded_all(place, "eth0"), -100);
        assert_int_equal(recorded_all(place, "eth1"), 1);
        assert_int_equal(recorded(place, IFINDEX_ALL, "all"), 3);
        make_it_be_written_anew(place);
    }
    change_file(place, "sed -i '$a rp_filter 1 2 1 eth2 x\\nrp_filter 1 2 1 eth2 99999999999'");
    assert_int_equal(count(place), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_value_stays),
        TEST(of_two_in_one_go_the_first_counts),
        TEST(what_was_written_last_is_known),
        TEST(awkward_names_come_back_as_they_were),
        TEST(a_record_of_another_boot_is_discarded),
        TEST(a_line_that_was_cut_is_dropped_and_the_next_is_whole),
        TEST(a_line_that_cannot_be_understood_is_passed_over),
        TEST(without_a_record_reading_says_so),
        TEST(the_record_does_not_grow_with_every_device_that_ever_was),
        TEST(a_file_that_stays_open_follows_what_others_do),
        TEST(all_of_the_moment_is_known),
        TEST(a_file_of_a_version_that_did_not_note_all_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
