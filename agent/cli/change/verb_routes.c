/* `rpfpolicy routes`: policy routing by itself. What the policy asks of it, what would be done, do
 * it, take it all away. */
#include <stdio.h>

#include "agent/change/change.h"
#include "agent/cli/change/confirming.h"
#include "agent/cli/peers/lockout.h"
#include "agent/cli/routes/routing_report.h"
#include "agent/store/pause.h"

static const struct engine *const routes_only[] = {&engine_routes, NULL};

static int read_session(struct session *session, struct cli *cli, unsigned flags)
{
    int r = session_load(session, cli, flags);

    return r < 0 ? r : session_read(session, ROUTING_KEYS | IMPACT_KEYS, FACT_ADDRESSES);
}

static int read_report(const struct session *session, const struct policy *policy, bool forced,
                       struct engine_report *ret)
{
    return report_read(session, &engine_routes, policy, forced, ret);
}

/* As for `apply`. */
static bool observes(const struct session *session)
{
    return session->policy->agent.mode == MODE_OBSERVE && !cli_given(session->cli, OPTION_ONCE);
}

/* Something is otherwise than wanted, or cannot be had. */
static int status_of(const struct engine_report *report)
{
    return report_is_wrong(report) ? EXIT_DRIFT : EXIT_OK;
}

static void open_json(struct cli *cli, const struct session *session)
{
    json_t *head = json_object();

    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(session)},
             {"asked", json_boolean(routing_in_policy(session->policy))});
    json_open_object(&cli->out, head);
}

/* {…, asked, devices [json_engine_item()], changes [json_change()], summary} */
static void print_json(struct cli *cli, const struct session *session,
                       const struct engine_report *report, bool devices)
{
    open_json(cli, session);
    if (devices) {
        json_open(&cli->out, "devices", '[');
        for (size_t i = 0; i < report->n_items; i++)
            json_element(&cli->out, NULL, json_engine_item(report, i));
        json_close(&cli->out, ']');
    }
    json_open(&cli->out, "changes", '[');
    report_json_changes(&cli->out, report);
    json_close(&cli->out, ']');
    json_element(&cli->out, "summary", json_report_summary(report));
    json_close(&cli->out, '}');
}

static int routes_show(struct cli *cli)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_report_ struct engine_report report = {0};
    char number[16];

    if (read_session(&session, cli, SESSION_POLICY_OPTIONAL) < 0 ||
        read_report(&session, session.policy, false, &report) < 0)
        return EXIT_ERROR;
    if (cli->format == FORMAT_JSON) {
        print_json(cli, &session, &report, true);
        return status_of(&report);
    }
    if (routing_print_devices(&cli->out, &session, routing_of(&report)) < 0) {
        say("cannot show: %s", error_text(-ENOMEM));
        return EXIT_ERROR;
    }
    report_print_notes(cli->out.stream, &report);
    if (report_print_unmatched(cli->out.stream, &report) == 0 && report.n_items == 0 &&
        report.asked)
        fputs("No device here is one that [routing] asks for.\n", cli->out.stream);
    if (report.n_changes > 0)
        fprintf(cli->out.stream, "%s %s to be made, see 'rpfpolicy routes plan'\n",
                count_text(report.n_changes, number),
                report.n_changes == 1 ? "change is" : "changes are");
    if (!report.asked)
        fputs("The policy asks for no routing; a section [routing] would.\n", cli->out.stream);
    return status_of(&report);
}

/* The changes, without making any. */
static int print_plan(struct cli *cli, const struct session *session,
                      const struct engine_report *report)
{
    size_t step = 1;

    if (cli->format == FORMAT_JSON) {
        print_json(cli, session, report, false);
        return status_of(report);
    }
    if (report_print_changes(&cli->out, report, CHANGE_ALL_PHASES, &step) < 0) {
        say("cannot plan: %s", error_text(-ENOMEM));
        return EXIT_ERROR;
    }
    if (report->n_changes == 0)
        fputs("Nothing to do.\n", cli->out.stream);
    report_print_notes(cli->out.stream, report);
    return status_of(report);
}

static int routes_plan_verb(struct cli *cli)
{
    bool forced = cli_given(cli, OPTION_FORCE);
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_report_ struct engine_report report = {0};

    if (read_session(&session, cli, forced ? SESSION_UNPAUSED : 0) < 0 ||
        read_report(&session, session.policy, forced, &report) < 0)
        return EXIT_ERROR;
    return print_plan(cli, &session, &report);
}

struct writing {
    struct session *session;
    struct engine_writing routes;
    const struct policy *policy; /* NULL: everything of ours goes */
    bool said;                   /* why not */
};

/* *ret_said: why not was said. */
static int accept_locked(struct session *session, bool *ret_said)
{
    int r = session->confirm ? confirming_announce(session->confirm, session) : 0;

    if (r < 0)
        return r;
    r = session_accept_locked(session);
    *ret_said = r < 0;
    return r;
}

