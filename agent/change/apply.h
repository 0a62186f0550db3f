/* Carrying out a plan: under the lock, in order, each former value recorded before its first change
 * since boot; gone devices are success, renamed ones are matched again, one failure does not stop
 * the rest. Where /proc/sys is read-only devices are written by RTM_SETLINK, and what cannot be
 * done for `all` and `default` fails with -EROFS. Logs nothing: every result goes to a callback. */
#pragma once

#include "agent/base/paths.h"
#include "agent/kernel/links.h"
#include "agent/kernel/procsys.h"
#include "agent/store/before.h"
#include "policy/decide/plan.h"

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
    bool locked;        /* the caller holds the lock, and has apply_flush() to call after it */
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

/* Lock, read the live picture, plan, write, and flush the route cache (flush.h): that may
 * take 10 s, after the lock was released; with no_flush it never waits, and ret->stricter tells
 * whether it is asked for. With only_ifindex that device alone is read, and all devices only when
 * the plan writes `all` or `default`; -ENODEV when the device is not there. A negative errno:
 * nothing more than what *ret counts was done. 0: the plan was carried out to its end,
 * ret->first_error tells of failures in it. -ECANCELED of a single write: it relied on `all` or
 * `default`, whose write failed. *ret is always set. */
int apply_policy(const struct apply_options *options, struct apply_result *ret);

/* The flush that it asks for, when the caller held the lock and has released it. */
void apply_flush(const struct apply_options *options, struct apply_result *result);
