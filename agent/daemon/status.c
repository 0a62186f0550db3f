/* What the agent shows of itself: status.json for `rpfpolicy status`, the metrics file for the
 * textfile collector, the line for systemctl. Atomic, at most once a second. */
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/daemon/agent.h"
#include "agent/daemon/evidence.h"
#include "agent/daemon/metrics.h"
#include "agent/store/pause.h"

#define STATUS_INTERVAL USEC_PER_SEC
#define HEARTBEAT (30 * USEC_PER_SEC) /* also without news, so that readers see that it lives */

static json_t *policy_json(const struct agent *agent)
{
    json_t *files;
    char hash[17];

    if (!policy_of(agent))
        return json_null();
    files = json_array();
    for (size_t i = 0; i < policy_of(agent)->n_files; i++) {
        _cleanup_free_ char *name = name_escape(policy_of(agent)->files[i]);

        json_array_append_new(files, json_string(name ? name : ""));
    }
    return json_pack("{s:s, s:o, s:s, s:f}", "hash", policy_hash_text(policy_of(agent), hash),
                     "files", files, "mode", policy_mode_name(policy_of(agent)->agent.mode),
                     "since", (double)in_force_since(agent->in_force) / (double)USEC_PER_SEC);
}

static json_t *devices_json(const struct agent *agent)
{
    json_t *states = json_pack("{s:I}", "total", (json_int_t)agent->table.count);

    for (enum state state = 0; state < STATE_COUNT; state++)
        json_object_set_new(states, state_name(state),
                            json_integer((json_int_t)agent->table.states[state]));
    return states;
}

static json_t *keys_json(const struct agent *agent)
{
    json_t *keys = json_object();

    for (enum key key = 0; key < KEY_COUNT; key++)
        if (policy_of(agent) && (policy_of(agent)->keys & KEY_BIT(key)))
            json_object_set_new(keys, key_info(key)->name,
                                json_pack("{s:I, s:I}", "given",
                                          (json_int_t)agent->counters.given[key], "repaired",
                                          (json_int_t)agent->counters.repairs[key]));
    return keys;
}

static json_t *sockets_json(const struct agent *agent)
{
    json_t *sockets = json_object();

    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++) {
        const struct watch *watch = &agent->watches[kind].watch;

        if (watch->socket || watch->paused)
            json_object_set_new(sockets, watch_name(kind),
                                json_pack("{s:I, s:I, s:I, s:b}", "messages",
                                          (json_int_t)watch->messages, "overruns",
                                          (json_int_t)watch->overruns, "pauses",
                                          (json_int_t)watch->pauses, "paused", watch->paused));
    }
    return sockets;
}

static void append_conflict(json_t *list, const char *device, int ifindex, const char *key,
                            const struct conflict *conflict)
{
    char name[NAME_ESCAPED_SIZE];

    if (conflict->mark == CONFLICT_NONE)
        return;
    json_array_append_new(
        list, json_pack("{s:s, s:i, s:s, s:s, s:I, s:f, s:f}", "device",
                        name_escape_buf(device, name, sizeof(name)), "ifindex", ifindex, "key", key,
                        "pace", conflict->mark == CONFLICT_FAST ? "fast" : "slow", "repairs",
                        (json_int_t)conflict->repairs, "interval",
                        (double)conflict_interval(conflict) / (double)USEC_PER_SEC, "delay",
                        (double)conflict_delay(conflict) / (double)USEC_PER_SEC));
}

/* `all` and `default` are put right by one plan, so whose key it is is not told apart. */
static json_t *conflicts_json(const struct agent *agent)
{
    json_t *list = json_array();

    append_conflict(list, "all", IFINDEX_ALL, "any", &agent->specials.conflict);
    for (size_t i = 0; i < agent->table.count; i++) {
        const struct entry *entry = agent->table.entries[i];

        for (enum key key = 0; entry->keys && key < KEY_COUNT; key++)
            if (entry->keys[key].conflict)
                append_conflict(list, entry->device.name, entry->device.ifindex,
                                key_info(key)->name, entry->keys[key].conflict);
    }
    return list;
}

