/* From the agent's file to numbers and tables. Everything is looked at before anything is printed:
 * half a report would be worse than none. */
#include <stdio.h>

#include "agent/cli/session/report.h"
#include "agent/cli/status/status.h"
#include "policy/base/text.h"
#include "policy/lang/values.h"

#define LATEST_TIME 1e11 /* year 5138: what is beyond is no time */

static int refuse(struct status *status, const json_error_t *error)
{
    name_escape_buf(error->text, status->report.error, sizeof(status->report.error));
    return -EBADMSG;
}

static int read_devices(struct status *status, json_t *devices)
{
    json_error_t error;

    if (json_unpack_ex(devices, &error, 0, "{s:I}", "total", &status->total) < 0)
        return refuse(status, &error);
    for (enum state state = 0; state < STATE_COUNT; state++)
        if (json_unpack_ex(devices, &error, 0, "{s:I}", state_name(state),
                           &status->devices[state]) < 0)
            return refuse(status, &error);
    return 0;
}

static int read_policy(struct status *status, json_t *policy)
{
    json_error_t error;

    if (json_is_null(policy))
        return 0;
    if (json_unpack_ex(policy, &error, 0, "{s:s, s:s, s:F}", "hash", &status->hash, "mode",
                       &status->mode, "since", &status->policy_since) < 0)
        return refuse(status, &error);
    status->revision = json_string_value(json_object_get(policy, "revision"));
    return 0;
}

static int read_keys(struct status *status, json_t *keys)
{
    int r = 0;

    status->keys = table_new(NULL, 0);
    if (!status->keys)
        return -ENOMEM;
    for (void *i = json_object_iter(keys); r == 0 && i; i = json_object_iter_next(keys, i)) {
        json_int_t given, repaired;
        struct row row = {.table = status->keys};
        json_error_t error;

        if (json_unpack_ex(json_object_iter_value(i), &error, 0, "{s:I, s:I}", "given", &given,
                           "repaired", &repaired) < 0)
            return refuse(status, &error);
        r = ROW(&row, {NULL, "KEY", TEXT(json_object_iter_key(i))},
                {NULL, "GIVEN TO NEW DEVICES", NUMBER(given), COLUMN_RIGHT | CELL_COUNT},
                {NULL, "REPAIRED", NUMBER(repaired), COLUMN_RIGHT | CELL_COUNT});
    }
    return r;
}

static int read_conflicts(struct status *status, json_t *conflicts)
{
    int r = 0;

    status->conflict_count = json_array_size(conflicts);
    status->conflicts = table_new(NULL, 0);
    if (!status->conflicts)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < status->conflict_count; i++) {
        const char *device, *key, *pace;
        struct row row = {.table = status->conflicts};
        double interval, delay;
        char every[24], waits[24];
        json_int_t repairs;
        json_error_t error;

        if (json_unpack_ex(json_array_get(conflicts, i), &error, 0,
                           "{s:s, s:s, s:s, s:I, s:F, s:F}", "device", &device, "key", &key, "pace",
                           &pace, "repairs", &repairs, "interval", &interval, "delay", &delay) < 0)
            return refuse(status, &error);
        r = ROW(&row, {NULL, "DEVICE", TEXT(device)}, {NULL, "KEY", TEXT(key)},
                {NULL, "PACE", TEXT(pace)},
                {NULL, "REPAIRS", NUMBER(repairs), COLUMN_RIGHT | CELL_COUNT},
                {NULL, "EVERY", TEXT(value_format_time(interval, every)), COLUMN_RIGHT},
                {NULL, "WAITS", TEXT(value_format_time(delay, waits)), COLUMN_RIGHT});
    }
    return r;
}

static int read_sockets(struct status *status, json_t *sockets)
{
    int r = 0;

    status->sockets = table_new(NULL, 0);
    if (!status->sockets)
        return -ENOMEM;
    for (void *i = json_object_iter(sockets); r == 0 && i; i = json_object_iter_next(sockets, i)) {
        json_int_t messages, overruns, pauses;
        struct row row = {.table = status->sockets};
        json_error_t error;
        int paused;

        if (json_unpack_ex(json_object_iter_value(i), &error, 0, "{s:I, s:I, s:I, s:b}", "messages",
                           &messages, "overruns", &overruns, "pauses", &pauses, "paused",
                           &paused) < 0)
            return refuse(status, &error);
        r = ROW(&row, {NULL, "SOCKET", TEXT(json_object_iter_key(i))},
                {NULL, "MESSAGES", NUMBER(messages), COLUMN_RIGHT | CELL_COUNT},
                {NULL, "OVERRUNS", NUMBER(overruns), COLUMN_RIGHT | CELL_COUNT},
                {NULL, "FLOODS", NUMBER(pauses), COLUMN_RIGHT | CELL_COUNT},
                {NULL, "NOW", TEXT(paused ? "paused: a flood is sat out" : "read")});
    }
    return r;
}

