/* Names of devices and other foreign bytes: shown escaped, and judged as the kernel judges them. */
#include "policy_text.h"

#include "policy/base/name.h"

static void printable_names_are_shown_as_they_are(void **state)
{
    _cleanup_free_ char *shown = name_escape("eth0 ~!\"'$(id)");

    assert_string_equal(shown, "eth0 ~!\"'$(id)");
}

static void everything_else_is_shown_as_hex(void **state)
{
    _cleanup_free_ char *shown = name_escape("a\x1b[31m\n\t\\\x7f\xff\xe2\x80\xae");
    _cleanup_free_ char *with_nul = name_escape_n("a\0b", 3);

    assert_string_equal(shown, "a\\x1B[31m\\x0A\\x09\\x5C\\x7F\\xFF\\xE2\\x80\\xAE");
    assert_string_equal(with_nul, "a\\x00b");
}

static void assert_quoted(const char *text, const char *expected)
{
    _cleanup_free_ char *word = name_quote(text);

    assert_string_equal(word, expected);
}

static void words_can_be_pasted_into_a_shell(void **state)
{
    assert_quoted("/srv/root-1_a.b:@%+,", "/srv/root-1_a.b:@%+,");
    assert_quoted("", "''");
    assert_quoted("-x", "'-x'");
    assert_quoted("~", "'~'");
    assert_quoted("x'y* $(id)\\", "'x'\\''y* $(id)\\'");
    assert_quoted("a'\\\n\xff"
                  "f",
                  "$'a\\'\\x5C\\x0A\\xFFf'");
}

static void what_was_escaped_comes_back(void **state)
{
    static const char *const bad[] = {"\\", "a\\x", "\\x4", "\\x4g", "\\xff", "\\n", "\\x00"};
    char every[256], text[64];
    _cleanup_free_ char *escaped = NULL;

    for (unsigned i = 0; i < 255; i++)
        every[i] = (char)(i + 1);
    every[255] = '\0';
    escaped = name_escape(every);
    assert_true(name_unescape(escaped));
    assert_string_equal(escaped, every);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        snprintf(text, sizeof(text), "%s", bad[i]);
        assert_false(name_unescape(text));
    }
}

static void every_device_name_fits_the_buffer(void **state)
{
    char worst[DEVICE_NAME_MAX + 1], buf[NAME_ESCAPED_SIZE];
    _cleanup_free_ char *whole = NULL;

    memset(worst, 0xff, DEVICE_NAME_MAX);
    worst[DEVICE_NAME_MAX] = '\0';
    whole = name_escape(worst);
    assert_string_equal(name_escape_buf(worst, buf, sizeof(buf)), whole);
}

static void a_long_text_is_cut_with_a_mark_and_never_inside_an_escape(void **state)
{
    char buf[12];

    assert_string_equal(name_escape_buf("12345678901", buf, sizeof(buf)), "12345678901");
    assert_string_equal(name_escape_buf("123456789012", buf, sizeof(buf)), "1234567890~");
    assert_string_equal(name_escape_buf("\xff\xff\xff", buf, sizeof(buf)), "\\xFF\\xFF~");
    for (size_t size = 1; size < sizeof(buf); size++) {
        memset(buf, 'X', sizeof(buf));
        name_escape_buf("ab\xff\xff\xff", buf, size);
        assert_true(strlen(buf) < size);
        assert_int_equal(buf[size], 'X');
    }
}

static void utf8_is_told_from_other_bytes(void **state)
{
    static const char *const good[] = {
        "",
        "abc",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "\xed\x9f\xbf",
        "\xf0\x9f\x98\x80",
        "\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x80",             /* begins with a continuation */
        "\xc3",             /* ends early */
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xff",
        "a\xe2\x82",
        "\xc3(",
    };

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        assert_true(name_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(name_is_utf8(bad[i], strlen(bad[i])));
}

static void names_are_valid_as_in_the_kernel(void **state)
{
    static const char *const good[] = {
        "eth0",     "...",     "*",    "[a]", "=k",   "#c",   "-rf",     "--help",          "$(id)",
        ";reboot;", "a\x1b[m", "\xff", "'\"", "a\\b", "@set", "eth1..3", "123456789012345",
    };
    static const char *const bad[] = {
        "",    ".",   "..",  "all",  "default", "a/b",
        "a:b", "a b", "a\t", "a\nb", "\xa0",    "1234567890123456",
    };

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        assert_true(name_is_valid_device(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(name_is_valid_device(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_names_are_shown_as_they_are),
        cmocka_unit_test(everything_else_is_shown_as_hex),
        cmocka_unit_test(what_was_escaped_comes_back),
        cmocka_unit_test(every_device_name_fits_the_buffer),
        cmocka_unit_test(words_can_be_pasted_into_a_shell),
        cmocka_unit_test(a_long_text_is_cut_with_a_mark_and_never_inside_an_escape),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
        cmocka_unit_test(names_are_valid_as_in_the_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
