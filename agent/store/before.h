/* What stood there before our first write since boot, and what was written last. */
#pragma once

#include <sys/types.h>

#include "agent/base/paths.h"
#include "policy/facts/facts.h"

/* The record of former values: one file per boot and network namespace, appended before each write
 * to a key of a device (identified by ifindex and name) or of all/default. */
struct before_record {
    enum key key;
    int ifindex; /* IFINDEX_ALL, IFINDEX_DEFAULT or a device */
    char name[DEVICE_NAME_MAX + 1];
    int value;      /* configured, before our first write */
    int all;        /* `all` of the key at that moment, so that what the device was effectively is
                       known. Where that was ours, before_read() gives what was there before our
                       first write to it. Of no meaning in a record of `all` itself */
    bool noted;     /* nothing was written, only looked at: former_note() */
    bool all_known; /* false: written down by a version that did not note `all` */
    int wrote;      /* what we wrote, or were about to write, last ... */
    int wrote_earlier; /* ... and before that, where it was another value. Set by before_read(). */
    /* The same by the word of an agent that is another user's; before_read() of root. */
    bool claimed_write;
    int claimed, claimed_earlier;
    bool claimed_value; /* and `value`, too: root's record knows nothing of this device */
};

/* Is this value, which is there now, one of the two that we wrote last? An interrupted plan may
 * have written only the first. */
bool before_is_ours(const struct before_record *record, int now);

/* Root's record is ORDERS/before. An agent of another user keeps one of its own, RUN/before, whose
 * lines are claims. Where root reads, they tell which values the agent wrote, and what stood there
 * before only of a device that root's record does not know, of a key that this record speaks of and
 * a value that the key takes; of `all` and `default` never. Others read both as they are.
 *
 * Add what is about to be written over `value`; of several for the same key and device the first
 * `value` and the last `wrote` count. All or nothing. Callers hold the lock. Records of devices
 * that are gone are dropped now and then. */
int before_append(const struct paths *paths, const struct before_record *records, size_t n);

/* The same one by one, for a program that stays: the file is kept open between records, and looked
 * through again only when somebody else replaced or changed it. Records of devices that are gone
 * are not dropped on the way, which takes long with thousands, but by before_log_tidy(), when there
 * are twice as many as the last time; for it, too, callers hold the lock. */
struct before_log {
    int fd;         /* -1: not open */
    off_t end;      /* as we left it */
    off_t tidy_end; /* as the last look through it left it */
};
#define BEFORE_LOG_INIT ((struct before_log){.fd = -1})

int before_log_add(struct before_log *log, const struct paths *paths,
                   const struct before_record *record);
int before_log_tidy(struct before_log *log, const struct paths *paths);
void before_log_close(struct before_log *log);

/* Merge records in their order into one per key and device, as before_read() gives them; each comes
 * with wrote_earlier = wrote. Only once: `all` is looked through, too. -ENOMEM: unchanged. */
int before_merge(struct before_record *records, size_t *count);

/* The records, one per key and device, in the order they were first made, those of `all` last; of
 * what was only noted those that an agent may have changed without a word of it. Owned. -ENOENT
 * when there are none of this boot. Needs no lock. */
int before_read(const struct paths *paths, struct before_record **ret, size_t *ret_count);

/* The same with all that was only noted; claims false: root's own record alone. Owned; may be none.
 */
int before_read_noted(const struct paths *paths, bool claims, struct before_record **ret,
                      size_t *ret_count);
