/* What the files of ways.h share. */
#pragma once

#include "agent/daemon/conflict.h"
#include "agent/daemon/ways.h"
#include "agent/system/networkd.h"

#define WAYS_DIRTY_MAX 8

#define FAMILY_BIT(family) (1U << IP_INDEX(family))

/* One device that the policy asks routing for; ifindex 0: the rules for main. */
struct ways_record {
    int ifindex;
    char name[DEVICE_NAME_MAX + 1];
    uint32_t table;
    enum routes_state state;
    char *message;   /* owned; NULL for none */
    uint64_t wanted; /* hash of the routes and rules that it shall have */
    uint8_t had;     /* families (FAMILY_BIT) of which it had all of that */
    uint8_t refused; /* families of which something failed at the last try */
    bool missing;    /* something of it could not be put in place, or not yet, or is not to be had;
                        IPv4 alone counts */
    bool told;       /* that a value waits for it */
    bool overruled;  /* that it is was said */
    unsigned failures; /* in a row */
    uint64_t heard;    /* when its state changed, or a message told of an IPv4 address of it */
    uint64_t retry_at;
    struct conflict conflict;
    uint64_t effect_at; /* until when so many sentences of its effect count */
    unsigned effect_said;
};

struct ways {
    struct ways_options options;
    bool asked;    /* the policy asks for routing; else leftovers are removed, once */
    bool done;     /* that was done */
    bool started;  /* the devices were read once */
    unsigned read; /* ROUTES_READ_…: what is to be read before the next plan */
    bool files;    /* leases and other programs are to be looked for */
    /* Of others the kernel tells of what they have in the tables of devices, and of what leads to
     * the peers that prove the effect; owned, each sorted. */
    struct watch_routes followed;
    int dirty[WAYS_DIRTY_MAX]; /* devices whose addresses are to be read */
    size_t n_dirty;
    bool due;     /* a plan is to be made */
    bool hold;    /* what is to go stays for now */
    bool held;    /* something did */
    bool awaited; /* a value waits for something that is missing */
    struct route_facts facts;
    struct networkd networkd;    /* kept: see there */
    struct ways_record *records; /* by ifindex */
    size_t n_records;
    size_t states[ROUTES_STATE_COUNT];
    struct deadline due_at;
    uint64_t planned, plan_cost;    /* when the last one ended, and how long it took */
    uint64_t foreign, foreign_cost; /* the same for reading foreign routes */
    bool read_failed;               /* said once */
    struct {
        uint64_t plans, changes, repairs, failures;
    } counters;
};

static inline const struct policy *policy_of(const struct ways *ways)
{
    return in_force_policy(ways->options.in_force);
}

static inline void ways_schedule(struct ways *ways, uint64_t at)
{
    deadline_set_by(&ways->due_at, at);
}

/* Before the next plan, which is to be made. */
static inline void ways_must_read(struct ways *ways, unsigned read)
{
    ways->read |= read;
    ways->due = true;
}

/* ways_facts.c. foreign: is some route of somebody else known in this one's table? */
void ways_learn(struct ways *ways, const struct routes_change *change);
bool facts_know_route(const struct route_facts *facts, const struct route *route);
bool facts_know_rule(const struct route_facts *facts, const struct route_rule *rule);
bool facts_know_foreign(const struct route_facts *facts, const struct route *route);

/* See routes_prove(). */
int ways_prove(struct ways *ways, const struct live *live, bool written,
               struct route_effects *effects, struct routes_plan *plan);

/* ways_enforce.c: carry out a plan, but for devices that are backed off from, and prove what was
 * written. Errors of proving. */
int ways_write(struct ways *ways, const struct live *live, struct routes_plan *plan,
               struct route_effects *effects);
struct ways_record *ways_record(const struct ways *ways, int ifindex);

/* ways_follow.c */
bool ways_want(const struct ways *ways, const struct device *device);