static int announce(const struct change_announcement *what, void *data)
{
    struct writing *writing = data;
    struct session *session = writing->session;

    if (what->engine || !writing->policy)
        return confirm_check(&session->cli->paths, session->confirm);
    return accept_locked(session, &writing->said);
}

static int complete(struct live *live, void *data)
{
    const struct writing *writing = data;

    return writing->policy ? session_amend(writing->session, live) : 0;
}

static void report(const struct change_report *report, void *data)
{
    struct writing *writing = data;

    engine_tell(&writing->routes, &writing->session->cli->out, report);
}

static void finished(unsigned phases, const struct engine_report *found, void *data)
{
    struct writing *writing = data;

    engine_tell_end(&writing->routes, &writing->session->cli->out, phases, found);
}

static int run_change(struct writing *writing, bool forced, struct change_outcome *ret)
{
    static const struct change_listener listener = {
        .announce = announce, .report = report, .finished = finished};
    const struct session *session = writing->session;
    const struct change_request request = {
        .paths = &session->cli->paths,
        .engines = routes_only,
        .by = {.policy = writing->policy,
               .complete = complete,
               .ignore_pauses = session->unpaused,
               .forced = forced},
        .lock_timeout_ms = LOCK_TIMEOUT_MS,
        .listener = &listener,
        .data = writing,
    };

    return change_run(&request, ret);
}

/* policy: is accepted, too; NULL: everything of ours goes. */
static int write_routes(struct session *session, const struct policy *policy, bool forced)
{
    struct cli *cli = session->cli;
    struct writing writing = {.session = session, .policy = policy};
    struct change_outcome outcome;
    char done[WRITTEN_TEXT_SIZE];
    int r, status;

    engine_writing_begin(&writing.routes, &engine_routes, cli);
    r = run_change(&writing, forced, &outcome);
    if (r < 0 && !outcome.broke && policy) {
        if (!writing.said)
            say_not_applied(cli, r, "nothing was accepted or written");
        engine_writing_done(&writing.routes);
        return EXIT_ERROR;
    }
    status =
        r < 0 ? engine_say_error(cli, &engine_routes, r, written_text(routes_only, &outcome, done))
              : engine_status(&writing.routes, outcome.counts);
    if (writing.routes.changes) {
        open_json(cli, session);
        json_element(&cli->out, "changes", json_incref(writing.routes.changes));
        json_element(&cli->out, "summary", json_engine_outcome(outcome.counts));
        json_close(&cli->out, '}');
    } else if (writing.routes.count == 0 && status != EXIT_ERROR) {
        fputs("Nothing to do.\n", cli->out.stream);
    }
    engine_writing_done(&writing.routes);
    return status;
}

/* At what becomes of the ways. And at values, where it accepts a policy: an agent that is at work
 * then writes them. policy NULL: everything of ours goes. */
static int look_before(struct session *session, const struct policy *policy, bool forced)
{
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_lockout_plan_ struct lockout_plan plan = {0};
    bool accepts = policy && session->acceptance != ACCEPTED_SAME && lockout_agent_writes(session);
    enum lockout_verb verb = !policy             ? LOCKOUT_FLUSH
                             : observes(session) ? LOCKOUT_OBSERVE
                                                 : LOCKOUT_ROUTES;
    int r;

    if (accepts) {
        r = lockout_plan_ahead(session, &plan);
    } else {
        r = read_report(session, policy, forced, &plan.reports.items[0]);
        plan.reports.count = r >= 0;
    }
    return r < 0
               ? r
               : lockout_check(session, &plan.values, routing_plan_of(&plan.reports), verb, &peers);
}

/* What would be made is printed. */
static int accept_and_observe(struct session *session)
{
    struct cli *cli = session->cli;
    _cleanup_report_ struct engine_report report = {0};
    bool said = false;
    int r = session_lock(session), status;

    if (r < 0)
        return EXIT_ERROR;
    r = accept_locked(session, &said);
    session_unlock(session);
    if (r < 0 && !said)
        say_not_applied(cli, r, "nothing was accepted or written");
    if (r < 0 || read_report(session, session->policy, cli_given(cli, OPTION_FORCE), &report) < 0)
        return EXIT_ERROR;
    status = print_plan(cli, session, &report);
    say("mode is observe: the policy is in force, and nothing was written; to write it once, run\n"
        "'rpfpolicy routes apply --once', to have it kept, put 'mode = enforce' into [agent]");
    return status;
}

static int accept_and_write(struct session *session)
{
    int status = write_routes(session, session->policy, cli_given(session->cli, OPTION_FORCE));

    if (session->policy->agent.mode == MODE_OBSERVE && status != EXIT_ERROR)
        say("mode is observe: the agent will not follow changes of addresses; to have it do so,\n"
            "put 'mode = enforce' into [agent] of the policy");
    return status;
}

