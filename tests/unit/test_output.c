/* Output of the command line: strings of foreign origin cannot harm a terminal or break JSON,
 * tables are not cut where no terminal is, and a full disk is noticed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cli/out/row.h"
#include "policy/facts/states.h"

struct capture {
    struct output out;
    char *text;
    size_t size;
};

static void capture_begin(struct capture *capture)
{
    *capture = (struct capture){0};
    capture->out.stream = open_memstream(&capture->text, &capture->size);
    assert_non_null(capture->out.stream);
}

static const char *capture_end(struct capture *capture)
{
    assert_int_equal(output_finish(&capture->out), 0);
    return capture->text;
}

static void assert_json_string(const char *bytes, const char *expected)
{
    struct capture capture;

    capture_begin(&capture);
    output_json(&capture.out, json_bytes(bytes));
    assert_string_equal(capture_end(&capture), expected);
    free(capture.text);
}

static void names_reach_json_as_they_are_but_never_raw(void **state)
{
    assert_json_string("eth0", "\"eth0\"\n");
    assert_json_string("caf\xc3\xa9", "\"caf\\u00E9\"\n");
    assert_json_string("a\xe2\x80\xae"
                       "b",
                       "\"a\\u202Eb\"\n");
    assert_json_string("a\x1b[2Jb", "\"a\\u001B[2Jb\"\n");
    assert_json_string("a\x7f"
                       "b\x7f",
                       "\"a\\u007fb\\u007f\"\n");
    assert_json_string("quote\"back\\", "\"quote\\\"back\\\\\"\n");
    assert_json_string(NULL, "null\n");
}

static void names_that_are_no_utf8_are_escaped_and_given_in_hex(void **state)
{
    json_t *object = json_object();

    json_set_name(object, "name", "a\xff\x01");
    assert_string_equal(json_string_value(json_object_get(object, "name")), "a\\xFF\\x01");
    assert_string_equal(json_string_value(json_object_get(object, "name_bytes")), "61ff01");
    json_decref(object);
    object = json_object();
    json_set_name(object, "name", "caf\xc3\xa9");
    assert_null(json_object_get(object, "name_bytes"));
    json_decref(object);
}

static void a_json_stream_is_one_valid_value(void **state)
{
    struct capture capture;
    json_t *value;

    capture_begin(&capture);
    json_open(&capture.out, NULL, '{');
    json_element(&capture.out, "first", json_integer(1));
    json_open(&capture.out, "empty", '[');
    json_close(&capture.out, ']');
    json_open(&capture.out, "list", '[');
    json_element(&capture.out, NULL, json_integer(2));
    json_element(&capture.out, NULL, json_string("three"));
    json_close(&capture.out, ']');
    json_element(&capture.out, "last", json_null());
    json_close(&capture.out, '}');
    value = json_loads(capture_end(&capture), 0, NULL);
    assert_non_null(value);
    assert_int_equal(json_object_size(value), 4);
    assert_int_equal(json_array_size(json_object_get(value, "empty")), 0);
    assert_int_equal(json_array_size(json_object_get(value, "list")), 2);
    assert_true(json_is_null(json_object_get(value, "last")));
    json_decref(value);
    free(capture.text);
}

/* Every character, in values and in names of members, and every kind of value. */
static json_t *all_kinds_of_values(void)
{
    json_t *object =
        json_pack("{s:{}, s:[], s:[i, i, I, I], s:f, s:b, s:b, s:n}", "{}", "[]", "numbers", 0, 10,
                  -(json_int_t)1, (json_int_t)1 << 62, "real", 1.5, "true", 1, "false", 0, "null");

    for (unsigned char c = 1; c < 0x7f; c++) {
        char text[] = {'a', (char)c, 'z', '\0'};

        json_object_set_new(object, text, json_pack("[s, {s:s}]", text, text, text));
    }
    json_object_set_new(object, "caf\xc3\xa9", json_string("\xf0\x9f\x90\x9f"));
    json_object_set_new(object, "", json_string(""));
    return object;
}

static void values_are_written_as_jansson_writes_them(void **state)
{
    json_t *object = all_kinds_of_values();
    char *expected = json_dumps(object, JSON_ENSURE_ASCII), *text;
    struct capture capture;

    capture_begin(&capture);
    output_json(&capture.out, object);
    assert_true(asprintf(&text, "%s\n", expected) > 0);
    assert_string_equal(capture_end(&capture), text);
    free(text);
    free(expected);
    free(capture.text);
}

static void a_long_text_reaches_json_whole(void **state)
{
    char text[10001], expected[sizeof(text) + 8];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    snprintf(expected, sizeof(expected), "\"%s\"\n", text);
    assert_json_string(text, expected);
    text[0] = '"';
    snprintf(expected, sizeof(expected), "\"\\%s\"\n", text);
    assert_json_string(text, expected);
}

