/* From the conflicts in the agent's file to warnings of the report. */
#include "agent/cli/check/writers.h"

#include "agent/cli/status/agent_report.h"

static void warn(struct session *session, json_t *conflict, const bool *selected)
{
    const struct device *device;
    const char *name;
    int ifindex;
    enum key key;

    if (json_unpack(conflict, "{s:i, s:s}", "ifindex", &ifindex, "key", &name) < 0)
        return;
    if (ifindex == IFINDEX_ALL) { /* one plan puts all keys of it right */
        judge_know_writer(session->judge, NULL, KEY_RP_FILTER);
        judge_warn_writer(session->judge, NULL, KEY_RP_FILTER);
        return;
    }
    device = live_by_ifindex(&session->live, ifindex);
    if (device && (!selected || selected[device - session->live.devices]) &&
        key_from_name(name, &key) >= 0) {
        judge_know_writer(session->judge, device, key);
        judge_warn_writer(session->judge, device, key);
    }
}

void writers_warn(struct session *session, const bool *selected)
{
    _cleanup_agent_report_ struct agent_report report = {0};
    json_t *conflict;
    size_t i;

    if (session->guard != GUARD_AGENT)
        return;
    agent_report_read(&session->cli->paths, &report);
    if (report.state != AGENT_ENFORCING || report.stale || !report.status)
        return;
    json_array_foreach(json_object_get(report.status, "conflicts"), i, conflict)
        warn(session, conflict, selected);
}
