/* The guardian: remembers what was there, waits for one word, and puts everything back when the
 * word does not come. */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/change/confirm_private.h"
#include "agent/change/flush.h"
#include "agent/engines/routes/routes_snapshot.h"
#include "agent/engines/sysctl/restore.h"
#include "agent/kernel/links.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/before.h"
#include "agent/store/lock.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"

#define LOCK_TIMEOUT_MS 30000

struct guardian {
    const struct guardian_options *options;
    struct before_record *records; /* in the order of the writes */
    size_t count, capacity;
    struct live was; /* every value as it was when all began */
    int listener, signals, timer;
    int trial;         /* it lives while this is open */
    uint64_t deadline; /* CLOCK_BOOTTIME; 0: writing goes on */
    struct restore restore;
    struct routes_snapshot routes; /* what was there of policy routing */
    bool ways_are_back;            /* those that were there */
    unsigned routes_done, routes_failed;
    struct confirm_result result;
    bool stricter; /* going back made a device stricter */
};

/* The trial last, since from then on somebody else may begin one. */
static void end_trial(struct guardian *guardian)
{
    const struct paths *paths = guardian->options->paths;

    (void)unlink(paths->confirm);
    accepted_let_go(paths);
    (void)close(guardian->trial);
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
    return guardian->signals < 0 || guardian->timer < 0 ? -errno : 0;
}

static int read_values(const struct paths *paths, struct live *ret)
{
    struct picture_options options = {.keys = KEY_MASK_ALL, .proc_sys_net = paths->proc_sys_net};
    _cleanup_netlink_ struct netlink nl = {0};
    int r = netlink_open(&nl);

    return r < 0 ? r : picture_read(&nl, &options, ret);
}

/* One guardian at a time, and what it shall go back to is of one moment. */
static int prepare_locked(struct guardian *guardian)
{
    const struct paths *paths = guardian->options->paths;
    int r = confirm_check(paths, NULL);

    if (r >= 0)
        r = guardian->trial = accepted_hold(paths);
    if (r < 0)
        return r;
    r = take_socket(guardian);
    if (r >= 0)
        r = read_values(paths, &guardian->was);
    if (r >= 0)
        r = routes_snapshot_take(&guardian->routes);
    if (r < 0)
        end_trial(guardian);
    return r < 0 ? r : 0;
}

static int prepare(struct guardian *guardian)
{
    int r = block_signals(guardian), lock;

    if (r < 0)
        return r;
    lock = lock_acquire(guardian->options->paths, LOCK_TIMEOUT_MS);
    if (lock < 0)
        return lock;
    r = prepare_locked(guardian);
    lock_release(lock);
    return r;
}