static const struct column columns[] = {
    {"STATE", COLUMN_STATE}, {"DEVICE", 0}, {"RULE", COLUMN_WRAP}};

static const char *print_row(struct capture *capture, const char *name, const char *rule)
{
    _cleanup_table_ struct table *table = table_new(columns, ELEMENTSOF(columns));

    assert_non_null(table);
    assert_int_equal(table_row(table, (const char *const[]){"drift", name, rule}), 0);
    assert_int_equal(table_print(table, &capture->out), 0);
    return capture_end(capture);
}

static void tables_are_never_cut_where_no_terminal_is(void **state)
{
    struct capture capture;
    char rule[400];

    memset(rule, 'x', sizeof(rule));
    rule[sizeof(rule) - 1] = 0;
    capture_begin(&capture);
    assert_non_null(strstr(print_row(&capture, "eth0", rule), rule));
    free(capture.text);
}

static void print_terminal(struct capture *capture, unsigned width, const struct column *titles,
                           unsigned n, const char *const *cells, unsigned rows)
{
    _cleanup_table_ struct table *table = table_new(titles, n);

    assert_non_null(table);
    capture_begin(capture);
    capture->out.width = width;
    for (unsigned row = 0; row < rows; row++)
        assert_int_equal(table_row(table, cells + (size_t)row * n), 0);
    assert_int_equal(table_print(table, &capture->out), 0);
    (void)capture_end(capture);
}

static void columns_that_do_not_fit_a_terminal_go_below_the_row(void **state)
{
    static const struct column titles[] = {
        {"STATE", 0}, {"DEVICE", 0}, {"RULE", COLUMN_WRAP}, {"CAUSE", COLUMN_WRAP}};
    static const char *const cells[] = {
        "drift", "eth0", "/etc/rpfpolicy.d/10-node.conf:7", "/usr/lib/sysctl.d/50-default.conf:1",
        "ok",    "eth1", "/etc/rpfpolicy.d/10-node.conf:8", NULL};
    struct capture capture;

    print_terminal(&capture, 79, titles, 4, cells, 2);
    assert_string_equal(capture.text, "STATE DEVICE RULE\n"
                                      "drift eth0   /etc/rpfpolicy.d/10-node.conf:7\n"
                                      "      CAUSE /usr/lib/sysctl.d/50-default.conf:1\n"
                                      "ok    eth1   /etc/rpfpolicy.d/10-node.conf:8\n");
    free(capture.text);
    print_terminal(&capture, 40, titles, 4, cells, 2);
    assert_string_equal(capture.text, "STATE DEVICE\n"
                                      "drift eth0\n"
                                      "      RULE  /etc/rpfpolicy.d/10-node.conf:7\n"
                                      "      CAUSE /usr/lib/sysctl.d/50-default.conf:1\n"
                                      "ok    eth1\n"
                                      "      RULE  /etc/rpfpolicy.d/10-node.conf:8\n");
    free(capture.text);
    print_terminal(&capture, 80, titles, 4, cells + 4, 1);
    assert_string_equal(capture.text, "STATE DEVICE RULE                            CAUSE\n"
                                      "ok    eth1   /etc/rpfpolicy.d/10-node.conf:8 -\n");
    free(capture.text);
}

static void rows_with_something_below_are_one_line_each(void **state)
{
    static const struct column titles[] = {
        {"DEVICE", 0}, {"WHY", COLUMN_WRAP}, {"KEPT BY", COLUMN_WRAP}};
    static const char *const cells[] = {"eth0",        "the way back uses another device",
                                        "[rp_filter]", "eth1",
                                        "no way back", "[rp_filter]-aaaaaaaaaaaaaaaaaaaaaaa"};
    struct capture capture;

    print_terminal(&capture, 36, titles, 3, cells, 2);
    assert_string_equal(capture.text, "DEVICE\n"
                                      "eth0\n"
                                      "      WHY     the way back uses\n"
                                      "              another device\n"
                                      "      KEPT BY [rp_filter]\n"
                                      "eth1\n"
                                      "      WHY     no way back\n"
                                      "      KEPT BY [rp_filter]-aaaaaaaaaaaaaaaaaaaaaaa\n");
    free(capture.text);
}

static void sentences_are_wrapped_between_words(void **state)
{
    static const struct column titles[] = {{"PRESET", 0}, {"WHAT FOR", COLUMN_WRAP}};
    static const char *const cells[] = {
        "calico-ebpf", "Calico with its eBPF data plane: pods off, network cards loose"};
    struct capture capture;

    print_terminal(&capture, 44, titles, 2, cells, 1);
    for (char *p = capture.text; (p = strstr(p, " \n"));)
        memmove(p, p + 1, strlen(p)); /* libsmartcols fills cells up */
    assert_string_equal(capture.text, "PRESET      WHAT FOR\n"
                                      "calico-ebpf Calico with its eBPF data plane:\n"
                                      "            pods off, network cards loose\n");
    free(capture.text);
}

