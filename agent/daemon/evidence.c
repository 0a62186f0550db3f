/* Looking, and remembering what was seen. */
#include "evidence.h"

#include <stdlib.h>
#include <time.h>

#include "agent.h"
#include "peers.h"
#include "udevdb.h"

#define LOOK_EVERY (10 * USEC_PER_SEC)
#define LOOK_FIRST USEC_PER_SEC
#define LOOK_SHARE 100   /* a look takes at most this part of the time */
#define LOOK_AT_MAX 5000 /* packets decided about in one look */
#define REMEMBERED_MAX 1000

bool evidence_observes(const struct agent *agent, const struct rule *rule)
{
    return rule->key == KEY_RP_FILTER && !rule->unmanaged &&
           (rule->observe || agent->policy->agent.mode == MODE_OBSERVE);
}

bool evidence_is_wanted(const struct agent *agent)
{
    for (size_t i = 0; agent->policy && i < agent->policy->n_rules; i++)
        if (evidence_observes(agent, &agent->policy->rules[i]))
            return true;
    return false;
}

static double wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    const struct evidence_peer *x = a, *y = b;

    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    if (x->ifindex != y->ifindex)
        return x->ifindex < y->ifindex ? -1 : 1;
    return memcmp(&x->address, &y->address, sizeof(x->address));
}

static void forget_oldest(struct evidence *evidence)
{
    size_t oldest = 0;

    for (size_t i = 1; i < evidence->count; i++)
        if (evidence->peers[i].last < evidence->peers[oldest].last)
            oldest = i;
    evidence->count--;
    memmove(&evidence->peers[oldest], &evidence->peers[oldest + 1],
            (evidence->count - oldest) * sizeof(*evidence->peers));
}

static void remember(struct evidence *evidence, const struct evidence_peer *peer)
{
    struct evidence_rule *rule = &evidence->rules[peer->rule];
    struct evidence_peer *known =
        bsearch(peer, evidence->peers, evidence->count, sizeof(*peer), compare);
    size_t at = 0;

    rule->last = peer->last;
    if (known) {
        rule->now += known->last < peer->last; /* several connections are one peer */
        known->last = peer->last;
        return;
    }
    rule->now++;
    rule->peers++;
    if (evidence->count == REMEMBERED_MAX)
        forget_oldest(evidence);
    while (at < evidence->count && compare(&evidence->peers[at], peer) < 0)
        at++;
    memmove(&evidence->peers[at + 1], &evidence->peers[at],
            (evidence->count - at) * sizeof(*evidence->peers));
    evidence->peers[at] = *peer;
    evidence->count++;
}

static void remember_all(struct evidence *evidence, const struct live *live,
                         const struct peers *peers)
{
    const struct policy *policy = evidence->agent->policy;
    double now = wall_clock();

    for (size_t i = 0; i < evidence->n_rules; i++)
        evidence->rules[i].now = 0;
    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->items[i];
        const struct device *device = live_by_ifindex(live, peer->ifindex);
        const struct rule *rule = device ? policy_match(policy, KEY_RP_FILTER, device, NULL) : NULL;
        struct evidence_peer seen = {
            .ifindex = peer->ifindex,
            .address = peer->address,
            .proto = peer->proto,
            .local_port = peer->local_port,
            .step = peer->step,
            .first = now,
            .last = now,
        };

        if (!rule || !evidence_observes(evidence->agent, rule))
            continue;
        seen.rule = (size_t)(rule - policy->rules);
        memcpy(seen.device, device->name, sizeof(seen.device));
        remember(evidence, &seen);
    }
    evidence->last_look = now;
    evidence->truncated = peers->truncated;
    evidence->looks++;
}

static int look(struct evidence *evidence)
{
    struct agent *agent = evidence->agent;
    _cleanup_(live_done) struct live live = {0};
    _cleanup_after_ struct live after = {0};
    _cleanup_peers_ struct peers peers = {0};
    struct picture_options picture = {
        .keys = IMPACT_KEYS,
        .facts = (agent->policy->facts | FACT_ADDRESSES) & ~(uint32_t)FACT_UDEV,
        .proc_sys_net = agent->paths.proc_sys_net,
    };
    struct peers_options options = {
        .nl = &agent->nl,
        .live = &live,
        .after = &after,
        .proc_sys_net = agent->paths.proc_sys_net,
        .untracked = true,
        .max = LOOK_AT_MAX,
    };
    int r = picture_read(&agent->nl, &picture, &live);

    if (r >= 0 && (agent->policy->facts & FACT_UDEV) && !agent->paths.foreign)
        r = udevdb_read(&live);
    if (r >= 0)
        r = impact_after_rules(&live, agent->policy, &after);
    if (r >= 0)
        r = peers_find(&options, &peers);
    if (r >= 0)
        remember_all(evidence, &live, &peers);
    return r;
}

static int on_look(sd_event_source *source, uint64_t usec, void *data)
{
    struct agent *agent = data;
    struct evidence *evidence = agent->evidence;
    uint64_t started = agent_now(agent), now, wait;
    int r = look(evidence);

    if (r < 0 && !evidence->failed)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Who would be cut by what is only observed cannot be told: %s", strerror(-r));
    evidence->failed = r < 0;
    now = agent_now(agent);
    wait = (now - started) * LOOK_SHARE;
    agent_set_timer(agent, &evidence->timer, now + (wait > LOOK_EVERY ? wait : LOOK_EVERY),
                    on_look);
    agent_status_changed(agent);
    return 0;
}

struct evidence *evidence_free(struct evidence *evidence)
{
    if (!evidence)
        return NULL;
    sd_event_source_disable_unref(evidence->timer);
    free(evidence->rules);
    free(evidence->peers);
    free(evidence);
    return NULL;
}

int evidence_begin(struct agent *agent)
{
    struct evidence *evidence;

    agent->evidence = evidence_free(agent->evidence);
    if (!evidence_is_wanted(agent))
        return 0;
    evidence = calloc(1, sizeof(*evidence));
    if (!evidence)
        return -ENOMEM;
    evidence->agent = agent;
    evidence->n_rules = agent->policy->n_rules;
    evidence->rules = calloc(evidence->n_rules, sizeof(*evidence->rules));
    evidence->peers = calloc(REMEMBERED_MAX, sizeof(*evidence->peers));
    if (!evidence->rules || !evidence->peers) {
        evidence_free(evidence);
        return -ENOMEM;
    }
    agent->evidence = evidence;
    agent_set_timer(agent, &evidence->timer, agent_now(agent) + LOOK_FIRST, on_look);
    return 0;
}