static int start_time(struct guardian *guardian)
{
    struct itimerspec when = {0};

    guardian->deadline = pauses_now() + guardian->options->timeout_usec;
    when.it_value.tv_sec = (time_t)(guardian->deadline / 1000000);
    when.it_value.tv_nsec = (long)(guardian->deadline % 1000000) * 1000;
    return timerfd_settime(guardian->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

static int remember(struct guardian *guardian, const struct before_record *record)
{
    int r = grow((void **)&guardian->records, &guardian->capacity, guardian->count,
                 sizeof(*guardian->records));

    if (r >= 0) {
        guardian->records[guardian->count] = *record;
        guardian->records[guardian->count++].wrote_earlier = record->wrote;
    }
    return r;
}

static void put_routes_back(struct guardian *guardian, bool only_add)
{
    struct confirm_result *result = &guardian->result;
    struct routes_outcome outcome = {0};
    int r = routes_snapshot_put_back(&guardian->routes, only_add, &outcome);

    guardian->routes_done += outcome.done;
    guardian->routes_failed = outcome.failed + outcome.left; /* of the last time: it tries all */
    if (result->error == 0)
        result->error = r < 0 ? r : outcome.first_error;
}

static bool is_announced(const struct guardian *guardian, const struct before_record *record)
{
    for (size_t i = 0; i < guardian->count; i++)
        if (guardian->records[i].key == record->key &&
            guardian->records[i].ifindex == record->ifindex)
            return true;
    return false;
}

/* Is there what an agent or the hook wrote by the new policy? Then *record becomes one of that
 * write: of a device that was there with the value it had, of one that came with its first. */
static bool is_of_others(const struct guardian *guardian, const struct live *live,
                         struct before_record *record)
{
    const int32_t *was = live_configured(&guardian->was, record->key, record->ifindex);
    const int32_t *is = live_configured(live, record->key, record->ifindex);

    if (!is || (*is != record->wrote && *is != record->wrote_earlier))
        return false;
    if (was) {
        record->value = *was;
        record->all = guardian->was.all[record->key];
        record->all_known = true;
    }
    return record->value != *is && !is_announced(guardian, record);
}

/* What was announced, and what others of us wrote meanwhile as far as they could record it. Owned.
 */
static int gather_records(const struct guardian *guardian, const struct live *live,
                          struct before_record **ret, size_t *ret_count)
{
    _cleanup_free_ struct before_record *others = NULL, *records = NULL;
    size_t n = 0, count = guardian->count;

    (void)before_read(guardian->options->paths, &others, &n);
    records = calloc(guardian->count + n + 1, sizeof(*records));
    if (!records)
        return -ENOMEM;
    for (size_t i = 0; i < guardian->count; i++)
        records[i] = guardian->records[i];
    for (size_t i = 0; i < n; i++)
        if (is_of_others(guardian, live, &others[i]))
            records[count++] = others[i];
    *ret = TAKE_PTR(records);
    *ret_count = count;
    return 0;
}

/* Under the lock: first the policy, so that nobody enforces the new one while values go back. Then
 * the ways that were there, before a device becomes strict again that relied on them. */
static int make(const struct live *live, void *data, struct plan *ret)
{
    struct guardian *guardian = data;
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;
    int r = guardian->ways_are_back ? 0 : accepted_put_back(guardian->options->paths);

    if (r < 0)
        guardian->result.error = r; /* the values go back all the same */
    put_routes_back(guardian, true);
    guardian->ways_are_back = true;
    r = gather_records(guardian, live, &records, &n);
    return r < 0 ? r : restore_plan(&guardian->restore, records, n, live, ret);
}

/* The new ways go last: until its value was back a device may have relied on them. */
static void take_new_ways(struct guardian *guardian)
{
    int lock = guardian->ways_are_back ? lock_acquire(guardian->options->paths, LOCK_TIMEOUT_MS)
                                       : -ECANCELED;

    if (lock >= 0)
        put_routes_back(guardian, false);
    else if (guardian->result.error == 0)
        guardian->result.error = lock;
    lock_release(lock);
}

static void put_back(struct guardian *guardian)
{
    const struct paths *paths = guardian->options->paths;
    _cleanup_policy_ struct policy *policy = policy_new();
    struct apply_options options = {.paths = paths,
                                    .policy = policy,
                                    .ignore_pauses = true,
                                    .lock_timeout_ms = LOCK_TIMEOUT_MS,
                                    .no_flush = true,
                                    .make = make,
                                    .data = guardian};
    struct confirm_result *result = &guardian->result;
    struct apply_result applied = {0};
    int r = policy ? before_merge(guardian->records, &guardian->count) : -ENOMEM;

    result->outcome = CONFIRM_PUT_BACK;
    if (policy)
        policy->keys = KEY_MASK_ALL;
    if (r >= 0)
        r = apply_policy(&options, &applied);
    if (r < 0 && result->error == 0)
        result->error = r;
    take_new_ways(guardian);
    guardian->stricter = applied.stricter && applied.done > 0;
    result->done = applied.done + guardian->routes_done;
    result->failed = applied.failed + guardian->routes_failed;
    result->skipped = (unsigned)guardian->restore.n_skipped;
    if (result->error == 0)
        result->error = applied.first_error;
}

/* What is said on a connection. True when that decides. */
static bool listen_to(struct guardian *guardian, int fd, const struct confirm_packet *packet)
{
    struct confirm_packet state = {.word = WORD_STATE, .waiting = guardian->deadline != 0};
    uint64_t now = pauses_now();

    switch (packet->word) {
    case WORD_WRITE:
        /* What cannot be remembered must not be written: the sender learns it by the end. */
        if (remember(guardian, &packet->record) < 0) {
            guardian->result.outcome = CONFIRM_PUT_BACK;
            return true;
        }
        return false;
    case WORD_START:
        if (start_time(guardian) >= 0)
            return false;
        guardian->result.outcome = CONFIRM_PUT_BACK;
        return true;
    case WORD_KEEP:
        if (guardian->deadline == 0)
            break;
        state.error = policy_keep(guardian->options->paths);
        if (state.error < 0)
            break;
        guardian->result.outcome = CONFIRM_KEPT;
        return true;
    case WORD_PUT_BACK:
        guardian->result.outcome = CONFIRM_PUT_BACK;
        return true;
    default:
        break;
    }
    state.left = guardian->deadline > now ? guardian->deadline - now : 0;
    (void)confirm_send(fd, &state);
    return false;
}

static bool may_speak(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* Someone from elsewhere says one thing. Returns the connection where that decides, else -1. */
static int take_visitor(struct guardian *guardian)
{
    struct timeval patience = {.tv_sec = 1};
    int fd = accept4(guardian->listener, NULL, NULL, SOCK_CLOEXEC);
    struct confirm_packet packet;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (may_speak(fd) && recv(fd, &packet, sizeof(packet), 0) == sizeof(packet) &&
        (packet.word == WORD_KEEP || packet.word == WORD_ASK) && listen_to(guardian, fd, &packet))
        return fd;
    (void)close(fd);
    return -1;
}

/* The one who applies spoke, or is gone: then everything goes back. True when that decides. */
static bool take_word(struct guardian *guardian)
{
    int parent = guardian->options->parent;
    struct confirm_packet packet;
    ssize_t n = recv(parent, &packet, sizeof(packet), 0);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n == sizeof(packet))
        return listen_to(guardian, parent, &packet);
    guardian->result.outcome = CONFIRM_PUT_BACK;
    return true;
}

/* Until it is decided. Returns the visitor who decided, or -1. */
static int wait_for_decision(struct guardian *guardian)
{
    struct pollfd fds[] = {{.fd = guardian->options->parent, .events = POLLIN},
                           {.fd = guardian->listener, .events = POLLIN},
                           {.fd = guardian->signals, .events = POLLIN},
                           {.fd = guardian->timer, .events = POLLIN}};

    while (guardian->result.outcome == CONFIRM_WAITS) {
        int visitor;

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
        if (fds[2].revents || fds[3].revents)
            break;
        visitor = fds[1].revents ? take_visitor(guardian) : -1;
        if (visitor >= 0)
            return visitor;
    }
    return -1;
}

/* May wait for 10 s, so everybody was told before. */
static void flush_routes(const struct paths *paths)
{
    _cleanup_procsys_ struct procsys procsys = PROCSYS_INIT;
    bool flushed;

    if (procsys_open(paths->proc_sys_net, &procsys) == 0)
        (void)flush_request(paths, &procsys, &flushed);
}

void guardian_run(const struct guardian_options *options)
{
    struct guardian guardian = {
        .options = options, .listener = -1, .signals = -1, .timer = -1, .trial = -1};
    struct confirm_packet packet = {.word = WORD_READY, .error = prepare(&guardian)};
    int visitor;

    (void)confirm_send(options->parent, &packet);
    if (packet.error < 0)
        return;
    visitor = wait_for_decision(&guardian);
    if (guardian.result.outcome != CONFIRM_KEPT) {
        /* Nothing more may be announced; the trial lives on, so that nobody takes its place. */
        (void)shutdown(options->parent, SHUT_RD);
        put_back(&guardian);
    }
    end_trial(&guardian);
    packet = (struct confirm_packet){.word = WORD_RESULT, .result = guardian.result};
    if (visitor >= 0)
        (void)confirm_send(visitor, &packet);
    (void)confirm_send(options->parent, &packet);
    if (visitor >= 0)
        (void)close(visitor);
    (void)close(options->parent);
    if (options->ended)
        options->ended(&guardian.result, options->data);
    if (guardian.stricter)
        flush_routes(options->paths);
}
