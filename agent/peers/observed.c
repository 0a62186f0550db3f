/* One look after the other, and what they have seen. */
#include "agent/peers/observed.h"

#include "agent/base/clock.h"

bool observed_counts(const struct policy *policy, const struct rule *rule)
{
    return rule->key == KEY_RP_FILTER && !rule->unmanaged &&
           (rule->observe || policy->agent.mode == MODE_OBSERVE);
}

bool observed_any(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_rules; i++)
        if (observed_counts(policy, &policy->rules[i]))
            return true;
    return false;
}

int observed_init(const struct policy *policy, struct observed *ret)
{
    struct observed observed = {
        .policy = policy,
        .rules = calloc(policy->n_rules + 1, sizeof(*observed.rules)),
        .peers = calloc(OBSERVED_PEERS_MAX, sizeof(*observed.peers)),
    };

    if (!observed.rules || !observed.peers) {
        observed_done(&observed);
        return -ENOMEM;
    }
    *ret = observed;
    return 0;
}

void observed_done(struct observed *observed)
{
    free(observed->rules);
    free(observed->peers);
    free(observed->servers);
    *observed = (struct observed){0};
}

static int compare(const void *a, const void *b)
{
    const struct observed_peer *x = a, *y = b;

    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    if (x->ifindex != y->ifindex)
        return x->ifindex < y->ifindex ? -1 : 1;
    return memcmp(&x->address, &y->address, sizeof(x->address));
}

static void forget_oldest(struct observed *observed)
{
    size_t oldest = 0;

    for (size_t i = 1; i < observed->count; i++)
        if (observed->peers[i].look < observed->peers[oldest].look)
            oldest = i;
    observed->count--;
    memmove(&observed->peers[oldest], &observed->peers[oldest + 1],
            (observed->count - oldest) * sizeof(*observed->peers));
}

/* True when it was not known. */
static bool remember(struct observed *observed, const struct observed_peer *peer)
{
    struct observed_rule *rule = &observed->rules[peer->rule];
    struct observed_peer *known =
        bsearch(peer, observed->peers, observed->count, sizeof(*peer), compare);
    size_t at = 0;

    rule->last = peer->last;
    if (known) {
        rule->now += known->look < peer->look; /* several connections are one peer */
        known->last = peer->last;
        known->look = peer->look;
        return false;
    }
    rule->now++;
    rule->peers++;
    if (observed->count == OBSERVED_PEERS_MAX)
        forget_oldest(observed);
    while (at < observed->count && compare(&observed->peers[at], peer) < 0)
        at++;
    memmove(&observed->peers[at + 1], &observed->peers[at],
            (observed->count - at) * sizeof(*observed->peers));
    observed->peers[at] = *peer;
    observed->count++;
    return true;
}

static void remember_all(struct observed *observed, const struct live *live,
                         const struct peers *peers, observed_new_peer_t on_new, void *data)
{
    const struct policy *policy = observed->policy;
    double now = (double)clock_usec(CLOCK_REALTIME) / (double)USEC_PER_SEC;

    observed->looks++;
    for (size_t i = 0; i < policy->n_rules; i++)
        observed->rules[i].now = 0;
    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->items[i];
        const struct device *device = live_by_ifindex(live, peer->ifindex);
        const struct rule *rule = device ? policy_match(policy, KEY_RP_FILTER, device, NULL) : NULL;
        struct observed_peer seen = {
            .ifindex = peer->ifindex,
            .address = peer->address,
            .proto = peer->proto,
            .local_port = peer->local_port,
            .step = peer->step,
            .first = now,
            .last = now,
            .look = observed->looks,
        };

        if (!rule || !observed_counts(policy, rule))
            continue;
        seen.rule = (size_t)(rule - policy->rules);
        memcpy(seen.device, device->name, sizeof(seen.device));
        if (remember(observed, &seen) && on_new)
            on_new(&seen, peer, data);
    }
    observed->last_look = now;
    observed->truncated = peers->left_out > 0;
}

int observed_look(struct observed *observed, const struct peers_options *options,
                  const struct live *live, observed_new_peer_t on_new, void *data)
{
    _cleanup_after_ struct live after = {0};
    _cleanup_peers_ struct peers peers = {0};
    struct peers_options complete = *options;
    int r = impact_after_rules(live, observed->policy, &after);

    complete.live = live;
    complete.after = &after;
    if (r >= 0)
        r = peers_find(&complete, &peers);
    if (r < 0)
        return r;
    remember_all(observed, live, &peers, on_new, data);
    free(observed->servers);
    observed->servers = TAKE_PTR(peers.servers);
    observed->n_servers = peers.n_servers;
    observed->tracking = peers.tracking;
    return 0;
}
