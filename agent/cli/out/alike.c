/* Lines that say the same of several devices, as one. */
#include "agent/cli/out/alike.h"

#include <string.h>

#include "policy/base/name.h"
#include "policy/base/util.h"

#define NAMES_SHOWN 3 /* and where one more would be left out, that one, too */

struct alike_line {
    char names[NAMES_SHOWN + 1][NAME_ESCAPED_SIZE];
    size_t devices; /* 0: the line is about none */
    char *said;     /* owned */
};

static void forget(struct alike *alike)
{
    for (size_t i = 0; i < alike->count; i++)
        free(alike->lines[i].said);
    alike->count = 0;
}

void alike_done(struct alike *alike)
{
    forget(alike);
    free(alike->lines);
    *alike = (struct alike){0};
}

static struct alike_line *find(const struct alike *alike, const char *said)
{
    for (size_t i = 0; i < alike->count; i++)
        if (alike->lines[i].devices > 0 && streq(alike->lines[i].said, said))
            return &alike->lines[i];
    return NULL;
}

static void add_name(struct alike_line *line, const char *name)
{
    size_t i = line->devices++;

    if (i < ELEMENTSOF(line->names))
        /* It returns its buffer. */
        (void)name_escape_buf(name, line->names[i], sizeof(line->names[i]));
}

void alike_add(struct alike *alike, const char *name, char *said)
{
    struct alike_line *line = said && name ? find(alike, said) : NULL;

    if (line) {
        free(said);
        add_name(line, name);
        return;
    }
    if (!said ||
        grow((void **)&alike->lines, &alike->capacity, alike->count, sizeof(*alike->lines)) < 0) {
        free(said);
        alike->failed = true;
        return;
    }
    line = &alike->lines[alike->count++];
    *line = (struct alike_line){.said = said};
    if (name)
        add_name(line, name);
}

static void print_names(const struct alike_line *line, FILE *stream)
{
    bool all = line->devices <= ELEMENTSOF(line->names);
    size_t n = all ? line->devices : NAMES_SHOWN;
    char number[16];

    for (size_t i = 0; i < n; i++)
        fprintf(stream, "%s%s", i > 0 ? ", " : "", line->names[i]);
    if (!all)
        fprintf(stream, " and %s more", count_text(line->devices - n, number));
    if (n > 0)
        fputs(": ", stream);
}

void alike_print(struct alike *alike, FILE *stream)
{
    for (size_t i = 0; i < alike->count; i++) {
        print_names(&alike->lines[i], stream);
        fprintf(stream, "%s\n", alike->lines[i].said);
    }
    if (alike->failed)
        fputs("memory ran out, a line is missing\n", stream);
    alike->failed = false;
    forget(alike);
}
