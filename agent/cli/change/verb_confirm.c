/* `rpfpolicy confirm`, and the prompt of `apply --confirm`. What puts values back is a process of
 * its own, see confirm.h; here a person is asked and told. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include "agent/cli/change/confirming.h"
#include "agent/engines/sysctl/sysctl_engine.h"
#include "agent/rows/engine_rows.h"
#include "agent/store/pause.h"
#include "policy/lang/values.h"

#define DEFAULT_TIME "60s"
#define USEC_PER_SEC UINT64_C(1000000)
#define TIME_MAX_USEC (86400 * USEC_PER_SEC)

static int parse_time(struct cli *cli, uint64_t *ret)
{
    const char *text = cli->values[OPTION_CONFIRM] ?: DEFAULT_TIME;

    if (value_parse_time(text, ret) == 0 && *ret > 0 && *ret <= TIME_MAX_USEC)
        return 0;
    say("--confirm takes a time such as 60s or 5min, at most a day, not '%s'", NAME_SHOWN(text));
    return -EINVAL;
}

int confirming_refuse(struct cli *cli)
{
    uint64_t time, left;
    int r = cli_given(cli, OPTION_CONFIRM) ? parse_time(cli, &time) : 0;

    if (r < 0)
        return r;
    r = confirm_pending(&cli->paths, &left);
    if (r == 2) {
        say("a policy on trial was not confirmed and is being put back; try again when that is "
            "done");
        return -EBUSY;
    }
    if (r > 0) {
        say("a policy on trial awaits its confirmation (%llu s left): 'rpfpolicy confirm' keeps it",
            (unsigned long long)(left / USEC_PER_SEC));
        return -EBUSY;
    }
    return 0; /* without the right to ask there is none to write either */
}

static const char *why_not_back(const struct confirm_result *result)
{
    return result->error == -EAGAIN || result->error >= 0 ? "another program writes the same values"
                                                          : error_text(result->error);
}

/* In the guardian: there may be nobody left who could read anything but the log. */
static void log_end(const struct confirm_result *result, void *data)
{
    openlog("rpfpolicy", LOG_PID, LOG_DAEMON);
    if (result->outcome == CONFIRM_KEPT)
        syslog(LOG_NOTICE, "the new policy and its values stay: %s", result->why);
    else if (result->failed == 0 && result->error == -ESTALE)
        syslog(LOG_WARNING,
               "not confirmed: %u values were put back; another policy is accepted and stays: %s",
               result->done, result->why);
    else if (result->failed > 0 || result->error < 0)
        syslog(LOG_ERR, "not confirmed, and not everything could be put back: %s",
               why_not_back(result));
    else
        syslog(LOG_WARNING,
               "not confirmed: %u values and the policy that was in force were put back: %s",
               result->done, result->why);
    if (result->error > 0)
        syslog(LOG_WARNING, "the policy in force is not safely on the disk: %s",
               strerror(result->error));
}

int confirming_begin(struct cli *cli, struct confirm *ret)
{
    struct confirm_terms terms = {0};
    int r = parse_time(cli, &terms.timeout_usec);

    return r < 0 ? r : confirming_begin_by(cli, &terms, ret);
}

int confirming_begin_by(struct cli *cli, const struct confirm_terms *terms, struct confirm *ret)
{
    int r = confirm_begin(&cli->paths, engine_rows, terms, log_end, NULL, ret);

    if (r == 0 && ret->exposed < 0)
        say("warning: where memory runs out, the kernel may end the process that puts everything "
            "back: %s",
            error_text(ret->exposed));
    if (say_who_hinders(cli, r, "nothing was done"))
        return r;
    if (r == -EROFS || r == -ENOSPC || r == -EDQUOT)
        say("cannot prepare to put everything back: %s cannot be written: %s; nothing was done",
            NAME_SHOWN(access(cli->paths.orders, W_OK) < 0 ? cli->paths.confirm
                                                           : cli->paths.accepted_before),
            error_text(r));
    else if (r < 0)
        say("cannot prepare to put everything back: %s%s; nothing was done", error_text(r),
            r == -EACCES || r == -EPERM ? " (this needs root)" : "");
    return r;
}

/* Of devices that are paused or held, too: they may not be for long. */
int confirming_announce(struct confirm *confirm, const struct session *session)
{
    _cleanup_free_ struct device *devices = NULL;
    _cleanup_free_ struct before_record *records = NULL;
    _cleanup_plan_ struct plan plan = {0};
    struct live live = session->live;
    int r;

    if (confirm->fd < 0 || session->policy->agent.mode != MODE_ENFORCE)
        return 0;
    devices = calloc(live.count + 1, sizeof(*devices));
    if (!devices)
        return -ENOMEM;
    for (size_t i = 0; i < live.count; i++) {
        devices[i] = live.devices[i];
        devices[i].paused = devices[i].held = false;
    }
    live.devices = devices;
    live.all_paused = live.default_paused = false;
    r = plan_make(session->policy, &live, 0, &plan);
    if (r < 0)
        return r;
    records = sysctl_records(plan.writes, plan.count);
    if (!records)
        return -ENOMEM;
    return confirm_announce(confirm, &(struct change_announcement){.engine = &engine_sysctl,
                                                                   .records = records,
                                                                   .n = plan.count});
}

