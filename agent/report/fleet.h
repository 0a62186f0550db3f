/* Many reports of `check --json` in one picture: which host is how, and what is wrong where.
 * Reports are read piece by piece and forgotten; what stays is one record per host and each
 * different text once. Of several reports of one host (the same name and machine id) the latest
 * counts. Hosts are never dropped: what cannot be read is a host of the state `unreadable` that
 * says why.
 *
 * No clock and no files here: the caller feeds bytes and says what time it is. Strings are valid
 * UTF-8 of foreign origin, control characters among them, and live as long as the fleet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/decide/judge.h"

#define FLEET_SCHEMA 1 /* of the reports that are read, and of what is printed of them as JSON */

/* Worst first; what needs a person before what does not. */
enum fleet_state {
    FLEET_IMPOSSIBLE, /* some device or all or default; as in enum state */
    FLEET_DRIFT,
    FLEET_BROKEN,     /* the host's policy cannot be used */
    FLEET_UNREADABLE, /* the report */
    FLEET_STALE,      /* the report is too old, or of the future */
    FLEET_LATENT,
    FLEET_PAUSED,
    FLEET_OK,
    FLEET_STATES,
};
const char *fleet_state_name(enum fleet_state state);

/* One way of not being as wanted. Equal ones are the same object. */
struct fleet_finding {
    enum state state; /* impossible, drift or latent */
    const char *key, *wanted;
    const char *rule_file, *pattern; /* NULL: not told */
    unsigned rule_line;
    const char *cause_file; /* NULL: no line is to blame */
    unsigned cause_line;
    const char *cause; /* the text of that line, or else a sentence */
};

/* So many devices of a host, all of names of one pattern. */
struct fleet_group {
    const struct fleet_finding *finding;
    const char *devices; /* "lxc*"; or all, or default */
    const char *example; /* one of them */
    unsigned long count; /* 0 for all and default, which are no devices */
};

struct fleet_exception {
    const char *name, *reason, *ref, *devices; /* ref may be NULL */
    int until;                                 /* YYYYMMDD; 0: none */
    bool expired;                              /* fleet_judge() knows */
    unsigned long hosts;
    const struct fleet_host *last; /* that was counted */
};

struct fleet_host {
    const char *name;       /* NULL where an unreadable report does not tell */
    const char *machine_id; /* NULL: none */
    const char *source;     /* the file it came from */
    const char *version, *hash, *mode, *revision, *agent;
    bool accepted; /* the policy it reports of is the one in force */
    int64_t time;
    unsigned reports; /* of this host, this one among them */
    enum fleet_state state;
    const char *why;                   /* of broken, unreadable, stale; else NULL */
    unsigned long devices;             /* that it told of */
    unsigned long counts[STATE_COUNT]; /* of those, by their worst key */
    enum state worst;                  /* all and default included */
    struct fleet_group *groups;
    size_t n_groups;
    struct fleet_exception **exceptions;
    size_t n_exceptions;
};

/* Devices that are not as wanted. */
static inline unsigned long fleet_host_bad(const struct fleet_host *host)
{
    return STATES_SUM(host->counts, state_info, it->concern == CONCERN_NOW);
}

struct fleet;

struct fleet *fleet_new(void); /* NULL when memory ran out */
struct fleet *fleet_free(struct fleet *fleet);
static inline void fleet_freep(struct fleet **fleet)
{
    fleet_free(*fleet);
}
#define _cleanup_fleet_ __attribute__((cleanup(fleet_freep)))

/* One source (a file, a stream), named as people shall see it: begin, any number of times feed,
 * end. `why`, when it could not be read to its end, else NULL. -ENOMEM else 0. */
int fleet_source_begin(struct fleet *fleet, const char *name);
int fleet_feed(struct fleet *fleet, const char *bytes, size_t n);
int fleet_source_end(struct fleet *fleet, const char *why);

/* The hosts, unordered until fleet_judge() was called. */
const struct fleet_host *const *fleet_hosts(const struct fleet *fleet, size_t *ret_count);

/* Reports that do not count because there is a later one of the same host. */
unsigned long fleet_superseded(const struct fleet *fleet);

/* -- the sum -- */

struct fleet_line {
    enum state state;
    const struct fleet_finding *finding; /* one that it is about */
    const char *devices;                 /* pattern of their names, of fleet_sum.patterns only */
    unsigned long hosts, count;          /* count: of devices, with this key */
    const struct fleet_host *example_host;
    const char *example;
};

struct fleet_lines {
    struct fleet_line *items;
    size_t count, capacity;
};

/* Hosts that agree in something: a policy, or a version of this program. */
struct fleet_share {
    const char *text;     /* hash, or version; NULL: not told */
    const char *mode;     /* of the policy */
    const char *revision; /* likewise; follows from the hash */
    unsigned long hosts;
    unsigned long states[FLEET_STATES];
};

struct fleet_shares {
    struct fleet_share *items;
    size_t count, capacity;
};

struct fleet_sum {
    size_t hosts;
    unsigned long states[FLEET_STATES]; /* hosts */
    unsigned long devices, device_states[STATE_COUNT];
    struct fleet_lines causes, rules, patterns; /* worst first */
    struct fleet_shares policies, versions;     /* most hosts first */
    const struct fleet_exception **exceptions;  /* expired first, then most hosts */
    size_t n_exceptions, expired;
};

/* Judge how old the reports are at `now`, sort the hosts, the worst first, and add up what the
 * reports that count say. A report is too old after `stale` seconds. -ENOMEM. */
int fleet_judge(struct fleet *fleet, int64_t now, uint64_t stale, struct fleet_sum *ret);
void fleet_sum_done(struct fleet_sum *sum);
#define _cleanup_fleet_sum_ __attribute__((cleanup(fleet_sum_done)))
