/* The agent as a whole: set-up, signals, timers, and the way out. */
#include "agent/daemon/agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/inotify.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/daemon/evidence.h"
#include "agent/store/before.h"

#define START_ATTEMPTS 10

/* ---------------------------------------------------------------------------------- retry timer */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* One entry per change: the mark is gone, or only a day without repairs is missing. */
static void say_settled(struct agent *agent, const struct conflict *conflict, const char *name,
                        const char *key)
{
    log_plain(&agent->logger, LOG_EVENT_WRITER_GONE, LOG_NOTICE,
              conflict->mark == CONFLICT_NONE
                  ? "%s: nothing writes %s back any more"
                  : "%s: nothing writes %s back for now: repairs are made at once again, the mark "
                    "`writer` stays until a day went by without one",
              name, key);
    agent_status_changed(agent);
}

/* When this key wants attention next. */
static uint64_t settle_key(struct agent *agent, const struct entry *entry, enum key key,
                           uint64_t now)
{
    struct conflict *conflict = entry->keys[key].conflict;
    char name[NAME_ESCAPED_SIZE];

    if (!conflict)
        return UINT64_MAX;
    if (conflict_settles_at(conflict) <= now && conflict_settle(conflict, now))
        say_settled(agent, conflict, name_escape_buf(entry->device.name, name, sizeof(name)),
                    key_info(key)->name);
    return conflict_settles_at(conflict);
}

/* A conflict that stayed quiet is over; a key whose time has come is looked at again. Returns the
 * next time at which this entry wants attention. */
static uint64_t retry_entry(struct agent *agent, struct entry *entry, uint64_t now)
{
    uint64_t next = UINT64_MAX, *const sets[] = {&entry->numbered_until, &entry->uplink_until};
    bool due = udev_wait_ended(agent->udev, &entry->udev, entry->device.ifindex);

    if (entry->udev.until)
        next = entry->udev.ask_at;
    for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
        if (*sets[i] > now)
            next = earlier(next, *sets[i]);
        else if (*sets[i])
            agent_schedule_resync(agent, NULL);
    }
    for (enum key key = 0; entry->keys && key < KEY_COUNT; key++) {
        uint64_t at = entry->keys[key].retry_at;

        if (at && at <= now) {
            entry->keys[key].retry_at = 0;
            due = true;
        } else if (at) {
            next = earlier(next, at);
        }
        next = earlier(next, settle_key(agent, entry, key, now));
    }
    if (due) {
        agent_read_values(agent, entry);
        agent_enforce(agent, entry, "retry");
    }
    return next;
}

static uint64_t retry_specials(struct agent *agent, uint64_t now)
{
    struct special *specials = &agent->specials;
    bool settles = conflict_settles_at(&specials->conflict) <= now;

    if (settles && conflict_settle(&specials->conflict, now))
        say_settled(agent, &specials->conflict, "`all` and `default`", "them");
    if (settles || (specials->retry_at && specials->retry_at <= now)) {
        specials->retry_at = 0;
        agent_schedule_resync(agent, NULL); /* what stays is the state from then on: kept.h */
    }
    return earlier(specials->retry_at ? specials->retry_at : UINT64_MAX,
                   conflict_settles_at(&specials->conflict));
}

static void on_retry(void *data)
{
    struct agent *agent = data;
    uint64_t now = loop_take_up(agent->loop), next;

    next = retry_specials(agent, now);
    for (size_t i = 0; i < agent->table.count; i++)
        next = earlier(next, retry_entry(agent, agent->table.entries[i], now));
    agent_schedule_retry(agent, next);
}

void agent_schedule_retry(struct agent *agent, uint64_t at)
{
    deadline_set_by(&agent->retry, at);
}

/* -------------------------------------------------------------------------------------- signals */

