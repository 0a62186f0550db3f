/* The guardian: remembers what was there, waits for one word, and puts everything back when the
 * word does not come. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/change/change.h"
#include "agent/change/confirm_private.h"
#include "agent/change/flush.h"
#include "agent/change/probes.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/history.h"
#include "agent/store/lock.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"

#define LOCK_TIMEOUT_MS 30000
#define KEEP_LOCK_TIMEOUT_MS 2000 /* for the history alone: nobody else accepts meanwhile */
#define PROBE_INTERVAL_SEC 3

struct guardian {
    const struct guardian_options *options;
    void *noted[ENGINES_MAX]; /* by each engine: what was there when all began */
    int listener, signals, timer;
    int trial;         /* it lives while this is open */
    uint64_t deadline; /* CLOCK_BOOTTIME; 0: writing goes on */
    struct {
        uint32_t count; /* one bit for each that passed before */
        int next;       /* timer */
        int answer;     /* of the process that asks; -1: none does */
        pid_t asks;
        unsigned failed; /* rounds in a row */
    } probes;
    struct confirm_result result;
    int speaker;   /* the connection by which it was told to put back; -1: it decided itself */
    bool settled;  /* the history tells what is in force when all went back */
    bool stricter; /* going back made a device stricter */
    bool alone;    /* who began it has ended, as it may */
};

/* The trial last, since from then on somebody else may begin one. */
static void end_trial(struct guardian *guardian)
{
    const struct paths *paths = guardian->options->paths;

    (void)unlink(paths->confirm); /* a socket that nobody listens to misleads nobody */
    trial_record_remove(paths);
    accepted_let_go(paths);
    (void)close(guardian->trial);
}

/* lock: it is held, or a negative errno. fd: who decided is at its other end; -1: the guardian
 * itself, whose login and environment are those of who began it. There is nobody to be told of a
 * failure but the log. */
static void record(const struct guardian *guardian, enum decision what, int lock, int fd,
                   const char *detail)
{
    const struct paths *paths = guardian->options->paths;
    _cleanup_policy_ struct policy *policy = NULL;
    struct history_record record;
    socklen_t size = sizeof(struct ucred);
    struct ucred peer = {0};
    int r = lock;

    /* A line without a hash is better than none. */
    (void)policy_load_accepted(paths, NULL, &policy);
    if (fd >= 0)
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size); /* likewise, without a name */
    history_describe(what, peer.pid, peer.uid, policy, detail, &record);
    if (lock < 0)
        history_tell(&record);
    else
        r = history_add(paths, &record);
    if (r < 0)
        syslog(LOG_WARNING, "%s cannot be written: %s", paths->history, strerror(-r));
}

/* The policy of before is in force as soon as no trial lives, also where it could not be put back.
 */
static void end_unrecorded(struct guardian *guardian)
{
    int lock = lock_acquire(guardian->options->paths, KEEP_LOCK_TIMEOUT_MS);

    end_trial(guardian);
    record(guardian, DECISION_ROLLBACK, lock, guardian->speaker, guardian->result.why);
    lock_release(lock);
}

static int take_socket(struct guardian *guardian)
{
    const struct paths *paths = guardian->options->paths;

    (void)unlink(paths->confirm); /* of one who was killed */
    (void)umask(0177);
    return guardian->listener = confirm_socket(paths, true);
}

static int block_signals(struct guardian *guardian)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGQUIT);
    if (sigprocmask(SIG_SETMASK, &mask, NULL) < 0)
        return -errno;
    guardian->signals = signalfd(-1, &mask, SFD_CLOEXEC);
    guardian->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    guardian->probes.next = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    return guardian->signals < 0 || guardian->timer < 0 || guardian->probes.next < 0 ? -errno : 0;
}

/* One guardian at a time, and what it shall go back to is of one moment. */
static int prepare_locked(struct guardian *guardian)
{
    const struct engine *const *engines = guardian->options->engines;
    const struct paths *paths = guardian->options->paths;
    int r = confirm_check(paths, NULL);

    if (r >= 0)
        r = guardian->trial = accepted_hold(paths);
    if (r < 0)
        return r;
    r = take_socket(guardian);
    for (size_t i = 0; r >= 0 && engines[i]; i++)
        r = engines[i]->note(paths, &guardian->noted[i]);
    if (r < 0)
        end_trial(guardian);
    return r < 0 ? r : 0;
}

