/* Carrying out a plan: under the lock, in order, each former value recorded before its first change
 * since boot; gone devices are success, renamed ones are matched again, one failure does not stop
 * the rest. Where /proc/sys is read-only devices are written by RTM_SETLINK, and what cannot be
 * done for `all` and `default` fails with -EROFS. Logs nothing: every result goes to a callback. */
#pragma once

#include <sys/types.h>

#include "agent/base/paths.h"
#include "agent/kernel/links.h"
#include "agent/kernel/procsys.h"
#include "policy/decide/plan.h"

/* flock on paths->lock, waiting at most timeout_ms. Returns a descriptor; -EBUSY after the wait.
 * Makes the run directory where it is missing; where that fails, what it is for is missing, the
 * lock only if it is in there. */
int lock_acquire(const struct paths *paths, int timeout_ms);
void lock_release(int fd);

/* The process that holds it now; 0: none, or it cannot be told. */
pid_t lock_holder(const struct paths *paths);

struct before_record;

enum write_result {
    WRITE_DONE,
    WRITE_GONE,    /* the device vanished: success */
    WRITE_RENAMED, /* it has another name now: planned again under it, which is reported again */
    WRITE_FAILED,
    WRITE_HELD, /* left out of the plan, see plan.held; told once, at its end */
};

struct apply_result {
    unsigned done, gone, failed, held;
    int first_error;  /* negative errno of the first failure, 0 for none */
    int flush_error;  /* negative errno when the flush failed: one warning */
    int record_error; /* negative errno when `before` could not be written: the writes were done all
                         the same, `restore` will not know of them; one warning */
    bool stricter;    /* a device that is up became stricter */
    bool flushed;     /* the route cache was flushed, or will be by another process that waits */
};

typedef void (*apply_report_t)(const struct write *write, enum write_result result, int error,
                               void *data);

struct apply_options {
    const struct paths *paths;
    const struct policy *policy;
    /* Gives the whole policy, where `policy` was read for one device and that is not enough: asked
     * at most once, and needed only then. A negative errno ends the work. */
    int (*whole)(void *data, const struct policy **ret);
    int only_ifindex;   /* 0: everything */
    uint32_t facts;     /* what to collect beside what the policy needs; for a plan of all devices
                           FACT_ADDRESSES always is, since it tells who follows `default` */
    uint32_t blind;     /* what not to collect nor judge although the policy needs it */
    bool ignore_pauses; /* write what is paused, too: a person insists */
    bool no_flush;      /* the device carried no traffic yet: nothing is cached */
    int lock_timeout_ms;
    /* NULL, or called after every reading of the picture, before it is planned with: the helper
     * adds what udev told it. A negative errno ends the work. */
    int (*amend)(struct live *live, void *data);
    /* NULL, or makes the plan of all devices in place of the policy, from a picture read under the
     * lock. Called again where a plan has to be made again. A negative errno ends the work. */
    int (*make)(const struct live *live, void *data, struct plan *ret);
    /* NULL, or told what is about to be written, before it is. A negative errno ends the work
     * before these writes. */
    int (*announce)(const struct before_record *records, size_t n, void *data);
    apply_report_t report;
    void *data;
};

/* Lock, read the live picture, plan, write, and flush as section 4 of the design says: that may
 * take 10 s, after the lock was released; with no_flush it never waits, and ret->stricter tells
 * whether it is asked for. With only_ifindex that device alone is read, and all devices only when
 * the plan writes `all` or `default`; -ENODEV when the device is not there. A negative errno:
 * nothing more than what *ret counts was done. 0: the plan was carried out to its end,
 * ret->first_error tells of failures in it. -ECANCELED of a single write: it relied on `all` or
 * `default`, whose write failed. *ret is always set. */
int apply_policy(const struct apply_options *options, struct apply_result *ret);

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
    bool all_known; /* false: written down by a version that did not note `all` */
    int wrote;      /* what we wrote, or were about to write, last ... */
    int wrote_earlier; /* ... and before that, where it was another value. Set by before_read(). */
};

/* Add what is about to be written over `value`; of several for the same key and device the first
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

/* The records, one per key and device, in the order they were first made, those of `all` last;
 * owned. -ENOENT when there are none of this boot. Needs no lock. */
int before_read(const struct paths *paths, struct before_record **ret, size_t *ret_count);

/* Flush the route cache: at most once in 10 s over all processes, the last one never lost. Waits
 * when another one was done less than 10 s ago, unless someone else already waits to do it: then
 * *ret_flushed is false. Not to be called with the lock held. */
int flush_request(const struct paths *paths, const struct procsys *procsys, bool *ret_flushed);