static void a_word_longer_than_the_terminal_stays_whole(void **state)
{
    struct capture capture;
    char rule[400];

    memset(rule, 'x', sizeof(rule));
    rule[sizeof(rule) - 1] = 0;
    capture_begin(&capture);
    capture.out.width = 60;
    assert_non_null(strstr(print_row(&capture, "eth0", rule), rule));
    free(capture.text);
}

static void assert_words(unsigned width, unsigned column, const char *text, const char *expected)
{
    struct capture capture;

    capture_begin(&capture);
    capture.out.width = width;
    output_words(&capture.out, column, 4, text);
    assert_string_equal(capture_end(&capture), expected);
    free(capture.text);
}

static void texts_are_wrapped_for_terminals_only(void **state)
{
    static const char text[] = "one two three four five six seven";

    assert_words(0, 0, text, "one two three four five six seven");
    assert_words(33, 0, text, "one two three four five six seven");
    assert_words(32, 0, text, "one two three four five six\n    seven");
    assert_words(33, 1, text, "one two three four five six\n    seven");
    assert_words(10, 0, text, "one two three four five six seven");
    assert_words(24, 0, "a-word-that-is-much-too-long for it",
                 "a-word-that-is-much-too-long\n    for it");
    assert_words(24, 0, "for a-word-that-is-much-too-long",
                 "for\n    a-word-that-is-much-too-long");
    assert_words(80, 0, "", "");
}

static void tables_escape_what_a_terminal_would_obey(void **state)
{
    struct capture capture;
    const char *text;

    capture_begin(&capture);
    text = print_row(&capture, "a\x1b[2J\xff", NULL);
    assert_non_null(strstr(text, "a\\x1B[2J\\xFF"));
    assert_null(strchr(text, '\x1b'));
    free(capture.text);
}

static void colours_appear_only_when_asked_for(void **state)
{
    struct capture capture;

    capture_begin(&capture);
    assert_null(strchr(print_row(&capture, "eth0", "r"), '\x1b'));
    free(capture.text);
    capture_begin(&capture);
    capture.out.color = true;
    assert_non_null(strstr(print_row(&capture, "eth0", "r"), "\x1b[31m"));
    free(capture.text);
}

/* Tables know words alone. */
static void a_word_of_both_kinds_of_states_has_one_tone(void **state)
{
    for (enum state s = 0; s < STATE_COUNT; s++)
        assert_int_equal(state_tone(state_name(s)), state_info(s)->tone);
    for (enum routes_state s = 0; s < ROUTES_STATE_COUNT; s++)
        assert_int_equal(state_tone(routes_state_name(s)), routes_state_info(s)->tone);
}

static void columns_stand_below_each_other(void **state)
{
    static const struct column numbers[] = {{"STATE", COLUMN_STATE}, {"N", COLUMN_RIGHT}, {"X", 0}};
    _cleanup_table_ struct table *table = table_new(numbers, ELEMENTSOF(numbers));
    struct capture capture;

    capture_begin(&capture);
    capture.out.color = true;
    assert_int_equal(table_row(table, (const char *const[]){"ok", "7", "a"}), 0);
    assert_int_equal(table_row(table, (const char *const[]){"impossible", "1000", NULL}), 0);
    assert_int_equal(table_print(table, &capture.out), 0);
    assert_string_equal(capture_end(&capture), "STATE         N X\n"
                                               "\033[32mok\033[0m            7 a\n"
                                               "\033[1;31mimpossible\033[0m 1000 -\n");
    free(capture.text);
}

static void assert_list(unsigned width, const char *expected)
{
    _cleanup_table_ struct table *table = table_new(NULL, 3);
    struct capture capture;

    capture_begin(&capture);
    capture.out.width = width;
    assert_int_equal(table_row(table, (const char *const[]){"> a", "file:1", "wins"}), 0);
    assert_int_equal(table_row(table, (const char *const[]){"  longer", "f:2", "is beaten"}), 0);
    assert_int_equal(table_print(table, &capture.out), 0);
    assert_string_equal(capture_end(&capture), expected);
    free(capture.text);
}

static void a_list_has_no_titles_and_its_last_cells_below_where_it_is_too_wide(void **state)
{
    assert_list(0, "    > a       file:1  wins\n"
                   "      longer  f:2     is beaten\n");
    assert_list(31, "    > a       file:1  wins\n"
                    "      longer  f:2     is beaten\n");
    assert_list(30, "    > a       file:1\n"
                    "        wins\n"
                    "      longer  f:2\n"
                    "        is beaten\n");
}

