/* A fleet for people: the same sections with the same cells as text tables, as Markdown and as a
 * page for a browser. What is in them is decided in fleet_sections.c, how it looks by a writer. */
#pragma once

#include "agent/cli/out/output.h"
#include "agent/report/fleet.h"

struct fleet_report {
    const struct fleet *fleet;
    const struct fleet_sum *sum;
    const struct fleet_host *const *hosts; /* the worst first */
    size_t n_hosts;
    int64_t now;
    uint64_t stale; /* seconds */
    struct output *out;
    bool all; /* --all: no list is cut */
};

/* Beside enum column_flags. */
#define COLUMN_FOREIGN (1u << 8) /* names, paths and texts that a report brought along */

struct fleet_section {
    const char *id, *title;
    const struct column *columns;
    unsigned n_columns;
    bool hosts; /* one row for a host, in the order of the report */
};

struct fleet_writer {
    /* Each 0 or a negative errno. Cells are not escaped; NULL or "" stands for nothing. `section`
     * is only called when rows follow. */
    int (*section)(struct fleet_writer *writer, const struct fleet_section *section);
    int (*row)(struct fleet_writer *writer, const char *const *cells);
    int (*end)(struct fleet_writer *writer, size_t left_out); /* rows beyond the limit */
    struct fleet_report *report;
    const struct fleet_section *at;
    size_t limit;   /* rows of a section; 0: none */
    bool all_hosts; /* also those that are as wanted */
    size_t rows;    /* of the section, where the writer counts them */
    void *data;     /* of the writer */
};

/* All sections, in order. */
int fleet_write_sections(struct fleet_writer *writer);

/* "41 drift, 9,959 ok" of hosts; owned, NULL when memory ran out. */
char *fleet_states_text(const unsigned long states[static FLEET_STATES]);
/* The same of devices. */
char *fleet_device_states_text(const unsigned long states[static STATE_COUNT]);

/* "2031-03-31 12:00:00", UTC. buf holds at least 32 bytes. */
const char *fleet_time_text(int64_t time, char *buf);

/* UTF-8 for a reader of pages: control characters, and those that are not seen or that change the
 * direction of what follows, become \xHH or \u{HEX}. Owned; NULL when memory ran out. */
char *fleet_clean(const char *text);

/* "Host" for the title "HOST" of a column. */
void fleet_print_title(FILE *stream, const char *title);

int fleet_print_table(struct fleet_report *report);
int fleet_print_markdown(struct fleet_report *report);
int fleet_print_html(struct fleet_report *report);
int fleet_print_json(struct fleet_report *report);
int fleet_print_csv(struct fleet_report *report);
