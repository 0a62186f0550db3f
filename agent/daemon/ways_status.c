/* What the agent shows of policy routing: in status.json and among the metrics. */
#include "agent/daemon/metrics.h"
#include "agent/daemon/ways_private.h"
#include "agent/engines/routes/routes_engine.h"

const struct engine *ways_engine(void)
{
    return &engine_routes;
}

bool ways_await(struct ways *ways, const struct device *device)
{
    struct ways_record *record = device ? ways_record(ways, device->ifindex) : NULL;

    ways->awaited = true;
    if (!device || ways->n_records == 0)
        return false;
    record = record ?: &ways->records[0];
    if (record->told || (record->failures + ways->records[0].failures == 0 &&
                         !routes_state_info(record->state)->stuck))
        return false; /* not yet tried: that hardly takes longer than to say it */
    record->told = true;
    return true;
}

static json_t *device_json(const struct ways_record *record)
{
    char name[NAME_ESCAPED_SIZE];

    return json_pack("{s:s, s:i, s:s, s:I, s:s?, s:I, s:b, s:b}", "device",
                     name_escape_buf(record->name, name, sizeof(name)), "ifindex", record->ifindex,
                     "state", routes_state_name(record->state), "table", (json_int_t)record->table,
                     "message", record->message, "repairs", (json_int_t)record->conflict.repairs,
                     "writer", record->conflict.mark != CONFLICT_NONE, "held", record->told);
}

json_t *ways_json(const struct ways *ways)
{
    json_t *states, *devices;

    if (!ways->asked)
        return json_null();
    states = json_object();
    devices = json_array();
    for (enum routes_state state = 0; state < ROUTES_STATE_COUNT; state++)
        json_object_set_new(states, routes_state_name(state),
                            json_integer((json_int_t)ways->states[state]));
    for (size_t i = 1; i < ways->n_records; i++)
        json_array_append_new(devices, device_json(&ways->records[i]));
    return json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:I}", "states", states, "devices", devices, "plans",
        (json_int_t)ways->counters.plans, "changes", (json_int_t)ways->counters.changes, "repairs",
        (json_int_t)ways->counters.repairs, "failures", (json_int_t)ways->counters.failures);
}

void ways_metrics(FILE *out, const struct ways *ways)
{
    size_t held = 0;

    if (!ways->asked)
        return;
    for (size_t i = 1; i < ways->n_records; i++)
        held += ways->records[i].told;
    metrics_family(out, "rpfpolicy_agent_routing_devices", "gauge",
                   "Devices that the policy asks routing for, by state.");
    for (enum routes_state state = 0; state < ROUTES_STATE_COUNT; state++)
        fprintf(out, "rpfpolicy_agent_routing_devices{state=\"%s\"} %zu\n",
                routes_state_name(state), ways->states[state]);
    metrics_single(
        out, "rpfpolicy_agent_routing_held", "gauge",
        "Devices whose rp_filter does not become stricter, since their routing is not in "
        "place.",
        held);
    metrics_single(out, "rpfpolicy_agent_routing_changes_total", "counter",
                   "Routes and rules added and deleted.", ways->counters.changes);
    metrics_single(out, "rpfpolicy_agent_routing_repairs_total", "counter",
                   "Times that policy routing was put back.", ways->counters.repairs);
    metrics_single(out, "rpfpolicy_agent_routing_failures_total", "counter",
                   "Changes that the kernel refused.", ways->counters.failures);
}