static int routes_apply_verb(struct cli *cli)
{
    bool forced = cli_given(cli, OPTION_FORCE);
    _cleanup_session_ struct session session = SESSION_INIT;
    struct confirm confirm = CONFIRM_INIT;
    int status;

    if (cli_given(cli, OPTION_DRY_RUN))
        return routes_plan_verb(cli);
    session.confirm = &confirm;
    if (read_session(&session, cli, forced ? SESSION_UNPAUSED : 0) < 0 ||
        confirming_refuse(cli) < 0 || look_before(&session, session.policy, forced) < 0)
        return EXIT_ERROR;
    if (cli_given(cli, OPTION_CONFIRM) && confirming_begin(cli, &confirm) < 0)
        return EXIT_ERROR;
    status = observes(&session) ? accept_and_observe(&session) : accept_and_write(&session);
    if (confirm.fd < 0)
        return status;
    return status == EXIT_ERROR ? confirming_give_up(cli, &confirm)
                                : confirming_ask(cli, &confirm, status);
}

static bool is_paused_everywhere(const struct cli *cli)
{
    _cleanup_pauses_ struct pauses pauses = {0};

    if (pauses_read(&cli->paths, &pauses) < 0)
        return true; /* then nothing is written anywhere */
    for (size_t i = 0; i < pauses.count; i++)
        if (pauses.items[i].everything && !pause_is_over(&pauses.items[i], pauses_now()))
            return true;
    return false;
}

static int routes_flush(struct cli *cli)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_report_ struct engine_report report = {0};

    if (read_session(&session, cli,
                     SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED | SESSION_QUIET |
                         SESSION_UNPAUSED) < 0)
        return EXIT_ERROR;
    if (cli_given(cli, OPTION_DRY_RUN))
        return read_report(&session, NULL, false, &report) < 0 ? EXIT_ERROR
                                                               : print_plan(cli, &session, &report);
    if (confirming_refuse(cli) < 0 || look_before(&session, NULL, false) < 0)
        return EXIT_ERROR;
    if (session.guard == GUARD_AGENT && routing_in_policy(session.policy) &&
        !is_paused_everywhere(cli))
        say("warning: the agent will put all of it back; 'rpfpolicy pause' first, or take the\n"
            "section [routing] out of the policy and apply that");
    return write_routes(&session, NULL, false);
}

static int run_routes(struct cli *cli, int count, char **arguments)
{
    static const struct {
        const char *name;
        uint32_t options;
        int (*run)(struct cli *cli);
    } actions[] = {
        {"show", 0, routes_show},
        {"plan", OPTION_BIT(OPTION_FORCE), routes_plan_verb},
        {"apply",
         OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_CONFIRM) |
             OPTION_BIT(OPTION_ONCE),
         routes_apply_verb},
        {"flush", OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE), routes_flush},
    };

    for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
        if (!streq(arguments[0], actions[i].name))
            continue;
        if (cli->given & ~actions[i].options) {
            say("'routes %s' takes no such option, see 'rpfpolicy routes --help'", arguments[0]);
            return EXIT_ERROR;
        }
        return actions[i].run(cli);
    }
    say("routes takes show, plan, apply or flush, not '%s'", NAME_SHOWN(arguments[0]));
    return EXIT_ERROR;
}

const struct verb verb_routes = {
    .name = "routes",
    .arguments = "show|plan|apply|flush",
    .min_arguments = 1,
    .max_arguments = 1,
    .summary = "let replies leave by the device they belong to",
    .text = "For devices that [routing] of the policy asks for: a table with the device's\n"
            "subnets and gateway, and a rule for each of its addresses, so that strict can\n"
            "stay on hosts with several network cards.\n"
            "\n"
            "show   per device: state, addresses, gateway and where it came from, table,\n"
            "       and who stands in the way\n"
            "plan   the changes that apply would make, as commands, in order\n"
            "apply  accept the policy on disk, and make them. Others' routes and rules are\n"
            "       never touched. Where somebody else's rule, table or program stands in\n"
            "       the way, the device keeps what it has, unless --force is given.\n"
            "       Where mode is observe nothing is made: what would be is printed;\n"
            "       --once makes it.\n"
            "       --confirm as for 'rpfpolicy apply', which makes these changes, too\n"
            "flush  take away every route and rule of ours, and nothing else\n"
            "\n"
            "apply and flush refuse to cut an SSH session or a protected peer, unless --force\n"
            "is given.\n"
            "Exit status 2 when there is something to do, or in conflict, or impossible.\n",
    .options = OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_CONFIRM) |
               OPTION_BIT(OPTION_ONCE),
    .formats = FORMATS_USUAL,
    .run = run_routes,
};