static int put_sample(struct row *row, const char *name, bool known)
{
    return ROW(row, {"ifindex", NULL, NUMBER(7)}, {"name", "DEVICE", NAME(name), CELL_CSV},
               {"count", "N", NUMBER_IF(known, 1234), COLUMN_RIGHT | CELL_COUNT},
               {NULL, "SHOWN", FOR_TABLE(row, strdup("a, b"))},
               {"file", NULL, TEXT("a, b"), CELL_CSV_ONLY}, {"on", NULL, TRUTH(true), CELL_CSV},
               {"rule", NULL, FOR_JSON(row, json_integer(3))}, {"why", "WHY", TEXT(NULL)});
}

static void one_description_gives_table_json_and_csv(void **state)
{
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    struct row to_table = {.table = table}, to_csv = {0};
    struct capture capture;

    capture_begin(&capture);
    to_csv.csv = capture.out.stream;
    assert_int_equal(put_sample(&to_table, "eth0", true), 0);
    assert_int_equal(put_sample(&to_table, "a\\", false), 0);
    assert_int_equal(table_print(table, &capture.out), 0);
    output_json(&capture.out, ROW_OBJECT(row, put_sample(&row, "eth0", true)));
    output_json(&capture.out, ROW_OBJECT(row, put_sample(&row, "\xff", false)));
    assert_int_equal(put_sample(&to_csv, "eth0", true), 0);
    assert_int_equal(put_sample(&to_csv, "\xff", false), 0);
    assert_string_equal(
        capture_end(&capture),
        "DEVICE     N SHOWN WHY\n"
        "eth0   1,234 a, b  -\n"
        "a\\x5C      - a, b  -\n"
        "{\"ifindex\": 7, \"name\": \"eth0\", \"count\": 1234, \"on\": true, \"rule\": 3, "
        "\"why\": null}\n"
        "{\"ifindex\": 7, \"name\": \"\\\\xFF\", \"name_bytes\": \"ff\", \"count\": null, "
        "\"on\": true, \"rule\": 3, \"why\": null}\n"
        "name,file,on\n"
        "eth0,\"a, b\",yes\n"
        "\\xFF,\"a, b\",yes\n");
    free(capture.text);
}

static void a_row_without_memory_is_none(void **state)
{
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    struct row row = {.table = table};
    struct capture capture;

    assert_int_equal(ROW(&row, {NULL, "A", OWNED(strdup("freed"))}, {NULL, "B", OWNED(NULL)}),
                     -ENOMEM);
    capture_begin(&capture);
    assert_int_equal(table_print(table, &capture.out), 0);
    assert_string_equal(capture_end(&capture), "");
    free(capture.text);
}

static void an_empty_table_prints_nothing(void **state)
{
    _cleanup_table_ struct table *table = table_new(columns, ELEMENTSOF(columns));
    struct capture capture;

    capture_begin(&capture);
    assert_int_equal(table_print(table, &capture.out), 0);
    assert_string_equal(capture_end(&capture), "");
    free(capture.text);
}

static void a_full_disk_is_an_error(void **state)
{
    struct output out = {.stream = fopen("/dev/full", "we")};

    assert_non_null(out.stream);
    fputs("some result\n", out.stream);
    assert_int_equal(output_finish(&out), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_reach_json_as_they_are_but_never_raw),
        cmocka_unit_test(names_that_are_no_utf8_are_escaped_and_given_in_hex),
        cmocka_unit_test(a_json_stream_is_one_valid_value),
        cmocka_unit_test(values_are_written_as_jansson_writes_them),
        cmocka_unit_test(a_long_text_reaches_json_whole),
        cmocka_unit_test(tables_are_never_cut_where_no_terminal_is),
        cmocka_unit_test(columns_that_do_not_fit_a_terminal_go_below_the_row),
        cmocka_unit_test(rows_with_something_below_are_one_line_each),
        cmocka_unit_test(sentences_are_wrapped_between_words),
        cmocka_unit_test(a_word_longer_than_the_terminal_stays_whole),
        cmocka_unit_test(texts_are_wrapped_for_terminals_only),
        cmocka_unit_test(tables_escape_what_a_terminal_would_obey),
        cmocka_unit_test(colours_appear_only_when_asked_for),
        cmocka_unit_test(a_word_of_both_kinds_of_states_has_one_tone),
        cmocka_unit_test(columns_stand_below_each_other),
        cmocka_unit_test(a_list_has_no_titles_and_its_last_cells_below_where_it_is_too_wide),
        cmocka_unit_test(one_description_gives_table_json_and_csv),
        cmocka_unit_test(a_row_without_memory_is_none),
        cmocka_unit_test(an_empty_table_prints_nothing),
        cmocka_unit_test(a_full_disk_is_an_error),
    };

    json_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