static json_t *reaction_json(const struct agent *agent)
{
    const struct histogram *histogram = &agent->counters.reaction;
    json_t *buckets = json_array();

    for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++)
        json_array_append_new(buckets, json_pack("{s:o, s:I}", "at_most_usec",
                                                 i < HISTOGRAM_BUCKETS
                                                     ? json_integer((json_int_t)histogram_bound(i))
                                                     : json_null(),
                                                 "count", (json_int_t)histogram->buckets[i]));
    return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)histogram->count, "sum_usec",
                     (json_int_t)histogram->sum_usec, "buckets", buckets);
}

static json_t *pauses_json(const struct agent *agent)
{
    const struct pauses *pauses = paused_list(agent->paused);
    json_t *list = json_array();

    for (size_t i = 0; i < pauses->count; i++) {
        const struct pause *pause = &pauses->items[i];
        _cleanup_free_ char *devices = name_escape(pause_text(pause));
        _cleanup_free_ char *who = name_escape(pause->who), *reason = name_escape(pause->reason);

        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:I, s:o}", "devices", devices ?: "", "by", who ?: "",
                      "reason", reason ?: "", "since", (json_int_t)pause->date, "until_boottime",
                      pause->until ? json_real((double)pause->until / (double)USEC_PER_SEC)
                                   : json_null()));
    }
    return list;
}

static json_t *status_json(const struct agent *agent, const char *state)
{
    return json_pack(
        "{s:i, s:s, s:s, s:i, s:f, s:f, s:f, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, "
        "s:I, s:o, s:o, s:o}",
        "schema", 1, "version", PROJECT_VERSION, "state", state, "pid", (int)getpid(), "since",
        (double)agent->started / (double)USEC_PER_SEC, "time", (double)time(NULL), "boottime",
        (double)pauses_now() / (double)USEC_PER_SEC, "enforcing",
        in_force_enforces(agent->in_force), "policy", policy_json(agent), "devices",
        devices_json(agent), "keys", keys_json(agent), "sockets", sockets_json(agent), "conflicts",
        conflicts_json(agent), "pauses", pauses_json(agent), "resyncs",
        (json_int_t)agent->counters.resyncs, "plans", (json_int_t)agent->counters.plans,
        "failed_writes", (json_int_t)agent->counters.failed_writes, "reaction",
        reaction_json(agent), "evidence", evidence_json(agent->evidence), "routing",
        ways_json(agent->ways));
}

static int write_metrics(struct agent *agent)
{
    _cleanup_free_ char *text = NULL;
    int r;

    if (!policy_of(agent) || !policy_of(agent)->agent.metrics_file)
        return 0;
    r = metrics_text(agent, &text);
    return r < 0 ? r : file_put(policy_of(agent)->agent.metrics_file, text, strlen(text), NULL);
}

int agent_write_status(struct agent *agent, const char *state)
{
    _cleanup_free_ char *path = NULL, *text = NULL;
    json_t *status;
    int r = 0;

    if (asprintf(&path, "%s/status.json", agent->paths.run) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    status = status_json(agent, state);
    text = status ? json_dumps(status, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    json_decref(status);
    if (!text)
        return -ENOMEM;
    gather(&r, file_put(path, text, strlen(text), NULL));
    gather(&r, write_metrics(agent));
    (void)sd_notifyf(false, "STATUS=%s: %zu %s, %zu drift, %zu impossible",
                     !policy_of(agent)                    ? "no policy accepted, nothing is written"
                     : in_force_enforces(agent->in_force) ? "enforcing"
                                                          : "observing, nothing is written",
                     agent->table.count, agent->table.count == 1 ? "device" : "devices",
                     agent->table.states[STATE_DRIFT], agent->table.states[STATE_IMPOSSIBLE]);
    return r;
}

void agent_on_status(void *data)
{
    struct agent *agent = data;
    int r;

    if (presence_check(agent->presence) < 0)
        return;
    r = agent_write_status(agent, "running");
    if (r < 0 && !agent->status_failed)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Status and metrics could not be written: %s", strerror(-r));
    agent->status_failed = r < 0;
    presence_tell_again(agent->presence);
    deadline_set(&agent->status_due, loop_now(agent->loop) + HEARTBEAT);
}

/* A moment later, and once a second at most. */
void agent_status_changed(struct agent *agent)
{
    deadline_set_by(&agent->status_due, loop_now(agent->loop) + STATUS_INTERVAL);
}
