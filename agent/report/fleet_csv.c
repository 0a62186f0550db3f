/* A fleet as comma separated values: one line per host. A cell that a spreadsheet would take for a
 * formula begins with an apostrophe. */
#include <stdio.h>

#include "agent/report/fleet_view.h"

static void cell(FILE *stream, const char *text, char end)
{
    _cleanup_free_ char *guarded = NULL;

    if (text && *text && strchr("=+-@", *text) && asprintf(&guarded, "'%s", text) < 0)
        guarded = NULL;
    csv_cell(stream, guarded ?: text, end);
}

static void print_host(FILE *stream, const struct fleet_host *host)
{
    bool read = host->state != FLEET_UNREADABLE;
    char time[32] = "";

    cell(stream, host->name, ',');
    cell(stream, host->machine_id, ',');
    cell(stream, fleet_state_name(host->state), ',');
    cell(stream, read ? fleet_time_text(host->time, time) : NULL, ',');
    cell(stream, host->version, ',');
    cell(stream, host->hash, ',');
    cell(stream, host->mode, ',');
    cell(stream, !read ? NULL : host->accepted ? "yes" : "no", ',');
    cell(stream, host->agent, ',');
    fprintf(stream, "%lu,", host->devices);
    for (enum state state = 0; state < STATE_COUNT; state++)
        fprintf(stream, "%lu,", host->counts[state]);
    fprintf(stream, "%u,", host->reports);
    cell(stream, host->source, ',');
    cell(stream, host->why, ',');
    cell(stream, host->revision, '\n');
}

int fleet_print_csv(struct fleet_report *report)
{
    FILE *stream = report->out->stream;

    fputs("host,machine_id,state,time,version,policy,mode,accepted,agent,devices", stream);
    for (enum state state = 0; state < STATE_COUNT; state++)
        fprintf(stream, ",%s", state_name(state));
    fputs(",reports,source,why,revision\n", stream);
    for (size_t i = 0; i < report->n_hosts; i++)
        print_host(stream, report->hosts[i]);
    return 0;
}
