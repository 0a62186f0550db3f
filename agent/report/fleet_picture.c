/* The picture of a fleet at the top of its page: SVG in which each host is a cell, the worst first,
 * that leads to its row. */
#include <stdio.h>

#include "agent/report/fleet_html.h"

struct grid {
    unsigned columns, pitch, cell;
};

/* Few hosts have large cells, and many still fit on a screen. */
static struct grid grid_for(size_t hosts)
{
    if (hosts <= 120)
        return (struct grid){40, 28, 24};
    if (hosts <= 1000)
        return (struct grid){70, 16, 13};
    return hosts <= 6000 ? (struct grid){110, 12, 10} : (struct grid){160, 8, 7};
}

static void print_open(FILE *stream, unsigned width, unsigned height, bool full, const char *states)
{
    fprintf(stream,
            "<svg%s viewBox=\"0 0 %u %u\" width=\"%u\" height=\"%u\" role=\"img\" "
            "aria-labelledby=\"picture-title picture-text\">\n"
            "<title id=\"picture-title\">Hosts by state</title>"
            "<desc id=\"picture-text\">%s</desc>\n",
            full ? " class=\"full\"" : "", width, height, width, height, states);
}

static int print_cell(FILE *stream, const struct fleet_host *host, size_t i, struct grid grid)
{
    unsigned long wrong = fleet_host_bad(host);
    int r;

    fprintf(
        stream,
        "<a href=\"#h%zu\" tabindex=\"-1\"><rect x=\"%zu\" y=\"%zu\" width=\"%u\" height=\"%u\" "
        "rx=\"2\"/><title>",
        i, i % grid.columns * grid.pitch, i / grid.columns * grid.pitch, grid.cell, grid.cell);
    r = fleet_html_text(stream, host->name ?: host->source);
    fprintf(stream, ": %s", fleet_state_name(host->state));
    if (wrong > 0)
        fprintf(stream, ", %lu of %lu devices", wrong, host->devices);
    fputs("</title></a>\n", stream);
    return r;
}

static int print_cells(struct fleet_report *report, const char *states)
{
    struct grid grid = grid_for(report->n_hosts);
    FILE *stream = report->out->stream;
    unsigned rows = (unsigned)((report->n_hosts + grid.columns - 1) / grid.columns);
    unsigned columns = report->n_hosts < grid.columns ? (unsigned)report->n_hosts : grid.columns;
    int r = 0;

    print_open(stream, columns * grid.pitch - (grid.pitch - grid.cell), rows * grid.pitch,
               columns == grid.columns, states);
    for (size_t i = 0; r == 0 && i < report->n_hosts; i++) {
        enum fleet_state state = report->hosts[i]->state;

        if (i == 0 || report->hosts[i - 1]->state != state)
            fprintf(stream, "%s<g class=\"%s\">\n", i == 0 ? "" : "</g>", fleet_state_name(state));
        r = print_cell(stream, report->hosts[i], i, grid);
    }
    fputs("</g></svg>\n", stream);
    return r;
}

/* Every state that occurs is seen, however few hosts are in it. */
static void print_bar(struct fleet_report *report, const char *states)
{
    FILE *stream = report->out->stream;
    unsigned x = 0;

    print_open(stream, 1400, 48, true, states);
    for (enum fleet_state state = 0; state < FLEET_STATES; state++) {
        unsigned long hosts = report->sum->states[state];
        unsigned width = (unsigned)((1400 - 4 * FLEET_STATES) * hosts / report->n_hosts);

        if (hosts == 0)
            continue;
        fprintf(stream,
                "<rect class=\"%s\" x=\"%u\" width=\"%u\" height=\"48\"><title>%lu %s</title>"
                "</rect>\n",
                fleet_state_name(state), x, width + 3, hosts, fleet_state_name(state));
        x += width + 4;
    }
    fputs("</svg>\n", stream);
}

int fleet_html_picture(struct fleet_report *report)
{
    _cleanup_free_ char *states = fleet_states_text(report->sum->states);
    FILE *stream = report->out->stream;
    char number[16];
    int r = states ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    fputs("<section class=\"picture\" aria-label=\"Hosts by state\">\n<ul class=\"legend\">\n",
          stream);
    for (enum fleet_state state = 0; state < FLEET_STATES; state++)
        if (report->sum->states[state] > 0)
            fprintf(stream,
                    "<li data-state=\"%s\"><span><i class=\"%s\"></i>%s <b>%s</b></span></li>\n",
                    fleet_state_name(state), fleet_state_name(state), fleet_state_name(state),
                    count_text(report->sum->states[state], number));
    fputs("</ul>\n", stream);
    if (report->n_hosts <= FLEET_PICTURE_MAX)
        r = print_cells(report, states);
    else
        print_bar(report, states);
    fputs("</section>\n", stream);
    return r;
}