/* The policy is taken over by itself when accepted.conf changes; the signal is what a reload waits
 * for: it takes the policy now and answers. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    struct agent *agent = data;

    (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)loop_now(agent->loop));
    if (agent->accepting)
        accepting_try(agent->accepting);
    if (in_force_take(agent->in_force) > 0)
        agent_policy_changed(agent);
    else
        agent_resync_now(agent, NULL);
    if (!agent->restart)
        (void)sd_notify(false, "READY=1");
    return 0;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    return sd_event_exit(data, 0);
}

/* An upgrade announces that the end to come is no stop on purpose: the helper shall stand in until
 * the next agent is at work. */
static int on_successor(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    struct agent *agent = data;

    agent->successor = true;
    return 0;
}

/* Before all else, so that a storm of messages does not keep it from ending. */
static int add_signal(struct agent *agent, int signal, sd_event_signal_handler_t handler,
                      void *data)
{
    sd_event_source *source;
    int r;

    r = sd_event_add_signal(loop_event(agent->loop), &source, signal, handler, data);
    if (r >= 0)
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
    if (r >= 0)
        r = sd_event_source_set_floating(source, true);
    if (r >= 0)
        sd_event_source_unref(source);
    return r;
}

static int add_signals(struct agent *agent)
{
    sigset_t mask;
    int r;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    r = add_signal(agent, SIGTERM, on_terminate, loop_event(agent->loop));
    if (r >= 0)
        r = add_signal(agent, SIGINT, on_terminate, loop_event(agent->loop));
    if (r >= 0)
        r = add_signal(agent, SIGHUP, on_hangup, agent);
    if (r >= 0)
        r = add_signal(agent, SIGUSR1, on_successor, agent);
    return r;
}

/* ------------------------------------------------------------------------------ the capability */

static bool has_capability(void)
{
    cap_flag_value_t value = CAP_CLEAR;
    cap_t caps = cap_get_proc();

    if (caps)
        (void)cap_get_flag(caps, CAP_NET_ADMIN, CAP_EFFECTIVE, &value);
    cap_free(caps);
    return value == CAP_SET;
}

/* In observe mode nothing is ever written, so the means to do it goes too. */
static void drop_capabilities(const struct agent *agent)
{
    cap_t none = cap_init();

    if (!none || cap_set_proc(none) < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The capability to write, not needed now, could not be dropped: %s",
                  strerror(errno));
    cap_free(none);
}

/* ------------------------------------------------------------------------------------- the parts
 */

/* What is left over may have been kept for the pause alone. */
static void on_pauses_changed(void *data)
{
    struct agent *agent = data;

    ways_pauses_changed(agent->ways);
}

static void on_pause_over(void *data)
{
    agent_resync_now(data, NULL);
}

static void on_presence_lost(void *data)
{
    struct agent *agent = data;

    agent->restart = true;
    (void)sd_event_exit(loop_event(agent->loop), 0);
}

/* First of all: it tells whether there is another agent. *where: what could not be had. */
static int make_presence(struct agent *agent, const char **where)
{
    struct presence_options options = {
        .paths = &agent->paths, .logger = &agent->logger, .lost = on_presence_lost, .data = agent};

    return presence_new(&options, &agent->presence, where);
}

static bool can_write(void *data)
{
    return has_capability();
}

static void on_status_changed(void *data)
{
    agent_status_changed(data);
}

/* What the rules of another policy would have cut is forgotten. */
static int make_evidence(struct agent *agent)
{
    struct evidence_options options = {.paths = &agent->paths,
                                       .loop = agent->loop,
                                       .logger = &agent->logger,
                                       .nl = &agent->nl,
                                       .amend = agent_amend_devices,
                                       .looked = on_status_changed,
                                       .data = agent};

    agent->evidence = evidence_free(agent->evidence);
    return evidence_new(&options, policy_of(agent), &agent->evidence);
}

/* What it knows of the device by the policy before. */
static void begin_anew(const struct agent *agent, struct entry *entry)
{
    const uint32_t facts = policy_of(agent) ? policy_of(agent)->facts : 0;

    entry_forget_conflicts(entry);
    entry->taking_over = KEY_MASK_ALL;
    if (!(facts & FACT_ADDRESSES))
        entry->numbered_until = 0;
    if (!(facts & FACT_ROUTES))
        entry->uplink_until = 0;
}

