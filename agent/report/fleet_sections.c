/* What a report on a fleet tells: the sections, their columns, and the cells of each row. */
#include <stdio.h>
#include <time.h>

#include "agent/report/fleet_view.h"
#include "policy/base/name.h"
#include "policy/base/text.h"

#define CELLS_MAX 8

/* The cells of one row; owned. */
struct cells {
    char *texts[CELLS_MAX];
    unsigned n;
    bool failed;
};

static void add(struct cells *cells, const char *format, ...) _printf_(2, 3);

static void add(struct cells *cells, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&cells->texts[cells->n], format, ap) < 0) {
        cells->texts[cells->n] = NULL;
        cells->failed = true;
    }
    va_end(ap);
    cells->n++;
}

static void add_text(struct cells *cells, const char *text)
{
    add(cells, "%s", text ?: "");
}

static void add_number(struct cells *cells, unsigned long n)
{
    char text[16];

    add_text(cells, count_text(n, text));
}

static void add_place(struct cells *cells, const char *file, unsigned line)
{
    if (file && line > 0)
        add(cells, "%s:%u", file, line);
    else
        add_text(cells, file);
}

static void add_owned(struct cells *cells, char *text)
{
    cells->failed |= !text;
    cells->texts[cells->n++] = text;
}

static int write_row(struct fleet_writer *writer, struct cells *cells)
{
    int r = cells->failed ? -ENOMEM : writer->row(writer, (const char *const *)cells->texts);

    for (unsigned i = 0; i < cells->n; i++)
        free(cells->texts[i]);
    *cells = (struct cells){0};
    return r;
}

static int begin(struct fleet_writer *writer, const struct fleet_section *section)
{
    writer->at = section;
    return writer->section(writer, section);
}

static bool is_beyond(const struct fleet_writer *writer, size_t i)
{
    return writer->limit > 0 && i >= writer->limit;
}

static int end(struct fleet_writer *writer, int r, size_t count)
{
    size_t left = writer->limit > 0 && count > writer->limit ? count - writer->limit : 0;

    return r < 0 ? r : writer->end(writer, left);
}

/* -- texts -- */

