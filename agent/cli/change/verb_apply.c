/* `rpfpolicy apply`: accepts the policy on disk and carries it out, unless that would cut an SSH
 * session. On a terminal it shows first what it would do, and asks. In the end it prints what has
 * changed; --dry-run prints the same lines and writes nothing. What is said beside them goes to
 * stderr. */
#include <stdio.h>
#include <unistd.h>

#include "agent/change/change.h"
#include "agent/cli/change/beside.h"
#include "agent/cli/change/confirming.h"
#include "agent/cli/change/told.h"
#include "agent/store/agent_state.h"

#define QUESTIONS_MAX 3 /* once, and twice more where something else would be done by then */

struct applying {
    struct cli *cli;
    unsigned flags; /* of session_load() */
    bool asks;      /* there is somebody who can be asked */
    struct look looks[QUESTIONS_MAX];
    struct look *look;      /* the one that counts */
    struct look again;      /* under the lock, after the answer … */
    const char *differs;    /* … and what has changed until then */
    struct confirm confirm; /* with --confirm */
    enum agent_state agent; /* as it was before */
    struct told told;
    bool said, accepted;
};

static bool observes(const struct applying *applying)
{
    return applying->look->session.policy->agent.mode == MODE_OBSERVE &&
           !cli_given(applying->cli, OPTION_ONCE);
}

/* -- asking -- */

/* Shown on stderr, so that stdout has what was done and nothing else. True for a yes. */
static bool ask(const struct applying *applying)
{
    const struct look *look = applying->look;
    bool accepts = look->session.acceptance != ACCEPTED_SAME;
    struct output out;
    char line[64];
    ssize_t n;

    (void)fflush(applying->cli->out.stream); /* output_finish() tells of it */
    output_to_messages(&out, applying->cli->color);
    look_print(look, &out);
    if (observes(applying))
        fputs("Put this policy into force? Its mode is observe: nothing is written. [y/N] ",
              stderr);
    else if (!look_writes(look))
        fputs("Put this policy into force? Nothing is to be written now. [y/N] ", stderr);
    else
        fprintf(stderr, "%s [y/N] ",
                accepts ? "Put this policy into force and make these changes?"
                        : "Make these changes?");
    do
        n = read(STDIN_FILENO, line, sizeof(line) - 1);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        fputc('\n', stderr);
        return false;
    }
    line[n] = 0;
    line[strcspn(line, "\r\n")] = 0;
    return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

/* Under the lock, where somebody was asked: is it still what was shown? */
static int look_again(struct applying *applying)
{
    struct look *again = &applying->again;
    int r = look_read(again, applying->cli, applying->flags | SESSION_QUIET);

    if (r >= 0)
        r = look_at_peers_again(again);
    if (r < 0)
        return r;
    applying->differs = look_differs(applying->look, again);
    return applying->differs ? -ESTALE : 0;
}

/* -- changing -- */

static int accept_locked(struct applying *applying)
{
    const struct session *session = &applying->look->session;
    int r = applying->asks ? look_again(applying) : 0;

    applying->said = r < 0;
    if (r >= 0)
        r = confirming_announce(&applying->confirm,
                                applying->asks ? &applying->again.session : session);
    if (r >= 0) {
        r = session_accept_locked(&applying->look->session);
        applying->said = r < 0;
    }
    applying->accepted = r >= 0;
    if (r >= 0)
        told_open(&applying->told, applying->look, observes(applying));
    return r;
}

/* Accepted is under the lock, before the first change; and nothing is changed without its guardian.
 */
static int announce(const struct change_announcement *what, void *data)
{
    struct applying *applying = data;
    const struct session *session = &applying->look->session;

    if (what->engine && !what->engine->remember)
        return confirm_check(&session->cli->paths, session->confirm);
    if (what->engine)
        return applying->confirm.fd < 0 ? 0 : confirm_announce(&applying->confirm, what);
    return accept_locked(applying);
}

static void report(const struct change_report *told, void *data)
{
    struct applying *applying = data;

    told_change(&applying->told, told);
}

static void finished(unsigned phases, const struct engine_report *found, void *data)
{
    struct applying *applying = data;

    told_finished(&applying->told, phases, found);
}

static int complete(struct live *live, void *data)
{
    struct applying *applying = data;

    return session_amend(&applying->look->session, live);
}

