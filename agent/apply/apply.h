/* Carrying out a plan: under the lock, in order, each former value recorded before its first change
 * since boot; gone devices are success, renamed ones are matched again, one failure does not stop
 * the rest. Logs nothing: every result goes to a callback. */
#pragma once

#include "links.h"
#include "paths.h"
#include "plan.h"
#include "procsys.h"

/* flock on paths->lock, waiting at most timeout_ms. Returns a descriptor; -EBUSY after the wait. */
int lock_acquire(const struct paths *paths, int timeout_ms);
void lock_release(int fd);

enum write_result {
    WRITE_DONE,
    WRITE_GONE,    /* the device vanished: success */
    WRITE_RENAMED, /* it has another name now: planned again under it */
    WRITE_FAILED,
};

struct apply_result {
    unsigned done, gone, failed;
    int first_error;  /* negative errno of the first failure, 0 for none */
    int flush_error;  /* negative errno when the flush failed: one warning */
    int record_error; /* negative errno when `before` could not be written */
    bool flushed;
};

typedef void (*apply_report_t)(const struct write *write, enum write_result result, int error,
                               void *data);

struct apply_options {
    const struct paths *paths;
    const struct policy *policy;
    int only_ifindex; /* 0: everything */
    uint32_t facts;   /* what to collect beside what the policy needs */
    uint32_t blind;   /* what not to collect nor judge although the policy needs it */
    bool no_flush;    /* the device carried no traffic yet: nothing is cached */
    int lock_timeout_ms;
    /* NULL, or called after every reading of the picture, before it is planned with: the helper
     * adds what udev told it. A negative errno ends the work. */
    int (*amend)(struct live *live, void *data);
    apply_report_t report;
    void *data;
};

/* Lock, read the live picture, plan, write, flush as section 4 of the design says. With
 * only_ifindex that device alone is read, and all devices only when the plan writes `all` or
 * `default`; -ENODEV when the device is not there. */
int apply_policy(const struct apply_options *options, struct apply_result *ret);

/* The inner part, for callers that hold the lock and have read and planned already. */
int apply_plan(const struct plan *plan, const struct apply_options *options,
               const struct procsys *procsys, struct netlink *nl, struct apply_result *ret);

/* The record of former values: one file per boot, appended before the first write to a key of a
 * device (identified by ifindex and name) or of all/default. -EALREADY is success inside. */
struct before_record {
    enum key key;
    int ifindex;
    char name[DEVICE_NAME_MAX + 1];
    int value;
};
int before_append(const struct paths *paths, const struct before_record *records, size_t n);
int before_read(const struct paths *paths, struct before_record **ret, size_t *ret_count);

/* Flush the route cache: at most once in 10 s, the last one never lost. Waits when another one was
 * done less than 10 s ago, unless someone else already waits to do it. */
int flush_request(const struct paths *paths, const struct procsys *procsys, bool *ret_flushed);
