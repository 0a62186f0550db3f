/* `rpfpolicy diagnose`: watch for a while, and tell what loses packets, why, and what cures it. */
#include <arpa/inet.h>
#include <stdio.h>

#include "agent/base/clock.h"
#include "agent/cli/diagnose/findings.h"
#include "policy/advice/impact.h"

#define WATCH_MS 10000

static uint64_t clock_ms(void)
{
    return clock_usec(CLOCK_MONOTONIC) / USEC_PER_MSEC;
}

static int read_arp(void *data)
{
    return arp_watch_read(data, clock_ms());
}

static int judge(struct findings *findings, const struct drops_report *report,
                 const struct arp_watch *arp)
{
    struct session *session = findings->session;
    _cleanup_reports_ struct reports reports = {0};
    int r = reports_read(session, session->policy, false, &reports);

    if (r < 0)
        return r;
    reports_mark(&reports, &session->live);
    r = findings_of_states(findings);
    if (r == 0)
        r = findings_of_engines(findings, &reports);
    if (r == 0)
        r = findings_of_drops(findings, report);
    if (r == 0)
        r = findings_of_arp(findings, report, arp, clock_ms());
    if (r == 0)
        r = findings_of_peers(findings, &session->live);
    if (r == 0 && findings->peer.s_addr != INADDR_ANY)
        r = ways_read(findings, &session->live);
    findings_sort(findings);
    return r;
}

static int read_session(struct session *session, struct cli *cli)
{
    int r = session_load(session, cli,
                         SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED | SESSION_QUIET);

    return r < 0 ? r
                 : session_read(session, IMPACT_KEYS | DROPS_KEYS | engines_keys(engine_rows),
                                DROPS_FACTS | FACT_ROUTES);
}

/* As things are after they were watched: devices come and go. EXIT_…, or a negative errno. */
static int tell(struct cli *cli, struct in_addr peer, const struct drops_report *report,
                const struct arp_watch *arp)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_(findings_done) struct findings findings = {.session = &session, .peer = peer};
    int r;

    if (read_session(&session, cli) < 0)
        return EXIT_ERROR;
    r = judge(&findings, report, arp);
    if (r < 0)
        return r;
    if (cli->format == FORMAT_JSON)
        findings_print_json(cli, &findings, report);
    else
        findings_print(&cli->out, &findings);
    return session.broken ? EXIT_ERROR : findings.count > 0 ? EXIT_DRIFT : EXIT_OK;
}

static int watch(struct session *session, struct in_addr peer, uint64_t milliseconds,
                 struct arp_watch *arp)
{
    _cleanup_drops_follow_ struct drops_follow *follow = NULL;
    struct cli *cli = session->cli;
    const struct drops_follow_options options = {
        .session = session,
        .milliseconds = milliseconds,
        .arp = arp->fd,
        .on_arp = read_arp,
        .data = arp,
    };
    int r = drops_follow_new(&options, &follow);

    if (r < 0)
        return r;
    if (cli->format == FORMAT_TABLE) {
        findings_print_head(&cli->out, drops_follow_report(follow), milliseconds);
        fflush(cli->out.stream);
    }
    r = drops_follow_run(follow);
    return r < 0 ? r : tell(cli, peer, drops_follow_report(follow), arp);
}

static int parse_peer(const struct cli *cli, struct in_addr *ret)
{
    const char *text = cli->values[OPTION_PEER];

    if (!text || inet_pton(AF_INET, text, ret) == 1)
        return 0;
    say("'%s' is not an IPv4 address", NAME_SHOWN(text));
    return -EINVAL;
}

static int run_diagnose(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_(arp_watch_close) struct arp_watch arp = {.fd = -1};
    struct in_addr peer = {INADDR_ANY};
    uint64_t milliseconds = WATCH_MS;
    int r;

    if (drops_parse_duration(cli->values[OPTION_FOR], &milliseconds) < 0 ||
        parse_peer(cli, &peer) < 0 || read_session(&session, cli) < 0)
        return EXIT_ERROR;
    r = arp_watch_open(&arp);
    if (r == 0 || r == -EPERM || r == -EACCES) /* what is not seen is told */
        r = watch(&session, peer, milliseconds, &arp);
    if (r < 0) {
        say("cannot diagnose: %s", error_text(r));
        return EXIT_ERROR;
    }
    return r;
}

const struct verb verb_diagnose = {
    .name = "diagnose",
    .arguments = "",
    .summary = "watch for 10 s, tell what loses packets and why",
    .text = "For when something does not answer and no device is known. Watches packets that\n"
            "are dropped for their source, and ARP requests that stay unanswered; then looks\n"
            "at the peers seen now whose next packet would be dropped, at values and policy\n"
            "routing that are not as the policy wants them, and at who keeps writing values\n"
            "back. Prints what was found, the most packets lost first, each with its cause\n"
            "and what cures it. With --peer, of this one alone, and what becomes of its\n"
            "packets by each device. Exit status 2 where something was found, else 0.\n",
    .options = OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_PEER),
    .formats = FORMATS_USUAL,
    .run = run_diagnose,
};
