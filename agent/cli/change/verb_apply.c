/* `rpfpolicy apply`: accepts the policy on disk and carries it out, unless that would cut an SSH
 * session. One line per write; --dry-run prints the same lines and writes nothing. What is said
 * beside them goes to stderr. */
#include <stdio.h>

#include "agent/change/change.h"
#include "agent/cli/change/confirming.h"
#include "agent/cli/change/writes.h"
#include "agent/cli/peers/lockout.h"
#include "agent/store/agent_state.h"
#include "agent/store/before.h"

struct applying {
    struct cli *cli;
    struct session *session;
    struct peers peers;     /* who would be cut … */
    bool blind;             /* … which is not known */
    struct confirm confirm; /* with --confirm */
    struct reports reports; /* as it was before */
    enum agent_state agent; /* as it was before */
    struct writings writings;
    json_t *held;            /* what is left out for want of a way, in JSON … */
    const char *waits_for;   /* … and of what */
    const struct plan *plan; /* as it was before … */
    bool *told;              /* … and which of its writes were told since */
    unsigned by_others;      /* the rest, as far as somebody else made them meanwhile */
    bool said, accepted;
};

static void mark_told(struct applying *applying, const struct write *write)
{
    const struct plan *plan = applying->plan;

    for (size_t i = 0; applying->told && i < plan->count; i++)
        if (plan->writes[i].key == write->key && plan->writes[i].ifindex == write->ifindex)
            applying->told[i] = true;
}

static void print_made(struct applying *applying, const struct write *write, const char *by)
{
    struct cli *cli = applying->cli;
    _cleanup_free_ char *text = NULL;
    json_t *object;

    if (cli->format == FORMAT_JSON) {
        object = json_write(write);
        json_set(object, {"result", json_string("written")}, {"error", json_null()},
                 {"by", json_string(by)});
        json_element(&cli->out, NULL, object);
        return;
    }
    text = write_text(write);
    fprintf(cli->out.stream, "%s - written by %s meanwhile\n", text ?: "memory ran out",
            streq(by, "agent") ? "the agent" : "another program");
}

/* What was to be written when this began, and is there although nobody here wrote it: an agent was
 * first, since somebody else accepted the policy. */
static int tell_others(struct applying *applying)
{
    const struct session *session = applying->session;
    const char *by = agent_state_read(&session->cli->paths) == AGENT_ENFORCING ? "agent" : "other";
    struct picture_options options = {.keys = session->policy->keys,
                                      .proc_sys_net = session->cli->paths.proc_sys_net};
    _cleanup_(live_done) struct live live = {0};
    _cleanup_netlink_ struct netlink nl = {0};
    int r = netlink_open(&nl);

    if (r >= 0)
        r = picture_read(&nl, &options, &live);
    for (size_t i = 0; r >= 0 && i < applying->plan->count; i++) {
        const struct write *write = &applying->plan->writes[i];
        const int32_t *now = live_configured(&live, write->key, write->ifindex);

        if (applying->told[i] || !now || *now != write->new_value ||
            write->new_value == write->old_value)
            continue;
        print_made(applying, write, by);
        applying->by_others++;
    }
    return r;
}

static void report_held(struct applying *applying, const struct missing_ways *missing,
                        const struct write *write)
{
    struct cli *cli = applying->cli;
    const struct missing_way *way = missing_ways_find(missing, write->ifindex);

    if (way && !applying->waits_for)
        applying->waits_for = way->engine->words.awaited;
    if (cli->format == FORMAT_JSON)
        json_array_append_new(applying->held, json_held(missing, write));
    else
        write_print_held(missing, &cli->out, write);
}

