/* Growing texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/base/text.h"

static void nothing_added_is_an_empty_text(void **state)
{
    struct text text = {0};
    char *taken = text_take(&text);

    assert_string_equal(taken, "");
    assert_null(text.bytes);
    free(taken);
}

static void pieces_of_every_length_follow_one_another(void **state)
{
    _cleanup_text_ struct text text = {0};
    size_t expected = 0;

    for (int length = 0; length < 300; length++) {
        text_add(&text, "%*s", length, "");
        text_put(&text, "|");
        expected += (size_t)length + 1;
        assert_int_equal(text.n, expected);
        assert_int_equal(strlen(text.bytes), expected);
        assert_int_equal(text.bytes[expected - 1], '|');
        assert_true(text.n < text.capacity);
    }
    assert_false(text.failed);
}

static void bytes_may_hold_anything(void **state)
{
    _cleanup_text_ struct text text = {0};

    text_put_bytes(&text, "a\0\xff", 3);
    text_put_bytes(&text, NULL, 0);
    text_put(&text, "b");
    assert_int_equal(text.n, 4);
    assert_memory_equal(text.bytes,
                        "a\0\xff"
                        "b",
                        5);
}

static void a_failure_stays_and_keeps_what_is_there(void **state)
{
    struct text text = {0};

    text_put(&text, "kept");
    assert_null(text_room(&text, SIZE_MAX));
    text_put(&text, "lost");
    text_add(&text, "%d", 1);
    assert_true(text.failed);
    assert_string_equal(text.bytes, "kept");
    assert_null(text_take(&text));
    assert_null(text.bytes);
}

static void a_format_is_a_text(void **state)
{
    _cleanup_free_ char *text = text_format("%s-%d", "a", 7);

    assert_string_equal(text, "a-7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_added_is_an_empty_text),
        cmocka_unit_test(pieces_of_every_length_follow_one_another),
        cmocka_unit_test(bytes_may_hold_anything),
        cmocka_unit_test(a_failure_stays_and_keeps_what_is_there),
        cmocka_unit_test(a_format_is_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