/* Probes while nothing is accepted yet: what fails now tells nothing later. */
static int prepare(struct guardian *guardian)
{
    const struct confirm_terms *terms = guardian->options->terms;
    int r = block_signals(guardian), lock;

    if (r < 0)
        return r;
    guardian->probes.count = ((UINT64_C(1) << terms->n_probes) - 1) &
                             ~(uint64_t)probes_ask(terms->probes, terms->n_probes);
    lock = lock_acquire(guardian->options->paths, LOCK_TIMEOUT_MS);
    if (lock < 0)
        return lock;
    r = prepare_locked(guardian);
    lock_release(lock);
    return r;
}

static void probe_later(struct guardian *guardian)
{
    const struct itimerspec when = {.it_value = {.tv_sec = PROBE_INTERVAL_SEC}};

    if (guardian->probes.count)
        /* Cannot fail for a timer and a valid time. */
        (void)timerfd_settime(guardian->probes.next, 0, &when, NULL);
}

static int start_time(struct guardian *guardian)
{
    const struct confirm_terms *terms = guardian->options->terms;
    struct itimerspec when = {0};
    char text[TRIAL_TEXT_MAX];

    guardian->deadline = pauses_now() + terms->timeout_usec;
    when.it_value.tv_sec = (time_t)(guardian->deadline / 1000000);
    when.it_value.tv_nsec = (long)(guardian->deadline % 1000000) * 1000;
    if (timerfd_settime(guardian->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        return -errno;
    snprintf(text, sizeof(text), "for %llu s, then %s unless it was decided before; probes: %d",
             (unsigned long long)(terms->timeout_usec / 1000000),
             terms->keeps ? "it is kept" : "it goes back",
             __builtin_popcount(guardian->probes.count));
    trial_record_write(guardian->options->paths, text);
    probe_later(guardian);
    return 0;
}

_printf_(3, 4) static void decide(struct guardian *guardian, enum confirm_outcome outcome,
                                  const char *format, ...)
{
    va_list arguments;

    guardian->result.outcome = outcome;
    va_start(arguments, format);
    vsnprintf(guardian->result.why, sizeof(guardian->result.why), format, arguments);
    va_end(arguments);
}

static int remember(struct guardian *guardian, const struct confirm_packet *packet)
{
    const struct engine *const *engines = guardian->options->engines;

    for (size_t i = 0; engines[i]; i++)
        if (i == packet->engine && engines[i]->remember)
            return engines[i]->remember(guardian->noted[i], packet->record);
    return -EPROTO;
}

static int keep(const struct guardian *guardian, int fd, const char *why)
{
    /* For the record; keeping is one step, with or without it. */
    int lock = lock_acquire(guardian->options->paths, KEEP_LOCK_TIMEOUT_MS);
    int r = policy_keep(guardian->options->paths);

    if (r >= 0)
        record(guardian, DECISION_CONFIRM, lock, fd, why);
    lock_release(lock);
    return r;
}

/* First the policy, so that nobody enforces the new one while values go back. */
static int put_policy_back(const struct change_announcement *what, void *data)
{
    struct guardian *guardian = data;
    int r = what->engine ? 0 : accepted_put_back(guardian->options->paths, guardian->result.why);

    if (r != 0)
        guardian->result.error = r; /* the values go back all the same */
    if (what->engine)
        return 0;
    if (r >= 0)
        record(guardian, DECISION_ROLLBACK, 0, guardian->speaker, guardian->result.why);
    guardian->settled = r >= 0 || r == -ESTALE; /* the other one has a record of its own */
    return 0;
}

static void put_back(struct guardian *guardian)
{
    static const struct change_listener listener = {.announce = put_policy_back};
    const struct change_request request = {.paths = guardian->options->paths,
                                           .engines = guardian->options->engines,
                                           .back = guardian->noted,
                                           .no_flush = true,
                                           .lock_timeout_ms = LOCK_TIMEOUT_MS,
                                           .listener = &listener,
                                           .data = guardian};
    struct confirm_result *result = &guardian->result;
    struct change_outcome outcome;
    int r = change_run(&request, &outcome);
    struct change_counts total = change_total(&outcome);

    result->outcome = CONFIRM_PUT_BACK;
    result->done = total.done;
    result->failed = total.failed + total.left;
    result->skipped = total.skipped;
    if (r < 0)
        result->error = r;
    else if (result->error >= 0 && total.first_error < 0)
        result->error = total.first_error;
    guardian->stricter = outcome.stricter;
}

/* What is said on a connection. True when that decides. */
static bool listen_to(struct guardian *guardian, int fd, const struct confirm_packet *packet)
{
    struct confirm_packet state = {.word = WORD_STATE, .waiting = guardian->deadline != 0};
    uint64_t now = pauses_now();

    switch (packet->word) {
    case WORD_WRITE:
        /* What cannot be remembered must not be written: the sender learns it by the end. */
        if (remember(guardian, packet) >= 0)
            return false;
        decide(guardian, CONFIRM_PUT_BACK, "what was to be written could not be remembered");
        return true;
    case WORD_PROBE:
        return false;
    case WORD_START:
        if (start_time(guardian) >= 0)
            return false;
        decide(guardian, CONFIRM_PUT_BACK, "its time could not be set");
        return true;
    case WORD_KEEP:
        if (guardian->deadline == 0)
            break;
        state.error = keep(guardian, fd, "");
        if (state.error < 0)
            break;
        decide(guardian, CONFIRM_KEPT, "it was confirmed");
        guardian->result.error = state.error;
        return true;
    case WORD_PUT_BACK:
        guardian->speaker = fd;
        decide(guardian, CONFIRM_PUT_BACK, "it was not confirmed");
        return true;
    default:
        break;
    }
    state.left = guardian->deadline > now ? guardian->deadline - now : 0;
    (void)confirm_send(fd, &state); /* who asked may be gone */
    return false;
}

/* Someone from elsewhere says one thing. Returns the connection where that decides, else -1. */
static int take_visitor(struct guardian *guardian)
{
    int fd = accept4(guardian->listener, NULL, NULL, SOCK_CLOEXEC);
    struct confirm_packet packet;

    if (fd < 0)
        return -1;
    confirm_limit(fd, 1);
    if (confirm_is_trusted(fd) && recv(fd, &packet, sizeof(packet), 0) == sizeof(packet) &&
        (packet.word == WORD_KEEP || packet.word == WORD_ASK) && listen_to(guardian, fd, &packet))
        return fd;
    (void)close(fd);
    return -1;
}

/* The one who applies spoke, or is gone: then everything goes back, but for a trial that goes on
 * alone by now. True when that decides. */
static bool take_word(struct guardian *guardian)
{
    int parent = guardian->options->parent;
    struct confirm_packet packet;
    ssize_t n = recv(parent, &packet, sizeof(packet), 0);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n == sizeof(packet))
        return listen_to(guardian, parent, &packet);
    guardian->alone = guardian->options->terms->alone && guardian->deadline != 0;
    if (!guardian->alone)
        decide(guardian, CONFIRM_PUT_BACK, "the command that began it ended");
    return !guardian->alone;
}

static uint32_t ask_now(const struct guardian *guardian)
{
    const struct confirm_terms *terms = guardian->options->terms;

    return probes_ask(terms->probes, terms->n_probes) & guardian->probes.count;
}

static void decide_by_probe(struct guardian *guardian, uint32_t failed)
{
    decide(guardian, CONFIRM_PUT_BACK, "%s could be reached before, and cannot any more",
           guardian->options->terms->probes[__builtin_ctz(failed)].text);
}

/* In a process of its own, since what it waits for shall hold up nobody else. It holds nothing of
 * ours, so that the trial ends with the guardian alone. */
static void begin_probes(struct guardian *guardian)
{
    uint32_t failed;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        probe_later(guardian);
        return;
    }
    guardian->probes.asks = fork();
    if (guardian->probes.asks == 0) {
        (void)dup2(fds[1], STDOUT_FILENO); /* without it there is no answer, which counts as none */
        (void)close_range(STDERR_FILENO + 1, ~0U, 0); /* what stays open is only not used */
        failed = ask_now(guardian);
        (void)!write(STDOUT_FILENO, &failed, sizeof(failed));
        _exit(0);
    }
    (void)close(fds[1]);
    guardian->probes.answer = fds[0];
}

