/* What there is to tell of the agent: each part tells what is its own. */
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/agent.h"
#include "agent/daemon/evidence.h"
#include "agent/daemon/metrics.h"

static key_mask managed_keys(const struct agent *agent)
{
    return policy_of(agent) ? policy_of(agent)->keys : 0;
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
        table_json(&agent->table), "keys", counters_keys_json(counters, managed_keys(agent)),
        "sockets", listening_json(agent->listening), "conflicts",
        table_conflicts_json(&agent->table, &agent->specials.conflict), "pauses",
        paused_json(agent->paused), "resyncs", (json_int_t)counters->resyncs, "plans",
        (json_int_t)counters->plans, "failed_writes", (json_int_t)counters->failed_writes,
        "reaction", histogram_json(&counters->reaction), "evidence", evidence_json(agent->evidence),
        "routing", ways_json(agent->ways));
}

static void metrics(FILE *out, void *data)
{
    const struct agent *agent = data;

    in_force_metrics(out, agent->in_force);
    table_metrics(out, &agent->table);
    counters_metrics(out, &agent->counters, managed_keys(agent));
    table_conflicts_metrics(out, &agent->table, &agent->specials.conflict);
    paused_metrics(out, agent->paused);
    accepting_metrics(out, agent->accepting);
    listening_metrics(out, agent->listening);
    histogram_metrics(out, &agent->counters.reaction, "rpfpolicy_agent_reaction_seconds",
                      "From taking up a kernel message to the finished write.");
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
