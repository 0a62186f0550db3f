/* What the files of keeper.h share. */
#pragma once

#include "agent/daemon/entries.h"
#include "agent/daemon/keeper.h"
#include "agent/kernel/world.h"
#include "agent/store/before.h"

#define FAILED_RETRY (10 * USEC_PER_SEC) /* of a write that failed */

/* Sets with time conditions: see keep_memberships() in keeper_picture.c. */
#define UNNUMBERED_AFTER (10 * USEC_PER_SEC)
#define UPLINK_FOR (60 * USEC_PER_SEC)

/* A pin or a minimum for `all`, and `default`: put right by a whole plan, not by one write. */
struct specials {
    struct conflict conflict;
    uint64_t retry_at;
    bool taking_over; /* as in entries.h */
    key_mask blocked; /* keys for which it was said that `all` stands in the way */
};

/* What `all` and `default` were before somebody else moved them: of then are the values that a
 * repair keeps. Apart from the picture, which has what is there now.
 *
 * What is there becomes this state, whoever wrote it, as long as the agent has nothing to put right
 * about `all` and `default` of the key: nobody speaks of them, they are as the policy wants them,
 * paused, or only observed. A move that is to be undone leaves it as it was, however long the agent
 * waits for the lock or for another writer, and whatever is read meanwhile. The same goes for what
 * each device had configured (entry.kept): it tells who only went with `default`. */
struct kept {
    key_mask known;   /* keys that the policy manages, once they were read */
    key_mask settled; /* of these, by the last full read: what is there is the state */
    int32_t all[KEY_COUNT], def[KEY_COUNT];
};

struct keeper {
    struct keeper_options options;
    struct procsys procsys;
    struct before_log before; /* former values, for `restore` */
    struct world world;       /* each of its devices … */
    struct table table;       /* … has an entry */
    bool started;             /* the world was read once */
    struct key_target targets[KEY_COUNT];
    struct specials specials;
    struct kept kept;
    struct deadline retry, flush;
    uint64_t last_flush;
    struct counters counters;
};

static inline const struct policy *policy_of(const struct keeper *keeper)
{
    return in_force_policy(keeper->options.in_force);
}

static inline uint32_t facts_of(const struct keeper *keeper)
{
    return policy_of(keeper) ? policy_of(keeper)->facts : 0;
}

static inline void keeper_changed(const struct keeper *keeper)
{
    keeper->options.changed(keeper->options.data);
}

static inline void keeper_read_again(const struct keeper *keeper, const char *reason)
{
    keeper->options.read_again(reason, keeper->options.data);
}

static inline void keeper_schedule(struct keeper *keeper, uint64_t at)
{
    deadline_set_by(&keeper->retry, at);
}

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline void keeper_special_moved(const struct keeper *keeper, const char *reason)
{
    bool waits = keeper->specials.retry_at > loop_now(keeper->options.loop);

    keeper->options.special_moved(reason, waits, keeper->options.data);
}

/* keeper_enforce.c: the only place where a device is written. */
void keeper_enforce(struct keeper *keeper, struct entry *entry, struct device *device,
                    const char *event);
/* Ask the kernel instead of the messages: for keys that are never announced, and after a wait. */
void keeper_ask(struct keeper *keeper, struct device *device);
void keeper_flush_routes(struct keeper *keeper); /* soon; at most once in 10 s */
void keeper_on_flush(void *keeper);

/* keeper_specials.c */
uint64_t keeper_retry_specials(struct keeper *keeper, uint64_t now); /* when next */
void keeper_say_settled(const struct keeper *keeper, const struct conflict *conflict,
                        const char *name, const char *key);

/* keeper_kept.c. Put the state into a picture, for a plan: kept, kept_all, kept_def and who
 * followed. A key that is new has no earlier state than the picture; but at the start, where this
 * boot's record tells what was written to `all` and `default` last, it is that. */
void keeper_kept_fill(struct keeper *keeper, struct live *live);
/* By the targets that were computed from the picture: make it the state where nothing is left to
 * put right. To be followed by the same for devices. */
void keeper_kept_take(struct keeper *keeper, struct live *live);
/* Is something about `all` or `default` of the key to be put right now? */
bool keeper_kept_drifts(const struct keeper *keeper, enum key key);