static void report_write(struct applying *applying, const struct change_report *told)
{
    static const char *const words[] = {[CHANGE_DONE] = "written",
                                        [CHANGE_GONE] = "gone",
                                        [CHANGE_RENAMED] = "renamed",
                                        [CHANGE_FAILED] = "failed"};
    const struct write *write = told->change;
    enum change_result result = told->result;
    int error = told->error;
    struct cli *cli = applying->cli;
    _cleanup_free_ char *text = NULL;

    mark_told(applying, write);
    if (result == CHANGE_HELD) {
        report_held(applying, told->missing, write);
        return;
    }
    if (cli->format == FORMAT_JSON) {
        json_t *object = json_write(write);

        json_set(object, {"result", json_string(words[result])},
                 {"error", result == CHANGE_FAILED ? json_string(error_text(error)) : json_null()},
                 {"by", json_string("apply")});
        json_element(&cli->out, NULL, object);
        return;
    }
    text = write_text(write);
    fputs(text ?: "memory ran out", cli->out.stream);
    if (result == CHANGE_GONE)
        fputs(" - the device is gone", cli->out.stream);
    else if (result == CHANGE_RENAMED)
        fputs(" - renamed, judged again by its new name", cli->out.stream);
    else if (result == CHANGE_FAILED)
        fprintf(cli->out.stream, " - %sfailed%s: %s", output_color(&cli->out, "failed"),
                output_color_end(&cli->out), error_text(error));
    fputc('\n', cli->out.stream);
}

static struct engine_writing *writing_of(struct applying *applying, const struct engine *engine)
{
    return &applying->writings.items[engine_row(engine)];
}

static void report(const struct change_report *told, void *data)
{
    struct applying *applying = data;

    if (told->engine == &engine_sysctl)
        report_write(applying, told);
    else
        engine_tell(writing_of(applying, told->engine), &applying->cli->out, told);
}

static void finished(unsigned phases, const struct engine_report *found, void *data)
{
    struct applying *applying = data;

    engine_tell_end(writing_of(applying, found->engine), &applying->cli->out, phases, found);
}

static void open_json(const struct applying *applying, const struct plan *plan, bool dry)
{
    struct cli *cli = applying->cli;
    json_t *head;

    if (cli->format != FORMAT_JSON)
        return;
    head = json_object();
    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(applying->session)}, {"dry_run", json_boolean(dry)},
             {"casualties", json_casualties(plan)});
    if (applying->blind)
        json_object_set_new(head, "impact", json_null());
    else
        impact_set_json(head, applying->session, &applying->peers);
    json_open_object(&cli->out, head);
    json_open(&cli->out, "writes", '[');
}

static void close_json(struct applying *applying, const struct change_outcome *outcome)
{
    const struct change_counts *result = &outcome->counts[engine_row(&engine_sysctl)];
    struct cli *cli = applying->cli;
    json_t *summary;

    if (cli->format != FORMAT_JSON)
        return;
    json_close(&cli->out, ']');
    writings_json(&cli->out, &applying->writings);
    json_element(&cli->out, "held", json_incref(applying->held));
    json_impossible(&cli->out, applying->session);
    reports_json(&cli->out, &applying->reports);
    summary = json_object();
    json_set(summary, {"written", json_integer(result->done + applying->by_others)},
             {"gone", json_integer(result->gone)}, {"failed", json_integer(result->failed)},
             {"held", json_integer(result->held)}, {"flushed", json_boolean(outcome->flushed)});
    for (size_t i = 0; engine_rows[i]; i++)
        if (engine_rows[i]->tell)
            json_object_set_new(summary, engine_rows[i]->words.changes,
                                json_engine_outcome(&outcome->counts[i]));
    json_element(&cli->out, "summary", summary);
    json_close(&cli->out, '}');
}

static void print_rest(struct cli *cli, const struct session *session, const struct plan *plan,
                       bool nothing)
{
    if (cli->format == FORMAT_JSON)
        return;
    if (nothing)
        fputs("Nothing to do.\n", cli->out.stream);
    notes_print(cli->out.stream, session, plan);
}

static void show_write(struct cli *cli, const struct write *write)
{
    _cleanup_free_ char *text = NULL;

    if (cli->format == FORMAT_JSON) {
        json_element(&cli->out, NULL, json_write(write));
        return;
    }
    text = write_text(write);
    fprintf(cli->out.stream, "%s\n", text ?: "memory ran out");
}

/* What any engine would do in one phase; values are the writes. */
static void show_phase(struct applying *applying, enum change_phase phase)
{
    for (size_t i = 0; engine_rows[i]; i++) {
        const struct engine_report *report = reports_of(&applying->reports, engine_rows[i]);

        if (report)
            report_show_changes(applying->cli->out.stream, applying->writings.items[i].changes,
                                report, phase);
        for (size_t j = 0; engine_rows[i] == &engine_sysctl && phase == CHANGE_VALUES &&
                           j < applying->plan->count;
             j++)
            show_write(applying->cli, &applying->plan->writes[j]);
    }
}

