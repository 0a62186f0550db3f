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

/* How many of the n bytes make the first line: up to the blank to break at, or all of them. */
static size_t first_line(const char *text, size_t n, size_t room)
{
    const char *blank = n > room ? memrchr(text, ' ', room + 1) : NULL;

    if (n > room && (!blank || blank == text))
        blank = memchr(text + room, ' ', n - room);
    return blank ? (size_t)(blank - text) : n;
}

void wrap_words(char *text, size_t room)
{
    size_t n = strlen(text), line;

    while ((line = first_line(text, n, room)) < n) {
        text[line] = '\n';
        text += line + 1;
        n -= line + 1;
    }
}

void output_wrapped(struct output *out, unsigned width, unsigned column, unsigned indent,
                    const char *text, size_t n)
{
    bool wraps = width >= indent + WIDTH_LEAST && width >= column + WIDTH_LEAST;
    size_t room = wraps ? width - column : n, line;

    while ((line = first_line(text, n, room)) < n) {
        fprintf(out->stream, "%.*s\n%*s", (int)line, text, (int)indent, "");
        text += line + 1;
        n -= line + 1;
        room = width - indent;
    }
    fwrite(text, 1, n, out->stream);
}

#define LINES_WIDTH 96 /* of sentences, where the terminal is wider or there is none */

void output_lines(struct output *out, unsigned indent, const char *text)
{
    unsigned width = out->width >= 40 && out->width < LINES_WIDTH ? out->width : LINES_WIDTH;

    while (text && *text) {
        size_t n = strcspn(text, "\n");
        bool whole = strncmp(text, "    ", 4) == 0;

        fprintf(out->stream, "%*s", n ? (int)indent : 0, "");
        output_wrapped(out, whole ? 0 : width, indent, indent, text, n);
        fputc('\n', out->stream);
        text += n + (text[n] == '\n');
    }
}

void output_heading(struct output *out, const char *title)
{
    fprintf(out->stream, "\n  %s%s%s\n", output_color(out, "heading"), title,
            output_color_end(out));
}

void output_words(struct output *out, unsigned column, unsigned indent, const char *text)
{
    output_wrapped(out, out->width, column, indent, text, strlen(text));
}
