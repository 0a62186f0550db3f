/* Lines broken between words, never inside one: a path that stays whole can be copied. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/out/output.h"

/* Below that many columns a text is no longer read, and everything is left as it is. */
#define WIDTH_LEAST 20

size_t wrap_longest_word(const char *text)
{
    size_t longest = 0;

    for (size_t n; *text; text += n + (text[n] == ' ')) {
        n = strcspn(text, " ");
        longest = n > longest ? n : longest;
    }
    return longest;
}

void wrap_words(char *text, size_t first, size_t width)
{
    char *line = text, *blank = NULL;
    size_t room = first;

    for (char *p = text;; p++) {
        if (*p && *p != ' ')
            continue;
        if ((size_t)(p - line) > room && blank) {
            *blank = '\n';
            line = blank + 1;
            room = width;
            blank = NULL;
        }
        if (!*p)
            return;
        blank = p;
    }
}

void output_words(struct output *out, unsigned column, unsigned indent, char *text)
{
    if (out->width >= indent + WIDTH_LEAST && out->width >= column + WIDTH_LEAST)
        wrap_words(text, out->width - column, out->width - indent);
    for (size_t n = strcspn(text, "\n"); text[n]; n = strcspn(text, "\n")) {
        fprintf(out->stream, "%.*s\n%*s", (int)n, text, (int)indent, "");
        text += n + 1;
    }
    fputs(text, out->stream);
}
