/* Now and then everything is looked at, for what the kernel does not announce. */
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "agent/daemon/agent.h"
#include "agent/store/before.h"
#include "policy/sysctl/sysctl_conf.h"

#define SWEEP_INTERVAL (60 * USEC_PER_SEC) /* without a policy */

struct sweep {
    struct agent *agent;
    size_t seen;
    bool surprise; /* a device that the table does not know: read everything */
};

static void sweep_reset(void *data)
{
    struct sweep *sweep = data;

    sweep->seen = 0;
    sweep->surprise = false;
}

static int sweep_message(const struct nlmsghdr *message, void *data)
{
    struct sweep *sweep = data;
    struct agent *agent = sweep->agent;
    struct netconf_values values = {0};
    struct entry *entry;

    if (netconf_read_message(message, &values) < 0 || !values.has_rp_filter)
        return MNL_CB_OK;
    if (values.ifindex < 0) {
        const int32_t *known =
            values.ifindex == NETCONFA_IFINDEX_ALL ? agent->special.all : agent->special.def;

        sweep->surprise |= known[KEY_RP_FILTER] != values.rp_filter;
        return MNL_CB_OK;
    }
    sweep->seen++;
    entry = table_get(&agent->table, values.ifindex);
    if (!entry) {
        sweep->surprise = true;
    } else if (entry->device.conf[KEY_RP_FILTER] != values.rp_filter) {
        entry->device.conf[KEY_RP_FILTER] = values.rp_filter;
        entry->changed = true; /* repaired when the dump is read: the socket is in use */
    }
    return MNL_CB_OK;
}

/* Where only rp_filter is managed one dump without names tells all: ten times cheaper. True when it
 * raises questions. */
static bool sweep_rp_filter(struct agent *agent)
{
    struct sweep sweep = {.agent = agent};
    char buffer[64];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETNETCONF, NLM_F_DUMP, 0);
    struct netconfmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
    size_t with_ipv4 = 0;
    int r;

    header->ncm_family = AF_INET;
    (void)loop_take_up(agent->loop);
    r = netlink_dump(&agent->nl, request, sweep_message, sweep_reset, &sweep);
    for (size_t i = 0; i < agent->table.count; i++) {
        struct entry *entry = agent->table.entries[i];

        with_ipv4 += entry->device.ipv4;
        if (entry->changed)
            agent_enforce(agent, entry, "sweep");
        entry->changed = false;
    }
    return r < 0 || sweep.surprise || sweep.seen != with_ipv4;
}

/* A moment at which nobody waits; when the lock is taken, the next sweep will do. */
static void tidy_record(struct agent *agent)
{
    if (!presence_lock(agent->presence))
        return;
    (void)before_log_tidy(&agent->before, &agent->paths);
    presence_unlock(agent->presence);
}

void agent_on_sweep(void *data)
{
    struct agent *agent = data;

    agent_plan_sweep(agent);
    tidy_record(agent);
    in_force_reload_sysctl(agent->in_force);
    /* Should their directories not be watched, or no longer, since somebody removed them: */
    if (in_force_take(agent->in_force) > 0) {
        agent_policy_changed(agent);
        return;
    }
    if ((paused_is_unknown(agent->paused) || paused_is_stale(agent->paused)) &&
        paused_take(agent->paused) > 0) {
        agent_resync_now(agent, NULL);
        return;
    }
    if (policy_of(agent) && !(policy_of(agent)->keys & ~keys_announced()) &&
        !policy_of(agent)->facts && !sweep_rp_filter(agent)) {
        ways_resync(agent->ways);
        ways_finish(agent->ways);
        return;
    }
    agent_resync_now(agent, NULL);
}

void agent_plan_sweep(struct agent *agent)
{
    uint64_t interval = policy_of(agent) ? policy_of(agent)->agent.sweep_usec : SWEEP_INTERVAL;

    deadline_set(&agent->sweep, loop_now(agent->loop) + interval);
}
