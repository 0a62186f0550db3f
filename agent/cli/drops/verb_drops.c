/* `rpfpolicy drops [DEVICE]`: follow dropped packets until interrupted or --for is over. */
#include <stdio.h>

#include "agent/cli/drops/drops_follow.h"

static int print_flow(const struct drops_report *report, const struct drop *drop, void *data)
{
    struct cli *cli = data;

    return drops_print_flow(&cli->out, report, drop);
}

static int print_tick(unsigned untold, uint64_t counted, void *data)
{
    struct cli *cli = data;
    FILE *stream = cli->out.stream;

    if (untold > 0)
        fprintf(stream, "and %u more new flows\n", untold);
    if (counted > 0)
        fprintf(stream, "rp_filter dropped %lu packets more\n", (unsigned long)counted);
    return fflush(stream) == 0 ? 0 : -errno;
}

static int follow_and_report(const struct session *session, const struct device *device,
                             uint64_t milliseconds)
{
    _cleanup_drops_follow_ struct drops_follow *follow = NULL;
    struct cli *cli = session->cli;
    bool json = cli->format == FORMAT_JSON;
    const struct drops_follow_options options = {
        .session = session,
        .device = device,
        .milliseconds = milliseconds,
        .arp = -1,
        .on_flow = json ? NULL : print_flow,
        .on_tick = json ? NULL : print_tick,
        .data = cli,
    };
    int r = drops_follow_new(&options, &follow);

    if (r < 0)
        return r;
    if (!json) {
        drops_print_head(&cli->out, drops_follow_report(follow));
        fflush(cli->out.stream);
    }
    r = drops_follow_run(follow);
    if (r < 0)
        return r;
    if (!json)
        return drops_print_end(&cli->out, drops_follow_report(follow));
    drops_print_json(cli, session, drops_follow_report(follow));
    return 0;
}

static int run_drops(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    const struct device *device = NULL;
    uint64_t milliseconds = 0;
    int r;

    if (drops_parse_duration(cli->values[OPTION_FOR], &milliseconds) < 0 ||
        session_load(&session, cli,
                     SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED | SESSION_QUIET) < 0 ||
        session_read(&session, DROPS_KEYS, DROPS_FACTS | (count > 0 ? FACT_ALTNAMES : 0)) < 0)
        return EXIT_ERROR;
    if (count > 0) {
        device = session_device(&session, arguments[0]);
        if (!device)
            return EXIT_ERROR;
    }
    r = follow_and_report(&session, device, milliseconds);
    if (r < 0) {
        say("cannot follow dropped packets: %s", error_text(r));
        return EXIT_ERROR;
    }
    return session.broken ? EXIT_ERROR : EXIT_OK;
}

const struct verb verb_drops = {
    .name = "drops",
    .arguments = "[DEVICE]",
    .max_arguments = 1,
    .summary = "follow packets dropped for their source, now",
    .text = "Shows each flow as its first packet is dropped by rp_filter, as local source, as\n"
            "invalid source or by localnet, and the line of a policy that would accept it;\n"
            "at the end, by interrupt or --for, all flows with their packets. Counts in the\n"
            "kernel by BPF, which needs CAP_BPF and CAP_PERFMON. Else takes what the kernel\n"
            "log and a counter tell, and says what they cannot show.\n",
    .options = OPTION_BIT(OPTION_FOR),
    .formats = FORMATS_USUAL,
    .run = run_drops,
};