static const char *moment_text(double at, char buf[static 24])
{
    time_t when = at > 0 && at < LATEST_TIME ? (time_t)at : 0;
    struct tm tm;

    if (when == 0 || !localtime_r(&when, &tm) || strftime(buf, 24, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "-";
    return buf;
}

/* "eth0 203.0.113.1: the way back uses another device", the latest of them; NULL for none. */
static int read_example(struct status *status, json_t *examples, char **ret)
{
    const char *device, *peer, *text;
    json_error_t error;

    *ret = NULL;
    if (json_array_size(examples) == 0)
        return 0;
    if (json_unpack_ex(json_array_get(examples, 0), &error, 0, "{s:s, s:s, s:s}", "device", &device,
                       "peer", &peer, "text", &text) < 0)
        return refuse(status, &error);
    if (asprintf(ret, "%s %s: %s", device, peer, text) < 0) {
        *ret = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int read_observed_rule(struct status *status, json_t *rule)
{
    struct row row = {.table = status->observed};
    const char *file, *pattern, *value;
    char *example, when[24];
    json_int_t line, peers, now;
    json_t *last, *examples;
    json_error_t error;
    int r;

    if (json_unpack_ex(rule, &error, 0, "{s:s, s:I, s:s, s:s, s:I, s:I, s:o, s:o}", "file", &file,
                       "line", &line, "pattern", &pattern, "value", &value, "peers", &peers, "now",
                       &now, "last", &last, "examples", &examples) < 0)
        return refuse(status, &error);
    r = read_example(status, examples, &example);
    if (r < 0)
        return r;
    return ROW(&row, {NULL, "OBSERVED RULE", OWNED(text_format("%s = %s", pattern, value))},
               {NULL, "LINE", OWNED(text_format("%s:%lld", file, (long long)line))},
               {NULL, "CUTS NOW", NUMBER(now), COLUMN_RIGHT | CELL_COUNT},
               {NULL, "SO FAR", NUMBER(peers), COLUMN_RIGHT | CELL_COUNT},
               {NULL, "LAST SEEN", TEXT(moment_text(json_number_value(last), when))},
               {NULL, "SUCH AS", example ? OWNED(example) : TEXT(NULL), COLUMN_WRAP});
}

static int read_observed(struct status *status, json_t *evidence)
{
    json_t *rules, *unseen = NULL;
    int r = 0, truncated;
    json_error_t error;

    if (!evidence || json_is_null(evidence)) /* an agent of another version need not have it */
        return 0;
    if (json_unpack_ex(evidence, &error, 0, "{s:b, s:o, s?:o}", "truncated", &truncated, "rules",
                       &rules, "unseen_text", &unseen) < 0)
        return refuse(status, &error);
    status->observed_unseen = json_string_value(unseen);
    status->observed_all = !truncated;
    status->observed_count = json_array_size(rules);
    status->observed = table_new(NULL, 0);
    if (!status->observed)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < status->observed_count; i++)
        r = read_observed_rule(status, json_array_get(rules, i));
    return r;
}

/* The bound of the bucket in which the n-th of all reactions lies; 0 beyond every bound. */
static double bound_of(json_t *buckets, json_int_t n)
{
    json_int_t below = 0;

    for (size_t i = 0; i < json_array_size(buckets); i++) {
        json_t *bucket = json_array_get(buckets, i);

        below += json_integer_value(json_object_get(bucket, "count"));
        if (below >= n)
            return (double)json_integer_value(json_object_get(bucket, "at_most_usec")) / 1e6;
    }
    return 0;
}

static int read_reaction(struct status *status, json_t *reaction)
{
    json_int_t count;
    json_error_t error;
    json_t *buckets;

    if (json_unpack_ex(reaction, &error, 0, "{s:I, s:o}", "count", &count, "buckets", &buckets) < 0)
        return refuse(status, &error);
    if (count > 0) {
        status->median = bound_of(buckets, (count + 1) / 2);
        status->p99 = bound_of(buckets, count - count / 100);
    }
    return 0;
}

int status_read(struct status *status)
{
    json_t *devices, *policy, *keys, *conflicts, *sockets, *reaction;
    json_error_t error;
    int r;

    if (!status->report.status)
        return 0;
    if (json_unpack_ex(
            status->report.status, &error, 0, "{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}",
            "devices", &devices, "policy", &policy, "keys", &keys, "conflicts", &conflicts,
            "sockets", &sockets, "reaction", &reaction, "resyncs", &status->resyncs, "plans",
            &status->plans, "failed_writes", &status->failed_writes, "pid", &status->pid) < 0)
        return refuse(status, &error);
    r = read_devices(status, devices);
    if (r == 0)
        r = read_policy(status, policy);
    if (r == 0)
        r = read_keys(status, keys);
    if (r == 0)
        r = read_conflicts(status, conflicts);
    if (r == 0)
        r = read_sockets(status, sockets);
    if (r == 0)
        r = read_observed(status, json_object_get(status->report.status, "evidence"));
    return r < 0 ? r : read_reaction(status, reaction);
}
