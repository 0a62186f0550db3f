/* A fleet as one page that needs nothing else: no network, no other file, and no script to be read.
 * Its policy lets a browser take only the style and the script that were built in, by their hashes,
 * whatever a report brings along. */
#include "agent/report/fleet_html.h"

#include <stdio.h>

#include "fleet_page.h"

int fleet_html_text(FILE *stream, const char *text)
{
    _cleanup_free_ char *clean = fleet_clean(text);

    if (!clean)
        return -ENOMEM;
    for (const char *s = clean; *s; s++)
        switch (*s) {
        case '&':
            fputs("&amp;", stream);
            break;
        case '<':
            fputs("&lt;", stream);
            break;
        case '>':
            fputs("&gt;", stream);
            break;
        case '"':
            fputs("&quot;", stream);
            break;
        case '\'':
            fputs("&#39;", stream);
            break;
        default:
            fputc(*s, stream);
        }
    return 0;
}

static const char *class_of(const struct column *column)
{
    if (column->flags & COLUMN_STATE)
        return "state";
    if (column->flags & COLUMN_RIGHT)
        return "number";
    if (column->flags & COLUMN_FOREIGN)
        return column->flags & COLUMN_WRAP ? "foreign wide" : "foreign";
    return streq(column->title, "REPORT OF") ? "time" : "text";
}

static int section(struct fleet_writer *writer, const struct fleet_section *section)
{
    FILE *stream = writer->report->out->stream;

    fprintf(stream,
            "<section id=\"%s\">\n<div class=\"head\"><h2>%s</h2></div>\n<table>\n<thead><tr>",
            section->id, section->title);
    for (unsigned i = 0; i < section->n_columns; i++) {
        fprintf(stream, "<th scope=\"col\" class=\"%s\">", class_of(&section->columns[i]));
        fleet_print_title(stream, section->columns[i].title);
        fputs("</th>", stream);
    }
    fputs("</tr></thead>\n<tbody>\n", stream);
    writer->rows = 0;
    return 0;
}

static int print_cell(FILE *stream, const struct column *column, const char *text)
{
    bool names_row = streq(column->title, "HOST");
    int r;

    if (column->flags & COLUMN_STATE) {
        fprintf(stream, "<td class=\"state %s\"><i class=\"%s\"></i>%s</td>", text, text, text);
        return 0;
    }
    fprintf(stream, "<%s class=\"%s\">", names_row ? "th scope=\"row\"" : "td", class_of(column));
    r = fleet_html_text(stream, text ?: "");
    fputs(names_row ? "</th>" : "</td>", stream);
    return r;
}

static int row(struct fleet_writer *writer, const char *const *cells)
{
    FILE *stream = writer->report->out->stream;
    int r = 0;

    if (writer->at->hosts)
        fprintf(stream, "<tr id=\"h%zu\">", writer->rows);
    else
        fputs("<tr>", stream);
    for (unsigned i = 0; r == 0 && i < writer->at->n_columns; i++)
        r = print_cell(stream, &writer->at->columns[i], cells[i]);
    fputs("</tr>\n", stream);
    writer->rows++;
    return r;
}

static int end(struct fleet_writer *writer, size_t left_out)
{
    fputs("</tbody>\n</table>\n</section>\n", writer->report->out->stream);
    return 0;
}

static void print_head(FILE *stream)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "style-src '" PAGE_STYLE_HASH "'; script-src '" PAGE_SCRIPT_HASH "'; base-uri 'none'; "
          "form-action 'none'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"referrer\" content=\"no-referrer\">\n"
          "<title>rpfpolicy: the fleet</title>\n<style>",
          stream);
    fputs(page_style, stream);
    fputs("</style>\n</head>\n<body>\n", stream);
}

static int print_sum(struct fleet_report *report)
{
    _cleanup_free_ char *devices = fleet_device_states_text(report->sum->device_states);
    FILE *stream = report->out->stream;
    char number[16], time[32];
    unsigned long wrong = 0;

    if (!devices)
        return -ENOMEM;
    for (enum fleet_state state = 0; state < FLEET_LATENT; state++)
        wrong += report->sum->states[state];
    fputs("<header>\n<h1>", stream);
    if (wrong > 0)
        fprintf(stream, "%s of ", count_text(wrong, number));
    else
        fputs("All ", stream);
    fprintf(stream, "%s %s %s</h1>\n", count_text(report->n_hosts, number),
            PLURAL(report->n_hosts, "host"), wrong > 0 ? "need a look" : "as wanted");
    fprintf(stream, "<p>%s %s: %s</p>\n<p class=\"muted\">rpfpolicy, as of %s UTC",
            count_text(report->sum->devices, number), PLURAL(report->sum->devices, "device"),
            devices, fleet_time_text(report->now, time));
    if (fleet_superseded(report->fleet) > 0)
        fprintf(stream, "; without %s %s of a host that a later one speaks of",
                count_text(fleet_superseded(report->fleet), number),
                PLURAL(fleet_superseded(report->fleet), "report"));
    fputs("</p>\n", stream);
    return 0;
}

static void print_nav(struct fleet_report *report)
{
    const struct fleet_sum *sum = report->sum;
    const struct {
        const char *id, *text;
        bool there;
    } links[] = {
        {"causes", "Causes", sum->causes.count > 0},
        {"rules", "Rules", sum->rules.count > 0},
        {"names", "Devices", sum->patterns.count > 0},
        {"exceptions", "Exceptions", sum->n_exceptions > 0},
        {"policies", "Policies", sum->policies.count > 0},
        {"versions", "Versions", sum->versions.count > 0},
        {"hosts", "Hosts", report->n_hosts > 0},
    };

    fputs("<nav aria-label=\"Sections\">", report->out->stream);
    for (size_t i = 0; i < ELEMENTSOF(links); i++)
        if (links[i].there)
            fprintf(report->out->stream, "<a href=\"#%s\">%s</a> ", links[i].id, links[i].text);
    fputs("</nav>\n</header>\n", report->out->stream);
}

int fleet_print_html(struct fleet_report *report)
{
    struct fleet_writer writer = {
        .section = section, .row = row, .end = end, .report = report, .all_hosts = true};
    FILE *stream = report->out->stream;
    int r;

    print_head(stream);
    r = print_sum(report);
    print_nav(report);
    if (r == 0)
        r = fleet_html_picture(report);
    fputs("<main>\n", stream);
    if (r == 0)
        r = fleet_write_sections(&writer);
    fputs("</main>\n<script>", stream);
    fputs(page_script, stream);
    fputs("</script>\n</body>\n</html>\n", stream);
    return r;
}
