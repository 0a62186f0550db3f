/* Lines: what reaches a section as an entry, and what inih would have misread without a word. */
#include "policy_text.h"

#include "policy/lang/ini_lines.h"

struct record {
    char text[4096]; /* "[section]" and "name=value;" in the order in which they came */
};

static bool take_section(const char *name, unsigned line, void *data)
{
    struct record *record = data;
    size_t used = strlen(record->text);

    snprintf(record->text + used, sizeof(record->text) - used, "[%s:%u]", name ? name : "BAD",
             line);
    return name && !streq(name, "skip");
}

static void take_entry(const char *name, const char *value, unsigned line, void *data)
{
    struct record *record = data;
    size_t used = strlen(record->text);

    snprintf(record->text + used, sizeof(record->text) - used, "%s=%s:%u;", name, value, line);
}

static struct record read_bytes(const char *bytes, size_t n, struct diags *diags)
{
    struct record record = {0};
    const struct ini_events events = {
        .section = take_section, .entry = take_entry, .data = &record};

    assert_int_equal(ini_read("f", bytes, n, &events, diags), 0);
    return record;
}

/* The text is read as this, and nothing is said. */
static void assert_reads(const char *text, const char *expected)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct record record = read_bytes(text, strlen(text), &diags);

    assert_string_equal(record.text, expected);
    assert_quiet(&diags);
}

/* The bytes are read as this, and exactly one error is said, at this line. */
static void assert_complains_n(const char *bytes, size_t n, const char *expected, unsigned line,
                               const char *words)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct record record = read_bytes(bytes, n, &diags);

    assert_string_equal(record.text, expected);
    assert_said(&diags, DIAG_ERROR, "f", line, words);
    assert_int_equal(diags.count, 1);
}

static void assert_complains(const char *text, const char *expected, unsigned line,
                             const char *words)
{
    assert_complains_n(text, strlen(text), expected, line, words);
}

static void plain_lines_are_read(void **state)
{
    assert_reads("[a]\nx = 1\n\ny=2\n[b]\nx = 3\n", "[a:1]x=1:2;y=2:4;[b:5]x=3:6;");
    assert_reads("", "");
    assert_reads("\n\n \n", "");
    assert_reads("x=1", "x=1:1;");
    assert_reads("[a]", "[a:1]");
    assert_reads("x =\n", "x=:1;");
    assert_reads("= 1\n", "=1:1;");
    assert_reads("x = a = b : c\n", "x=a = b : c:1;");
}

static void comments_begin_a_line_or_follow_a_value_after_a_blank(void **state)
{
    assert_reads("# x = 1\n; y = 2\n  # z\n", "");
    assert_reads("x = 1 ; c\ny = 2\t;c\nz = 3;c\nv = 4 # c\n", "x=1:1;y=2:2;z=3;c:3;v=4 # c:4;");
    assert_reads("[a] # c\n[b];c\n[c]#\n[d]   ; c\n", "[a:1][b:2][c:3][d:4]");
}

static void an_indented_file_reads_like_any_other(void **state)
{
    assert_reads("  [a]\n\t\tx = 1\n      y = 2\n   [b]\n z = 3\n", "[a:1]x=1:2;y=2:3;[b:4]z=3:5;");
}

static void windows_line_ends_and_a_byte_order_mark_are_nothing(void **state)
{
    assert_reads("\xef\xbb\xbf[a]\r\nx = 1\r\n\r\n", "[a:1]x=1:2;");
    assert_reads("\xef\xbb\xbf", "");
    assert_reads("\xef\xbb\xbfx = 1", "x=1:1;");
    assert_reads("\xef\xbb\xbf  # comment\nx = 1", "x=1:2;");
}

static void a_last_line_without_end_counts(void **state)
{
    assert_reads("[a]\nx = 1\n  y = 2", "[a:1]x=1:2;y=2:3;");
    assert_complains("[a]\nnothing", "[a:1]", 2, "no '='");
}

static void lines_up_to_the_limit_are_whole_and_longer_ones_refused(void **state)
{
    char line[600], text[1400], expected[1400];

    for (size_t n = INI_LINE_MAX - 2; n < 420; n++) {
        memset(line, 'v', n);
        memcpy(line, "x = ", 4);
        line[n] = '\0';
        snprintf(text, sizeof(text), "[a]\n     %s   \r\ny = 2\n", line);
        if (n <= INI_LINE_MAX) {
            snprintf(expected, sizeof(expected), "[a:1]x=%s:2;y=2:3;", line + 4);
            assert_reads(text, expected);
        } else {
            assert_complains(text, "[a:1]y=2:3;", 2, "at most 197 are allowed");
        }
    }
}

static void a_long_comment_does_not_turn_into_a_line(void **state)
{
    char text[600];

    memset(text, ' ', 400);
    text[0] = '#';
    strcpy(text + 380, "x = 1\ny = 2\n");
    assert_complains(text, "y=2:2;", 1, "at most 197 are allowed");
}

