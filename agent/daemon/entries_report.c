/* What the table tells of its devices, for status.json and the metrics. */
#include "agent/daemon/entries.h"
#include "agent/daemon/metrics.h"
#include "policy/base/name.h"

json_t *table_json(const struct table *table)
{
    json_t *states = json_pack("{s:I}", "total", (json_int_t)table->count);

    for (enum state state = 0; state < STATE_COUNT; state++)
        json_object_set_new(states, state_name(state),
                            json_integer((json_int_t)table->states[state]));
    return states;
}

void table_metrics(FILE *out, const struct table *table)
{
    metrics_family(out, "rpfpolicy_agent_devices", "gauge",
                   "Devices by the worst state of their keys.");
    for (enum state state = 0; state < STATE_COUNT; state++)
        fprintf(out, "rpfpolicy_agent_devices{state=\"%s\"} %zu\n", state_name(state),
                table->states[state]);
}

static void append_conflict(json_t *list, const char *device, int ifindex, const char *key,
                            const struct conflict *conflict)
{
    char name[NAME_ESCAPED_SIZE];

    if (!conflict || conflict->mark == CONFLICT_NONE)
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
json_t *table_conflicts_json(const struct table *table, const struct conflict *specials)
{
    json_t *list = json_array();

    append_conflict(list, "all", IFINDEX_ALL, "any", specials);
    for (size_t i = 0; i < table->count; i++) {
        const struct entry *entry = table->entries[i];

        for (enum key key = 0; entry->keys && key < KEY_COUNT; key++)
            append_conflict(list, entry->device.name, entry->device.ifindex, key_info(key)->name,
                            entry->keys[key].conflict);
    }
    return list;
}

void table_conflicts_metrics(FILE *out, const struct table *table, const struct conflict *specials)
{
    json_t *list = table_conflicts_json(table, specials);

    metrics_single(out, "rpfpolicy_agent_conflicts", "gauge",
                   "Keys of devices, and `all` or `default`, that something keeps writing back.",
                   json_array_size(list));
    json_decref(list);
}