static int dry_run(struct applying *applying, const struct plan *plan)
{
    const struct reports *reports = &applying->reports;
    struct missing_ways missing = {0};
    struct cli *cli = applying->cli;
    struct change_outcome none = {0};

    open_json(applying, plan, true);
    for (unsigned phase = CHANGE_ADDITIONS; phase <= CHANGE_REMOVALS; phase *= 2)
        show_phase(applying, phase);
    reports_missing(reports, &missing);
    for (size_t i = 0; i < plan->n_held; i++)
        report_held(applying, &missing, &plan->held[i]);
    missing_ways_done(&missing);
    none.counts[engine_row(&engine_sysctl)].held = (unsigned)plan->n_held;
    if (cli->format != FORMAT_JSON)
        reports_print_notes(cli->out.stream, reports);
    close_json(applying, &none);
    print_rest(cli, applying->session, plan,
               plan->count + plan->n_held + reports_changes(reports) == 0);
    return plan_status(applying->session, plan, reports);
}

static int complete(struct live *live, void *data)
{
    struct applying *applying = data;

    return session_amend(applying->session, live);
}

/* What is left now, after the writes. A negative errno where that is not known. */
static int read_left(struct cli *cli, unsigned flags, struct keys_left *ret)
{
    _cleanup_session_ struct session session = SESSION_INIT;

    if (session_load(&session, cli, SESSION_QUIET | flags) < 0 || session_read(&session, 0, 0) < 0)
        return -EIO;
    *ret = keys_left(&session);
    return 0;
}

/* lacking: an engine, of which not all is as wanted; NULL for none. */
static void say_left(const struct session *session, const struct keys_left *left, bool failed,
                     const struct engine *lacking)
{
    char number[16];

    if (left->written > 0)
        say("%s %s still not as wanted, see 'rpfpolicy check'", count_text(left->written, number),
            PLURAL(left->written, "key"));
    else if (!failed && left->observed > 0)
        say("all is as the rules that write want it; %s %s not as a rule wants that only observes, "
            "see 'rpfpolicy check'",
            count_text(left->observed, number), left->observed == 1 ? "key is" : "keys are");
    else if (!failed && lacking)
        say("every value is as the policy wants it, but not all of the %s, see 'rpfpolicy %s'",
            lacking->words.member, lacking->words.show);
    else if (!failed)
        say("every device%s is as the policy wants it",
            session->pauses.count > 0 ? " that is not paused" : "");
}

/* Nothing keeps it so. An agent that was at work before may be away only to come back for this very
 * policy. */
static void say_unkept(const struct session *session, enum agent_state before)
{
    const struct paths *paths = &session->cli->paths;
    const char *start = agent_start_command(paths, before);

    if (session->policy->agent.mode == MODE_OBSERVE)
        say("mode is observe: agent and udev hook will not keep it so; to have it kept, put\n"
            "'mode = enforce' into [agent] of the policy and run 'rpfpolicy apply' again");
    else if (start && agent_state_read(paths) == before)
        say("warning: the agent %s, so what others write from now on is not put right; to start "
            "it, run '%s'",
            before == AGENT_STOPPED ? "was stopped" : "does not run", start);
}

/* Where things stand now; the exit status follows from it. lacking: as for say_left(). */
static int follow_up(const struct applying *applying, const struct change_outcome *outcome,
                     const struct engine *lacking)
{
    const struct change_counts *result = &outcome->counts[engine_row(&engine_sysctl)];
    const struct session *session = applying->session;
    struct keys_left left = {0};
    int r = read_left(applying->cli, session->unpaused ? SESSION_UNPAUSED : 0, &left);
    char number[16];

    if (outcome->record_error < 0)
        say("warning: former values could not be recorded for a restore: %s",
            error_text(outcome->record_error));
    if (outcome->flush_error < 0)
        say("warning: the route cache could not be flushed, old verdicts may live on: %s",
            error_text(outcome->flush_error));
    if (result->failed > 0)
        say("%s %s failed: %s", count_text(result->failed, number), PLURAL(result->failed, "write"),
            error_text(result->first_error));
    if (result->held > 0)
        say("%s %s held back, since %s could not be put in place; "
            "when the cause is gone, run 'rpfpolicy apply' again",
            count_text(result->held, number), result->held == 1 ? "value was" : "values were",
            applying->waits_for ?: "something");
    if (r >= 0)
        say_left(session, &left, result->failed > 0, lacking);
    say_unkept(session, applying->agent);
    if (result->failed + result->held > 0)
        return EXIT_WRITES;
    return r < 0 ? EXIT_ERROR : left.written > 0 ? EXIT_DRIFT : EXIT_OK;
}