static int tell(struct cli *cli, const struct confirm_result *result, int status)
{
    say_unsafe(cli->paths.accepted, result->error);
    switch (result->outcome) {
    case CONFIRM_KEPT:
        say("confirmed, the new values stay");
        return status;
    case CONFIRM_PUT_BACK:
        if (result->skipped > 0)
            say("%u values were left, since someone else has changed them", result->skipped);
        if (result->failed == 0 && result->error == -ESTALE) {
            say("not confirmed: values were put back; another policy is accepted and stays");
            return EXIT_ERROR;
        }
        if (result->failed > 0 || result->error < 0) {
            say("not everything could be put back: %s; see 'rpfpolicy restore'",
                why_not_back(result));
            return EXIT_WRITES;
        }
        say("not confirmed: values and policy were put back");
        return EXIT_ERROR;
    default:
        say("the process that would put everything back is gone: the values stay as they are, but\n"
            "unless the new policy was confirmed, the one accepted before is in force again.\n"
            "'rpfpolicy apply' keeps the new one, 'rpfpolicy restore' puts values back");
        return EXIT_ERROR;
    }
}

static void prompt(bool terminal, uint64_t end)
{
    uint64_t now = pauses_now(), left = end > now ? (end - now) / USEC_PER_SEC : 0;

    if (terminal)
        fprintf(stderr, "\rKeep these values? [y/N] %llu s ", (unsigned long long)left);
}

/* True when the line that was typed decides; the end of the input is a no. */
static bool read_answer(bool *ret_keep)
{
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof(line));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    *ret_keep = n > 0 && (line[0] == 'y' || line[0] == 'Y');
    return true;
}

/* Until someone decides: the person here, the guardian (told from elsewhere, or time is up), or a
 * signal. */
static void wait_for_person(struct confirm *confirm, bool terminal, uint64_t end)
{
    struct pollfd fds[] = {{.fd = confirm->fd, .events = POLLIN},
                           {.fd = -1, .events = POLLIN},
                           {.fd = terminal ? STDIN_FILENO : -1, .events = POLLIN}};
    sigset_t mask;
    bool keep = false;

    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL); /* cannot fail with a valid mask */
    fds[1].fd = signalfd(-1, &mask, SFD_CLOEXEC);
    for (;;) {
        prompt(terminal, end);
        if (poll(fds, ELEMENTSOF(fds), terminal ? 1000 : -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            break;
        if (fds[1].revents || (fds[2].revents && read_answer(&keep))) {
            (void)confirm_answer(confirm, keep); /* a guardian that is gone is seen by the reply */
            break;
        }
    }
    if (terminal)
        fputc('\n', stderr);
    (void)close(fds[1].fd);
}

/* A person can put right what was in the way, and confirm once more. */
static void say_not_kept(const struct paths *paths, int error, uint64_t end)
{
    uint64_t now = pauses_now();

    if (error == -ESTALE)
        say("cannot confirm: another policy is accepted");
    else
        say("cannot confirm: %s cannot be written: %s", NAME_SHOWN(paths->accepted),
            error_text(error));
    say("everything is put back in %llu s unless it is confirmed by then",
        (unsigned long long)(end > now ? (end - now) / USEC_PER_SEC : 0));
}

int confirming_ask(struct cli *cli, struct confirm *confirm, int status)
{
    bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    struct confirm_result result;
    uint64_t time = 0, end;

    (void)fflush(cli->out.stream); /* output_finish() tells of it */
    (void)parse_time(cli, &time);  /* it was parsed when the options were looked at */
    end = pauses_now() + time;
    if (confirm_start_time(confirm) >= 0 && !terminal)
        say("'rpfpolicy confirm' within %llu s keeps these values, else they are put back",
            (unsigned long long)(time / USEC_PER_SEC));
    for (;;) {
        wait_for_person(confirm, terminal, end);
        confirm_receive(confirm, &result);
        if (result.outcome != CONFIRM_WAITS)
            break;
        say_not_kept(&cli->paths, result.error, end);
    }
    confirm_done(confirm);
    return tell(cli, &result, status);
}

int confirming_give_up(struct cli *cli, struct confirm *confirm)
{
    struct confirm_result result;

    (void)fflush(cli->out.stream);        /* output_finish() tells of it */
    (void)confirm_answer(confirm, false); /* a guardian that is gone is seen by the reply */
    confirm_receive(confirm, &result);
    confirm_done(confirm);
    (void)tell(cli, &result, EXIT_ERROR); /* it is an error in any case */
    return EXIT_ERROR;
}

static int run_confirm(struct cli *cli, int count, char **arguments)
{
    int error = 0, r = confirm_keep(&cli->paths, &error);
    uint64_t left = 0;

    if (r == 0) {
        fputs("Confirmed, the new values stay.\n", cli->out.stream);
        say_unsafe(cli->paths.accepted, error);
        return EXIT_OK;
    }
    if (r > 0) {
        (void)confirm_pending(&cli->paths, &left); /* without it no time is left */
        say_not_kept(&cli->paths, error, pauses_now() + left);
        return EXIT_ERROR;
    }
    if (r == -ENOENT)
        say("nothing awaits a confirmation");
    else if (r == -EAGAIN)
        say("it is still at work, nothing can be confirmed yet; try again");
    else if (r == -ETIMEDOUT)
        say("no answer yet; it may still be kept, see 'rpfpolicy status'");
    else if (r == -EKEYREJECTED)
        say("cannot confirm: %s is not a socket of root's: somebody has put it there",
            NAME_SHOWN(cli->paths.confirm));
    else if (r == -ECANCELED)
        say("too late, everything is being put back");
    else
        say("cannot confirm: %s%s", error_text(r),
            r == -EACCES || r == -EPERM ? " (this needs root)" : "");
    return EXIT_ERROR;
}

const struct verb verb_confirm = {
    .name = "confirm",
    .arguments = "",
    .summary = "keep a policy that is on trial, and its values",
    .text = "Tells an 'apply --confirm' that waits, in another terminal perhaps, or the trial\n"
            "of an 'accept --trial', that its values and policy stay. Until then no other\n"
            "'apply', 'accept' or 'restore' runs.\n",
    .formats = FORMATS_TEXT,
    .run = run_confirm,
};
