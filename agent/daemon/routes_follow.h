/* Policy routing in the agent: facts that follow the kernel's messages, a plan when they change,
 * the changes, and who keeps undoing them. What is wanted the core decides (routes.h).
 *
 * Messages only tell that something is to be read again, unless they agree with what is known, as
 * the echoes of our own changes do. */
#pragma once

#include <jansson.h>
#include <libmnl/libmnl.h>
#include <stdio.h>

#include "agent/daemon/conflict.h"
#include "agent/daemon/loop.h"
#include "agent/system/networkd.h"
#include "policy/decide/plan.h"
#include "policy/routes/routes.h"

struct agent;
struct entry;

#define ROUTING_DIRTY_MAX 8

#define FAMILY_BIT(family) (1U << IP_INDEX(family))

/* One device that the policy asks routing for; ifindex 0: the rules for main. */
struct routing_record {
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
    unsigned failures; /* in a row */
    uint64_t heard;    /* when its state changed, or a message told of an IPv4 address of it */
    uint64_t retry_at;
    struct conflict conflict;
};

struct agent_routing {
    bool asked;       /* the policy asks for routing; else leftovers are removed, once */
    bool done;        /* that was done */
    unsigned read;    /* ROUTES_READ_…: what is to be read before the next plan */
    bool files;       /* leases and other programs are to be looked for */
    uint32_t *tables; /* of devices: the kernel tells of what others have in them; owned, sorted */
    size_t n_tables;
    int dirty[ROUTING_DIRTY_MAX]; /* devices whose addresses are to be read */
    size_t n_dirty;
    bool due;     /* a plan is to be made */
    bool hold;    /* what is to go stays for now */
    bool held;    /* something did */
    bool awaited; /* a value waits for something that is missing */
    struct route_facts facts;
    struct networkd networkd;       /* kept: see there */
    struct routing_record *records; /* by ifindex */
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

void agent_routing_init(struct agent *agent); /* once */

/* The policy in force changed. */
void agent_routing_begin(struct agent *agent);
void agent_routing_done(struct agent *agent);

/* Everything is read and planned with, now. New ways are made, before a device becomes strict that
 * needs them; those that go do so with agent_routing_finish(), when no device is strict any more
 * that needed them. */
void agent_routing_resync(struct agent *agent);
void agent_routing_finish(struct agent *agent);

/* Messages. on_link: what the table knew of the device before; NULL for a new one. */
void agent_routing_on_link(struct agent *agent, const struct device *before,
                           const struct device *device);
void agent_routing_on_gone(struct agent *agent, int ifindex);
void agent_routing_on_address(struct agent *agent, const struct nlmsghdr *message);
void agent_routing_on_route(struct agent *agent, const struct nlmsghdr *message);
void agent_routing_on_rule(struct agent *agent, const struct nlmsghdr *message);
void agent_routing_on_lost(struct agent *agent); /* some message; everything is to be read again */

/* After messages were taken: plan, or set the timer for it. */
void agent_routing_work(struct agent *agent);
void agent_routing_schedule(struct agent *agent, uint64_t at);

/* routing_write.c: carry out a plan, but for devices that are backed off from. */
void agent_routing_write(struct agent *agent, const struct live *live, struct routes_plan *plan);

/* May it not become stricter, since an IPv4 route or rule that it needs is not in place, or nothing
 * is known of them yet? agent_routing_mark() says so to devices of a picture. */
bool agent_routing_is_missing(const struct agent *agent, const struct device *device);
void agent_routing_mark(const struct agent *agent, struct live *live);

/* A value of the device was held back for that; NULL: `all`. As soon as that need not be,
 * everything is read, and written, again. */
void agent_routing_await(struct agent *agent, const struct device *device,
                         const struct device_target *target);

struct routing_record *agent_routing_record(const struct agent *agent, int ifindex);

/* routes_facts.c. foreign: is some route of somebody else known in this one's table? */
void agent_routing_learn(struct agent *agent, const struct routes_change *change);
bool agent_routing_knows_route(const struct route_facts *facts, const struct route *route);
bool agent_routing_knows_rule(const struct route_facts *facts, const struct route_rule *rule);
bool agent_routing_knows_foreign(const struct route_facts *facts, const struct route *route);

/* routing_report.c */
json_t *agent_routing_json(const struct agent *agent); /* null where nothing is asked for */
void agent_routing_metrics(FILE *out, const struct agent *agent);
