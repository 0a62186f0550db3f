/* Which configuration files are read, in what order, and which are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/system/conf_files.h"
#include "files.h"

static const char *const dirs[] = {"/etc/x.d", "/run/x.d", "/usr/lib/x.d", NULL};

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

static char *below(const char *root, const char *path)
{
    char *full;

    assert_true(asprintf(&full, "%s%s", root, path) > 0);
    return full;
}

static void link_to(const char *root, const char *path, const char *target)
{
    _cleanup_free_ char *full = below(root, path);

    assert_int_equal(symlink(target, full), 0);
}

static void mode(const char *root, const char *path, mode_t bits)
{
    _cleanup_free_ char *full = below(root, path);

    assert_int_equal(chmod(full, bits), 0);
}

/* "path=bytes" of each file, joined by blanks; messages follow behind a bar. */
static void assert_read(const char *root, unsigned flags, const char *expected)
{
    _cleanup_conf_files_ struct conf_files files = {0};
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    char text[2000] = "";
    size_t n = 0;

    assert_int_equal(conf_files_read(root, dirs, flags, &diags, &files), 0);
    for (size_t i = 0; i < files.count; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s", i ? " " : "",
                              files.files[i].path, files.files[i].bytes);
    for (size_t i = 0; i < diags.count; i++) {
        assert_int_equal(diags.items[i].level, DIAG_ERROR);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "|%s", diags.items[i].file);
    }
    assert_string_equal(text, expected);
}

static void files_are_ordered_by_name_over_all_directories(void **state)
{
    files_put_text(*state, "/usr/lib/x.d/10.conf", "a");
    files_put_text(*state, "/etc/x.d/20.conf", "b");
    files_put_text(*state, "/run/x.d/15.conf", "c");
    files_put_text(*state, "/etc/x.d/B.conf", "d");
    files_put_text(*state, "/etc/x.d/a.conf", "e");
    files_put_text(*state, "/etc/x.d/README", "no");
    files_put_text(*state, "/etc/x.d/30.conf~", "no");
    files_put_text(*state, "/etc/x.d/.30.conf", "no");
    assert_read(*state, 0,
                "/usr/lib/x.d/10.conf=a /run/x.d/15.conf=c /etc/x.d/20.conf=b /etc/x.d/B.conf=d "
                "/etc/x.d/a.conf=e");
}

static void an_earlier_directory_replaces_the_same_name(void **state)
{
    files_put_text(*state, "/usr/lib/x.d/10.conf", "vendor");
    files_put_text(*state, "/usr/lib/x.d/20.conf", "vendor");
    files_put_text(*state, "/etc/x.d/10.conf", "mine");
    files_put_text(*state, "/run/x.d/20.conf", "");
    assert_read(*state, 0, "/etc/x.d/10.conf=mine /run/x.d/20.conf=");
}

static void a_link_to_dev_null_masks(void **state)
{
    files_put_text(*state, "/usr/lib/x.d/10.conf", "vendor");
    files_put_text(*state, "/etc/x.d/90.conf", "mine");
    link_to(*state, "/etc/x.d/10.conf", "/dev/null");
    assert_read(*state, 0, "/etc/x.d/90.conf=mine");
}

static void what_cannot_be_read_is_told_and_still_masks(void **state)
{
    files_put_text(*state, "/usr/lib/x.d/10.conf", "vendor");
    files_put_text(*state, "/usr/lib/x.d/20.conf", "vendor");
    files_put_text(*state, "/usr/lib/x.d/30.conf", "vendor");
    files_put_text(*state, "/etc/x.d/10.conf/inside", "a directory");
    link_to(*state, "/etc/x.d/20.conf", "/nowhere");
    link_to(*state, "/etc/x.d/30.conf", "30.conf");
    link_to(*state, "/etc/x.d/40.conf", "/dev/zero");
    assert_read(*state, 0, "|/etc/x.d/10.conf|/etc/x.d/20.conf|/etc/x.d/30.conf|/etc/x.d/40.conf");
}

