/* One series per line; HELP and TYPE before each family. */
#include "agent/daemon/metrics.h"

#include <stdio.h>
#include <time.h>

#include "agent/daemon/agent.h"
#include "agent/daemon/evidence.h"

static void family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    family(out, name, type, help);
    fprintf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void devices(FILE *out, const struct agent *agent)
{
    family(out, "rpfpolicy_agent_devices", "gauge", "Devices by the worst state of their keys.");
    for (enum state state = 0; state < STATE_COUNT; state++)
        fprintf(out, "rpfpolicy_agent_devices{state=\"%s\"} %zu\n", state_name(state),
                agent->table.states[state]);
}

static void writes(FILE *out, const struct agent *agent)
{
    family(out, "rpfpolicy_agent_writes_total", "counter",
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

static void sockets(FILE *out, const struct agent *agent)
{
    family(out, "rpfpolicy_agent_overruns_total", "counter",
           "Times that kernel messages were lost and everything was read again.");
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++)
        fprintf(out, "rpfpolicy_agent_overruns_total{socket=\"%s\"} %llu\n", watch_name(kind),
                (unsigned long long)agent->watches[kind].watch.overruns);
    family(out, "rpfpolicy_agent_pauses_total", "counter",
           "Times that a flood of kernel messages was sat out.");
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++)
        fprintf(out, "rpfpolicy_agent_pauses_total{socket=\"%s\"} %llu\n", watch_name(kind),
                (unsigned long long)agent->watches[kind].watch.pauses);
}

static size_t count_conflicts(const struct agent *agent)
{
    size_t n = agent->specials.conflict.mark != CONFLICT_NONE;

    for (size_t i = 0; i < agent->table.count; i++) {
        const struct entry *entry = agent->table.entries[i];

        for (size_t k = 0; entry->keys && k < KEY_COUNT; k++)
            n += entry->keys[k].conflict && entry->keys[k].conflict->mark != CONFLICT_NONE;
    }
    return n;
}

static void reaction(FILE *out, const struct agent *agent)
{
    const struct histogram *histogram = &agent->counters.reaction;
    uint64_t below = 0;

    family(out, "rpfpolicy_agent_reaction_seconds", "histogram",
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

static void policy(FILE *out, const struct agent *agent)
{
    char hash[17];

    if (!policy_of(agent))
        return;
    family(out, "rpfpolicy_agent_policy_info", "gauge", "The policy in force.");
    fprintf(out, "rpfpolicy_agent_policy_info{hash=\"%s\",version=\"%s\",mode=\"%s\"} 1\n",
            policy_hash_text(policy_of(agent), hash), PROJECT_VERSION,
            policy_mode_name(policy_of(agent)->agent.mode));
    family(out, "rpfpolicy_agent_policy_since_timestamp_seconds", "gauge",
           "When the policy in force was taken over.");
    fprintf(out, "rpfpolicy_agent_policy_since_timestamp_seconds %.3f\n",
            (double)in_force_since(agent->in_force) / (double)USEC_PER_SEC);
}

int metrics_text(const struct agent *agent, char **ret)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -ENOMEM;
    policy(out, agent);
    devices(out, agent);
    writes(out, agent);
    single(out, "rpfpolicy_agent_failed_writes_total", "counter", "Writes that the kernel refused.",
           agent->counters.failed_writes);
    single(out, "rpfpolicy_agent_plans_total", "counter",
           "Whole plans carried out because all or default had to move.", agent->counters.plans);
    single(out, "rpfpolicy_agent_resyncs_total", "counter", "Times that everything was read again.",
           agent->counters.resyncs);
    single(out, "rpfpolicy_agent_conflicts", "gauge",
           "Keys of devices, and `all` or `default`, that something keeps writing back.",
           count_conflicts(agent));
    single(out, "rpfpolicy_agent_paused", "gauge", "Pauses in force that a person asked for.",
           paused_list(agent->paused)->count);
    if (agent->accepting)
        single(out, "rpfpolicy_agent_policy_refused", "gauge",
               "1 while the policy on disk cannot be taken and an older one is in force.",
               accepting_was_refused(agent->accepting));
    sockets(out, agent);
    reaction(out, agent);
    evidence_metrics(out, agent->evidence);
    ways_metrics(out, agent->ways);
    single(out, "rpfpolicy_agent_last_update_timestamp_seconds", "gauge", "When this was written.",
           (uint64_t)time(NULL));
    if (fclose(out) == EOF) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    return 0;
}
