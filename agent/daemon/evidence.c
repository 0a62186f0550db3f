/* Looking now and then. */
#include "agent/daemon/evidence.h"

#include <stdlib.h>

#include "agent/daemon/agent.h"
#include "agent/system/udevdb.h"

#define LOOK_EVERY (10 * USEC_PER_SEC)
#define LOOK_FIRST USEC_PER_SEC
#define LOOK_SHARE 100   /* a look takes at most this part of the time */
#define LOOK_AT_MAX 5000 /* packets decided about in one look */

static int look(struct evidence *evidence)
{
    struct agent *agent = evidence->agent;
    _cleanup_(live_done) struct live live = {0};
    struct picture_options picture = {
        .keys = IMPACT_KEYS,
        .facts = (policy_of(agent)->facts | FACT_ADDRESSES) & ~(uint32_t)FACT_UDEV,
        .proc_sys_net = agent->paths.proc_sys_net,
    };
    struct peers_options options = {
        .nl = &agent->nl,
        .proc_sys_net = agent->paths.proc_sys_net,
        .untracked = true,
        .max = LOOK_AT_MAX,
    };
    int r = picture_read(&agent->nl, &picture, &live);

    if (r >= 0 && (policy_of(agent)->facts & FACT_UDEV) && !agent->paths.foreign)
        r = udevdb_read(&live);
    if (r >= 0)
        r = agent_amend(&live, agent); /* sets with time conditions */
    if (r >= 0)
        r = observed_look(&evidence->observed, &options, &live, NULL, NULL);
    return r;
}

static void on_look(void *data)
{
    struct evidence *evidence = data;
    struct agent *agent = evidence->agent;
    uint64_t started = loop_now(agent->loop), now, wait;
    int r = look(evidence);

    if (r < 0 && !evidence->failed)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Who would be cut by what is only observed cannot be told: %s", strerror(-r));
    evidence->failed = r < 0;
    now = loop_now(agent->loop);
    wait = (now - started) * LOOK_SHARE;
    deadline_set(&evidence->next_look, now + (wait > LOOK_EVERY ? wait : LOOK_EVERY));
    agent_status_changed(agent);
}

struct evidence *evidence_free(struct evidence *evidence)
{
    if (!evidence)
        return NULL;
    deadline_done(&evidence->next_look);
    observed_done(&evidence->observed);
    free(evidence);
    return NULL;
}

int evidence_begin(struct agent *agent)
{
    struct evidence *evidence;
    int r;

    agent->evidence = evidence_free(agent->evidence);
    if (!policy_of(agent) || !observed_any(policy_of(agent)))
        return 0;
    evidence = calloc(1, sizeof(*evidence));
    if (!evidence)
        return -ENOMEM;
    evidence->agent = agent;
    deadline_init(&evidence->next_look, agent->loop, on_look, evidence);
    r = observed_init(policy_of(agent), &evidence->observed);
    if (r < 0) {
        evidence_free(evidence);
        return r;
    }
    agent->evidence = evidence;
    deadline_set(&evidence->next_look, loop_now(agent->loop) + LOOK_FIRST);
    return 0;
}