/* True when that decides: a failure may be one packet that was lost, two in a row are not. */
static bool take_answer(struct guardian *guardian)
{
    uint32_t failed = 0;
    bool answered = read(guardian->probes.answer, &failed, sizeof(failed)) == sizeof(failed);

    (void)close(guardian->probes.answer);
    guardian->probes.answer = -1;
    if (guardian->probes.asks > 0)
        (void)waitpid(guardian->probes.asks, NULL, 0); /* it answered, or it did not */
    guardian->probes.failed = answered && failed ? guardian->probes.failed + 1 : 0;
    if (guardian->probes.failed == 0)
        probe_later(guardian);
    else if (guardian->probes.failed == 1)
        begin_probes(guardian);
    else
        decide_by_probe(guardian, failed);
    return guardian->result.outcome != CONFIRM_WAITS;
}

static void time_is_up(struct guardian *guardian)
{
    uint32_t failed;
    int r;

    if (!guardian->options->terms->keeps) {
        decide(guardian, CONFIRM_PUT_BACK, "nobody confirmed it in time");
        return;
    }
    failed = ask_now(guardian) ? ask_now(guardian) : 0;
    if (failed) {
        decide_by_probe(guardian, failed);
        return;
    }
    r = keep(guardian, -1, "its time passed, and no probe failed");
    if (r < 0) {
        decide(guardian, CONFIRM_PUT_BACK, "it could not be kept: %s", strerror(-r));
        return;
    }
    guardian->result.error = r;
    decide(guardian, CONFIRM_KEPT, "its time passed, and no probe failed");
}

