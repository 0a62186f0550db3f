/* The lines of `monitor`, for people and as one JSON object each. Flushed one by one: somebody
 * waits for them. */
#include <stdio.h>
#include <time.h>

#include "agent/cli/monitor/monitor.h"
#include "agent/cli/peers/impact_report.h"
#include "agent/cli/session/report.h"

bool monitor_is_named(const struct monitor *monitor, const char *name)
{
    char escaped[NAME_ESCAPED_SIZE];

    for (int i = 0; i < monitor->count; i++) {
        const struct device *device;

        if (streq(monitor->names[i], name) ||
            streq(monitor->names[i], name_escape_buf(name, escaped, sizeof(escaped))))
            return true;
        device = session_find_device(&monitor->session, monitor->names[i]); /* by another name */
        if (device && streq(device->name, name))
            return true;
    }
    return monitor->count == 0;
}

static void flush(struct monitor *monitor)
{
    errno = 0;
    if (fflush(monitor->cli->out.stream) == EOF && monitor->failed == 0)
        monitor->failed = errno > 0 ? -errno : -EIO;
}

/* RFC 3339 with microseconds, so that lines of several hosts can be laid side by side. */
static json_t *json_this_moment(void)
{
    char text[64], day[32];
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof(text), "%s.%06ldZ", day, now.tv_nsec / 1000);
    return json_string(text);
}

static json_t *json_value(bool there, int configured, int effective)
{
    json_t *object;

    if (!there)
        return json_null();
    object = json_object();
    json_set(object, {"configured", json_integer(configured)},
             {"effective", json_integer(effective)});
    return object;
}

static void print_json(struct monitor *monitor, const struct change *change)
{
    json_t *object = json_object();

    json_set(object, {"time", json_this_moment()}, {"event", json_string(change->event)},
             {"ifindex", json_integer(change->ifindex)});
    json_set_name(object, "device", change->name);
    if (change->old_name)
        json_set_name(object, "old_device", change->old_name);
    json_set(object, {"key", json_string(key_info(change->key)->name)},
             {"old", json_value(change->had, change->old_configured, change->old_effective)},
             {"new", json_value(change->has, change->configured, change->effective)},
             {"wanted", change->wanted_known ? json_integer(change->wanted) : json_null()},
             {"state", change->state ? json_string(change->state) : json_null()});
    output_json(&monitor->cli->out, object);
}

#define LINE "%-15s %-19s %-12s %-12s %-8s " /* after the time */

static void print_time(FILE *out)
{
    char clock[16] = "", when[32];
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &tm))
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    snprintf(when, sizeof(when), "%s.%06ld", clock, now.tv_nsec / 1000);
    fprintf(out, "%-15s ", when);
}

static void print_line(struct monitor *monitor, const struct change *change)
{
    char name[NAME_ESCAPED_SIZE], old[24] = "-", new[24] = "-";
    char wanted[12] = "-", old_name[NAME_ESCAPED_SIZE];
    struct output *out = &monitor->cli->out;

    if (change->had)
        value_text(change->key, change->old_effective, change->old_configured, old, sizeof(old));
    if (change->has)
        value_text(change->key, change->effective, change->configured, new, sizeof(new));
    print_time(out->stream);
    fprintf(out->stream, LINE, name_escape_buf(change->name, name, sizeof(name)),
            key_info(change->key)->name, old, new,
            change->wanted_known
                ? key_value_format(change->key, change->wanted, wanted, sizeof(wanted))
                : "-");
    fprintf(out->stream, "%s%s%s", change->state ? output_color(out, change->state) : "",
            change->state ? change->state : "-", change->state ? output_color_end(out) : "");
    fprintf(out->stream, "%*s%s", 11 - (int)strlen(change->state ? change->state : "-"), "",
            change->event);
    if (change->old_name)
        fprintf(out->stream, " from %s",
                name_escape_buf(change->old_name, old_name, sizeof(old_name)));
    fputc('\n', out->stream);
}

