/* `check` in its formats: one pass over the devices, each judged, given to the format, forgotten.
 * A format that has to know the totals first collects what it needs in its own data. */
#pragma once

#include "agent/cli/engines/reports.h"

/* What of an engine's report `check` is about. */
struct engine_sum {
    unsigned states[ENGINE_STATES_MAX]; /* items by state … */
    unsigned items, held;               /* … all of them, and those whose rp_filter waits */
    size_t left;                        /* things of ours that nobody asks for */
    unsigned bad;                       /* items not as wanted; one more where something is left */
};

struct check {
    struct session *session;
    struct output *out;
    unsigned devices;               /* judged */
    unsigned counts[STATE_COUNT];   /* of those, by their worst key */
    unsigned specials[STATE_COUNT]; /* all and default of every key */
    unsigned writable;              /* keys that drifted and that a rule writes */
    unsigned undecided;             /* keys that a set decides and that could not be judged */
    unsigned unmatched;             /* rules for an exact name that no device has */
    size_t warnings;                /* known at end() */
    bool lost;                      /* memory ran out: not every warning is there */
    unsigned expired;               /* exceptions past their date */
    unsigned *matches;              /* per rule: devices its pattern matches; NULL unless asked */
    bool *unmatched_rules;          /* per rule */
    struct reports reports;         /* of the engines … */
    struct engine_sum sums[ENGINES_MAX]; /* … each summed up */
    const bool *selected;                /* per device of the picture */
    bool some_devices;                   /* only those are reported */
    struct row row;                      /* of CSV */
    void *data;                          /* of the format */
};

struct check_format {
    bool wants_matches;
    /* Each may be NULL. 0 or a negative errno. */
    int (*begin)(struct check *check);
    int (*special)(struct check *check, int which, const struct key_state *state);
    int (*device)(struct check *check, const struct device *device, const struct key_state *states,
                  unsigned n);
    int (*end)(struct check *check);
    void (*done)(struct check *check);
};

extern const struct check_format check_table, check_json, check_ndjson, check_csv, check_nagios,
    check_prometheus;

/* Reads the reports, and sums up. */
int check_engines_read(struct check *check);

/* Is the report about it? 0: of the host. */
bool check_shows(const struct check *check, int ifindex);

unsigned check_engines_bad(const struct check *check);

/* The rows are those of check_table's table. */
int check_engines_rows(const struct check *check, struct table *table);
int check_put_item(const struct check *check, struct row *row, const struct engine_report *report,
                   size_t i);
void check_engines_sum(const struct check *check);

/* Set for each engine {devices, a number per state, held, leftovers}. */
void check_engines_json_summary(const struct check *check, json_t *object);

/* Number of devices, all and default that are not as wanted, and of what engines tell of so; and of
 * those that will not stay as they are. */
unsigned check_bad(const struct check *check);
unsigned check_later(const struct check *check);

/* "CODE: MESSAGE [3: a, b, c] (FILE:LINE)", to be freed; NULL when memory ran out. */
char *check_warning_text(const struct warning *warning);

/* 0 OK, 1 WARNING, 2 CRITICAL. */
int check_nagios_status(const struct check *check);

/* What those formats print when nothing could be checked. */
void check_nagios_unknown(struct cli *cli, const struct session *session);
void check_json_broken(struct cli *cli, const struct session *session);
