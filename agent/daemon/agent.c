/* The agent as a whole: set-up, signals, timers, and the way out. */
#include "agent.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "sysctl_conf.h"

uint64_t agent_now(const struct agent *agent)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* ---------------------------------------------------------------------------------- retry timer */

/* A conflict that stayed quiet is over; a key whose time has come is looked at again. Returns the
 * next time at which this entry wants attention. */
static uint64_t retry_entry(struct agent *agent, struct entry *entry, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    bool due = false;

    if ((entry->numbered_until && entry->numbered_until <= now) ||
        (entry->uplink_until && entry->uplink_until <= now))
        agent_schedule_resync(agent, NULL);
    for (size_t k = 0; entry->keys && k < KEY_COUNT; k++) {
        struct entry_key *key = &entry->keys[k];
        uint64_t at;

        if (key->retry_at && key->retry_at <= now) {
            key->retry_at = 0;
            due = true;
        } else if (key->retry_at) {
            next = key->retry_at < next ? key->retry_at : next;
        }
        if (!key->conflict)
            continue;
        if (conflict_settles_at(key->conflict) <= now && conflict_settle(key->conflict, now) &&
            key->conflict->mark == CONFLICT_NONE)
            log_plain(&agent->logger, LOG_EVENT_WRITER_GONE, LOG_NOTICE,
                      "Device %d: nothing writes %s back any more", entry->device.ifindex,
                      key_info((enum key)k)->name);
        at = conflict_settles_at(key->conflict);
        next = at < next ? at : next;
    }
    if (due)
        agent_enforce(agent, entry, "retry");
    return next;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *data)
{
    struct agent *agent = data;
    uint64_t now = agent_now(agent), next = UINT64_MAX;

    agent->wake = now;
    if (agent->specials.retry_at && agent->specials.retry_at <= now) {
        agent->specials.retry_at = 0;
        agent_schedule_resync(agent, NULL);
    } else if (agent->specials.retry_at) {
        next = agent->specials.retry_at;
    }
    (void)conflict_settle(&agent->specials.conflict, now);
    for (size_t i = 0; i < agent->table.count; i++) {
        uint64_t at = retry_entry(agent, agent->table.entries[i], now);

        next = at < next ? at : next;
    }
    if (next != UINT64_MAX)
        agent_schedule_retry(agent, next);
    return 0;
}

void agent_schedule_retry(struct agent *agent, uint64_t at)
{
    int enabled = SD_EVENT_OFF;
    uint64_t present;

    if (at == UINT64_MAX)
        return;
    if (agent->retry_timer && sd_event_source_get_enabled(agent->retry_timer, &enabled) >= 0 &&
        enabled != SD_EVENT_OFF && sd_event_source_get_time(agent->retry_timer, &present) >= 0 &&
        present <= at)
        return;
    agent_set_timer(agent, &agent->retry_timer, at, on_retry);
}

/* -------------------------------------------------------------------------------------- signals */

/* The policy is taken over by itself when accepted.conf changes; the signal is what a reload waits
 * for: it takes the policy now and answers. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    struct agent *agent = data;
    int r;

    (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)agent_now(agent));
    if (agent_take_policy(agent) > 0) {
        if (agent->restart)
            return sd_event_exit(agent->event, 0);
        r = agent_open_watches(agent);
        if (r < 0)
            return r;
    }
    r = agent_resync(agent);
    if (r < 0)
        return r;
    (void)agent_mark_enforcing(agent, agent->enforcing);
    (void)sd_notify(false, "READY=1");
    return 0;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    return sd_event_exit(data, 0);
}

static int add_signals(struct agent *agent)
{
    sigset_t mask;
    int r;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    r = sd_event_add_signal(agent->event, NULL, SIGTERM, on_terminate, agent->event);
    if (r >= 0)
        r = sd_event_add_signal(agent->event, NULL, SIGINT, on_terminate, agent->event);
    if (r >= 0)
        r = sd_event_add_signal(agent->event, NULL, SIGHUP, on_hangup, agent);
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
static void drop_capabilities(struct agent *agent)
{
    cap_t none = cap_init();

    if (none && cap_set_proc(none) == 0)
        agent->can_write = false;
    cap_free(none);
}

/* --------------------------------------------------------------------------------- life and end */