/* A device that is gone is found by its other names no more. */
static bool is_named(const struct monitor *monitor, const struct change *change)
{
    for (char *const *name = change->altnames; name && *name; name++)
        if (monitor_is_named(monitor, *name))
            return true;
    return monitor_is_named(monitor, change->name) ||
           (change->old_name && monitor_is_named(monitor, change->old_name));
}

void monitor_print(struct monitor *monitor, const struct change *change)
{
    if (!is_named(monitor, change))
        return;
    if (monitor->cli->format == FORMAT_TABLE)
        print_line(monitor, change);
    else
        print_json(monitor, change);
    flush(monitor);
}

static void print_would_drop_json(struct monitor *monitor, const struct device *device,
                                  const struct rule *rule, const struct peer *peer)
{
    const struct session *session = &monitor->session;
    json_t *object = json_object();

    json_set(object, {"time", json_this_moment()}, {"event", json_string("would drop")},
             {"key", json_string(key_info(KEY_RP_FILTER)->name)},
             {"new", json_value(true, device->conf[KEY_RP_FILTER],
                                impact_effective(&session->live, device, KEY_RP_FILTER))},
             {"rule", json_rule(rule)});
    json_object_update_new(object, impact_peer_json(session, peer));
    output_json(&monitor->cli->out, object);
}

static void print_would_drop_line(struct monitor *monitor, const struct device *device,
                                  const struct rule *rule, const struct peer *peer)
{
    const struct session *session = &monitor->session;
    _cleanup_free_ char *why = peer_why(session, peer);
    _cleanup_free_ char *place = place_text(rule->origin.file, rule->origin.line);
    char name[NAME_ESCAPED_SIZE], now[24], wanted[12], text[PEER_TEXT_SIZE];
    int effective = impact_effective(&session->live, device, KEY_RP_FILTER);
    FILE *out = monitor->cli->out.stream;

    print_time(out);
    fprintf(out, LINE, name_escape_buf(device->name, name, sizeof(name)),
            key_info(KEY_RP_FILTER)->name, "-",
            value_text(KEY_RP_FILTER, effective, device->conf[KEY_RP_FILTER], now, sizeof(now)),
            key_value_format(KEY_RP_FILTER, peer->mode, wanted, sizeof(wanted)));
    fprintf(out, "%-10s %s drop %s%s%s: %s, %s\n", "observed", peer->possible ? "might" : "would",
            peer_text(peer, text), peer->pid ? " of " : "",
            peer->pid ? NAME_SHOWN(peer->process) : "", why ?: "", place ?: "");
}

void monitor_print_would_drop(struct monitor *monitor, const struct observed_peer *seen,
                              const struct peer *peer)
{
    const struct session *session = &monitor->session;
    const struct device *device = live_by_ifindex(&session->live, seen->ifindex);
    const struct rule *rule = &session->policy->rules[seen->rule];

    if (!device)
        return;
    if (monitor->cli->format == FORMAT_TABLE)
        print_would_drop_line(monitor, device, rule, peer);
    else
        print_would_drop_json(monitor, device, rule, peer);
    flush(monitor);
}

void monitor_print_title(struct monitor *monitor)
{
    if (monitor->cli->format != FORMAT_TABLE)
        return;
    fprintf(monitor->cli->out.stream, "%-15s " LINE "%-10s %s\n", "TIME", "DEVICE", "KEY", "OLD",
            "NEW", "WANTED", "STATE", "EVENT");
    flush(monitor);
}

void monitor_print_lost(struct monitor *monitor)
{
    json_t *object;

    if (monitor->cli->format == FORMAT_TABLE) {
        say("messages were lost: what happened in between is not shown, everything is read again");
        return;
    }
    object = json_object();
    json_set(object, {"time", json_this_moment()}, {"event", json_string("lost")});
    output_json(&monitor->cli->out, object);
    flush(monitor);
}
