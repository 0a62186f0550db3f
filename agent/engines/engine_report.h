/* What an engine tells of itself, as plain data that every program can print: what it was asked
 * for and how that stands, what it would change, what of ours is left over. And why a device must
 * wait with its value. */
#pragma once

#include "agent/engines/fields.h"
#include "policy/facts/facts.h"
#include "policy/facts/states.h"
#include "policy/lang/policy.h"

struct engine;
struct write;

#define ENGINE_STATES_MAX 12
#define ENGINES_MAX 4

/* How one thing stands that was asked for: of a device, or with ifindex 0 of the host. Texts are
 * owned; NULL for what there is not. */
struct engine_item {
    int ifindex;
    char name[DEVICE_NAME_MAX + 1];
    unsigned state;       /* which one of the engine's */
    struct origin origin; /* the line that asks for it, borrowed from the policy; file NULL: none */
    char *now, *wanted;   /* for a table */
    const char *todo;     /* static: what to do where there is nothing else to say */
    char *conflict;       /* who stands in the way */
    char *cure;           /* against that, to paste; may be several lines */
    char *message;        /* why it is not as wanted otherwise */
    bool expected;        /* … which needs no note */
    char *advice;
    char *holds;        /* why rp_filter is not to become stricter: "eth2: no IPv4 gateway" */
    bool held;          /* and it should, by the policy and what it is now */
    struct fields more; /* beside all that */
};

/* Why, in a word to people; "" for nothing. */
const char *engine_item_why(const struct engine_item *item);

/* One change, before it is made or after. */
struct engine_change {
    unsigned phase;                 /* CHANGE_… in which it belongs */
    int ifindex;                    /* the device that it is for; 0: the host */
    unsigned part;                  /* what fails does so for all of one part of a device … */
    bool needed;                    /* … which its value needs before it becomes stricter */
    const char *op;                 /* static: what it does, a word to programs */
    const char *reason;             /* static */
    char *command;                  /* owned: what a person would type, or "from -> to" */
    char name[DEVICE_NAME_MAX + 1]; /* of the device; "" for none, or not known any more */
    const struct write *value; /* what it gives a device's key, borrowed; NULL: it gives none */
};
void engine_change_done(struct engine_change *change);

struct engine_unmatched {
    const char *name; /* borrowed from the policy, as is the origin */
    struct origin origin;
};

struct engine_report {
    const struct engine *engine;
    bool asked; /* the policy asks for anything of it */
    struct engine_item *items;
    size_t n_items, items_capacity;
    struct engine_change *changes; /* in the order of a plan, as they would be made now */
    size_t n_changes, changes_capacity;
    struct engine_unmatched *unmatched; /* asked for by an exact name that no device has */
    size_t n_unmatched, unmatched_capacity;
    void *own; /* owned, of its own kind; see `disown` of the engine */
};
void engine_report_done(struct engine_report *report);
#define _cleanup_report_ _cleanup_(engine_report_done)

/* Empty, to be filled; NULL when memory ran out. */
struct engine_item *engine_report_item(struct engine_report *report);
struct engine_change *engine_report_change(struct engine_report *report);
int engine_report_unmatched(struct engine_report *report, const char *name,
                            const struct origin *origin);

const struct state_info *engine_item_state(const struct engine_report *report, size_t i);

/* Is any such that no change of ours can put it right? */
bool engine_report_blocked(const struct engine_report *report);

/* Is there one of this device? */
bool engine_report_has(const struct engine_report *report, int ifindex);

/* Mark the devices as held that hold their value. */
void engine_report_mark(const struct engine_report *report, struct live *live);

/* Of every engine that tells, in their order. */
struct reports {
    struct engine_report items[ENGINES_MAX];
    size_t count;
};
void reports_done(struct reports *reports);
#define _cleanup_reports_ _cleanup_(reports_done)

/* Mark exactly the devices as held that some engine holds the value of. */
void reports_mark(const struct reports *reports, struct live *live);

/* What could not be put in place, the first failure of each part of a device, and what is not to be
 * had: the device must not become stricter without it. */
struct missing_ways {
    struct missing_way {
        const struct engine *engine;
        int ifindex; /* 0: what every device needs */
        unsigned part;
        bool needed;
        char *command; /* owned: what failed; NULL: not to be had */
        int error;     /* negative errno; 0: not tried */
        char *reason;  /* owned: why it is not to be had */
    } * items;         /* owned */
    size_t count, capacity;
    bool unknown; /* memory ran out: any device may be one of them */
};
void missing_ways_done(struct missing_ways *missing);

/* Why a device holds its value; the reason is taken, NULL: memory ran out before. */
void missing_ways_hold(struct missing_ways *missing, const struct engine *engine, int ifindex,
                       char *reason);
void missing_ways_add_report(struct missing_ways *missing, const struct engine_report *report);

/* What failed; the command is moved out of the change. */
void missing_ways_add(struct missing_ways *missing, const struct engine *engine,
                      struct engine_change *change, int error);

/* What failed of the same part of the same device; NULL for nothing. */
const struct missing_way *missing_ways_of(const struct missing_ways *missing,
                                          const struct engine *engine,
                                          const struct engine_change *change);

/* What holds this device, or `all`; NULL for nothing, or nothing that is known. */
const struct missing_way *missing_ways_find(const struct missing_ways *missing, int ifindex);

/* Mark the devices as held. */
void missing_ways_mark(const struct missing_ways *missing, struct live *live);