static void nul_bytes_are_refused(void **state)
{
    assert_complains_n("x = 1\0\ny = 2\n", 13, "y=2:2;", 1, "a NUL byte");
    assert_complains_n("x\0 = 1\ny = 2\n", 13, "y=2:2;", 1, "a NUL byte");
    assert_complains_n("# \0\ny = 2\n", 10, "y=2:2;", 1, "a NUL byte");
    assert_complains_n("[a]\n[b\0]\ny = 2\n", 15, "[a:1][BAD:2]", 2, "a NUL byte");
    assert_complains_n("\0", 1, "", 1, "a NUL byte");
}

static void a_line_without_equals_is_refused(void **state)
{
    assert_complains("[a]\nlxc* off\nx = 1\n", "[a:1]x=1:3;", 2, "no '='");
    assert_complains("[a]\nx ;= 1\ny = 2\n", "[a:1]y=2:3;", 2, "no '='");
    assert_complains("]\n", "", 1, "no '='");
}

static void a_colon_first_is_refused(void **state)
{
    assert_complains("[a]\nkey: value\nx = 1\n", "[a:1]x=1:3;", 2, "':' where '=' is expected");
    assert_complains("a:b = c\n", "", 1, "':' where '=' is expected");
}

static void lines_after_a_bad_header_belong_to_no_section(void **state)
{
    assert_complains("[a]\nx = 1\n[b\ny = 2\nnothing\n[c]\nz = 3\n",
                     "[a:1]x=1:2;[BAD:3][c:6]z=3:7;", 3, "without ']'");
    assert_complains("[a]\n[!e]* = 2\ny = 2\n", "[a:1]y=2:3;", 2, "text after the ']'");
    assert_complains("[a] x\ny = 2\n", "[BAD:1]", 1, "text after the ']'");
    assert_complains("[a ;]\ny = 2\n", "[BAD:1]", 1, "without ']'");
    assert_complains("[\n", "[BAD:1]", 1, "without ']'");
}

static void a_section_name_is_never_cut(void **state)
{
    char name[INI_SECTION_MAX + 2], text[200], expected[200];

    memset(name, 'n', sizeof(name));
    name[INI_SECTION_MAX] = '\0';
    snprintf(text, sizeof(text), "[%s]\nx = 1\n", name);
    snprintf(expected, sizeof(expected), "[%s:1]x=1:2;", name);
    assert_reads(text, expected);
    snprintf(text, sizeof(text), "[%sn]\nx = 1\n", name);
    assert_complains(text, "[BAD:1]", 1, "50 bytes, at most 49");
}

static void lines_of_a_passed_over_section_are_not_judged(void **state)
{
    assert_reads("[skip]\nnonsense\na: b\nx = 1\n[a]\ny = 2\n", "[skip:1][a:5]y=2:6;");
    assert_complains("[skip]\n[a\nnonsense\n", "[skip:1][BAD:2]", 2, "without ']'");
}

static void every_bad_line_is_reported_and_the_good_ones_between_are_read(void **state)
{
    static const char text[] = "[a]\none\nx = 1\ntwo: 2\ny = 2\n[b\nz\n[c]\nthree\nv = 3\nfour";
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct record record = read_bytes(text, strlen(text), &diags);

    assert_string_equal(record.text, "[a:1]x=1:3;y=2:5;[BAD:6][c:8]v=3:10;");
    assert_said(&diags, DIAG_ERROR, "f", 2, "no '='");
    assert_said(&diags, DIAG_ERROR, "f", 4, "':'");
    assert_said(&diags, DIAG_ERROR, "f", 6, "']'");
    assert_said(&diags, DIAG_ERROR, "f", 9, "no '='");
    assert_said(&diags, DIAG_ERROR, "f", 11, "no '='");
    assert_int_equal(diags.count, 5);
}

static void long_names_are_whole(void **state)
{
    char name[120], text[200], expected[200];

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(text, sizeof(text), "%s = 1\n", name);
    snprintf(expected, sizeof(expected), "%s=1:1;", name);
    assert_reads(text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_are_read),
        cmocka_unit_test(comments_begin_a_line_or_follow_a_value_after_a_blank),
        cmocka_unit_test(an_indented_file_reads_like_any_other),
        cmocka_unit_test(windows_line_ends_and_a_byte_order_mark_are_nothing),
        cmocka_unit_test(a_last_line_without_end_counts),
        cmocka_unit_test(lines_up_to_the_limit_are_whole_and_longer_ones_refused),
        cmocka_unit_test(a_long_comment_does_not_turn_into_a_line),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(a_line_without_equals_is_refused),
        cmocka_unit_test(a_colon_first_is_refused),
        cmocka_unit_test(lines_after_a_bad_header_belong_to_no_section),
        cmocka_unit_test(a_section_name_is_never_cut),
        cmocka_unit_test(lines_of_a_passed_over_section_are_not_judged),
        cmocka_unit_test(every_bad_line_is_reported_and_the_good_ones_between_are_read),
        cmocka_unit_test(long_names_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
