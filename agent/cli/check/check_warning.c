/* One warning of `check` in words: what it is, whom it is about, and the line of policy. */
#include "agent/cli/check/check.h"
#include "policy/base/text.h"

/* "[3: a, b, c]": whom a warning is about. */
static void print_examples(struct text *out, const struct warning *warning)
{
    char name[NAME_ESCAPED_SIZE], number[16];

    text_add(out, " [%s", count_text(warning->count, number));
    for (unsigned i = 0; i < warning->n_examples; i++)
        text_add(out, "%s %s", i == 0 ? ":" : ",",
                 name_escape_buf(warning->examples[i], name, sizeof(name)));
    text_put(out, warning->count > warning->n_examples ? ", ...]" : "]");
}

/* What follows from `all` or `default` alone says so in its own words. */
static bool names_devices(const struct warning *warning)
{
    return warning->count > 1 || (warning->count == 1 && (warning->code == WARN_OUT_OF_RANGE ||
                                                          warning->last_ifindex > 0));
}

char *check_warning_text(const struct warning *warning)
{
    const struct origin *origin = warning->rule ? &warning->rule->origin : NULL;
    _cleanup_free_ char *place = NULL;
    _cleanup_text_ struct text text = {0};

    text_add(&text, "%s: %s", warning_name(warning->code), warning->message);
    if (names_devices(warning))
        print_examples(&text, warning);
    if (origin && (origin->file != warning->named.file || origin->line != warning->named.line))
        place = place_text(origin->file, origin->line);
    if (place)
        text_add(&text, " (%s)", place);
    return text_take(&text);
}
