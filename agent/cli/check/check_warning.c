/* One warning of `check` in words: what it is, whom it is about, and the line of policy. */
#include <stdio.h>

#include "agent/cli/check/check.h"

/* "[3: a, b, c]": whom a warning is about. */
static void print_examples(FILE *stream, const struct warning *warning)
{
    char name[NAME_ESCAPED_SIZE], number[16];

    fprintf(stream, " [%s", count_text(warning->count, number));
    for (unsigned i = 0; i < warning->n_examples; i++)
        fprintf(stream, "%s %s", i == 0 ? ":" : ",",
                name_escape_buf(warning->examples[i], name, sizeof(name)));
    fputs(warning->count > warning->n_examples ? ", ...]" : "]", stream);
}

/* What follows from `all` or `default` alone says so in its own words. */
static bool names_devices(const struct warning *warning)
{
    return warning->count > 1 ||
           (warning->count == 1 &&
            (warning->code == WARN_OUT_OF_RANGE ||
             (!streq(warning->examples[0], "all") && !streq(warning->examples[0], "default"))));
}

char *check_warning_text(const struct warning *warning)
{
    _cleanup_free_ char *place = NULL;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    fprintf(stream, "%s: %s", warning_name(warning->code), warning->message);
    if (names_devices(warning))
        print_examples(stream, warning);
    if (warning->rule)
        place = place_text(warning->rule->origin.file, warning->rule->origin.line);
    if (place && !strstr(warning->message, place))
        fprintf(stream, " (%s)", place);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}