const char *fleet_time_text(int64_t time, char *buf)
{
    time_t t = (time_t)time;
    struct tm tm = {0};

    gmtime_r(&t, &tm);
    if (strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        buf[0] = '\0';
    return buf;
}

/* "2 drift, 1 ok": those of n states that are counted; owned. */
static char *counts_text(const unsigned long *counts, unsigned n, const char *(*name)(unsigned))
{
    _cleanup_text_ struct text text = {0};
    char number[16];

    for (unsigned i = 0; i < n; i++)
        if (counts[i] > 0)
            text_add(&text, "%s%s %s", text.n > 0 ? ", " : "", count_text(counts[i], number),
                     name(i));
    return text_take(&text);
}

static const char *name_of_host_state(unsigned state)
{
    return fleet_state_name((enum fleet_state)state);
}

static const char *name_of_device_state(unsigned state)
{
    return state_name((enum state)state);
}

char *fleet_states_text(const unsigned long states[static FLEET_STATES])
{
    return counts_text(states, FLEET_STATES, name_of_host_state);
}

char *fleet_device_states_text(const unsigned long states[static STATE_COUNT])
{
    return counts_text(states, STATE_COUNT, name_of_device_state);
}

/* -- what is wrong -- */

static void add_counts(struct cells *cells, const struct fleet_line *line)
{
    add_text(cells, state_name(line->state));
    add_number(cells, line->hosts);
    add_number(cells, line->count);
    add_text(cells, line->finding->key);
}

static int write_cause(struct fleet_writer *writer, const struct fleet_line *line)
{
    const struct fleet_finding *finding = line->finding;
    struct cells cells = {0};

    add_counts(&cells, line);
    if (finding->cause_file) {
        add_place(&cells, finding->cause_file, finding->cause_line);
        add_text(&cells, finding->cause);
    } else {
        add_text(&cells, finding->cause);
        add_text(&cells, NULL);
    }
    return write_row(writer, &cells);
}

static int write_rule(struct fleet_writer *writer, const struct fleet_line *line)
{
    const struct fleet_finding *finding = line->finding;
    struct cells cells = {0};

    add_counts(&cells, line);
    add_text(&cells, finding->pattern);
    add_text(&cells, finding->wanted);
    add_place(&cells, finding->rule_file, finding->rule_line);
    return write_row(writer, &cells);
}

static int write_pattern(struct fleet_writer *writer, const struct fleet_line *line)
{
    struct cells cells = {0};

    add_counts(&cells, line);
    add_text(&cells, line->devices);
    add(&cells, "%s on %s", line->example, line->example_host->name);
    return write_row(writer, &cells);
}

static int write_lines(struct fleet_writer *writer, const struct fleet_section *section,
                       const struct fleet_lines *lines,
                       int (*write)(struct fleet_writer *, const struct fleet_line *))
{
    int r;

    if (lines->count == 0)
        return 0;
    r = begin(writer, section);
    for (size_t i = 0; r == 0 && i < lines->count && !is_beyond(writer, i); i++)
        r = write(writer, &lines->items[i]);
    return end(writer, r, lines->count);
}

static int write_findings(struct fleet_writer *writer)
{
    static const struct column causes[] = {
        {"STATE", COLUMN_STATE}, {"HOSTS", COLUMN_RIGHT},   {"DEVICES", COLUMN_RIGHT},
        {"KEY", COLUMN_FOREIGN}, {"CAUSE", COLUMN_FOREIGN}, {"LINE", COLUMN_FOREIGN | COLUMN_WRAP},
    };
    static const struct column rules[] = {
        {"STATE", COLUMN_STATE},
        {"HOSTS", COLUMN_RIGHT},
        {"DEVICES", COLUMN_RIGHT},
        {"KEY", COLUMN_FOREIGN},
        {"PATTERN", COLUMN_FOREIGN},
        {"WANTED", COLUMN_FOREIGN},
        {"RULE", COLUMN_FOREIGN | COLUMN_WRAP},
    };
    static const struct column patterns[] = {
        {"STATE", COLUMN_STATE}, {"HOSTS", COLUMN_RIGHT},   {"DEVICES", COLUMN_RIGHT},
        {"KEY", COLUMN_FOREIGN}, {"NAMES", COLUMN_FOREIGN}, {"SUCH AS", COLUMN_FOREIGN},
    };
    static const struct fleet_section sections[] = {
        {"causes", "Not as wanted, by cause", causes, ELEMENTSOF(causes)},
        {"rules", "Not as wanted, by rule", rules, ELEMENTSOF(rules)},
        {"names", "Not as wanted, by names of devices", patterns, ELEMENTSOF(patterns)},
    };
    const struct fleet_sum *sum = writer->report->sum;
    int r = write_lines(writer, &sections[0], &sum->causes, write_cause);

    if (r == 0)
        r = write_lines(writer, &sections[1], &sum->rules, write_rule);
    return r < 0 ? r : write_lines(writer, &sections[2], &sum->patterns, write_pattern);
}

/* -- exceptions -- */

static int write_exception(struct fleet_writer *writer, const struct fleet_exception *exception)
{
    struct cells cells = {0};
    int until = exception->until;

    add_text(&cells, exception->name);
    add_number(&cells, exception->hosts);
    if (until > 0)
        add(&cells, "%04d-%02d-%02d%s", until / 10000, until / 100 % 100, until % 100,
            exception->expired ? " expired" : "");
    else
        add_text(&cells, NULL);
    add_text(&cells, exception->devices);
    add_text(&cells, exception->reason);
    add_text(&cells, exception->ref);
    return write_row(writer, &cells);
}

static int write_exceptions(struct fleet_writer *writer)
{
    static const struct column columns[] = {
        {"NAME", COLUMN_FOREIGN},
        {"HOSTS", COLUMN_RIGHT},
        {"UNTIL", 0},
        {"DEVICES", COLUMN_FOREIGN},
        {"REASON", COLUMN_FOREIGN | COLUMN_WRAP},
        {"REF", COLUMN_FOREIGN},
    };
    static const struct fleet_section section = {"exceptions", "Exceptions", columns,
                                                 ELEMENTSOF(columns)};
    const struct fleet_sum *sum = writer->report->sum;
    int r;

    if (sum->n_exceptions == 0)
        return 0;
    r = begin(writer, &section);
    for (size_t i = 0; r == 0 && i < sum->n_exceptions && !is_beyond(writer, i); i++)
        r = write_exception(writer, sum->exceptions[i]);
    return end(writer, r, sum->n_exceptions);
}

/* -- policies and versions -- */

static int write_share(struct fleet_writer *writer, const struct fleet_share *share, bool policy)
{
    struct cells cells = {0};

    add_text(&cells, share->text ?: "none");
    if (policy) {
        add_text(&cells, share->mode);
        add_text(&cells, share->revision);
    }
    add_number(&cells, share->hosts);
    add_owned(&cells, fleet_states_text(share->states));
    return write_row(writer, &cells);
}

static int write_shares(struct fleet_writer *writer)
{
    static const struct column policies[] = {{"POLICY", COLUMN_FOREIGN},
                                             {"MODE", COLUMN_FOREIGN},
                                             {"REVISION", COLUMN_FOREIGN},
                                             {"HOSTS", COLUMN_RIGHT},
                                             {"STATES", 0}};
    static const struct column versions[] = {
        {"VERSION", COLUMN_FOREIGN}, {"HOSTS", COLUMN_RIGHT}, {"STATES", 0}};
    static const struct fleet_section sections[] = {
        {"policies", "Policies", policies, ELEMENTSOF(policies)},
        {"versions", "Versions of rpfpolicy", versions, ELEMENTSOF(versions)},
    };
    const struct fleet_shares *shares[] = {&writer->report->sum->policies,
                                           &writer->report->sum->versions};
    int r = 0;

    for (unsigned k = 0; r == 0 && k < ELEMENTSOF(shares); k++) {
        if (shares[k]->count == 0)
            continue;
        r = begin(writer, &sections[k]);
        for (size_t i = 0; r == 0 && i < shares[k]->count && !is_beyond(writer, i); i++)
            r = write_share(writer, &shares[k]->items[i], k == 0);
        r = end(writer, r, shares[k]->count);
    }
    return r;
}

/* -- hosts -- */

/* What most of the host's devices that are in its state suffer from. */
static void add_why(struct cells *cells, const struct fleet_host *host)
{
    const struct fleet_group *most = NULL;

    for (size_t i = 0; i < host->n_groups; i++)
        if (host->groups[i].finding->state == host->worst &&
            (!most || host->groups[i].count > most->count ||
             (host->groups[i].count == most->count &&
              strcmp(host->groups[i].example, most->example) < 0)))
            most = &host->groups[i];
    if (host->why && !host->name)
        add(cells, "%s", host->why);
    else if (host->why && host->state == FLEET_UNREADABLE)
        add(cells, "%s: %s", host->source, host->why);
    else if (host->why)
        add_text(cells, host->why);
    else if (!most)
        add_text(cells, NULL);
    else if (most->finding->cause_file && most->finding->cause_line > 0)
        add(cells, "%s: %s:%u", most->devices, most->finding->cause_file,
            most->finding->cause_line);
    else
        add(cells, "%s: %s", most->devices, most->finding->cause_file ?: most->finding->cause);
}

static int write_host(struct fleet_writer *writer, const struct fleet_host *host)
{
    struct cells cells = {0};
    char time[32];

    add_text(&cells, fleet_state_name(host->state));
    add_text(&cells, host->name ?: host->source);
    if (host->state == FLEET_UNREADABLE) {
        for (unsigned i = 0; i < 5; i++)
            add_text(&cells, NULL);
    } else {
        add_number(&cells, fleet_host_bad(host));
        add_number(&cells, host->devices);
        add_text(&cells, host->hash);
        add_text(&cells, host->version);
        add_text(&cells, fleet_time_text(host->time, time));
    }
    add_why(&cells, host);
    return write_row(writer, &cells);
}

static bool is_listed(const struct fleet_writer *writer, const struct fleet_host *host)
{
    return writer->all_hosts || host->state != FLEET_OK;
}

/* Whose report does not count is never left out. */
static bool is_always_listed(const struct fleet_host *host)
{
    return host->state == FLEET_BROKEN || host->state == FLEET_UNREADABLE ||
           host->state == FLEET_STALE;
}

static int write_hosts(struct fleet_writer *writer)
{
    static const struct column columns[] = {
        {"STATE", COLUMN_STATE},    {"HOST", COLUMN_FOREIGN},
        {"WRONG", COLUMN_RIGHT},    {"DEVICES", COLUMN_RIGHT},
        {"POLICY", COLUMN_FOREIGN}, {"VERSION", COLUMN_FOREIGN},
        {"REPORT OF", 0},           {"WHY", COLUMN_FOREIGN | COLUMN_WRAP},
    };
    static const struct fleet_section listed = {"hosts", "Hosts that are not ok", columns,
                                                ELEMENTSOF(columns), true};
    static const struct fleet_section all = {"hosts", "Hosts", columns, ELEMENTSOF(columns), true};
    const struct fleet_report *report = writer->report;
    size_t written = 0, left = 0;
    bool begun = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < report->n_hosts; i++) {
        const struct fleet_host *host = report->hosts[i];

        if (!is_listed(writer, host))
            continue;
        if (!is_always_listed(host) && is_beyond(writer, written)) {
            left++;
            continue;
        }
        if (!begun)
            r = begin(writer, writer->all_hosts ? &all : &listed);
        if (r == 0)
            r = write_host(writer, host);
        begun = true;
        written += !is_always_listed(host);
    }
    return r < 0 || !begun ? r : writer->end(writer, left);
}

int fleet_write_sections(struct fleet_writer *writer)
{
    int r = write_findings(writer);

    if (r == 0)
        r = write_exceptions(writer);
    if (r == 0)
        r = write_shares(writer);
    return r < 0 ? r : write_hosts(writer);
}
