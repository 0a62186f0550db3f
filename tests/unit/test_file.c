/* Reading and replacing files, and looking below a root. */
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
#include "files.h"

static int setup(void **state)
{
    *state = files_root_new();
    return 0;
}

static int teardown(void **state)
{
    files_root_remove(*state);
    return 0;
}

static const char *at(const char *root, const char *name)
{
    static char path[4096];

    assert_true(snprintf(path, sizeof(path), "%s/%s", root, name) < (int)sizeof(path));
    return path;
}

static void read_is(const char *path, const char *expected)
{
    _cleanup_text_ struct text text = {0};

    assert_int_equal(file_load(path, 100, &text), 0);
    assert_int_equal(text.n, strlen(expected));
    assert_string_equal(text.bytes, expected);
}

static void a_file_is_read_to_its_end_and_no_further_than_allowed(void **state)
{
    struct text text = {0};

    files_put_text(*state, "/empty", "");
    files_put_text(*state, "/ten", "0123456789");
    read_is(at(*state, "empty"), "");
    read_is(at(*state, "ten"), "0123456789");
    assert_int_equal(file_load(at(*state, "ten"), 9, &text), -EFBIG);
    assert_null(text.bytes);
    assert_int_equal(file_load(at(*state, "none"), 9, &text), -ENOENT);
}

static void a_pipe_is_read_to_its_end_too(void **state)
{
    _cleanup_text_ struct text text = {0};
    char bytes[20000];
    int ends[2];

    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(file_write_fd(ends[1], bytes, sizeof(bytes)), 0);
    close(ends[1]);
    assert_int_equal(file_load_fd(ends[0], sizeof(bytes), &text), 0);
    close(ends[0]);
    assert_int_equal(text.n, sizeof(bytes));
    assert_memory_equal(text.bytes, bytes, sizeof(bytes));
}

static void nothing_but_a_file_is_read(void **state)
{
    struct text text = {0};

    assert_int_equal(file_load(*state, 9, &text), -EBADMSG);
    assert_int_equal(mkfifo(at(*state, "fifo"), 0600), 0);
    assert_int_equal(file_load(at(*state, "fifo"), 9, &text), -EBADMSG);
    assert_int_equal(symlink("/etc/passwd", at(*state, "link")), 0);
    assert_int_equal(file_load(at(*state, "link"), 9, &text), -ELOOP);
}

static void a_file_is_replaced_whatever_the_umask(void **state)
{
    mode_t before = umask(0077);
    struct stat st;

    files_put_text(*state, "/f", "old");
    assert_int_equal(symlink("/etc/passwd", at(*state, "f.new")), 0);
    assert_int_equal(file_put(at(*state, "f"), "new", 3, NULL), 0);
    umask(before);
    read_is(at(*state, "f"), "new");
    assert_int_equal(stat(at(*state, "f"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
}

static void what_cannot_be_replaced_leaves_nothing_behind(void **state)
{
    assert_int_equal(mkdir(at(*state, "d"), 0755), 0);
    assert_int_equal(file_put(at(*state, "d"), "new", 3, NULL), -EISDIR);
    assert_int_equal(access(at(*state, "d.new"), F_OK), -1);
}

static void links_below_a_root_stay_there(void **state)
{
    _cleanup_close_ int root = root_open(*state), fd = -1;

    assert_true(root >= 0);
    files_put_text(*state, "/etc/here", "");
    assert_int_equal(symlink("/etc", at(*state, "absolute")), 0);
    fd = open_below(root, "/absolute/here", 0);
    assert_true(fd >= 0);
    assert_int_equal(open_below(root, "/absolute/passwd", 0), -ENOENT);
    assert_int_equal(file_replace(*state, "/absolute/f", "f", 1), -ELOOP);
    assert_int_equal(file_replace(*state, "/made/f", "f", 1), 0);
    read_is(at(*state, "made/f"), "f");
    assert_int_equal(root_open(at(*state, "none")), -ENOENT);
    assert_int_equal(root_open(""), AT_FDCWD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_read_to_its_end_and_no_further_than_allowed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_pipe_is_read_to_its_end_too, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_but_a_file_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whatever_the_umask, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_replaced_leaves_nothing_behind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(links_below_a_root_stay_there, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