static int open_files(struct agent *agent)
{
    if (mkdir(agent->paths.run, 0755) < 0 && errno != EEXIST)
        return -errno;
    agent->lock_fd = open(agent->paths.lock, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (agent->lock_fd < 0)
        return -errno;
    agent->state_fd = agent_state_take(&agent->paths);
    return agent->state_fd < 0 ? agent->state_fd : 0;
}

static int set_up(struct agent *agent, const struct agent_options *options)
{
    int r;

    r = paths_init(&options->paths, &agent->paths);
    if (r >= 0)
        r = open_files(agent);
    if (r >= 0)
        r = procsys_open(agent->paths.proc_sys_net, &agent->procsys);
    if (r >= 0)
        r = netlink_open(&agent->nl);
    if (r >= 0)
        r = sd_event_default(&agent->event);
    if (r >= 0)
        r = add_signals(agent);
    if (r >= 0 && !agent->paths.foreign)
        r = udev_watch_new(agent, &agent->udev);
    if (r >= 0)
        r = sysctl_load(&agent->paths, SYSCTL_SYSTEMD, NULL, &agent->sysctl);
    return r;
}

int agent_new(const struct agent_options *options, struct agent **ret)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    int r;

    if (!agent)
        return -ENOMEM;
    agent->lock_fd = agent->state_fd = -1;
    agent->procsys.conf_fd = agent->procsys.ipv4_fd = -1;
    agent->receive_buffer = options->receive_buffer;
    agent->can_write = has_capability();
    logger_init(&agent->logger, options->verbose);
    if (!agent->can_write) {
        agent_free(agent);
        return -EPERM;
    }
    r = set_up(agent, options);
    if (r < 0) {
        agent_free(agent);
        return r;
    }
    *ret = agent;
    return 0;
}

struct agent *agent_free(struct agent *agent)
{
    sd_event_source **const timers[] = {&agent->resync_timer, &agent->sweep_timer,
                                        &agent->retry_timer, &agent->status_timer,
                                        &agent->flush_timer};

    agent_close_watches(agent);
    for (size_t i = 0; i < ELEMENTSOF(timers); i++)
        sd_event_source_disable_unref(*timers[i]);
    udev_watch_free(agent->udev);
    table_done(&agent->table);
    policy_free(agent->policy);
    sysctl_conf_free(agent->sysctl);
    if (agent->nl.socket)
        netlink_close(&agent->nl);
    if (agent->procsys.conf_fd >= 0)
        procsys_close(&agent->procsys);
    if (agent->lock_fd >= 0)
        close(agent->lock_fd);
    if (agent->state_fd >= 0)
        close(agent->state_fd);
    sd_event_unref(agent->event);
    paths_done(&agent->paths);
    free(agent);
    return NULL;
}

static int start(struct agent *agent)
{
    int r;

    (void)agent_mark_stopped(agent, false);
    r = agent_watch_accepted(agent);
    if (r < 0)
        return r;
    (void)agent_take_policy(agent);
    r = agent_open_watches(agent); /* before the first dump, so that nothing falls between */
    if (r < 0)
        return r;
    r = agent_resync(agent);
    if (r < 0)
        return r;
    agent_set_timer(agent, &agent->sweep_timer,
                    agent_now(agent) +
                        (agent->policy ? agent->policy->agent.sweep_usec : 60 * USEC_PER_SEC),
                    agent_sweep);
    if (!agent->enforcing)
        drop_capabilities(agent);
    (void)sd_event_set_watchdog(agent->event, true);
    r = agent_mark_enforcing(agent, agent->enforcing);
    if (r < 0)
        return r;
    log_plain(&agent->logger, LOG_EVENT_STARTED, LOG_INFO, "Started: %zu devices",
              agent->table.count);
    (void)sd_notify(false, "READY=1");
    return 0;
}

int agent_run(struct agent *agent)
{
    struct timespec now;
    int r;

    clock_gettime(CLOCK_REALTIME, &now);
    agent->started = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
    r = start(agent);
    if (r < 0)
        return r;
    (void)agent_write_status(agent, "running");
    r = sd_event_loop(agent->event);
    (void)sd_notify(false, "STOPPING=1");
    (void)agent_mark_enforcing(agent, false);
    if (r < 0)
        return r;
    if (!agent->restart)
        (void)agent_mark_stopped(agent, true);
    (void)agent_write_status(agent, agent->restart ? "restarting" : "stopped");
    log_plain(&agent->logger, LOG_EVENT_STOPPED, LOG_INFO,
              agent->restart ? "Coming back with the right to write, for an enforcing policy"
                             : "Stopped; values stay as they are");
    return 0;
}
