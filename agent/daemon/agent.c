/* The agent as a whole: set-up, signals, timers, and the way out. */
#include "agent/daemon/agent_private.h"

#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/daemon/protecting.h"
#include "agent/rows/engine_rows.h"
#include "agent/store/lock.h"

static void on_policy_changed(void *data);

/* -------------------------------------------------------------------------------------- signals */

/* The policy is taken over by itself when accepted.conf changes; the signal is what a reload waits
 * for: it takes the policy now and answers. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    struct agent *agent = data;

    /* Without a manager nobody waits for it. */
    (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)loop_now(agent->loop));
    if (agent->accepting)
        accepting_try(agent->accepting);
    if (in_force_take(agent->in_force) > 0)
        on_policy_changed(agent);
    else
        reader_now(agent->reader, NULL);
    if (!agent->restart)
        (void)sd_notify(false, "READY=1"); /* without a manager nobody waits for it */
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

/* ----------------------------------------------------------------------------------- the rights */

static void say_failed(const struct agent *agent, const char *what, int error)
{
    if (error < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING, "%s: %s", what, strerror(-error));
}

/* In observe mode nothing is ever written, so the means to do it goes too. */
static void put_down_rights(const struct agent *agent)
{
    if (!in_force_enforces(agent->in_force) && !accepting_waits(agent->accepting))
        say_failed(agent, "The capability to write, not needed now, could not be dropped",
                   rights_put_down(agent->rights));
}

static bool can_write(void *data)
{
    return rights_take_up();
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
    const struct agent *agent = data;

    reader_now(agent->reader, NULL);
}

static void on_presence_lost(void *data)
{
    struct agent *agent = data;

    agent->restart = true;
    (void)sd_event_exit(loop_event(agent->loop), 0); /* cannot fail for a loop that runs */
}

static void on_namespace_gone(void *data)
{
    struct agent *agent = data;

    agent->gone = true;
    (void)sd_event_exit(loop_event(agent->loop), 0); /* cannot fail for a loop that runs */
}

/* First of all: it tells whether there is another agent. *where: what could not be had. */
static int make_presence(struct agent *agent, const char **where)
{
    struct presence_options options = {
        .paths = &agent->paths, .logger = &agent->logger, .lost = on_presence_lost, .data = agent};

    return presence_new(&options, &agent->presence, where);
}

static void on_news(void *data)
{
    const struct agent *agent = data;

    publisher_changed(agent->publisher);
}

static void read_again(const char *reason, void *data)
{
    const struct agent *agent = data;

    reader_schedule(agent->reader, reason);
}

static int amend(struct live *live, void *data)
{
    const struct agent *agent = data;

    keeper_amend(agent->keeper, live);
    return 0;
}

/* What the rules of another policy would have cut is forgotten. */
static int make_evidence(struct agent *agent)
{
    struct evidence_options options = {.paths = &agent->paths,
                                       .loop = agent->loop,
                                       .logger = &agent->logger,
                                       .nl = &agent->nl,
                                       .rights = agent->rights,
                                       .amend = amend,
                                       .looked = on_news,
                                       .data = agent};

    agent->evidence = evidence_free(agent->evidence);
    return evidence_new(&options, policy_of(agent), &agent->evidence);
}

