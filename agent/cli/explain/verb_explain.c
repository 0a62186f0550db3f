/* `rpfpolicy explain`: everything that speaks of one device, and which of it won. */
#include <stdio.h>

#include "agent/cli/check/subnets.h"
#include "agent/cli/check/writers.h"
#include "agent/cli/explain/explain.h"
#include "agent/cli/frame/options.h"

static const char *next_key(unsigned i, const void *data)
{
    return i < KEY_COUNT ? key_info((enum key)i)->name : NULL;
}

static int parse_key(const struct cli *cli, enum key *ret)
{
    const char *key = cli->values[OPTION_KEY], *meant;
    char known[400] = "";
    size_t used = 0;

    *ret = KEY_COUNT;
    if (!key || key_from_name(key, ret) == 0)
        return 0;
    meant = nearest(key, next_key, NULL);
    for (enum key i = 0; i < KEY_COUNT && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
                                 key_info(i)->name);
    if (meant)
        say("unknown key '%s', did you mean '%s'?", NAME_SHOWN(key), meant);
    else
        say("unknown key '%s'; known are %s", NAME_SHOWN(key), known);
    return -EINVAL;
}

static int parse_flavor(const struct cli *cli, enum sysctl_flavor *ret)
{
    const char *flavor = cli->values[OPTION_FLAVOR];

    *ret = SYSCTL_SYSTEMD;
    if (!flavor || streq(flavor, "systemd"))
        return 0;
    if (streq(flavor, "procps")) {
        *ret = SYSCTL_PROCPS;
        return 0;
    }
    say("--flavor takes systemd or procps, not '%s'", NAME_SHOWN(flavor));
    return -EINVAL;
}

static int status_of(const struct explain *explain)
{
    bool lost = judge_lost_warnings(explain->session->judge);
    int status = explain->session->broken || lost ? EXIT_ERROR : EXIT_OK;

    if (lost)
        say("memory ran out: not every warning is shown");
    for (unsigned i = 0; i < explain->n_keys && status == EXIT_OK; i++)
        if (state_info(explain->keys[i].state.state)->concern == CONCERN_NOW)
            status = EXIT_DRIFT;
    if (status == EXIT_OK && explain->replies.asked &&
        routes_state_info(explain->replies.state)->concern == CONCERN_NOW)
        status = EXIT_DRIFT;
    return status;
}

/* A device with that name, or with it as an altname or as it is printed; else a name for one. */
static int find(const struct session *session, const char *name, const struct device **ret)
{
    if (streq(name, "all") || streq(name, "default"))
        return 0;
    *ret = session_find_device(session, name);
    if (*ret && !(*ret)->ipv4) {
        say("%s has no IPv4 settings (its MTU is below 68): there is nothing to explain",
            NAME_SHOWN(name));
        return -ENODEV;
    }
    if (*ret || name_is_valid_device(name))
        return 0;
    say("'%s' cannot be the name of a device", NAME_SHOWN(name));
    return -EINVAL;
}

/* What the journal calls a writer, its way to the suspects, and not to a line that holds the same
 * number; and who is in the same subnet. device NULL: of `all` and `default`. */
static int warn_of(struct session *session, const struct device *device)
{
    _cleanup_free_ bool *selected = calloc(session->live.count + 1, sizeof(*selected));

    if (!selected)
        return -ENOMEM;
    if (device)
        selected[device - session->live.devices] = true;
    writers_warn(session, selected);
    return device ? subnets_warn(session, selected) : 0;
}

/* Replies leave from the addresses of a device that is there, whatever the key. */
static int check_peer(const struct cli *cli, const struct device *device, enum key key)
{
    if (!cli->values[OPTION_PEER] || (device && key == KEY_COUNT))
        return 0;
    say("--peer goes with the name of a device that is there, and without --key");
    return -EINVAL;
}

/* Options that say more of the packets of a peer. */
static int read_packet(const struct cli *cli, struct asked_packet *ret)
{
    static const enum option_id options[] = {OPTION_TO, OPTION_MARK, OPTION_PROTO, OPTION_SPORT,
                                             OPTION_DPORT};

    for (size_t i = 0; !cli->values[OPTION_PEER] && i < ELEMENTSOF(options); i++)
        if (cli_given(cli, options[i])) {
            say("--%s goes with --peer", verb_options[options[i]].name);
            return -EINVAL;
        }
    return asked_packet_read(cli, ret);
}

static int run_explain(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_explain_ struct explain explain = {0};
    const struct device *device = NULL;
    struct asked_packet packet;
    enum sysctl_flavor flavor;
    enum key key;
    int r;

    if (parse_key(cli, &key) < 0 || parse_flavor(cli, &flavor) < 0 ||
        read_packet(cli, &packet) < 0 ||
        session_load(&session, cli,
                     SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED | SESSION_QUIET) < 0 ||
        session_read(&session, (key < KEY_COUNT ? KEY_BIT(key) : 0) | ADVICE_KEYS,
                     FACT_ADDRESSES | FACT_ALTNAMES | FACT_MASTER_NAME | FACT_ROUTES) < 0 ||
        find(&session, arguments[0], &device) < 0 || check_peer(cli, device, key) < 0 ||
        asked_packet_look_up(cli, &packet) < 0)
        return EXIT_ERROR;
    r = warn_of(&session, device);
    if (r >= 0)
        r = explain_gather(&session, arguments[0], device, flavor, key, &explain);
    if (r >= 0 && key == KEY_COUNT) {
        r = explain_gather_replies(&explain, cli->values[OPTION_PEER], &packet);
        if (r == -EINVAL)
            return EXIT_ERROR;
    }
    if (r >= 0 && cli->format == FORMAT_JSON)
        explain_print_json(&cli->out, &explain);
    else if (r >= 0)
        r = explain_print(&cli->out, &explain);
    if (r < 0)
        say("cannot explain '%s': %s", NAME_SHOWN(arguments[0]), error_text(r));
    return r < 0 ? EXIT_ERROR : status_of(&explain);
}

const struct verb verb_explain = {
    .name = "explain",
    .arguments = "DEVICE",
    .min_arguments = 1,
    .max_arguments = 1,
    .summary = "tell why a device is as it is, and what to do",
    .text = "Tells, the conclusion first: what is in effect, what is wanted and why it is not\n"
            "so, what to do, every rule of the policy and every line of sysctl.d that speaks\n"
            "of the device and which of them won, and who else may have written the value.\n"
            "And where replies from its addresses leave now, in IPv4 and IPv6: where that is\n"
            "another device, strict drops what comes in by this one in IPv4, networks on the\n"
            "way may drop the replies. With --peer: does a packet from there pass, if not,\n"
            "what is guilty, and what cures it. Each cure is tried on a copy of rules,\n"
            "routes and values before it is told, and cuts nobody who is seen now.\n"
            "DEVICE can be 'all', 'default', or a device that is not there yet.\n",
    .options = OPTION_BIT(OPTION_KEY) | OPTION_BIT(OPTION_FLAVOR) | OPTION_BIT(OPTION_PEER) |
               OPTIONS_OF_PACKET,
    .formats = FORMATS_USUAL,
    .run = run_explain,
};