static int run_change(struct applying *applying, struct change_outcome *ret)
{
    static const struct change_listener listener = {
        .announce = announce, .report = report, .finished = finished};
    const struct session *session = &applying->look->session;
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

/* -- what came of it -- */

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

static int worse(int a, int b)
{
    if (a == EXIT_ERROR || b == EXIT_ERROR)
        return EXIT_ERROR;
    return a > b ? a : b;
}

/* Where things stand now, NULL: not known; the exit status follows from it. lacking: as for
 * say_left(). */
static int follow_up(const struct applying *applying, const struct change_outcome *outcome,
                     const struct engine *lacking, const struct session *now)
{
    const struct change_counts *result = &outcome->counts[values_row()];
    const struct session *session = &applying->look->session;
    struct keys_left left = now ? keys_left(now) : (struct keys_left){0};
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
            writings_wait_for(&applying->told.writings) ?: "something");
    if (now)
        say_left(session, &left, result->failed > 0, lacking);
    say_unkept(session, applying->agent);
    if (result->failed + result->held > 0)
        return EXIT_WRITES;
    return !now ? EXIT_ERROR : left.written > 0 ? EXIT_DRIFT : EXIT_OK;
}

/* The exit status as far as other engines than that of values go; r: what change_run() returned.
 * EXIT_ERROR where it did not come to its end. *ret_lacking: of which one not all is as wanted. */
static int status_of(const struct applying *applying, const struct change_outcome *outcome, int r,
                     const struct engine **ret_lacking)
{
    char buffer[WRITTEN_TEXT_SIZE];
    const char *done = written_text(engine_rows, outcome, buffer);
    int status = EXIT_OK;

    if (r < 0 && outcome->broke && !engine_has_values(outcome->broke))
        return engine_say_error(applying->cli, outcome->broke, r, done);
    if (r < 0) {
        say_not_applied(applying->cli, r, done);
        return EXIT_ERROR;
    }
    for (size_t i = 0; engine_rows[i]; i++) {
        int own = engine_rows[i]->tell
                      ? engine_status(&applying->told.writings.items[i], &outcome->counts[i])
                      : EXIT_OK;

        if (own != EXIT_OK && !*ret_lacking)
            *ret_lacking = engine_rows[i];
        status = worse(status, own);
    }
    return status;
}

/* As it is after the writes. A negative errno where that is not known. */
static int look_after(const struct applying *applying, struct look *ret)
{
    struct cli *cli = applying->cli;
    struct session *session = &ret->session;
    int r = session_load(session, cli, SESSION_QUIET | applying->flags);

    if (r >= 0)
        r = session_read(session, engines_keys(engine_rows), 0);
    if (r >= 0)
        r = reports_read(session, session->policy, session->unpaused, &ret->reports);
    return r;
}

static int accept_and_change(struct applying *applying)
{
    _cleanup_look_ struct look after = {0};
    struct change_outcome outcome;
    int r = run_change(applying, &outcome), status, known;
    const struct engine *lacking = NULL;
    const struct look *look = applying->look;
    bool nothing;

    if (!applying->accepted) {
        if (!applying->said)
            say_not_applied(applying->cli, r, "nothing was accepted or written");
        return EXIT_ERROR;
    }
    status = status_of(applying, &outcome, r, &lacking);
    known = look_after(applying, &after);
    if (known >= 0)
        told_others(&applying->told, &applying->looks[0].session.live, look, &after);
    else
        say("warning: what others wrote meanwhile is not known");
    nothing = told_end(&applying->told, look, &outcome);
    if (status == EXIT_ERROR && r < 0 && outcome.phases != CHANGE_REMOVALS)
        return EXIT_ERROR;
    if (applying->cli->format != FORMAT_JSON) {
        if (nothing)
            fputs("Nothing to do.\n", applying->cli->out.stream);
        notes_print(applying->cli->out.stream, &look->session, &look->plan);
    }
    return worse(status,
                 follow_up(applying, &outcome, lacking, known >= 0 ? &after.session : NULL));
}

/* Nothing is written, by --dry-run or since the mode is observe. */
static int show_instead(struct applying *applying)
{
    const struct look *look = applying->look;
    struct change_outcome none = {0};

    none.counts[values_row()].held = (unsigned)look->plan.n_held;
    told_instead(&applying->told, look);
    (void)told_end(&applying->told, look, &none); /* it was said if there is nothing */
    return plan_status(&look->session, &look->plan, &look->reports);
}

static int dry_run(struct applying *applying)
{
    told_open(&applying->told, applying->look, observes(applying));
    return show_instead(applying);
}

static int accept_and_observe(struct applying *applying)
{
    struct session *session = &applying->look->session;
    int status = EXIT_ERROR, r = session_lock(session);

    if (r >= 0) {
        r = accept_locked(applying);
        session_unlock(session);
        if (r < 0 && !applying->said)
            say_not_applied(applying->cli, r, "nothing was accepted or written");
    }
    if (r < 0)
        return EXIT_ERROR;
    status = show_instead(applying);
    say("mode is observe: the policy is in force, and nothing was written; to write it once, run\n"
        "'rpfpolicy apply --once', to have it kept, put 'mode = enforce' into [agent]");
    return status;
}

