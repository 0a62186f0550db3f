/* The program behind `rpfpolicy report`: finds the reports, feeds them one after the other, and
 * prints what they come to. A file that cannot be read is part of the result, like a host that
 * cannot. */
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/frame/options.h"
#include "agent/cli/frame/verb_report.h"
#include "agent/report/fleet_view.h"
#include "policy/base/name.h"
#include "policy/lang/values.h"

#define CHUNK (256 * 1024)
#define STALE_DEFAULT (24 * 60 * 60)

static int (*const printers[FORMAT_COUNT])(struct fleet_report *) = {
    [FORMAT_TABLE] = fleet_print_table, [FORMAT_JSON] = fleet_print_json,
    [FORMAT_CSV] = fleet_print_csv,     [FORMAT_MARKDOWN] = fleet_print_markdown,
    [FORMAT_HTML] = fleet_print_html,
};

struct reading {
    struct fleet *fleet;
    char *chunk;
};

/* -- one source -- */

/* Feeds all of it; *ret_error is why it could not be read to its end. */
static int feed(struct reading *reading, int fd, int *ret_error)
{
    *ret_error = 0;
    for (;;) {
        ssize_t n = read(fd, reading->chunk, CHUNK);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            *ret_error = errno;
        if (n <= 0)
            return 0;
        r = fleet_feed(reading->fleet, reading->chunk, (size_t)n);
        if (r < 0)
            return r;
    }
}

static int read_stream(struct reading *reading, const char *name, int fd)
{
    int error, r = fleet_source_begin(reading->fleet, name);

    if (r == 0)
        r = feed(reading, fd, &error);
    if (r == 0)
        r = fleet_source_end(reading->fleet, error ? error_text(error) : NULL);
    return r;
}

static int cannot(struct reading *reading, const char *name, const char *why)
{
    int r = fleet_source_begin(reading->fleet, name);

    return r < 0 ? r : fleet_source_end(reading->fleet, why);
}

