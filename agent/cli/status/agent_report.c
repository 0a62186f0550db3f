/* Reading what the agent says of itself. Its file is taken as data of somebody else: an ordinary
 * file of bounded size, and every member looked at before it is used. */
#include "agent/cli/status/agent_report.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/base/file.h"
#include "agent/cli/session/report.h"
#include "agent/store/pause.h"
#include "policy/base/name.h"

#define STATUS_MAX (16 * 1024 * 1024)
#define STATUS_SCHEMA 1
#define LATEST_TIME 1e11 /* year 5138: what is beyond is no time */

static bool is_time(double seconds)
{
    return seconds >= 0 && seconds < LATEST_TIME;
}

static void damaged(struct agent_report *report, const char *why)
{
    report->damaged = true;
    name_escape_buf(why, report->error, sizeof(report->error));
    if (report->status)
        json_decref(report->status);
    report->status = NULL;
}

static void take_head(struct agent_report *report)
{
    double since = 0, written = 0, boottime = 0;
    json_error_t error = {.text = ""};
    int schema = 0;

    if (json_unpack_ex(report->status, &error, 0, "{s:i, s:F, s:F, s:F}", "schema", &schema,
                       "since", &since, "time", &written, "boottime", &boottime) < 0)
        damaged(report, error.text);
    else if (schema != STATUS_SCHEMA)
        damaged(report, "it was written by another version");
    else if (!is_time(since) || !is_time(written) || !is_time(boottime))
        damaged(report, "its times are none");
    else {
        report->since = since;
        report->written = written;
        report->boottime = boottime;
        report->version = json_string_value(json_object_get(report->status, "version"));
    }
}

static void read_status(const struct paths *paths, struct agent_report *report)
{
    json_error_t error = {.text = ""};
    _cleanup_free_ char *path = text_format("%s/status.json", paths->run);
    _cleanup_text_ struct text text = {0};
    int r = path ? file_load(path, STATUS_MAX, &text) : -ENOMEM;

    if (r == -ENOENT)
        return;
    if (r < 0) {
        damaged(report,
                r == -EBADMSG || r == -ELOOP ? "it is not an ordinary file" : error_text(r));
        return;
    }
    report->status = json_loadb(text.bytes, text.n, JSON_REJECT_DUPLICATES, &error);
    if (report->status)
        take_head(report);
    else
        damaged(report, error.text);
}

/* A file is put there when the agent is stopped. */
static double stopped_since(const struct paths *paths)
{
    struct stat st;

    return lstat(paths->stand_back, &st) < 0 ? 0 : (double)st.st_mtime;
}

void agent_report_read(const struct paths *paths, struct agent_report *ret)
{
    struct agent_report report = {.state = agent_state_read(paths)};
    bool running = report.state == AGENT_OBSERVING || report.state == AGENT_ENFORCING;

    read_status(paths, &report);
    /* Not by the wall clock, which may have been set since. */
    report.stale = running && report.status &&
                   (double)pauses_now() / 1e6 > report.boottime + AGENT_STALE_AFTER;
    if (report.state == AGENT_STOPPED)
        report.since = stopped_since(paths);
    else if (!running)
        report.since = 0;
    *ret = report;
}

void agent_report_done(struct agent_report *report)
{
    if (report->status)
        json_decref(report->status);
    report->status = NULL;
}

json_t *agent_report_json(const struct agent_report *report)
{
    return json_make({"state", json_string(agent_state_name(report->state))},
                     {"since", report->since > 0 ? json_time((time_t)report->since) : json_null()});
}

json_t *agent_state_json(const struct paths *paths)
{
    _cleanup_agent_report_ struct agent_report report = {0};

    agent_report_read(paths, &report);
    return agent_report_json(&report);
}
