/* A picture of its own, and the plans that the agent would make by it. */
#include "agent/daemon/protecting.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "agent/engines/routes/routes_engine.h"
#include "agent/peers/owners.h"
#include "agent/peers/protected.h"
#include "agent/peers/ssh.h"
#include "agent/store/former.h"
#include "agent/store/pause.h"
#include "agent/system/udevdb.h"
#include "policy/decide/plan.h"

struct ahead {
    struct netlink nl;
    struct live live, after;
    struct plan plan;
    struct reports reports;
    struct peers peers;
};

static void ahead_done(struct ahead *ahead)
{
    peers_done(&ahead->peers);
    reports_done(&ahead->reports);
    impact_after_done(&ahead->after);
    plan_done(&ahead->plan);
    live_done(&ahead->live);
    netlink_close(&ahead->nl);
}

/* A pause with an end counts as over: the agent goes on by itself then. */
static int read_live(const struct paths *paths, const struct engine *const *engines,
                     const struct policy *policy, struct ahead *ahead)
{
    const struct picture_options options = {
        .keys = policy->keys | IMPACT_KEYS | KEY_BIT(KEY_RP_FILTER) | engines_keys(engines),
        .facts = policy->facts | FACT_ADDRESSES | FACT_ROUTES,
        .proc_sys_net = paths->proc_sys_net,
    };
    struct pauses pauses = {0};
    int r = picture_read(&ahead->nl, &options, &ahead->live);

    if (r >= 0 && (policy->facts & FACT_UDEV) && !paths->foreign)
        r = udevdb_read(&ahead->live);
    if (r >= 0 && former_look(paths, policy->keys, &ahead->live) == -ENOMEM)
        r = -ENOMEM;
    if (r >= 0)
        r = pauses_read(paths, &pauses);
    if (r >= 0)
        pauses_mark(&pauses, &ahead->live, UINT64_MAX);
    pauses_done(&pauses);
    return r;
}

static int find_peers(const struct paths *paths, const struct engine *const *engines,
                      const struct policy *policy, struct ahead *ahead)
{
    const struct engine_question question = {
        .paths = paths, .policy = policy, .live = &ahead->live};
    struct peers_options options = {
        .nl = &ahead->nl,
        .live = &ahead->live,
        .after = &ahead->after,
        .proc_sys_net = paths->proc_sys_net,
    };
    int r = netlink_open(&ahead->nl);

    if (r >= 0)
        r = read_live(paths, engines, policy, ahead);
    if (r >= 0)
        r = engines_ask(engines, &question, &ahead->reports, NULL);
    if (r < 0)
        return r;
    reports_mark(&ahead->reports, &ahead->live);
    options.routes = routing_plan_of(&ahead->reports);
    r = plan_make(policy, &ahead->live, 0, &ahead->plan);
    if (r >= 0)
        r = impact_after_plan(&ahead->live, &ahead->plan, &ahead->after);
    return r < 0 ? r : peers_find(&options, &ahead->peers);
}

static const char *end_text(struct in_addr address, uint16_t port, char *buf, size_t size)
{
    char text[INET_ADDRSTRLEN];

    (void)inet_ntop(AF_INET, &address, text, sizeof(text)); /* cannot fail: there is room */
    snprintf(buf, size, port ? "%s:%u" : "%s", text, port);
    return buf;
}

static char *reason_text(const struct ahead *ahead, const struct peer *peer,
                         const struct protected_peer *item)
{
    const struct device *device = live_by_ifindex(&ahead->live, peer->ifindex);
    char from[INET_ADDRSTRLEN + 6], to[INET_ADDRSTRLEN + 6], *text;
    _cleanup_free_ char *by = NULL;

    if (item && asprintf(&by, "'protect = %s' (%s:%u)", item->text, NAME_SHOWN(item->origin.file),
                         item->origin.line) < 0)
        by = NULL;
    if (asprintf(&text, "it %s cut %s to %s on %s: %s; %s", peer->possible ? "may" : "would",
                 end_text(peer->address, peer->port, from, sizeof(from)),
                 end_text(peer->local, peer->local_port, to, sizeof(to)),
                 device ? NAME_SHOWN(device->name) : "?",
                 peer->astray ? "replies would leave by another way"
                              : verdict_step_text(peer->step),
                 by ?: "it is an SSH session") < 0)
        return NULL;
    return text;
}

bool protecting_is_asked(const struct policy *policy)
{
    return policy->agent.n_protect > 0 && policy->agent.mode == MODE_ENFORCE;
}

/* The first one; NULL for none. */
static const struct peer *find_guarded(const struct policy *policy, const struct peers *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        if (protect_find(policy, &peers->items[i]) || ssh_is_session(&peers->items[i], NULL))
            return &peers->items[i];
    return NULL;
}

/* The walk over all processes, which the loop waits for, is left out where addresses and ports tell
 * already: while somebody is in the way this is asked again every minute. */
int protecting_look(const struct paths *paths, const struct engine *const *engines,
                    const struct policy *policy, char **ret_reason)
{
    _cleanup_(ahead_done) struct ahead ahead = {0};
    const struct peer *peer;
    int r;

    if (!protecting_is_asked(policy))
        return 0;
    r = find_peers(paths, engines, policy, &ahead);
    if (r < 0)
        return r;
    peer = find_guarded(policy, &ahead.peers);
    if (!peer) {
        owners_find(&ahead.peers);
        peer = find_guarded(policy, &ahead.peers);
    }
    if (!peer)
        return 0;
    *ret_reason = reason_text(&ahead, peer, protect_find(policy, peer));
    return *ret_reason ? 1 : -ENOMEM;
}