/* Called while the policy before is there: the targets borrow its rules. */
static void on_policy_replaced(void *data)
{
    struct agent *agent = data;

    memset(agent->targets, 0, sizeof(agent->targets));
    agent->restart |= in_force_is_barred(agent->in_force);
    for (size_t i = 0; i < agent->table.count; i++)
        begin_anew(agent, agent->table.entries[i]);
    agent->specials = (struct special){.taking_over = true};
    agent->blocked = 0; /* what stands in the way is said of each policy */
    ways_begin(agent->ways);
    if (make_evidence(agent) < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Who would be cut by what is only observed is not recorded: memory ran out");
}

static void on_policy_changed(void *data)
{
    agent_policy_changed(data);
}

static void on_udev_lost(void *data)
{
    agent_schedule_resync(data, "udev's messages were lost");
}

static int make_udev(struct agent *agent)
{
    struct udev_watch_options options = {.loop = agent->loop,
                                         .foreign = agent->paths.foreign,
                                         .receive_buffer = agent->receive_buffer,
                                         .finished = agent_on_udev_finished,
                                         .lost = on_udev_lost,
                                         .data = agent};

    return udev_watch_new(&options, &agent->udev);
}

static int make_paused(struct agent *agent)
{
    struct paused_options options = {.paths = &agent->paths,
                                     .loop = agent->loop,
                                     .logger = &agent->logger,
                                     .changed = on_pauses_changed,
                                     .time_is_up = on_pause_over,
                                     .data = agent};

    return paused_new(&options, &agent->paused);
}

static int make_in_force(struct agent *agent)
{
    struct in_force_options options = {.paths = &agent->paths,
                                       .loop = agent->loop,
                                       .logger = &agent->logger,
                                       .can_write = can_write,
                                       .replaced = on_policy_replaced,
                                       .changed = on_policy_changed,
                                       .data = agent};

    return in_force_new(&options, &agent->in_force);
}

/* The table's devices in the shape the core wants them. */
static int borrow_devices(struct live *ret, void *data)
{
    const struct agent *agent = data;
    struct live live = agent->special;

    live.devices = calloc(agent->table.count + 1, sizeof(*live.devices));
    if (!live.devices)
        return -ENOMEM;
    for (live.count = 0; live.count < agent->table.count; live.count++)
        live.devices[live.count] = agent->table.entries[live.count]->device;
    *ret = live;
    return 0;
}

static void tell_of_tables(const uint32_t *tables, size_t n, void *data)
{
    const struct agent *agent = data;

    listening_keep_tables(agent->listening, tables, n);
}

static void read_again(const char *reason, void *data)
{
    agent_schedule_resync(data, reason);
}

static int make_ways(struct agent *agent)
{
    struct ways_options options = {.paths = &agent->paths,
                                   .nl = &agent->nl,
                                   .loop = agent->loop,
                                   .logger = &agent->logger,
                                   .in_force = agent->in_force,
                                   .paused = agent->paused,
                                   .presence = agent->presence,
                                   .devices = borrow_devices,
                                   .tables = tell_of_tables,
                                   .read_again = read_again,
                                   .changed = on_status_changed,
                                   .data = agent};

    return ways_new(&options, &agent->ways);
}

static void on_messages_taken(void *data)
{
    const struct agent *agent = data;

    ways_work(agent->ways);
}

static void on_messages_lost(void *data)
{
    struct agent *agent = data;

    ways_on_lost(agent->ways);
    agent_schedule_resync(agent, "messages were lost");
}

static void on_listening_resumed(void *data)
{
    struct agent *agent = data;

    ways_on_lost(agent->ways);
    agent_resync_now(agent, "messages were not read for a while");
}

static int make_listening(struct agent *agent)
{
    struct listening_options options = {.loop = agent->loop,
                                        .logger = &agent->logger,
                                        .receive_buffer = agent->receive_buffer,
                                        .message = agent_on_message,
                                        .taken = on_messages_taken,
                                        .lost = on_messages_lost,
                                        .resumed = on_listening_resumed,
                                        .changed = on_status_changed,
                                        .data = agent};

    return listening_new(&options, &agent->listening);
}

static int make_accepting(struct agent *agent)
{
    struct accepting_options options = {.paths = &agent->paths,
                                        .loop = agent->loop,
                                        .logger = &agent->logger,
                                        .presence = agent->presence,
                                        .tried = on_status_changed,
                                        .data = agent};

    return accepting_new(&options, &agent->accepting);
}

static int make_parts(struct agent *agent, const struct agent_options *options)
{
    int r = make_udev(agent);

    if (r >= 0)
        r = make_paused(agent);
    if (r >= 0)
        r = make_in_force(agent);
    if (r >= 0)
        r = make_listening(agent);
    if (r >= 0)
        r = make_ways(agent);
    if (r >= 0 && options->accept)
        r = make_accepting(agent);
    if (r >= 0)
        r = agent_make_publisher(agent);
    return r;
}

static int on_run_directory(sd_event_source *source, const struct inotify_event *event, void *data)
{
    struct agent *agent = data;

    if (event->len > 0 && streq(event->name, "agent")) /* removed, and soon the directory, too? */
        agent_status_changed(agent);
    if (!(event->mask & IN_Q_OVERFLOW) && (event->len == 0 || !streq(event->name, "paused")))
        return 0;
    if (paused_take(agent->paused) > 0)
        agent_resync_now(agent, NULL);
    return 0;
}

static int watch_run_directory(struct agent *agent)
{
    return sd_event_add_inotify(loop_event(agent->loop), NULL, agent->paths.run,
                                IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR,
                                on_run_directory, agent);
}

void agent_policy_changed(struct agent *agent)
{
    if (agent->restart) {
        (void)sd_event_exit(loop_event(agent->loop), 0);
        return;
    }
    (void)agent_listen(agent);
    agent_plan_sweep(agent);
    agent->taking_over = true;
    agent_resync_now(agent, NULL);
    agent->taking_over = false;
    presence_tell(agent->presence, in_force_enforces(agent->in_force));
}

/* --------------------------------------------------------------------------------- life and end */

static void init_deadlines(struct agent *agent)
{
    deadline_init(&agent->flush, agent->loop, agent_on_flush, agent);
    deadline_init(&agent->look_again, agent->loop, agent_on_look_again, agent);
    deadline_init(&agent->resync, agent->loop, agent_on_resync, agent);
    deadline_init(&agent->retry, agent->loop, on_retry, agent);
    deadline_init(&agent->sweep, agent->loop, agent_on_sweep, agent);
}

static int set_up(struct agent *agent, const struct agent_options *options, const char **where)
{
    int r;

    r = paths_init(&options->paths, &agent->paths);
    if (r >= 0)
        r = make_presence(agent, where);
    if (r >= 0) {
        r = procsys_open(agent->paths.proc_sys_net, &agent->procsys);
        *where = r < 0 ? agent->paths.proc_sys_net : NULL;
    }
    if (r >= 0)
        r = netlink_open(&agent->nl);
    if (r >= 0)
        r = loop_new(NULL, NULL, &agent->loop);
    if (r >= 0)
        r = make_parts(agent, options);
    if (r >= 0)
        init_deadlines(agent);
    if (r >= 0)
        r = add_signals(agent);
    return r;
}

/* NULL where memory is short. */
static char *message(const struct agent *agent, const char *where, int error)
{
    bool denied = agent->paths.foreign && geteuid() != 0 && (error == -EACCES || error == -EROFS);
    const char *what = where == agent->paths.run    ? "is not there, and only root can make it"
                       : where == agent->paths.lock ? "cannot be had by this user"
                                                    : NULL;
    char *text;
    int n = denied && what ? asprintf(&text,
                                      "%s %s: run 'rpfpolicy accept' as root in this network "
                                      "namespace first",
                                      where, what)
                           : asprintf(&text, "%s: %s", where, strerror(-error));

    return n < 0 ? NULL : text;
}

int agent_new(const struct agent_options *options, struct agent **ret, char **ret_message)
{
    const char *where = NULL;
    struct agent *agent = calloc(1, sizeof(*agent));
    int r;

    *ret_message = NULL;
    if (!agent)
        return -ENOMEM;
    agent->procsys = PROCSYS_INIT;
    agent->before = BEFORE_LOG_INIT;
    agent->receive_buffer = options->receive_buffer;
    logger_init(&agent->logger, options->verbose, &agent->entries_lost);
    if (!has_capability()) {
        agent_free(agent);
        return -EPERM;
    }
    r = set_up(agent, options, &where);
    if (r < 0) {
        *ret_message = where ? message(agent, where, r) : NULL;
        agent_free(agent);
        return r;
    }
    *ret = agent;
    return 0;
}

struct agent *agent_free(struct agent *agent)
{
    struct deadline *const deadlines[] = {&agent->flush, &agent->look_again, &agent->resync,
                                          &agent->retry, &agent->sweep};

    listening_free(agent->listening);
    ways_free(agent->ways);
    for (size_t i = 0; i < ELEMENTSOF(deadlines); i++)
        deadline_done(deadlines[i]);
    evidence_free(agent->evidence);
    publisher_free(agent->publisher);
    udev_watch_free(agent->udev);
    paused_free(agent->paused);
    table_done(&agent->table);
    accepting_free(agent->accepting);
    in_force_free(agent->in_force);
    if (agent->nl.socket)
        netlink_close(&agent->nl);
    procsys_close(&agent->procsys);
    before_log_close(&agent->before);
    presence_free(agent->presence);
    loop_free(agent->loop);
    paths_done(&agent->paths);
    logger_done(&agent->logger);
    free(agent);
    return NULL;
}

static int start(struct agent *agent)
{
    int r;

    (void)presence_tell_stopped(agent->presence, false);
    in_force_watch(agent->in_force);
    if (agent->accepting) {
        accepting_watch(agent->accepting);
        accepting_try(agent->accepting);
    }
    r = watch_run_directory(agent);
    if (r < 0)
        return r;
    (void)paused_take(agent->paused);
    (void)in_force_take(agent->in_force);
    r = agent_listen(agent); /* before the first dump, so that nothing falls between */
    if (r < 0)
        return r;
    /* In a storm of new devices no dump may be whole at first. */
    for (unsigned i = 0; i < START_ATTEMPTS && agent->generation == 0; i++) {
        r = agent_resync(agent);
        if (r < 0)
            return r;
    }
    agent_plan_sweep(agent);
    if (!in_force_enforces(agent->in_force))
        drop_capabilities(agent);
    (void)sd_event_set_watchdog(loop_event(agent->loop), true);
    presence_tell(agent->presence, in_force_enforces(agent->in_force));
    log_plain(&agent->logger, LOG_EVENT_STARTED, LOG_INFO, "Started: %zu devices",
              agent->table.count);
    (void)publisher_write(agent->publisher,
                          "running"); /* who waits for READY may ask for it at once */
    (void)sd_notify(false, "READY=1");
    return 0;
}

int agent_run(struct agent *agent)
{
    int r;

    agent->started = clock_usec(CLOCK_REALTIME);
    r = start(agent);
    if (r < 0)
        return r;
    r = sd_event_loop(loop_event(agent->loop));
    if (!agent->restart) /* else it goes on, as this process or as the next one */
        (void)sd_notify(false, "STOPPING=1");
    presence_tell(agent->presence, false);
    if (r < 0)
        return r;
    if (!agent->restart && !agent->successor)
        (void)presence_tell_stopped(agent->presence, true);
    (void)publisher_write(agent->publisher,
                          agent->restart || agent->successor ? "restarting" : "stopped");
    log_plain(&agent->logger, LOG_EVENT_STOPPED, LOG_INFO,
              presence_is_lost(agent->presence) ? "Coming back with new files"
              : agent->restart   ? "Coming back with the right to write, for an enforcing policy"
              : agent->successor ? "Stopped for the next agent; until then the udev hook stands in"
                                 : "Stopped; values stay as they are");
    return 0;
}
