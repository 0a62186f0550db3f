/* What there is to tell of the agent: each part tells what is its own. */
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/agent_private.h"
#include "agent/daemon/metrics.h"

static key_mask managed_keys(const struct agent *agent)
{
    return policy_of(agent) ? policy_of(agent)->keys : 0;
}

static struct counters counters_of(const struct agent *agent)
{
    struct counters counters = keeper_counters(agent->keeper);

    counters.resyncs = reader_count(agent->reader);
    return counters;
}

static json_t *status(const char *state, void *data)
{
    const struct agent *agent = data;
    const struct counters counters = counters_of(agent);
    json_t *engines = others_json(agent->others), *object;

    object = json_pack(
        "{s:i, s:s, s:s, s:i, s:f, s:f, s:f, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, "
        "s:I, s:o, s:o, s:o}",
        "schema", 1, "version", PROJECT_VERSION, "state", state, "pid", (int)getpid(), "since",
        (double)agent->started / (double)USEC_PER_SEC, "time", (double)time(NULL), "boottime",
        (double)loop_boottime(agent->loop) / (double)USEC_PER_SEC, "enforcing",
        in_force_enforces(agent->in_force), "policy", in_force_json(agent->in_force), "devices",
        keeper_devices_json(agent->keeper), "keys",
        counters_keys_json(&counters, managed_keys(agent)), "sockets",
        listening_json(agent->listening), "conflicts", keeper_conflicts_json(agent->keeper),
        "pauses", paused_json(agent->paused), "resyncs", (json_int_t)counters.resyncs, "plans",
        (json_int_t)counters.plans, "failed_writes", (json_int_t)counters.failed_writes, "reaction",
        histogram_json(&counters.reaction), "evidence", evidence_json(agent->evidence), "routing",
        ways_json(agent->ways));
    json_object_set_new(object, "refused", accepting_json(agent->accepting));
    if (engines)
        json_object_set_new(object, "engines", engines);
    return object;
}

static void metrics(FILE *out, void *data)
{
    const struct agent *agent = data;
    const struct counters counters = counters_of(agent);

    in_force_metrics(out, agent->in_force);
    keeper_devices_metrics(out, agent->keeper);
    counters_metrics(out, &counters, managed_keys(agent));
    keeper_conflicts_metrics(out, agent->keeper);
    paused_metrics(out, agent->paused);
    accepting_metrics(out, agent->accepting);
    listening_metrics(out, agent->listening);
    histogram_metrics(out, &counters.reaction, "rpfpolicy_agent_reaction_seconds",
                      "From taking up a kernel message to the finished write.");
    evidence_metrics(out, agent->evidence);
    ways_metrics(out, agent->ways);
    others_metrics(out, agent->others);
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
    size_t devices = keeper_live(agent->keeper)->count;

    fprintf(out, "%s: %zu %s, %zu drift, %zu impossible",
            !policy_of(agent)                    ? "no policy accepted, nothing is written"
            : in_force_enforces(agent->in_force) ? "enforcing"
                                                 : "observing, nothing is written",
            devices, devices == 1 ? "device" : "devices",
            keeper_in_state(agent->keeper, STATE_DRIFT),
            keeper_in_state(agent->keeper, STATE_IMPOSSIBLE));
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
