/* What is known of each device beside the kernel's picture: one entry per device of the namespace,
 * ordered by ifindex. */
#pragma once

#include "agent/daemon/conflict.h"
#include "agent/daemon/udev_watch.h"
#include "policy/decide/judge.h"
#include "policy/facts/facts.h"

struct entry_key {
    uint64_t retry_at;         /* monotonic; 0: nothing pending */
    bool failed;               /* the last write did, which was said */
    struct conflict *conflict; /* owned; NULL until the first repair of an existing value */
};

struct entry {
    int ifindex;
    int32_t kept[KEY_COUNT]; /* configured, before somebody moved `default`: keeper_kept.c */
    uint64_t appeared;       /* monotonic time of its first message; 0: it was there at the start */
    uint64_t numbered_until, uplink_until; /* sets with time conditions; 0: nothing pending */
    struct udev_wait udev;
    unsigned nameless; /* renamed, and its directory under the new name was not there yet */
    bool changed;      /* a sweep found another value */
    bool waits;        /* for another engine than that of routes, which was said */
    enum state state;  /* worst of its keys, as counted in table.states */
    key_mask given, given_again; /* keys that got their value while the device was new */
    key_mask taking_over;        /* not seen right yet since another policy is in force: that made
                                    them wrong, nobody wrote */
    struct entry_key *keys;      /* owned, KEY_COUNT of them; NULL while nothing is pending */
};

struct table {
    struct entry **entries;
    size_t count, capacity;
    size_t states[STATE_COUNT];
};

struct entry *table_get(const struct table *table, int ifindex);

/* The entry of this ifindex, made when it is not there. NULL when memory ran out. */
struct entry *table_add(struct table *table, int ifindex, bool *ret_new);
void table_remove(struct table *table, int ifindex);

/* Remove those of devices that are not in this picture. */
void table_keep(struct table *table, const struct live *live);

/* The per-key bookkeeping of an entry, made when it is not there. NULL when memory ran out. */
struct entry_key *entry_keys(struct entry *entry);

/* Forget what was repaired before: another name or another policy is another rule. */
void entry_forget_conflicts(struct entry *entry);
void entry_renamed(struct entry *entry);

/* Note the state of an entry in the counters. */
void table_set_state(struct table *table, struct entry *entry, enum state state);

/* What its device has configured is its own in these keys, not what it followed. */
void entry_keep(struct entry *entry, const struct device *device, key_mask keys);

void table_done(struct table *table);