static void absolute_links_stay_below_the_root(void **state)
{
    files_put_text(*state, "/data/real", "inside");
    files_put_text(*state, "/etc/x.d/20.conf", "b");
    link_to(*state, "/etc/x.d/10.conf", "/data/real");
    link_to(*state, "/etc/x.d/11.conf", "../../../../../../data/real");
    link_to(*state, "/run", "/etc");
    assert_read(*state, 0, "/etc/x.d/10.conf=inside /etc/x.d/11.conf=inside /etc/x.d/20.conf=b");
}

static void files_of_others_are_refused_when_trust_is_asked_for(void **state)
{
    _cleanup_free_ char *mine = NULL, *foreign = NULL;

    files_put_text(*state, "/etc/x.d/10.conf", "fine");
    files_put_text(*state, "/etc/x.d/20.conf", "world");
    files_put_text(*state, "/etc/x.d/30.conf", "group root");
    files_put_text(*state, "/etc/x.d/40.conf", "group other");
    files_put_text(*state, "/etc/x.d/50.conf", "owner other");
    mode(*state, "/etc/x.d/10.conf", 0644);
    mode(*state, "/etc/x.d/20.conf", 0646);
    mode(*state, "/etc/x.d/30.conf", 0664);
    mode(*state, "/etc/x.d/40.conf", 0664);
    mode(*state, "/etc/x.d/50.conf", 0644);
    if (geteuid() != 0) {
        assert_read(*state, CONF_FILES_TRUSTED,
                    "|/etc/x.d/10.conf|/etc/x.d/20.conf|/etc/x.d/30.conf|/etc/x.d/40.conf"
                    "|/etc/x.d/50.conf");
        return;
    }
    mine = below(*state, "/etc/x.d/40.conf");
    foreign = below(*state, "/etc/x.d/50.conf");
    assert_int_equal(chown(mine, 0, 12345), 0);
    assert_int_equal(chmod(mine, 0664), 0);
    assert_int_equal(chown(foreign, 12345, 0), 0);
    assert_read(*state, CONF_FILES_TRUSTED,
                "/etc/x.d/10.conf=fine"
                "|/etc/x.d/20.conf|/etc/x.d/30.conf|/etc/x.d/40.conf|/etc/x.d/50.conf");
}

static void hidden_names_are_for_those_who_ask(void **state)
{
    files_put_text(*state, "/etc/x.d/.a.conf", "a");
    files_put_text(*state, "/etc/x.d/.conf", "b");
    assert_read(*state, 0, "");
    assert_read(*state, CONF_FILES_HIDDEN, "/etc/x.d/.a.conf=a /etc/x.d/.conf=b");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    _cleanup_free_ char *large = below(*state, "/etc/x.d/10.conf");

    files_put_text(*state, "/etc/x.d/10.conf", "a");
    assert_int_equal(truncate(large, (off_t)CONF_FILE_SIZE_MAX + 1), 0);
    assert_read(*state, 0, "|/etc/x.d/10.conf");
}

static void bytes_come_whole(void **state)
{
    static const char bytes[] = "a\0b\r\n";
    _cleanup_conf_files_ struct conf_files files = {0};

    files_put(*state, "/one", bytes, sizeof(bytes) - 1);
    assert_int_equal(conf_file_read(*state, "/one", 0, NULL, &files), 0);
    assert_int_equal(files.count, 1);
    assert_int_equal(files.files[0].n, sizeof(bytes) - 1);
    assert_memory_equal(files.files[0].bytes, bytes, sizeof(bytes));
    assert_int_equal(conf_file_read(*state, "/none", 0, NULL, &files), -ENOENT);
    assert_int_equal(files.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_ordered_by_name_over_all_directories, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_earlier_directory_replaces_the_same_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_link_to_dev_null_masks, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told_and_still_masks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(absolute_links_stay_below_the_root, setup, teardown),
        cmocka_unit_test_setup_teardown(files_of_others_are_refused_when_trust_is_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(hidden_names_are_for_those_who_ask, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_too_large_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_come_whole, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
