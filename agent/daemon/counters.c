/* The counters as others see them. */
#include "agent/daemon/counters.h"

#include "agent/daemon/metrics.h"

json_t *counters_keys_json(const struct counters *counters, key_mask keys)
{
    json_t *object = json_object();

    for (enum key key = 0; key < KEY_COUNT; key++)
        if (keys & KEY_BIT(key))
            json_object_set_new(object, key_info(key)->name,
                                json_pack("{s:I, s:I}", "given", (json_int_t)counters->given[key],
                                          "repaired", (json_int_t)counters->repairs[key]));
    return object;
}

void counters_metrics(FILE *out, const struct counters *counters, key_mask keys)
{
    metrics_family(out, "rpfpolicy_agent_writes_total", "counter",
                   "Values written, to new devices and to put existing ones right.");
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (keys & KEY_BIT(key))
            fprintf(out,
                    "rpfpolicy_agent_writes_total{key=\"%s\",cause=\"new\"} %llu\n"
                    "rpfpolicy_agent_writes_total{key=\"%s\",cause=\"repair\"} %llu\n",
                    key_info(key)->name, (unsigned long long)counters->given[key],
                    key_info(key)->name, (unsigned long long)counters->repairs[key]);
    metrics_single(out, "rpfpolicy_agent_failed_writes_total", "counter",
                   "Writes that the kernel refused.", counters->failed_writes);
    metrics_single(out, "rpfpolicy_agent_plans_total", "counter",
                   "Whole plans carried out because all or default had to move.", counters->plans);
    metrics_single(out, "rpfpolicy_agent_resyncs_total", "counter",
                   "Times that everything was read again.", counters->resyncs);
}