/* Accepted is under the lock, before the first change; and nothing is changed without its guardian.
 */
static int announce(const struct change_announcement *what, void *data)
{
    struct applying *applying = data;
    const struct session *session = applying->session;
    int r;

    if (what->engine && !what->engine->remember)
        return confirm_check(&session->cli->paths, session->confirm);
    if (what->engine)
        return applying->confirm.fd < 0 ? 0 : confirm_announce(&applying->confirm, what);
    r = confirming_announce(&applying->confirm, session);
    if (r >= 0) {
        r = session_accept_locked(applying->session);
        applying->said = r < 0;
    }
    applying->accepted = r >= 0;
    if (r >= 0)
        open_json(applying, applying->plan, false);
    return r;
}

static int worse(int a, int b)
{
    if (a == EXIT_ERROR || b == EXIT_ERROR)
        return EXIT_ERROR;
    return a > b ? a : b;
}

static int run_change(struct applying *applying, struct change_outcome *ret)
{
    static const struct change_listener listener = {
        .announce = announce, .report = report, .finished = finished};
    const struct session *session = applying->session;
    const struct change_request request = {
        .paths = &applying->cli->paths,
        .engines = engine_rows,
        .by = {.policy = session->policy,
               .complete = complete,
               .facts = session_facts(session->policy),
               .ignore_pauses = session->unpaused,
               .forced = cli_given(applying->cli, OPTION_FORCE)},
        .lock_timeout_ms = LOCK_TIMEOUT_MS,
        .listener = &listener,
        .data = applying,
    };

    return change_run(&request, ret);
}

/* The exit status as far as other engines than that of values go; r: what change_run() returned.
 * EXIT_ERROR where it did not come to its end. *ret_lacking: of which one not all is as wanted. */
static int status_of(const struct applying *applying, const struct change_outcome *outcome, int r,
                     const struct engine **ret_lacking)
{
    char buffer[WRITTEN_TEXT_SIZE];
    const char *done = written_text(engine_rows, outcome, buffer);
    int status = EXIT_OK;

    if (r < 0 && outcome->broke && outcome->broke != &engine_sysctl)
        return engine_say_error(applying->cli, outcome->broke, r, done);
    if (r < 0) {
        say_not_applied(applying->cli, r, done);
        return EXIT_ERROR;
    }
    for (size_t i = 0; engine_rows[i]; i++) {
        int own = engine_rows[i]->tell
                      ? engine_status(&applying->writings.items[i], &outcome->counts[i])
                      : EXIT_OK;

        if (own != EXIT_OK && !*ret_lacking)
            *ret_lacking = engine_rows[i];
        status = worse(status, own);
    }
    return status;
}

static int accept_and_change(struct applying *applying)
{
    struct change_outcome outcome;
    int r = run_change(applying, &outcome), status;
    const struct change_counts *values = &outcome.counts[engine_row(&engine_sysctl)];
    const struct engine *lacking = NULL;

    if (!applying->accepted) {
        if (!applying->said)
            say_not_applied(applying->cli, r, "nothing was accepted or written");
        return EXIT_ERROR;
    }
    status = status_of(applying, &outcome, r, &lacking);
    if (r >= 0 && applying->told && tell_others(applying) < 0)
        say("warning: what others wrote meanwhile is not known");
    close_json(applying, &outcome);
    if (status == EXIT_ERROR && r < 0 && outcome.phases != CHANGE_REMOVALS)
        return EXIT_ERROR;
    print_rest(applying->cli, applying->session, applying->plan,
               values->done + values->gone + values->failed + values->held + applying->by_others ==
                       0 &&
                   writings_count(&applying->writings) == 0);
    return worse(status, follow_up(applying, &outcome, lacking));
}

