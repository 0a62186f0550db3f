/* Finding SSH sessions and protected peers among those that would be cut, and refusing. */
#include "agent/cli/peers/lockout.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "agent/peers/protected.h"
#include "agent/peers/ssh.h"

#include "agent/store/agent_state.h"
#include "agent/store/pause.h"

#define PRINTED_MAX 20 /* peers that `apply` shows; `plan --impact` shows all */

static const struct peer *find_session(const struct peers *peers)
{
    struct session_peer own;
    bool remote = ssh_own_session(&own);
    const struct peer *found = NULL;

    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->items[i];

        if (!ssh_is_session(peer, remote ? &own : NULL))
            continue;
        /* The session we are in before any other. */
        if (remote && peer->address.s_addr == own.peer.s_addr && peer->port == own.peer_port)
            return peer;
        found = found ?: peer;
    }
    return found;
}

/* item: what protects it; NULL: it is an SSH session. */
static void say_cut(const struct session *session, const struct peer *peer,
                    const struct protected_peer *item, bool refused)
{
    _cleanup_free_ char *why = peer_why(session, peer), *protection = NULL;
    char address[PEER_TEXT_SIZE], local[INET_ADDRSTRLEN], port[8] = "", mode[12];

    /* Cannot fail for IPv4 with room enough. */
    (void)inet_ntop(AF_INET, &peer->local, local, sizeof(local));
    if (peer->local_port)
        snprintf(port, sizeof(port), ":%u", peer->local_port);
    if (item && asprintf(&protection, "; 'protect = %s' (%s:%u)", item->text,
                         NAME_SHOWN(item->origin.file), item->origin.line) < 0)
        protection = NULL;
    say("%s: this %s cut %s%s to %s%s%s%s on %s, where rp_filter\n"
        "is %s then: %s%s",
        refused ? "refused" : "warning", peer->possible ? "may" : "would",
        item ? "" : "the SSH session from ", peer_text(peer, address) + (item ? 0 : strlen("tcp ")),
        local, port, peer->pid ? " of " : "", peer->pid ? NAME_SHOWN(peer->process) : "",
        NAME_SHOWN(impact_device(session, peer->ifindex)),
        key_value_format(KEY_RP_FILTER, peer->mode, mode, sizeof(mode)), why ?: "",
        protection ?: "");
}

/* The first SSH session, and of each item the first peer that it protects. Returns the first of
 * all, NULL where nobody is guarded. */
static const struct peer *say_guarded(const struct session *session, const struct peers *peers,
                                      bool refused)
{
    const struct policy *policy = session->policy;
    const struct peer *first = find_session(peers);

    if (first)
        say_cut(session, first, NULL, refused);
    for (size_t i = 0; i < policy->agent.n_protect; i++) {
        const struct protected_peer *item = &policy->agent.protect[i];
        size_t k = 0;

        while (k < peers->count && protect_find(policy, &peers->items[k]) != item)
            k++;
        if (k == peers->count)
            continue;
        say_cut(session, &peers->items[k], item, refused);
        first = first ?: &peers->items[k];
    }
    return first;
}

/* How each is called, what did not happen when it was refused, and how to try it: NULL where it
 * goes by no policy. */
static const struct {
    const char *name, *refused, *trial;
} words[] = {
    [LOCKOUT_APPLY] = {"apply", "Nothing was written, nothing was accepted", "apply --confirm"},
    [LOCKOUT_OBSERVE] = {"apply", "Nothing was written", "apply --once --confirm"},
    [LOCKOUT_ACCEPT] = {"accept", "Nothing was written, nothing was accepted", "apply --confirm"},
    [LOCKOUT_ROUTES] = {"routes apply", "Nothing was written, nothing was accepted",
                        "apply --confirm"},
    [LOCKOUT_FLUSH] = {"routes flush", "Nothing was taken away", NULL},
    [LOCKOUT_PAUSE] = {"pause", "What is paused stays so without an end",
                       "apply --force --confirm"},
    [LOCKOUT_RESUME] = {"resume", "What is paused stays so", "apply --force --confirm"},
    [LOCKOUT_RESTORE] = {"restore", "Nothing was written, nothing was paused", NULL},
};

static void say_ways_out(const struct session *session, const struct peer *peer,
                         enum lockout_verb verb)
{
    _cleanup_free_ char *section = NULL, *line = NULL;