/* Called while the policy before is there: the targets borrow its rules. */
static void on_policy_replaced(void *data)
{
    struct agent *agent = data;

    agent->restart |= in_force_is_barred(agent->in_force);
    keeper_begin(agent->keeper);
    ways_begin(agent->ways);
    others_begin(agent->others);
    if (make_evidence(agent) < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Who would be cut by what is only observed is not recorded: memory ran out");
}

static void on_udev_finished(int ifindex, struct udev_device *device, void *data)
{
    const struct agent *agent = data;

    keeper_on_udev(agent->keeper, ifindex, device);
}

static void on_udev_lost(void *data)
{
    read_again("udev's messages were lost", data);
}

static int make_udev(struct agent *agent, int receive_buffer)
{
    struct udev_watch_options options = {.loop = agent->loop,
                                         .foreign = agent->paths.foreign,
                                         .receive_buffer = receive_buffer,
                                         .finished = on_udev_finished,
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

static struct live *devices(void *data)
{
    const struct agent *agent = data;

    return keeper_live(agent->keeper);
}

static void follow_routes(const struct watch_routes *routes, void *data)
{
    const struct agent *agent = data;

    listening_follow_routes(agent->listening, routes);
}

static int make_ways(struct agent *agent)
{
    struct ways_options options = {.paths = &agent->paths,
                                   .nl = &agent->nl,
                                   .loop = agent->loop,
                                   .logger = &agent->logger,
                                   .in_force = agent->in_force,
                                   .paused = agent->paused,
                                   .writing = &agent->writing,
                                   .devices = devices,
                                   .follow = follow_routes,
                                   .read_again = read_again,
                                   .changed = on_news,
                                   .data = agent};

    return ways_new(&options, &agent->ways);
}

static int make_others(struct agent *agent)
{
    struct others_options options = {.paths = &agent->paths,
                                     .engines = engine_rows,
                                     .followed = ways_engine(),
                                     .loop = agent->loop,
                                     .logger = &agent->logger,
                                     .in_force = agent->in_force,
                                     .writing = &agent->writing,
                                     .devices = devices,
                                     .amend = amend,
                                     .read_again = read_again,
                                     .data = agent};

    return others_new(&options, &agent->others);
}

static void on_message(const struct nlmsghdr *message, void *data)
{
    const struct agent *agent = data;

    switch (message->nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
        ways_on_address(agent->ways, message);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        ways_on_route(agent->ways, message);
        break;
    case RTM_NEWRULE:
    case RTM_DELRULE:
        ways_on_rule(agent->ways, message);
        return;
    default:
        break;
    }
    keeper_on_message(agent->keeper, message);
}

static void on_messages_taken(void *data)
{
    const struct agent *agent = data;

    ways_work(agent->ways);
}

static void on_messages_lost(void *data)
{
    const struct agent *agent = data;

    ways_on_lost(agent->ways);
    reader_schedule(agent->reader, "messages were lost");
}

static void on_listening_resumed(void *data)
{
    const struct agent *agent = data;

    ways_on_lost(agent->ways);
    reader_now(agent->reader, "messages were not read for a while");
}

static int make_listening(struct agent *agent, int receive_buffer)
{
    struct listening_options options = {.loop = agent->loop,
                                        .logger = &agent->logger,
                                        .receive_buffer = receive_buffer,
                                        .message = on_message,
                                        .taken = on_messages_taken,
                                        .lost = on_messages_lost,
                                        .resumed = on_listening_resumed,
                                        .changed = on_news,
                                        .data = agent};

    return listening_new(&options, &agent->listening);
}

/* Only what the policy needs. */
static int listen_as_needed(struct agent *agent)
{
    const uint32_t facts = policy_of(agent) ? policy_of(agent)->facts : 0;
    unsigned kinds = 0;

    if (facts & FACT_ADDRESSES)
        kinds |= 1U << WATCH_ADDRESS;
    if (facts & FACT_ROUTES)
        kinds |= 1U << WATCH_ROUTE;
    if (ways_are_asked(agent->ways))
        kinds |= 1U << WATCH_ADDRESS | 1U << WATCH_ADDRESS6 | 1U << WATCH_ROUTE |
                 1U << WATCH_ROUTE6 | 1U << WATCH_RULE | 1U << WATCH_RULE6;
    return listening_to(agent->listening, kinds);
}

static void on_special_moved(const char *reason, bool waits, void *data)
{
    const struct agent *agent = data;

    reader_special_moved(agent->reader, reason, waits);
}

static void on_device_written(void *data)
{
    const struct agent *agent = data;

    reader_look_again(agent->reader);
}

static int make_keeper(struct agent *agent, const char **where)
{
    struct keeper_options options = {.paths = &agent->paths,
                                     .nl = &agent->nl,
                                     .loop = agent->loop,
                                     .logger = &agent->logger,
                                     .in_force = agent->in_force,
                                     .paused = agent->paused,
                                     .writing = &agent->writing,
                                     .udev = agent->udev,
                                     .ways = agent->ways,
                                     .others = agent->others,
                                     .read_again = read_again,
                                     .special_moved = on_special_moved,
                                     .written = on_device_written,
                                     .changed = on_news,
                                     .data = agent};

    return keeper_new(&options, &agent->keeper, where);
}

static int make_reader(struct agent *agent)
{
    struct reader_options options = {.loop = agent->loop,
                                     .logger = &agent->logger,
                                     .in_force = agent->in_force,
                                     .paused = agent->paused,
                                     .listening = agent->listening,
                                     .ways = agent->ways,
                                     .others = agent->others,
                                     .keeper = agent->keeper,
                                     .policy_changed = on_policy_changed,
                                     .data = agent};

    return reader_new(&options, &agent->reader);
}

/* Whom a policy would cut is not to be seen without the right to write: connections of others, and
 * what programs they belong to. And an agent that came back for that right, by its manager, would
 * end the trial that asked for it. */
static int look(const struct policy *policy, char **ret_reason, void *data)
{
    struct agent *agent = data;
    bool writes_on_trial = policy->agent.trial_usec && policy->agent.mode == MODE_ENFORCE;

    if (!protecting_is_asked(policy) && !writes_on_trial)
        return 0;
    if (rights_take_up())
        return protecting_look(&agent->paths, engine_rows, policy, ret_reason);
    agent->restart = true;
    (void)sd_event_exit(loop_event(agent->loop), 0); /* cannot fail for a loop that runs */
    return -ECANCELED;
}

static void on_tried(void *data)
{
    struct agent *agent = data;

    if (agent->started) /* else they are needed for what is accepted */
        put_down_rights(agent);
    publisher_changed(agent->publisher);
}

/* Nothing tells of the end of a guardian that was killed but this. */
static void on_trial_over(void *data)
{
    struct agent *agent = data;

    if (in_force_take(agent->in_force) > 0)
        on_policy_changed(agent);
}

static int make_accepting(struct agent *agent, const struct trials *trials)
{
    struct accepting_options options = {.paths = &agent->paths,
                                        .loop = agent->loop,
                                        .logger = &agent->logger,
                                        .presence = agent->presence,
                                        .trials = trials,
                                        .look = look,
                                        .tried = on_tried,
                                        .trial_over = on_trial_over,
                                        .data = agent};

    return accepting_new(&options, &agent->accepting);
}

/* The lower ones first. */
static int make_parts(struct agent *agent, const struct agent_options *options, const char **where)
{
    int r = make_udev(agent, options->receive_buffer);

    if (r >= 0)
        r = make_paused(agent);
    if (r >= 0)
        r = make_in_force(agent);
    agent->writing = (struct writing){.presence = agent->presence,
                                      .in_force = agent->in_force,
                                      .paused = agent->paused,
                                      .read_again = read_again,
                                      .data = agent};
    if (r >= 0)
        r = make_listening(agent, options->receive_buffer);
    if (r >= 0)
        r = make_ways(agent);
    if (r >= 0)
        r = make_others(agent);
    if (r >= 0)
        r = make_keeper(agent, where);
    if (r >= 0)
        r = make_reader(agent);
    if (r >= 0 && options->accept)
        r = make_accepting(agent, options->trials);
    if (r >= 0)
        r = agent_make_publisher(agent);
    return r;
}

static int on_run_directory(sd_event_source *source, const struct inotify_event *event, void *data)
{
    struct agent *agent = data;

    if (event->len > 0 && streq(event->name, "agent")) /* removed, and soon the directory, too? */
        publisher_changed(agent->publisher);
    if (!(event->mask & IN_Q_OVERFLOW) && (event->len == 0 || !streq(event->name, "paused")))
        return 0;
    if (paused_take(agent->paused) > 0)
        reader_now(agent->reader, NULL);
    return 0;
}

static int watch_directory(struct agent *agent, const char *directory)
{
    return loop_add_inotify(agent->loop, directory,
                            IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR, on_run_directory,
                            agent);
}

static int watch_directories(struct agent *agent)
{
    int r = watch_directory(agent, agent->paths.orders);

    if (r < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "%s cannot be watched: %s. A pause is seen before a write or at the next sweep",
                  agent->paths.orders, strerror(-r));
    return watch_directory(agent, agent->paths.run);
}

/* Everything is judged anew. */
static void on_policy_changed(void *data)
{
    struct agent *agent = data;

    if (agent->restart) {
        (void)sd_event_exit(loop_event(agent->loop), 0); /* cannot fail for a loop that runs */
        return;
    }
    (void)listen_as_needed(agent); /* what could not be opened is tried again */
    reader_plan_sweep(agent->reader);
    reader_take_over(agent->reader);
    presence_tell(agent->presence, in_force_enforces(agent->in_force));
    put_down_rights(agent);
    if (agent->accepting)
        accepting_policy_changed(agent->accepting);
}

/* --------------------------------------------------------------------------------- life and end */

static int set_up(struct agent *agent, const struct agent_options *options, const char **where)
{
    int r;

    r = paths_init(&options->paths, &agent->paths);
    if (r >= 0)
        r = make_presence(agent, where);
    if (r >= 0)
        r = netlink_open(&agent->nl);
    if (r >= 0)
        r = loop_new(NULL, NULL, &agent->loop);
    if (r >= 0 && agent->paths.foreign)
        say_failed(agent, "Whether this network namespace is deleted is not seen",
                   namespace_watch_new(agent->loop, on_namespace_gone, agent, &agent->namespace));
    if (r >= 0)
        r = make_parts(agent, options, where);
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
    agent->rights = options->rights;
    logger_init(&agent->logger, options->verbose, &agent->entries_lost);
    if (!rights_take_up()) {
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
    if (!agent)
        return NULL;
    publisher_free(agent->publisher);
    evidence_free(agent->evidence);
    accepting_free(agent->accepting);
    reader_free(agent->reader);
    keeper_free(agent->keeper);
    others_free(agent->others);
    ways_free(agent->ways);
    listening_free(agent->listening);
    in_force_free(agent->in_force);
    paused_free(agent->paused);
    udev_watch_free(agent->udev);
    if (agent->nl.socket)
        netlink_close(&agent->nl);
    presence_free(agent->presence);
    loop_free(agent->loop);
    namespace_watch_free(agent->namespace);
    paths_done(&agent->paths);
    logger_done(&agent->logger);
    free(agent);
    return NULL;
}

static int start(struct agent *agent)
{
    int r;

    /* At worst the helper stands in where it need not. */
    (void)presence_tell_stopped(agent->presence, false);
    in_force_watch(agent->in_force);
    if (agent->accepting) {
        accepting_watch(agent->accepting);
        accepting_try(agent->accepting);
    }
    r = watch_directories(agent);
    if (r < 0)
        return r;
    (void)paused_take(agent->paused); /* a failure is said, and everything is paused then */
    r = in_force_take(agent->in_force);
    if (r < 0)
        return r; /* it might be one to enforce */
    r = rights_filter(agent->rights, agent->accepting || agent->evidence);
    if (r == -ENOMEM)
        return r;
    say_failed(agent, "Its system calls could not be limited to those that it needs", r);
    r = listen_as_needed(agent); /* before the first dump, so that nothing falls between */
    if (r >= 0)
        r = reader_start(agent->reader);
    if (r < 0)
        return r;
    reader_plan_sweep(agent->reader);
    put_down_rights(agent);
    agent->started = clock_usec(CLOCK_REALTIME);
    /* Without a manager there is none. */
    (void)sd_event_set_watchdog(loop_event(agent->loop), true);
    presence_tell(agent->presence, in_force_enforces(agent->in_force));
    log_plain(&agent->logger, LOG_EVENT_STARTED, LOG_INFO, "Started: %zu devices",
              keeper_live(agent->keeper)->count);
    (void)publisher_write(agent->publisher,
                          "running"); /* who waits for READY may ask for it at once */
    (void)sd_notify(false, "READY=1");
    return 0;
}

int agent_run(struct agent *agent)
{
    int r;

    r = start(agent);
    if (r < 0)
        return agent->restart ? 1 : r;
    r = sd_event_loop(loop_event(agent->loop));
    if (!agent->restart) /* else it goes on, as this process or as the next one */
        (void)sd_notify(false, "STOPPING=1");
    presence_tell(agent->presence, false);
    if (r < 0)
        return r;
    if (agent->gone) {
        log_plain(&agent->logger, LOG_EVENT_STOPPED, LOG_NOTICE,
                  "Stopped, since this network namespace was deleted from /run/netns: it goes when "
                  "nothing else is in it");
        run_directory_remove(&agent->paths);
        return 0;
    }
    if (!agent->restart && !agent->successor)
        /* At worst the helper stands in where it need not. */
        (void)presence_tell_stopped(agent->presence, true);
    /* A failure is said, and it is tried again. */
    (void)publisher_write(agent->publisher,
                          agent->restart || agent->successor ? "restarting" : "stopped");
    log_plain(&agent->logger, LOG_EVENT_STOPPED, LOG_INFO,
              presence_is_lost(agent->presence) ? "Coming back with new files"
              : agent->restart   ? "Coming back with the rights that the new policy needs"
              : agent->successor ? "Stopped for the next agent; until then the udev hook stands in"
                                 : "Stopped; values stay as they are");
    return agent->restart ? AGENT_COMES_BACK : agent->successor ? AGENT_IS_FOLLOWED : 0;
}