/* A guardian is not made for nothing: what differs already is seen before. */
static int begin_trial(struct applying *applying)
{
    struct cli *cli = applying->cli;
    const struct look *look = applying->look;
    int r;

    if (!cli_given(cli, OPTION_CONFIRM) || !look_has_work(look))
        return 0;
    r = applying->asks ? look_again(applying) : 0;
    look_done(&applying->again);
    applying->again = (struct look){0};
    return r < 0 ? r : confirming_begin(cli, &applying->confirm);
}

/* Nothing is accepted nor written before the guardian stands ready. */
static int carry_out(struct applying *applying)
{
    struct cli *cli = applying->cli;
    int status;

    if (confirming_refuse(cli) < 0 || begin_trial(applying) < 0)
        return EXIT_ERROR;
    status = observes(applying) ? accept_and_observe(applying) : accept_and_change(applying);
    if (applying->confirm.fd < 0)
        return status;
    return status == EXIT_ERROR ? confirming_give_up(cli, &applying->confirm)
                                : confirming_ask(cli, &applying->confirm, status);
}

/* Whoever may not write is told before the question, and so is who would have to wait. */
static int look_ahead(struct applying *applying)
{
    struct session *session = &applying->look->session;
    int r = confirming_refuse(applying->cli);

    if (r >= 0)
        r = session_lock(session);
    session_unlock(session);
    return r;
}

/* Look, ask, and carry it out; -ESTALE where it is another thing by then. */
static int ask_and_carry_out(struct applying *applying, int *ret_status)
{
    struct cli *cli = applying->cli;
    struct look *look = applying->look;

    look->session.confirm = &applying->confirm;
    *ret_status = EXIT_ERROR;
    if (look_read(look, cli, applying->flags) < 0 ||
        look_at_peers(look, observes(applying) ? LOCKOUT_OBSERVE : LOCKOUT_APPLY) < 0)
        return 0;
    if (cli_given(cli, OPTION_DRY_RUN)) {
        *ret_status = dry_run(applying);
        return 0;
    }
    if (applying->asks &&
        (observes(applying) ? look->session.acceptance != ACCEPTED_SAME : look_has_work(look))) {
        if (look_ahead(applying) < 0)
            return 0;
        if (!ask(applying)) {
            say("nothing was accepted or written");
            return 0;
        }
    }
    *ret_status = carry_out(applying);
    return applying->differs ? -ESTALE : 0;
}

static int run_apply(struct cli *cli, int count, char **arguments)
{
    struct applying applying = {
        .cli = cli,
        .flags = cli_given(cli, OPTION_FORCE) ? SESSION_UNPAUSED : 0,
        .asks = !cli_given(cli, OPTION_YES) && !cli_given(cli, OPTION_DRY_RUN) &&
                isatty(STDIN_FILENO) && isatty(STDERR_FILENO),
        .confirm = CONFIRM_INIT,
        .agent = agent_state_read(&cli->paths),
    };
    int status = EXIT_ERROR;

    told_begin(&applying.told, cli);
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        applying.look = &applying.looks[i];
        if (ask_and_carry_out(&applying, &status) >= 0)
            break;
        say("%s has changed since that was shown%s", applying.differs,
            i + 1 < QUESTIONS_MAX ? "; now it is:"
                                  : " for the third time; nothing was accepted or written.\n"
                                    "'rpfpolicy apply --yes' does not ask");
        applying.differs = NULL;
        look_done(&applying.again);
        applying.again = (struct look){0};
    }
    told_done(&applying.told);
    look_done(&applying.again);
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        look_done(&applying.looks[i]);
    return status;
}

const struct verb verb_apply = {
    .name = "apply",
    .arguments = "",
    .summary = "put the policy on disk into force and carry it out",
    .text = "Validates the policy, accepts it for agent and helper, and makes the writes that\n"
            "'rpfpolicy plan' shows. Nothing is changed when the policy has an error. What is\n"
            "paused is left out, and so are routes and rules of a device that somebody else\n"
            "stands in the way of; with --force they are written, too. Where mode is observe\n"
            "nothing is written: what would be is printed; --once writes it.\n"
            "\n"
            "On a terminal it shows what it would do and asks; anything but y or yes ends it,\n"
            "and nothing was done. When the answer comes it looks once more, and asks again,\n"
            "at most twice, where something else would be done by then. Without a terminal,\n"
            "and with --yes, it does not ask. In the end it prints what has changed, also by\n"
            "others meanwhile. Devices alike are one line.\n"
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
    .options = OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_CONFIRM) |
               OPTION_BIT(OPTION_YES) | OPTION_BIT(OPTION_ONCE),
    .formats = FORMATS_USUAL,
    .run = run_apply,
};
