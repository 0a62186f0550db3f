/* The agent's state and what its parts ask of each other. One process, one thread, one event loop;
 * decisions are the core's (plan.h), so that agent, helper and commands cannot disagree. */
#pragma once

#include <time.h>

#include "agent/base/paths.h"
#include "agent/daemon/accepting.h"
#include "agent/daemon/counters.h"
#include "agent/daemon/entries.h"
#include "agent/daemon/in_force.h"
#include "agent/daemon/kept.h"
#include "agent/daemon/listening.h"
#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "agent/daemon/paused.h"
#include "agent/daemon/presence.h"
#include "agent/daemon/publisher.h"
#include "agent/daemon/udev_watch.h"
#include "agent/daemon/ways.h"
#include "agent/kernel/links.h"
#include "agent/kernel/procsys.h"
#include "agent/kernel/watch.h"
#include "agent/store/before.h"

/* Sets with time conditions: see keep_memberships() in resync.c. */
#define UNNUMBERED_AFTER (10 * USEC_PER_SEC)
#define UPLINK_FOR (60 * USEC_PER_SEC)

struct agent_options {
    struct path_options paths;
    int receive_buffer; /* bytes; tests force overruns with a small one */
    bool verbose;
    bool accept; /* also put the policy on disk into force: accepting.c */
};

/* A pin or a minimum for `all`, and `default`: put right by a whole plan, not by one write. */
struct special {
    struct conflict conflict;
    uint64_t retry_at;
    bool taking_over; /* as in entries.h */
};

struct evidence;

struct agent {
    struct paths paths;
    struct logger logger;
    unsigned entries_lost;
    struct loop *loop;
    struct netlink nl;
    struct procsys procsys;
    struct before_log before; /* former values, for `restore` */
    struct presence *presence;

    struct in_force *in_force;
    struct accepting *accepting; /* NULL without --accept */
    bool restart;   /* leave the loop to come back: with the capability, or new files */
    bool successor; /* another agent follows at once: the helper need not stand back */

    struct paused *paused;

    struct live special; /* all and default as they are; no devices */
    struct kept kept;    /* as they were before somebody else moved them */
    struct key_target targets[KEY_COUNT];
    struct special specials;
    struct table table;
    uint64_t generation;

    struct ways *ways;

    struct listening *listening;
    int receive_buffer;
    struct udev_watch *udev;

    struct deadline resync, sweep, retry, flush, look_again;
    uint64_t last_resync, resync_cost, last_flush;
    const char *resync_reason; /* NULL: none is due */
    bool taking_over;          /* read again since another policy is in force */
    bool resync_failed;        /* said once */
    key_mask blocked;          /* keys for which it was said that `all` stands in the way */
    uint64_t started;          /* wall clock */
    struct counters counters;
    struct evidence *evidence; /* evidence.h; NULL: every rule is enforced */
    struct publisher *publisher;
};

/* agent.c */
/* On an error *ret_message, where it is not NULL, says what file could not be had, and why; the
 * caller's. */
int agent_new(const struct agent_options *options, struct agent **ret, char **ret_message);
struct agent *agent_free(struct agent *agent);
int agent_run(struct agent *agent);

void agent_policy_changed(struct agent *agent); /* another one is in force: judge everything anew */

static inline const struct policy *policy_of(const struct agent *agent)
{
    return in_force_policy(agent->in_force);
}

static inline void agent_status_changed(struct agent *agent)
{
    publisher_changed(agent->publisher);
}

/* status_sources.c: what there is to tell. */
int agent_make_publisher(struct agent *agent);

/* resync.c: reading everything again. */
void agent_schedule_resync(struct agent *agent, const char *reason);
int agent_resync(struct agent *agent);
bool agent_policy_is_stale(struct agent *agent); /* as in_force_is_stale(); then it is taken soon */
void agent_on_resync(void *agent);
void agent_resync_now(struct agent *agent, const char *reason); /* a failure is tried again */
/* Somebody wrote a key that is announced: a whole run of systemd-sysctl, maybe, which writes others
 * that are not. Read everything when it is through. */
void agent_look_again(struct agent *agent);
void agent_on_look_again(void *agent);
/* Somebody moved `all` or `default`. */
void agent_special_changed(struct agent *agent, const char *reason);

/* merge.c: the table takes what was read. */
int agent_merge(struct agent *agent, struct live *live);
int agent_amend(struct live *live, void *agent);
int agent_amend_devices(struct live *live, void *agent); /* without what is kept of all keys */

/* sweep.c: looking at everything now and then. */
void agent_plan_sweep(struct agent *agent); /* the next one, by the policy's interval from now */
void agent_on_sweep(void *agent);

/* events.c: from messages to the table. */
void agent_on_message(const struct nlmsghdr *message, void *agent);
int agent_listen(struct agent *agent);
void agent_device_changed(struct agent *agent, struct entry *entry, const char *event);
void agent_on_udev_finished(int ifindex, struct udev_device *device, void *agent);

/* enforce.c: the only place where the agent writes a device. */
void agent_enforce(struct agent *agent, struct entry *entry, const char *event);
/* Ask the kernel instead of the messages: for keys that are never announced, and after a wait. */
void agent_read_values(struct agent *agent, struct entry *entry);
void agent_flush_routes(struct agent *agent); /* soon; at most once in 10 s */
void agent_on_flush(void *agent);
void agent_schedule_retry(struct agent *agent, uint64_t at);
