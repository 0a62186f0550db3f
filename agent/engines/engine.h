/* What an engine is: one way to make the kernel obey a policy. And what the one order in which
 * things are changed (agent/change/change.h) gives it to work with. An engine has a folder of its
 * own and ends in a row, `const struct engine`; each program passes the rows that it wants. */
#pragma once

#include <stddef.h>

#include "agent/base/paths.h"
#include "agent/engines/engine_report.h"
#include "agent/kernel/links.h"
#include "agent/kernel/netlink.h"
#include "policy/lang/policy.h"

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
    const struct live *live;            /* for `describe` of the engine */
    const struct missing_ways *missing; /* why something is held back */
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
    /* NULL, or called for each. What an engine could not add before values it tries again after
     * them; where that fails in the same way it is not told a second time. */
    void (*report)(const struct change_report *report, void *data);
    /* NULL, or an engine is through with these phases: what it found before it changed anything in
     * them. Only of engines that tell. */
    void (*finished)(unsigned phases, const struct engine_report *found, void *data);
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
    unsigned phases;   /* only these; 0: all of them */
    /* NULL, or what is missing from an earlier request, to which is added; the caller's. */
    struct missing_ways *missing;
    int only_ifindex; /* 0: everything */
    bool no_flush;    /* the device carried no traffic yet, or the caller flushes by itself */
    int lock_timeout_ms;
    const struct change_listener *listener; /* may be NULL */
    void *data;                             /* of all that is called */
};

/* A change that is under way. While engines carry out a policy, a device for which something is
 * missing by now is marked as held in every picture that change_complete() is given. */
struct change {
    const struct change_request *request;
    struct change_outcome *outcome;
    struct netlink nl;
    const struct engine *engine;  /* that is at work now … */
    unsigned phases;              /* … in these … */
    struct change_counts *counts; /* … and what it did … */
    const struct live *live; /* … by this picture, which it puts here for names; may be NULL */
    struct missing_ways missing;
};

/* How an engine is spoken of. */
struct engine_words {
    const char *member;      /* "routing": of JSON, metrics and tables of `check` */
    const char *changes;     /* "routes": the same of its changes */
    const char *title;       /* "policy routing" */
    const char *many;        /* "routes" */
    const char *parts;       /* "routes and rules" */
    const char *needed;      /* "a route or rule" */
    const char *awaited;     /* "a route or rule that replies need": what values wait for */
    const char *facts;       /* "addresses, routes and rules": what it reads */
    const char *show, *plan; /* commands that tell more: "routes show", "routes plan" */
};

struct engine_question {
    const struct paths *paths;
    const struct policy *policy; /* NULL: what would take away all that we made */
    const struct live *live;     /* with what is paused, and what the policy's sets need */
    bool forced;                 /* as in struct change_source */
};

struct engine {
    const char *name;
    unsigned phases; /* in which it has something to do */

    /* NULL: it has no state but the values of devices, which programs judge by themselves. Else
     * reads what it needs, and changes nothing. A negative errno. */
    int (*tell)(const struct engine *engine, const struct engine_question *question,
                struct engine_report *ret);
    void (*disown)(void *own); /* frees what a report has of its own kind */
    struct engine_words words;
    key_mask keys;     /* a picture that it is asked with holds these, too */
    unsigned n_states; /* of its items, in the order in which they are listed … */
    const struct state_info *(*state)(unsigned state); /* … and what each means */
    /* One change of its own kind, in words; live: for names, may be NULL. -ENOMEM, else 0. */
    int (*describe)(const void *change, const struct live *live, struct engine_change *ret);

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

/* Ask all that tell, the last one NULL. A negative errno: *ret_broke, which may be NULL, could not
 * be read. And the keys that the picture of the question holds for that. */
int engines_ask(const struct engine *const *engines, const struct engine_question *question,
                struct reports *ret, const struct engine **ret_broke);
key_mask engines_keys(const struct engine *const *engines);

/* For engines. */

/* Nothing may be changed where that returns a negative errno. */
int change_announce(struct change *change, const void *records, size_t n);

/* Count and report. */
void change_tell(struct change *change, const void *what, enum change_result result, int error);

/* All was tried that belongs to the phases. found may be empty where nobody listens. */
bool change_is_followed(const struct change *change);
void change_finish(struct change *change, const struct engine_report *found);

/* Add to a picture that was read what is paused, and what the program knows. */
int change_complete(struct change *change, struct live *live);