/* Until it is decided. Returns the visitor who decided, or -1. */
static int wait_for_decision(struct guardian *guardian)
{
    struct pollfd fds[] = {{.fd = guardian->options->parent, .events = POLLIN},
                           {.fd = guardian->listener, .events = POLLIN},
                           {.fd = guardian->signals, .events = POLLIN},
                           {.fd = guardian->timer, .events = POLLIN},
                           {.fd = guardian->probes.next, .events = POLLIN},
                           {.events = POLLIN}};
    uint64_t times;

    while (guardian->result.outcome == CONFIRM_WAITS) {
        int visitor;

        if (guardian->alone)
            fds[0].fd = -1;
        fds[5].fd = guardian->probes.answer;
        if (poll(fds, ELEMENTSOF(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        /* What was announced counts before anything else. */
        if (fds[0].revents && take_word(guardian))
            break;
        if (fds[0].revents & POLLIN)
            continue;
        if (fds[2].revents)
            decide(guardian, CONFIRM_PUT_BACK, "its guardian was told to end");
        else if (fds[3].revents)
            time_is_up(guardian);
        if (fds[2].revents || fds[3].revents || (fds[5].revents && take_answer(guardian)))
            break;
        if (fds[4].revents && read(fds[4].fd, &times, sizeof(times)) > 0)
            begin_probes(guardian);
        visitor = fds[1].revents ? take_visitor(guardian) : -1;
        if (visitor >= 0)
            return visitor;
    }
    return -1;
}

/* Nothing more may be announced, or asked; what was until now counts. The trial lives on, so that
 * nobody takes its place. */
static void close_ears(struct guardian *guardian)
{
    int parent = guardian->options->parent;
    struct confirm_packet packet;

    (void)close(guardian->listener);
    (void)shutdown(parent, SHUT_RD); /* the other end may be closed already */
    while (recv(parent, &packet, sizeof(packet), MSG_DONTWAIT) == sizeof(packet))
        if (packet.word == WORD_WRITE)
            (void)remember(guardian, &packet); /* the complete picture goes back in any case */
}

/* May wait for 10 s, so everybody was told before. */
static void flush_routes(const struct paths *paths)
{
    _cleanup_procsys_ struct procsys procsys = PROCSYS_INIT;
    bool flushed;

    if (procsys_open(paths->proc_sys_net, &procsys) == 0)
        (void)flush_request(paths, &procsys, &flushed); /* nobody is left to be told */
}

/* The last one that is ended where memory runs out. */
static int stay_in_memory(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    r = file_write_fd(fd, "-1000", 5);
    (void)close(fd);
    return r;
}

void guardian_run(const struct guardian_options *options)
{
    struct guardian guardian = {.options = options,
                                .listener = -1,
                                .signals = -1,
                                .timer = -1,
                                .trial = -1,
                                .speaker = -1,
                                .probes = {.next = -1, .answer = -1}};
    struct confirm_packet packet = {
        .word = WORD_READY, .exposed = stay_in_memory(), .error = prepare(&guardian)};
    int visitor;

    packet.failed =
        ~guardian.probes.count & (uint32_t)((UINT64_C(1) << options->terms->n_probes) - 1);
    (void)confirm_send(options->parent, &packet); /* its end is seen by a parent that lives */
    if (packet.error < 0)
        return;
    visitor = wait_for_decision(&guardian);
    if (guardian.result.outcome != CONFIRM_KEPT) {
        close_ears(&guardian);
        put_back(&guardian);
    }
    if (guardian.result.outcome == CONFIRM_KEPT || guardian.settled)
        end_trial(&guardian);
    else
        end_unrecorded(&guardian);
    packet = (struct confirm_packet){.word = WORD_RESULT, .result = guardian.result};
    if (visitor >= 0)
        (void)confirm_send(visitor, &packet);     /* the visitor may be gone */
    (void)confirm_send(options->parent, &packet); /* its end is seen by a parent that lives */
    if (visitor >= 0)
        (void)close(visitor);
    (void)close(options->parent);
    if (options->ended)
        options->ended(&guardian.result, options->data);
    if (guardian.stricter)
        flush_routes(options->paths);
    for (size_t i = 0; options->engines[i]; i++)
        options->engines[i]->forget(guardian.noted[i]);
}
