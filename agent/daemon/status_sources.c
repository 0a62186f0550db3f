/* What there is to tell of the agent: each part tells what is its own. */
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/agent.h"
#include "agent/daemon/evidence.h"
#include "agent/daemon/metrics.h"

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

static void writes_metrics(FILE *out, const struct agent *agent)
{
    metrics_family(out, "rpfpolicy_agent_writes_total", "counter",
                   "Values written, to new devices and to put existing ones right.");
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!policy_of(agent) || !(policy_of(agent)->keys & KEY_BIT(key)))
            continue;
        fprintf(out, "rpfpolicy_agent_writes_total{key=\"%s\",cause=\"new\"} %llu\n",
                key_info(key)->name, (unsigned long long)agent->counters.given[key]);
        fprintf(out, "rpfpolicy_agent_writes_total{key=\"%s\",cause=\"repair\"} %llu\n",
                key_info(key)->name, (unsigned long long)agent->counters.repairs[key]);
    }
}

static void sockets_metrics(FILE *out, const struct agent *agent)
{
    metrics_family(out, "rpfpolicy_agent_overruns_total", "counter",
                   "Times that kernel messages were lost and everything was read again.");
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++)
        fprintf(out, "rpfpolicy_agent_overruns_total{socket=\"%s\"} %llu\n", watch_name(kind),
                (unsigned long long)agent->watches[kind].watch.overruns);
    metrics_family(out, "rpfpolicy_agent_pauses_total", "counter",
                   "Times that a flood of kernel messages was sat out.");
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++)
        fprintf(out, "rpfpolicy_agent_pauses_total{socket=\"%s\"} %llu\n", watch_name(kind),
                (unsigned long long)agent->watches[kind].watch.pauses);
}

static void reaction_metrics(FILE *out, const struct agent *agent)
{
    const struct histogram *histogram = &agent->counters.reaction;
    uint64_t below = 0;

    metrics_family(out, "rpfpolicy_agent_reaction_seconds", "histogram",
                   "From taking up a kernel message to the finished write.");
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += histogram->buckets[i];
        fprintf(out, "rpfpolicy_agent_reaction_seconds_bucket{le=\"%g\"} %llu\n",
                (double)histogram_bound(i) / (double)USEC_PER_SEC, (unsigned long long)below);
    }
    fprintf(
        out,
        "rpfpolicy_agent_reaction_seconds_bucket{le=\"+Inf\"} %llu\n"
        "rpfpolicy_agent_reaction_seconds_sum %g\nrpfpolicy_agent_reaction_seconds_count %llu\n",
        (unsigned long long)histogram->count, (double)histogram->sum_usec / (double)USEC_PER_SEC,
        (unsigned long long)histogram->count);
}

static json_t *status(const char *state, void *data)
{
    const struct agent *agent = data;
    const struct counters *counters = &agent->counters;

    return json_pack(
        "{s:i, s:s, s:s, s:i, s:f, s:f, s:f, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, "
        "s:I, s:o, s:o, s:o}",
        "schema", 1, "version", PROJECT_VERSION, "state", state, "pid", (int)getpid(), "since",
        (double)agent->started / (double)USEC_PER_SEC, "time", (double)time(NULL), "boottime",
        (double)loop_boottime(agent->loop) / (double)USEC_PER_SEC, "enforcing",
        in_force_enforces(agent->in_force), "policy", in_force_json(agent->in_force), "devices",
        table_json(&agent->table), "keys", keys_json(agent), "sockets", sockets_json(agent),
        "conflicts", table_conflicts_json(&agent->table, &agent->specials.conflict), "pauses",
        paused_json(agent->paused), "resyncs", (json_int_t)counters->resyncs, "plans",
        (json_int_t)counters->plans, "failed_writes", (json_int_t)counters->failed_writes,
        "reaction", reaction_json(agent), "evidence", evidence_json(agent->evidence), "routing",
        ways_json(agent->ways));
}

static void metrics(FILE *out, void *data)
{
    const struct agent *agent = data;

    in_force_metrics(out, agent->in_force);
    table_metrics(out, &agent->table);
    writes_metrics(out, agent);
    metrics_single(out, "rpfpolicy_agent_failed_writes_total", "counter",
                   "Writes that the kernel refused.", agent->counters.failed_writes);
    metrics_single(out, "rpfpolicy_agent_plans_total", "counter",
                   "Whole plans carried out because all or default had to move.",
                   agent->counters.plans);
    metrics_single(out, "rpfpolicy_agent_resyncs_total", "counter",
                   "Times that everything was read again.", agent->counters.resyncs);
    table_conflicts_metrics(out, &agent->table, &agent->specials.conflict);
    paused_metrics(out, agent->paused);
    accepting_metrics(out, agent->accepting);
    sockets_metrics(out, agent);
    reaction_metrics(out, agent);
    evidence_metrics(out, agent->evidence);
    ways_metrics(out, agent->ways);
    metrics_single(out, "rpfpolicy_agent_last_update_timestamp_seconds", "gauge",
                   "When this was written.", (uint64_t)time(NULL));
}

static const char *metrics_file(void *data)
{
    const struct agent *agent = data;

    return policy_of(agent) ? policy_of(agent)->agent.metrics_file : NULL;
}

static void summary(FILE *out, void *data)
{
    const struct agent *agent = data;
    const struct table *table = &agent->table;

    fprintf(out, "%s: %zu %s, %zu drift, %zu impossible",
            !policy_of(agent)                    ? "no policy accepted, nothing is written"
            : in_force_enforces(agent->in_force) ? "enforcing"
                                                 : "observing, nothing is written",
            table->count, table->count == 1 ? "device" : "devices", table->states[STATE_DRIFT],
            table->states[STATE_IMPOSSIBLE]);
}

int agent_make_publisher(struct agent *agent)
{
    struct publisher_options options = {.paths = &agent->paths,
                                        .loop = agent->loop,
                                        .logger = &agent->logger,
                                        .presence = agent->presence,
                                        .status = status,
                                        .metrics = metrics,
                                        .summary = summary,
                                        .metrics_file = metrics_file,
                                        .data = agent};

    return publisher_new(&options, &agent->publisher);
}