/* What somebody named may be a pipe. What lies in a directory may not, and nobody waits for it. */
static int read_file(struct reading *reading, const char *path, const char *open_path, bool named)
{
    int fd = open(open_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (named ? 0 : O_NONBLOCK)), r;
    struct stat st;

    if (fd < 0)
        return cannot(reading, path, error_text(errno));
    if (!named && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
        r = cannot(reading, path, "it is no file");
    else
        r = read_stream(reading, path, fd);
    close(fd);
    return r;
}

/* -- directories -- */

static bool is_report_name(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && n > strlen(".json") && streq(name + n - strlen(".json"), ".json");
}

static int read_entry(struct reading *reading, const FTSENT *entry, unsigned *found)
{
    switch (entry->fts_info) {
    case FTS_DNR:
    case FTS_ERR:
        (*found)++;
        return cannot(reading, entry->fts_path, error_text(entry->fts_errno));
    case FTS_F:
    case FTS_SL:
    case FTS_SLNONE:
    case FTS_DEFAULT:
    case FTS_NS:
        if (!is_report_name(entry->fts_name))
            return 0;
        (*found)++;
        return read_file(reading, entry->fts_path, entry->fts_accpath, false);
    default:
        return 0;
    }
}

static int compare_entries(const FTSENT **a, const FTSENT **b)
{
    return strverscmp((*a)->fts_name, (*b)->fts_name);
}

static int read_directory(struct reading *reading, const char *path)
{
    char *const paths[] = {(char *)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, compare_entries);
    unsigned found = 0;
    FTSENT *entry;
    int r = 0;

    if (!tree)
        return errno == ENOMEM ? -ENOMEM : cannot(reading, path, error_text(errno));
    while (r == 0 && (entry = fts_read(tree)))
        if (entry->fts_info == FTS_D && entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(tree, entry, FTS_SKIP);
        else
            r = read_entry(reading, entry, &found);
    fts_close(tree);
    return r < 0 || found > 0 ? r : cannot(reading, path, "there is no *.json in it");
}

static int read_argument(struct reading *reading, const char *path)
{
    struct stat st;

    if (streq(path, "-"))
        return read_stream(reading, "standard input", STDIN_FILENO);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return read_directory(reading, path);
    return read_file(reading, path, path, true);
}

static int read_all(struct fleet *fleet, int count, char **arguments)
{
    _cleanup_free_ char *chunk = malloc(CHUNK);
    struct reading reading = {fleet, chunk};
    int r = chunk ? 0 : -ENOMEM;

    if (r == 0 && count == 0)
        r = read_argument(&reading, "-");
    for (int i = 0; r == 0 && i < count; i++)
        r = read_argument(&reading, arguments[i]);
    return r;
}

/* -- the result -- */

static int status_of(const struct cli *cli, const struct fleet_sum *sum)
{
    bool strict = cli_given(cli, OPTION_STRICT);

    for (enum fleet_state state = 0; state < FLEET_LATENT; state++)
        if (sum->states[state] > 0)
            return EXIT_DRIFT;
    return strict && (sum->states[FLEET_LATENT] > 0 || sum->expired > 0) ? EXIT_DRIFT : EXIT_OK;
}

/* Nothing that could be printed is true of any host then; say why instead. */
static int nothing_readable(const struct fleet_report *report)
{
    for (size_t i = 0; i < report->n_hosts && i < 10; i++)
        say("%s: %s", NAME_SHOWN(report->hosts[i]->source), NAME_SHOWN(report->hosts[i]->why));
    say("there is no report that can be read; 'rpfpolicy check --json' makes one");
    return EXIT_ERROR;
}

static int stale_seconds(const struct cli *cli, uint64_t *ret)
{
    const char *text = cli->values[OPTION_STALE];
    uint64_t usec;

    *ret = STALE_DEFAULT;
    if (!text)
        return 0;
    if (value_parse_time(text, &usec) < 0 || usec < USEC_PER_SEC) {
        say("--stale takes a time such as 90s, 30min, 2h or 1d, not '%s'", NAME_SHOWN(text));
        return -EINVAL;
    }
    *ret = usec / USEC_PER_SEC;
    return 0;
}

static int run_report(struct cli *cli, int count, char **arguments)
{
    _cleanup_fleet_ struct fleet *fleet = fleet_new();
    _cleanup_fleet_sum_ struct fleet_sum sum = {0};
    struct fleet_report report = {.fleet = fleet,
                                  .sum = &sum,
                                  .now = time(NULL),
                                  .out = &cli->out,
                                  .all = cli_given(cli, OPTION_ALL)};
    int r = fleet ? 0 : -ENOMEM;

    if (stale_seconds(cli, &report.stale) < 0)
        return EXIT_ERROR;
    if (count == 0 && isatty(STDIN_FILENO)) {
        say("name files or directories with the output of 'rpfpolicy check --json', or '-'");
        return EXIT_ERROR;
    }
    if (r == 0)
        r = read_all(fleet, count, arguments);
    if (r == 0)
        r = fleet_judge(fleet, report.now, report.stale, &sum);
    if (r == 0) {
        report.hosts = fleet_hosts(fleet, &report.n_hosts);
        if (sum.states[FLEET_UNREADABLE] == report.n_hosts)
            return nothing_readable(&report);
        r = printers[cli->format](&report);
    }
    if (r < 0) {
        say("cannot report: %s", error_text(r));
        return EXIT_ERROR;
    }
    return status_of(cli, &sum);
}

static const struct verb verb_report = VERB_REPORT;

static int run(struct cli *cli, const struct command_line *line)
{
    return run_report(cli, line->count, line->arguments);
}

int main(int argc, char **argv)
{
    static const struct verb *const verbs[] = {&verb_report, NULL};
    static const struct program program = {.verbs = verbs, .single = true, .run = run};

    return program_run(&program, argc, argv);
}
