/* What an engine is: one way to make the kernel obey a policy. And what the one order in which
 * things are changed (agent/change/change.h) gives it to work with. An engine has a folder of its
 * own and ends in a row, `const struct engine`; each program passes the rows that it wants. */
#pragma once

#include <stddef.h>

#include "agent/base/paths.h"
#include "agent/kernel/links.h"
#include "agent/kernel/netlink.h"
#include "policy/lang/policy.h"

#define ENGINES_MAX 4
#define ENGINE_RECORD_MAX 128

/* All engines are through with one before the next begins. */
enum change_phase {
    CHANGE_ADDITIONS = 1 << 0, /* what harms nobody, and values may need: new ways */
    CHANGE_VALUES = 1 << 1,    /* what decides over packets */
    CHANGE_REMOVALS = 1 << 2,  /* what nothing relies on any more */
};
#define CHANGE_ALL_PHASES (CHANGE_ADDITIONS | CHANGE_VALUES | CHANGE_REMOVALS)

enum change_result {
    CHANGE_DONE,
    CHANGE_GONE,    /* the device vanished: success */
    CHANGE_RENAMED, /* it has another name now: planned again under it, which is reported again */
    CHANGE_FAILED,
    CHANGE_HELD, /* left out of the plan since something that it needs is missing; told at the end
                  */
    CHANGE_LEFT, /* not tried: what it needs failed before it */
};

struct change_counts {
    unsigned done, gone, failed, held, left;
    unsigned skipped; /* going back: what somebody else has changed since */
    int first_error;  /* negative errno of the first failure, 0 for none */
};

struct engine;

struct change_outcome {
    const struct engine
        *broke;      /* a negative errno that is returned is its; NULL: nothing was read */
    unsigned phases; /* … in these */
    struct change_counts counts[ENGINES_MAX]; /* in the order of the request's engines */
    int record_error; /* negative errno when former values could not be recorded: it was all done
                         the same, `restore` will not know of them; one warning */
    bool stricter;    /* a device that is up became stricter */
    bool flushed;     /* the route cache was flushed, or will be by another process that waits */
    int flush_error;  /* negative errno when the flush failed: one warning */
};

/* One change of an engine, after it was tried. */
struct change_report {
    const struct engine *engine;
    unsigned phases;
    const void *change; /* of its own kind: struct write, struct routes_change … */
    enum change_result result;
    int error;
};

/* Changes of an engine, before they are tried; engine NULL: before everything, the lock was taken
 * just now. That is when a policy is accepted. */
struct change_announcement {
    const struct engine *engine;
    const void *records; /* to be remembered by a trial, see struct engine */
    size_t n;
};

struct change_listener {
    /* NULL, or a negative errno ends the work before these changes. */
    int (*announce)(const struct change_announcement *what, void *data);
    void (*report)(const struct change_report *report, void *data); /* may be NULL */
    /* NULL, or an engine is through with these phases of its plan, which is of its own kind. */
    void (*finished)(const struct engine *engine, unsigned phases, const void *plan, void *data);
};

/* What the plans are made by: a policy, and what the program knows of devices. */
struct change_source {
    const struct policy *policy;
    /* Gives the whole policy, where `policy` was read for one device and that is not enough: asked
     * at most once, and needed only then. A negative errno ends the work. */
    int (*whole)(void *data, const struct policy **ret);
    /* NULL, or adds what udev told, and the like, to each picture that was read, before it is
     * planned with. A negative errno ends the work. */
    int (*complete)(struct live *live, void *data);
    uint32_t facts;     /* to collect beside what the policy needs */
    uint32_t blind;     /* what not to collect nor judge although the policy needs it */
    bool ignore_pauses; /* change what is paused, too: a person insists … */
    bool forced;        /* … also where somebody else's settings stand in the way */
};

struct change_request {
    const struct paths *paths;
    const struct engine *const *engines; /* the last one is NULL */
    struct change_source by;             /* a policy; NULL: all that we made goes. Or … */
    void *const *back; /* … what was noted, for each engine; then `by` is empty */
    int only_ifindex;  /* 0: everything */
    bool no_flush;     /* the device carried no traffic yet, or the caller flushes by itself */
    int lock_timeout_ms;
    const struct change_listener *listener; /* may be NULL */
    void *data;                             /* of all that is called */
};

/* A change that is under way. */
struct change {
    const struct change_request *request;
    struct change_outcome *outcome;
    struct netlink nl;
    const struct engine *engine;  /* that is at work now … */
    unsigned phases;              /* … in these … */
    struct change_counts *counts; /* … and what it did */
};

struct engine {
    const char *name;
    unsigned phases; /* in which it has something to do */
    /* Read, plan and change what belongs to these phases, by request->by. Under the lock. A
     * negative errno: no more than what is counted was done. 0: to its end, failures are counted.
     */
    int (*carry_out)(struct change *change, unsigned phases);

    /* What is there now, for a trial to go back to. Under the lock. For forget(). */
    int (*note)(const struct paths *paths, void **ret);
    /* NULL, or a trial remembers what is announced, one by one: records of this size. */
    int (*remember)(void *noted, const void *record);
    size_t record_size;
    /* noted NULL: before our first change since boot there was nothing. */
    int (*put_back)(struct change *change, void *noted, unsigned phases);
    void (*forget)(void *noted);
};

/* For engines. */

/* Nothing may be changed where that returns a negative errno. */
int change_announce(struct change *change, const void *records, size_t n);

/* Count and report. */
void change_tell(struct change *change, const void *what, enum change_result result, int error);

/* All was tried that belongs to the phases. */
void change_finish(struct change *change, const void *plan);

/* Add to a picture that was read what is paused, and what the program knows. */
int change_complete(struct change *change, struct live *live);
