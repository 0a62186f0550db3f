/* Policy routing as several verbs read and print it. */
#pragma once

#include "agent/cli/session/report.h"
#include "agent/engines/routes/routes_engine.h"

struct routing {
    struct route_facts facts;
    struct routes_plan plan;
};
void routing_done(struct routing *routing);
#define _cleanup_routing_ _cleanup_(routing_done)

/* Facts of the live picture that routing wants beside those of the policy's sets. */
#define ROUTING_KEYS (KEY_BIT(KEY_ARP_FILTER) | KEY_BIT(KEY_ARP_ANNOUNCE))

/* Read what the kernel has and plan with the policy of the session, which was read. policy NULL: to
 * take everything of ours away. A negative errno after saying why. */
int routing_read(const struct session *session, const struct policy *policy, bool forced,
                 struct routing *ret);

/* Is there something to do, or something that cannot be done? */
bool routing_is_wrong(const struct routes_plan *plan);

/* Devices that are asked for, in a table, with what there is to say below. */
int routing_print_devices(struct output *out, const struct session *session,
                          const struct routing *routing);

/* What stands in the way and what cannot be had, one line each, as "note: …". */
void routing_print_notes(FILE *stream, const struct routes_plan *plan);

/* "note: there is no device …" for lines of [routing] with an exact name; their number. */
unsigned routing_print_unmatched(FILE *stream, const struct session *session);

/* The changes from..to of the plan in order, as commands with reasons, the first one as step
 * `step`. */
int routing_print_changes(struct output *out, const struct live *live,
                          const struct routes_plan *plan, size_t from, size_t to, size_t step);

/* "ip -4 rule add …". Owned; NULL when memory ran out. */
char *routing_command_text(const struct live *live, const struct routes_change *change);

/* "ip -4 rule add …: wanted", without an end of line. */
void routing_print_change(FILE *stream, const struct live *live,
                          const struct routes_change *change);

/* Changes that are only looked at: each an element of the list, or where that is NULL a line. */
void routing_show_changes(FILE *stream, json_t *list, const struct live *live,
                          const struct routes_change *changes, size_t n);

/* What could not be added, the first failure of each family of a device, and what is not to be had.
 * It must not become stricter without its ways in IPv4. */
struct missing_ways {
    struct missing_way {
        int ifindex; /* 0: the rule for main, by which replies of every device go */
        uint8_t family;
        char *command; /* owned: "ip -4 route add …"; NULL: not to be had */
        int error;     /* negative errno; 0: not tried */
        char *reason;  /* owned: why it is not to be had: "eth2: no IPv4 gateway: …" */
    } * items;         /* owned */
    size_t count, capacity;
    bool unknown; /* memory ran out: any device may be one of them */
};
void missing_ways_done(struct missing_ways *missing);

/* Add the devices that hold their values. */
void missing_ways_add_held(struct missing_ways *missing, const struct routes_plan *plan);

/* Mark the devices as held. */
void missing_ways_mark(const struct missing_ways *missing, struct live *live);

/* What in IPv4 holds this device, or `all`; NULL for nothing, or nothing that is known. */
const struct missing_way *missing_ways_find(const struct missing_ways *missing, int ifindex);

/* Telling what the engine of routes does: one line per change to the output, or where `changes` is
 * not NULL an element of that list: json_routes_change() with `result` (done, gone, failed, or
 * left: something before it failed for this device) and `error`. What failed alone, before values,
 * is tried again after them, and has no line where it fails again. */
struct routing_writing {
    struct session *session;     /* with the live picture */
    json_t *changes;             /* owned */
    struct missing_ways missing; /* devices that hold their values are in it, too */
    size_t count;                /* changes that there were to make */
    bool wrong;                  /* somebody stands in the way, or something is not to be had */
};
void routing_tell(struct routing_writing *writing, const struct change_report *told);
void routing_tell_end(struct routing_writing *writing, unsigned phases,
                      const struct routes_plan *plan);

/* The exit status, after saying what failed. */
int routing_status(const struct routing_writing *writing, const struct change_counts *counts);

/* How far it came, also where it did not come to its end: "nothing was written", or what was.
 * Either may be NULL. */
#define WRITTEN_TEXT_SIZE 96
const char *written_text(const struct change_counts *values, const struct change_counts *ways,
                         char buffer[static WRITTEN_TEXT_SIZE]);

/* Why routes were not changed to the end. done: how far it came. Returns EXIT_ERROR. */
int routing_say_error(const struct cli *cli, int r, const char *done);
void routing_writing_done(struct routing_writing *writing);

/* {done, gone, failed, left}: numbers. */
json_t *json_routes_outcome(const struct change_counts *outcome);

/* {ifindex, name, state, rule {file, line}, addresses [TEXT], table, gateways {ipv4 {address,
 * source}, ipv6 …}, rules [{family, priority, from, to, table, text}], routes [{family, to, via,
 * text}], conflict, cure, message, held, advice}. rules and routes are those it shall have; texts
 * as ip(8) prints them; null for what there is not. `source` is "policy", "first host", "main",
 * "table N", "networkd", "NetworkManager", "point to point" or "none"; `state` conflict,
 * impossible, drift, paused, ok, primary or waiting. */
json_t *json_routing_device(const struct routing *routing, const struct routes_device *device);

/* Put out "routing": each device that is asked for. */
void json_routing_devices(struct output *out, const struct routing *routing);

/* {op, name, reason, command}: op is add-route, replace-route, add-rule, delete-rule or
 * delete-route; name null for the rule for main and for what no device has. */
json_t *json_routes_change(const struct live *live, const struct routes_change *change);

/* {devices, conflict, impossible, drift, paused, ok, primary, waiting, changes}: numbers. */
json_t *json_routing_summary(const struct routes_plan *plan);
