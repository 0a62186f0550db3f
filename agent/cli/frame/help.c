/* Help, made from the tables of verbs and options: at most 80 columns. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/frame/options.h"

#define LEFT 28

static void print_option(FILE *stream, const struct option_info *option, const char *help)
{
    char left[64];

    if (option->letter)
        snprintf(left, sizeof(left), "-%c, --%s", option->letter, option->name);
    else
        snprintf(left, sizeof(left), "--%s%s%s%s%s", option->name, option->optional ? "[" : "",
                 option->metavar ? "=" : "", option->metavar ?: "", option->optional ? "]" : "");
    fprintf(stream, "  %-*s%s\n", LEFT, left, help);
}

/* "table or json": the formats in a mask. */
static void formats_text(uint32_t formats, char *ret, size_t size)
{
    size_t used = 0;

    ret[0] = 0;
    for (unsigned i = 0; i < FORMAT_COUNT; i++)
        if (formats & FORMAT_BIT(i))
            used +=
                (size_t)snprintf(ret + used, size - used, "%s%s", used ? ", " : "", format_name(i));
}

/* Formats that few commands speak stand in a second line. */
static void print_global_options(FILE *stream, uint32_t formats, uint32_t rare)
{
    char text[96], more[96];

    formats_text(formats, text, sizeof(text));
    formats_text(rare, more, sizeof(more));
    fputs("\nGlobal options:\n", stream);
    for (unsigned i = 0; i < GLOBAL_COUNT; i++) {
        if (i == GLOBAL_JSON && !(formats & FORMAT_BIT(FORMAT_JSON)))
            continue;
        print_option(stream, &global_options[i],
                     i == GLOBAL_FORMAT ? text : global_options[i].help);
        if (i == GLOBAL_FORMAT && rare)
            fprintf(stream, "  %-*sor %s\n", LEFT, "", more);
    }
}

void help_print(FILE *stream, const struct verb *const *verbs)
{
    fputs("Usage: rpfpolicy [OPTION...] COMMAND [ARGUMENT...]\n\n"
          "Says, and makes true, how every network device filters by reverse path.\n\nCommands:\n",
          stream);
    for (; *verbs; verbs++) {
        const struct verb *verb = *verbs;
        char left[64];

        snprintf(left, sizeof(left), "%s %s", verb->name, verb->arguments);
        if (strlen(left) >= LEFT)
            fprintf(stream, "  %s\n  %-*s%s\n", left, LEFT, "", verb->summary);
        else
            fprintf(stream, "  %-*s%s\n", LEFT, left, verb->summary);
    }
    print_global_options(stream, FORMATS_CHECK, FORMATS_PAGES);
    fputs("\nExit status: 0 all as wanted, 1 error, 2 drift found or something to do,\n"
          "4 some write failed. 'rpfpolicy COMMAND --help' tells more about a command.\n",
          stream);
}

#define COLUMNS 80

void help_print_verb(FILE *stream, const struct verb *verb)
{
    int used = fprintf(stream, "Usage: rpfpolicy %s [OPTION...]", verb->name);

    if ((size_t)used + 1 + strlen(verb->arguments) > COLUMNS)
        fputs("\n      ", stream);
    fprintf(stream, "%s%s\n\n%c%s.\n\n%s", *verb->arguments ? " " : "", verb->arguments,
            toupper((unsigned char)verb->summary[0]), verb->summary + 1, verb->text);
    if (verb->options) {
        fputs("\nOptions:\n", stream);
        for (unsigned i = 0; i < OPTION_COUNT; i++)
            if (verb->options & OPTION_BIT(i))
                print_option(stream, &verb_options[i], verb_options[i].help);
    }
    print_global_options(stream, verb->formats, 0);
}