    fprintf(stderr, "%s. What can be done:\n", words[verb].refused);
    if (peer->cure.known) {
        section = peer_keep_section(session, peer);
        line = peer_keep_line(session, peer);
        fprintf(stderr,
                "    keep it by a line of the policy:\n"
                "        %s\n        %s\n",
                section ?: "", line ?: "");
    }
    if (words[verb].trial)
        fprintf(stderr,
                "    try it, and have everything put back unless you confirm: rpfpolicy %s\n",
                words[verb].trial);
    else if (verb == LOCKOUT_RESTORE)
        fputs("    put back other devices alone: rpfpolicy restore DEVICE...\n", stderr);
    fprintf(stderr, "    go on all the same: rpfpolicy %s --force\n", words[verb].name);
}

static void say_impact(struct session *session, const struct peers *peers)
{
    struct output out = session->cli->out;
    struct peers some = *peers;
    char number[16];

    if (peers->count == 0) {
        _cleanup_free_ char *unseen =
            unseen_text(peers->tracking, peers->servers, peers->n_servers);

        if (unseen)
            say("note: %s", unseen);
        return;
    }
    out.stream = stderr;
    out.color = false;
    if (some.count > PRINTED_MAX)
        some.count = PRINTED_MAX;
    say("%s %s would be cut%s:", count_text(peers->count, number),
        peers->count == 1 ? "connection or neighbour" : "connections and neighbours",
        peers->count > PRINTED_MAX ? ", 'rpfpolicy plan --impact' lists them all" : "");
    if (impact_print(&out, session, &some) < 0)
        say("memory ran out");
}

/* No line of a policy keeps anybody from what is put back. */
static void forget_cures(struct peers *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        peers->items[i].cure.known = false;
}

int lockout_check(struct session *session, const struct plan *plan,
                  const struct routes_plan *routes, enum lockout_verb verb, struct peers *ret)
{
    struct cli *cli = session->cli;
    bool allowed = verb == LOCKOUT_OBSERVE || cli_given(cli, OPTION_DRY_RUN) ||
                   cli_given(cli, OPTION_FORCE) || cli_given(cli, OPTION_CONFIRM);
    const struct peer *peer;
    char why[80];

    if (impact_read(session, plan, routes, ret) < 0) {
        if (!allowed)
            say("nothing was done; 'rpfpolicy %s --force' goes on all the same", words[verb].name);
        return allowed ? 1 : -EPERM;
    }
    if (!words[verb].trial)
        forget_cures(ret);
    say_impact(session, ret);
    peer = say_guarded(session, ret, !allowed);
    if (!peer || allowed)
        return 0;
    say_ways_out(session, peer, verb);
    /* A longer one is cut. */
    (void)snprintf(why, sizeof(why), "%s: %s would be cut", words[verb].name,
                   find_session(ret) ? "an SSH session" : "a protected peer");
    session_record_refusal(cli, words[verb].trial ? session->policy : NULL, why);
    return -EPERM;
}

bool lockout_agent_writes(const struct session *session)
{
    enum agent_state state = agent_state_read(&session->cli->paths);

    return session->policy->agent.mode == MODE_ENFORCE &&
           (state == AGENT_OBSERVING || state == AGENT_ENFORCING);
}

void lockout_plan_done(struct lockout_plan *plan)
{
    plan_done(&plan->values);
    reports_done(&plan->reports);
}

int lockout_plan(struct session *session, struct lockout_plan *ret)
{
    struct lockout_plan plan = {0};
    int r = reports_read(session, session->policy, false, &plan.reports);

    if (r >= 0) {
        reports_mark(&plan.reports, &session->live);
        r = plan_make(session->policy, &session->live, 0, &plan.values);
        if (r < 0)
            say("cannot plan: %s", error_text(r));
    }
    if (r < 0) {
        lockout_plan_done(&plan);
        return r;
    }
    *ret = plan;
    return 0;
}

int lockout_plan_ahead(struct session *session, struct lockout_plan *ret)
{
    int r;

    pauses_mark(&session->pauses, &session->live, UINT64_MAX);
    r = lockout_plan(session, ret);
    pauses_mark(&session->pauses, &session->live, pauses_now());
    return r;
}

int lockout_warn(struct session *session, const struct routes_plan *routes)
{
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_plan_ struct plan plan = {0};
    struct session_peer own;
    bool remote = ssh_own_session(&own);
    int r = plan_make(session->policy, &session->live, 0, &plan);

    if (r < 0)
        return r;
    r = impact_read(session, &plan, routes, &peers);
    for (size_t i = 0; r >= 0 && i < peers.count; i++) {
        const struct peer *peer = &peers.items[i];

        if (ssh_is_session(peer, remote ? &own : NULL) || protect_find(session->policy, peer))
            judge_warn_lockout(session->judge, live_by_ifindex(&session->live, peer->ifindex));
    }
    return r;
}
