/* What there is to tell of values, for status.json and the metrics. */
#include "agent/daemon/keeper_private.h"
#include "agent/daemon/metrics.h"
#include "policy/base/name.h"

struct counters keeper_counters(const struct keeper *keeper)
{
    return keeper->counters;
}

size_t keeper_in_state(const struct keeper *keeper, enum state state)
{
    return keeper->table.states[state];
}

json_t *keeper_devices_json(const struct keeper *keeper)
{
    json_t *states = json_pack("{s:I}", "total", (json_int_t)keeper->table.count);

    for (enum state state = 0; state < STATE_COUNT; state++)
        json_object_set_new(states, state_name(state),
                            json_integer((json_int_t)keeper->table.states[state]));
    return states;
}

void keeper_devices_metrics(FILE *out, const struct keeper *keeper)
{
    metrics_family(out, "rpfpolicy_agent_devices", "gauge",
                   "Devices by the worst state of their keys.");
    for (enum state state = 0; state < STATE_COUNT; state++)
        fprintf(out, "rpfpolicy_agent_devices{state=\"%s\"} %zu\n", state_name(state),
                keeper->table.states[state]);
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
json_t *keeper_conflicts_json(const struct keeper *keeper)
{
    json_t *list = json_array();

    append_conflict(list, "all", IFINDEX_ALL, "any", &keeper->specials.conflict);
    for (size_t i = 0; i < keeper->table.count; i++) {
        const struct entry *entry = keeper->table.entries[i];
        const struct device *device = live_by_ifindex(&keeper->world.live, entry->ifindex);

        for (enum key key = 0; device && entry->keys && key < KEY_COUNT; key++)
            append_conflict(list, device->name, device->ifindex, key_info(key)->name,
                            entry->keys[key].conflict);
    }
    return list;
}

void keeper_conflicts_metrics(FILE *out, const struct keeper *keeper)
{
    json_t *list = keeper_conflicts_json(keeper);

    metrics_single(out, "rpfpolicy_agent_conflicts", "gauge",
                   "Keys of devices, and `all` or `default`, that something keeps writing back.",
                   json_array_size(list));
    json_decref(list);
}