/* Nothing is accepted nor written before the guardian stands ready. */
static int accept_and_carry_out(struct applying *applying)
{
    struct cli *cli = applying->cli;
    bool same = applying->plan->count == 0 && reports_changes(&applying->reports) == 0 &&
                applying->session->acceptance == ACCEPTED_SAME;
    int status;

    applying->told = calloc(applying->plan->count + 1, sizeof(*applying->told));
    if (!applying->told || confirming_refuse(cli) < 0)
        return EXIT_ERROR;
    if (cli_given(cli, OPTION_CONFIRM) && !same && confirming_begin(cli, &applying->confirm) < 0)
        return EXIT_ERROR;
    status = accept_and_change(applying);
    if (applying->confirm.fd < 0)
        return status;
    return status == EXIT_ERROR ? confirming_give_up(cli, &applying->confirm)
                                : confirming_ask(cli, &applying->confirm, status);
}

/* At what is written now, and at what a running agent writes when what is paused for a time no
 * longer is. 1: it is not known who would be cut. */
static int look_before(struct applying *applying, const struct plan *plan)
{
    struct session *session = applying->session;
    _cleanup_lockout_plan_ struct lockout_plan later = {0};
    int r;

    if (!lockout_agent_writes(session))
        return lockout_check(session, plan, impact_routes(&applying->reports), LOCKOUT_APPLY,
                             &applying->peers);
    r = lockout_plan_ahead(session, &later);
    return r < 0 ? r
                 : lockout_check(session, &later.values, impact_routes(&later.reports),
                                 LOCKOUT_APPLY, &applying->peers);
}

static int plan_and_apply(struct applying *applying, struct plan *plan)
{
    struct cli *cli = applying->cli;
    int r;

    reports_mark(&applying->reports, &applying->session->live);
    r = plan_make(applying->session->policy, &applying->session->live, 0, plan);
    if (r < 0) {
        say("cannot plan: %s", error_text(r));
        return EXIT_ERROR;
    }
    writings_begin(&applying->writings, cli);
    if (cli->format == FORMAT_JSON)
        applying->held = json_array();
    applying->agent = agent_state_read(&cli->paths);
    r = look_before(applying, plan);
    applying->blind = r > 0;
    if (r < 0)
        return EXIT_ERROR;
    return cli_given(cli, OPTION_DRY_RUN) ? dry_run(applying, plan)
                                          : accept_and_carry_out(applying);
}

static int run_apply(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_plan_ struct plan plan = {0};
    struct applying applying = {
        .cli = cli, .session = &session, .confirm = CONFIRM_INIT, .plan = &plan};
    unsigned flags = cli_given(cli, OPTION_FORCE) ? SESSION_UNPAUSED : 0;
    int r = EXIT_ERROR;

    session.confirm = &applying.confirm;
    if (session_load(&session, cli, flags) >= 0 &&
        session_read(&session, IMPACT_KEYS | reports_keys(), FACT_ADDRESSES) >= 0 &&
        reports_read(&session, session.policy, flags != 0, &applying.reports) >= 0)
        r = plan_and_apply(&applying, &plan);
    free(applying.told);
    json_decref(applying.held);
    writings_done(&applying.writings);
    reports_done(&applying.reports);
    peers_done(&applying.peers);
    return r;
}

const struct verb verb_apply = {
    .name = "apply",
    .arguments = "",
    .summary = "put the policy on disk into force and carry it out",
    .text = "Validates the policy, accepts it for agent and helper, and makes the writes that\n"
            "'rpfpolicy plan' shows. Nothing is changed when the policy has an error. Writes\n"
            "in either mode: typed by a person, it is meant. What is paused is left out, and\n"
            "so are routes and rules of a device that somebody else stands in the way of;\n"
            "with --force they are written, too.\n"
            "\n"
            "First it says which peers would be cut, as 'rpfpolicy plan --impact' does. When\n"
            "an SSH session, or a peer that the policy protects, is among them it refuses and\n"
            "changes nothing, unless --force or --confirm is given. It also refuses to put a\n"
            "policy without rules in the place of rules that are enforced, unless --force is\n"
            "given.\n"
            "\n"
            "With --confirm values and policy are put back, in a safe order, unless you\n"
            "answer 'y' at the prompt, or 'rpfpolicy confirm' is run elsewhere, in time. A\n"
            "process in a session of its own does that, also when this one is killed or its\n"
            "terminal is lost: then at once. It ends with the machine: values start anew at\n"
            "boot, and the policy accepted before is in force again.\n",
    .options = OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_CONFIRM),
    .formats = FORMATS_USUAL,
    .run = run_apply,
};
