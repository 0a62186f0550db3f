/* A fleet as text tables, and as Markdown (GitHub's, with tables). */
#include <ctype.h>
#include <stdio.h>

#include "agent/report/fleet_view.h"
#include "policy/base/name.h"
#include "policy/base/text.h"

#define ROWS 20 /* of each section, unless --all */

/* -- characters -- */

/* The code point at s, which is valid UTF-8, and how many bytes it takes. */
static unsigned decode(const char *s, unsigned *ret_length)
{
    const unsigned char *u = (const unsigned char *)s;

    *ret_length = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    switch (*ret_length) {
    case 1:
        return u[0];
    case 2:
        return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
    case 3:
        return (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
    default:
        return (u[0] & 0x7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
    }
}

/* Not seen, or changes how the rest is seen: controls, formats, private use, tags, unassigned. */
static bool is_hidden(unsigned c)
{
    static const struct {
        unsigned first, last;
    } ranges[] = {{0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},     {0x34f, 0x34f},
                  {0x61c, 0x61c},   {0x115f, 0x1160},   {0x17b4, 0x17b5}, {0x180b, 0x180f},
                  {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f}, {0x3164, 0x3164},
                  {0xe000, 0xf8ff}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
                  {0xfff0, 0xfffb}, {0xe0000, 0x10ffff}};

    for (size_t i = 0; i < ELEMENTSOF(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

char *fleet_clean(const char *text)
{
    _cleanup_text_ struct text clean = {0};

    if (!name_is_utf8(text, strlen(text)))
        return name_escape(text);
    while (*text) {
        unsigned length, c = decode(text, &length);

        if (!is_hidden(c))
            text_put_bytes(&clean, text, length);
        else if (c < 0x80)
            text_add(&clean, "\\x%02X", c);
        else
            text_add(&clean, "\\u{%X}", c);
        text += length;
    }
    return text_take(&clean);
}

void fleet_print_title(FILE *stream, const char *title)
{
    fputc(*title, stream);
    while (*++title)
        fputc(tolower((unsigned char)*title), stream);
}

/* -- what stands before the sections -- */

static void print_sum(struct fleet_report *report, const char *hosts, const char *devices)
{
    FILE *stream = report->out->stream;
    char number[16], time[32];
    unsigned long superseded = fleet_superseded(report->fleet);

    fprintf(stream, "%s %s: %s\n", count_text(report->n_hosts, number),
            PLURAL(report->n_hosts, "host"), hosts);
    if (report->sum->devices > 0)
        fprintf(stream, "%s %s: %s\n", count_text(report->sum->devices, number),
                PLURAL(report->sum->devices, "device"), devices);
    if (superseded > 0)
        fprintf(stream, "%s %s of a host that a later one speaks of: not counted\n",
                count_text(superseded, number), PLURAL(superseded, "report"));
    fprintf(stream, "As of %s UTC\n", fleet_time_text(report->now, time));
}

static int print_head(struct fleet_report *report)
{
    _cleanup_free_ char *hosts = fleet_states_text(report->sum->states);
    _cleanup_free_ char *devices = fleet_device_states_text(report->sum->device_states);

    if (!hosts || !devices)
        return -ENOMEM;
    print_sum(report, hosts, devices);
    return 0;
}

static void print_left_out(FILE *stream, size_t left_out, const char *before)
{
    char number[16];

    if (left_out > 0)
        fprintf(stream, "%sand %s more (--all)\n", before, count_text(left_out, number));
}

/* -- tables -- */

static int table_section(struct fleet_writer *writer, const struct fleet_section *section)
{
    struct output *out = writer->report->out;

    fprintf(out->stream, "\n%s%s%s\n", output_color(out, "heading"), section->title,
            output_color_end(out));
    writer->data = table_new(section->columns, section->n_columns);
    return writer->data ? 0 : -ENOMEM;
}

static int table_add(struct fleet_writer *writer, const char *const *cells)
{
    return table_row(writer->data, cells);
}

static int table_end(struct fleet_writer *writer, size_t left_out)
{
    int r = table_print(writer->data, writer->report->out);

    writer->data = table_free(writer->data);
    print_left_out(writer->report->out->stream, left_out, "");
    return r;
}

int fleet_print_table(struct fleet_report *report)
{
    struct fleet_writer writer = {.section = table_section,
                                  .row = table_add,
                                  .end = table_end,
                                  .report = report,
                                  .limit = report->all ? 0 : ROWS,
                                  .all_hosts = report->all};
    int r = print_head(report);

    if (r == 0)
        r = fleet_write_sections(&writer);
    table_free(writer.data);
    return r;
}

/* -- Markdown -- */

/* The longest run of backquotes. */
static size_t longest_fence(const char *text)
{
    size_t longest = 0, n = 0;

    for (; *text; text++) {
        n = *text == '`' ? n + 1 : 0;
        if (n > longest)
            longest = n;
    }
    return longest;
}

/* As code, in which nothing is markup, a mention or a link. A backslash before a bar would undo the
 * one that keeps the bar inside its cell. */
static int markdown_code(FILE *stream, const char *text)
{
    _cleanup_free_ char *clean = fleet_clean(text);
    size_t fence;
    bool space;

    if (!clean)
        return -ENOMEM;
    fence = longest_fence(clean) + 1;
    space = fence > 1 || clean[0] == ' ' || clean[strlen(clean) - 1] == ' ';
    for (size_t i = 0; i < fence; i++)
        fputc('`', stream);
    fputs(space ? " " : "", stream);
    for (const char *s = clean; *s; s++) {
        if (*s == '|')
            fputs("\\|", stream);
        else if (*s == '\\' && s[strspn(s, "\\")] == '|')
            fputs("\\x5C", stream);
        else
            fputc(*s, stream);
    }
    fputs(space ? " " : "", stream);
    for (size_t i = 0; i < fence; i++)
        fputc('`', stream);
    return 0;
}

static int markdown_section(struct fleet_writer *writer, const struct fleet_section *section)
{
    FILE *stream = writer->report->out->stream;

    fprintf(stream, "\n## %s\n\n|", section->title);
    for (unsigned i = 0; i < section->n_columns; i++) {
        fputc(' ', stream);
        fleet_print_title(stream, section->columns[i].title);
        fputs(" |", stream);
    }
    fputs("\n|", stream);
    for (unsigned i = 0; i < section->n_columns; i++)
        fputs(section->columns[i].flags & COLUMN_RIGHT ? "---:|" : "---|", stream);
    fputc('\n', stream);
    return 0;
}

static int markdown_row(struct fleet_writer *writer, const char *const *cells)
{
    FILE *stream = writer->report->out->stream;
    int r = 0;

    fputc('|', stream);
    for (unsigned i = 0; r == 0 && i < writer->at->n_columns; i++) {
        fputc(' ', stream);
        if (cells[i] && *cells[i] && (writer->at->columns[i].flags & COLUMN_FOREIGN))
            r = markdown_code(stream, cells[i]);
        else
            fputs(cells[i] ?: "", stream);
        fputs(" |", stream);
    }
    fputc('\n', stream);
    return r;
}

static int markdown_end(struct fleet_writer *writer, size_t left_out)
{
    print_left_out(writer->report->out->stream, left_out, "\n");
    return 0;
}

int fleet_print_markdown(struct fleet_report *report)
{
    struct fleet_writer writer = {.section = markdown_section,
                                  .row = markdown_row,
                                  .end = markdown_end,
                                  .report = report,
                                  .limit = report->all ? 0 : ROWS,
                                  .all_hosts = report->all};
    _cleanup_free_ char *hosts = fleet_states_text(report->sum->states);
    _cleanup_free_ char *devices = fleet_device_states_text(report->sum->device_states);
    FILE *stream = report->out->stream;
    char number[16], time[32];

    if (!hosts || !devices)
        return -ENOMEM;
    fprintf(stream, "# rpfpolicy: %s %s\n\n", count_text(report->n_hosts, number),
            PLURAL(report->n_hosts, "host"));
    fprintf(stream, "- hosts: %s\n", hosts);
    if (report->sum->devices > 0)
        fprintf(stream, "- devices: %s\n", devices);
    if (fleet_superseded(report->fleet) > 0)
        fprintf(stream, "- reports that a later one of the same host supersedes: %s\n",
                count_text(fleet_superseded(report->fleet), number));
    fprintf(stream, "- as of %s UTC\n", fleet_time_text(report->now, time));
    return fleet_write_sections(&writer);
}
