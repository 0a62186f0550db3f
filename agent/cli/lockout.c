/* Finding SSH sessions among the peers that would be cut, and refusing. */
#include "lockout.h"

#include <arpa/inet.h>
#include <stdio.h>

#define SSH_PORT 22
#define PRINTED_MAX 20 /* peers that `apply` shows; `plan --impact` shows all */

static bool parse_address(const char *text, struct in_addr *ret)
{
    static const char mapped[] = "::ffff:";

    return inet_pton(AF_INET, startswith(text, mapped) ?: text, ret) == 1;
}

static bool parse_port(const char *text, uint16_t *ret)
{
    unsigned long port;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    port = strtoul(text, &end, 10);
    if (errno || *end || port == 0 || port > UINT16_MAX)
        return false;
    *ret = (uint16_t)port;
    return true;
}

bool lockout_parse_session(const char *text, struct session_peer *ret)
{
    char words[4][INET6_ADDRSTRLEN];
    struct session_peer session;
    int end = 0;

    if (sscanf(text, "%45s %45s %45s %45s%n", words[0], words[1], words[2], words[3], &end) != 4 ||
        text[end] != '\0')
        return false;
    if (!parse_address(words[0], &session.peer) || !parse_port(words[1], &session.peer_port) ||
        !parse_address(words[2], &session.local) || !parse_port(words[3], &session.local_port))
        return false;
    *ret = session;
    return true;
}

bool lockout_own_session(struct session_peer *ret)
{
    const char *text = getenv("SSH_CONNECTION");

    return text && lockout_parse_session(text, ret);
}

bool lockout_is_ssh(const struct peer *peer, const struct session_peer *own)
{
    static const char *const programs[] = {"sshd", "sshd-session", "dropbear"};

    if (peer->source == PEER_SESSION)
        return true;
    if (peer->proto != IPPROTO_TCP || peer->source == PEER_NEIGHBOUR)
        return false;
    if (peer->local_port == SSH_PORT || (own && peer->local_port == own->local_port))
        return true;
    for (size_t i = 0; i < ELEMENTSOF(programs); i++)
        if (streq(peer->process, programs[i]))
            return true;
    return false;
}

static const struct peer *find_session(const struct peers *peers)
{
    struct session_peer own;
    bool remote = lockout_own_session(&own);
    const struct peer *found = NULL;

    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->items[i];

        if (!lockout_is_ssh(peer, remote ? &own : NULL))
            continue;
        /* The session we are in before any other. */
        if (remote && peer->address.s_addr == own.peer.s_addr && peer->port == own.peer_port)
            return peer;
        found = found ?: peer;
    }
    return found;
}

static void say_session(const struct session *session, const struct peer *peer, bool refused)
{
    _cleanup_free_ char *why = peer_why(session, peer);
    char address[PEER_TEXT_SIZE], local[INET_ADDRSTRLEN], mode[12];

    (void)inet_ntop(AF_INET, &peer->local, local, sizeof(local));
    say("%s: this %s cut the SSH session from %s to %s:%u%s%s on %s, where rp_filter\n"
        "becomes %s: %s",
        refused ? "refused" : "warning", peer->possible ? "may" : "would",
        peer_text(peer, address) + strlen("tcp "), local, peer->local_port, peer->pid ? " of " : "",
        peer->pid ? NAME_SHOWN(peer->process) : "",
        NAME_SHOWN(impact_device(session, peer->ifindex)),
        key_value_format(KEY_RP_FILTER, peer->mode, mode, sizeof(mode)), why ?: "");
}

static void say_ways_out(const struct session *session, const struct peer *peer)
{
    _cleanup_free_ char *section = NULL, *line = NULL;

    fputs("Nothing was written, nothing was accepted. What can be done:\n", stderr);
    if (peer->cure.known) {
        section = peer_keep_section(session, peer);
        line = peer_keep_line(session, peer);
        fprintf(stderr,
                "    keep the session by a line of the policy:\n"
                "        %s\n        %s\n",
                section ?: "", line ?: "");
    }
    fputs("    try it, and have everything put back unless you confirm: rpfpolicy apply --confirm\n"
          "    go on all the same: rpfpolicy apply --force\n",
          stderr);
}

static void say_impact(struct session *session, const struct peers *peers)
{
    struct output out = session->cli->out;
    struct peers some = *peers;
    char number[16];

    if (peers->count == 0)
        return;
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

int lockout_check(struct session *session, const struct plan *plan)
{
    _cleanup_peers_ struct peers peers = {0};
    struct cli *cli = session->cli;
    bool allowed = cli_given(cli, OPTION_DRY_RUN) || cli_given(cli, OPTION_FORCE) ||
                   cli_given(cli, OPTION_CONFIRM);
    const struct peer *peer;

    if (impact_read(session, plan, &peers) < 0) {
        if (!allowed)
            say("nothing was done; 'rpfpolicy apply --force' goes on all the same");
        return allowed ? 0 : -EPERM;
    }
    say_impact(session, &peers);
    peer = find_session(&peers);
    if (!peer)
        return 0;
    say_session(session, peer, !allowed);
    if (allowed)
        return 0;
    say_ways_out(session, peer);
    return -EPERM;
}

int lockout_warn(struct session *session)
{
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_plan_ struct plan plan = {0};
    struct session_peer own;
    bool remote = lockout_own_session(&own);
    int r = plan_make(session->policy, &session->live, 0, &plan);

    if (r < 0 || !plan.stricter)
        return r;
    r = impact_read(session, &plan, &peers);
    for (size_t i = 0; r >= 0 && i < peers.count; i++) {
        const struct peer *peer = &peers.items[i];

        if (lockout_is_ssh(peer, remote ? &own : NULL))
            judge_warn_lockout(session->judge, live_by_ifindex(&session->live, peer->ifindex));
    }
    return r;
}
