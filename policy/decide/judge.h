/* The state of every key of a device, and warnings: what check, list, explain and the agent report.
 * Pure; takes its decisions from plan.h. */
#pragma once

#include "policy/decide/plan.h"
#include "policy/facts/states.h"
#include "policy/lang/pauses.h"
#include "policy/sysctl/sysctl_conf.h"

enum guard { GUARD_NONE, GUARD_HELPER, GUARD_AGENT };
const char *guard_name(enum guard guard); /* NULL for GUARD_NONE */

enum warning_code {
    WARN_LOOSE_UNNUMBERED,
    WARN_OUT_OF_RANGE,
    WARN_WRITER,
    WARN_FLOOR,
    WARN_SCANNER,
    WARN_CONTAINERS,
    WARN_EXPIRED,
    WARN_STRICT_FORWARD,
    WARN_LOCKOUT,
    WARN_SUBNET,
    WARN_COUNT,
};
const char *warning_name(enum warning_code code); /* "loose-unnumbered" … */

struct cause {
    const char *file; /* borrowed; NULL: no cause known */
    unsigned line;
    const char *text;
    const char *key; /* what the line sets, as in struct sysctl_line */
};

/* Why a state is as it is: the words of judge_text() depend on it. */
enum blame {
    BLAME_NOTHING, /* nothing is wrong */
    BLAME_VALUE,   /* the configured value */
    BLAME_ALL,     /* `all` overrules it */
    BLAME_ADD,     /* the next `add` event */
    BLAME_RUN,     /* the next full run of systemd-sysctl */
};

/* Where the value that is to blame comes from. */
enum value_origin {
    ORIGIN_NONE,     /* nothing is wrong */
    ORIGIN_SYSCTL_D, /* from the line that is its cause */
    ORIGIN_DEFAULT,  /* as new devices start */
    ORIGIN_WRITER,   /* another program keeps writing it, judge_know_writer() */
    ORIGIN_RUN_TIME, /* no line gives it: written at run time, or what `default` was when the device
                        appeared; `all` and `default` may be as the kernel starts them */
    ORIGIN_UNKNOWN,  /* no line is known: sysctl.d is not this namespace's, or cannot be read */
    /* What the judge cannot tell; whoever has looked further gives it to judge_reason(). */
    ORIGIN_START, /* as it was from the start */
    ORIGIN_OURS,  /* rpfpolicy wrote it */
    ORIGIN_COUNT,
};
const char *origin_name(enum value_origin origin); /* NULL for those that no report names */

/* Why `all` stays where it is although it stands in the way. */
enum obstacle {
    OBSTACLE_NONE,      /* it does not */
    OBSTACLE_READ_ONLY, /* /proc/sys/net is */
    OBSTACLE_PAUSED,    /* it is */
    OBSTACLE_POLICY,    /* a rule says so */
    OBSTACLE_UNPINNED,  /* it moves only where a rule says so */
    OBSTACLE_COUNT,
};
const char *obstacle_name(enum obstacle obstacle); /* NULL for OBSTACLE_NONE */

struct key_state {
    enum key key;
    int which; /* 0: of a device; IFINDEX_ALL, IFINDEX_DEFAULT */
    int configured, effective, inherited;
    const struct rule *rule; /* NULL: unmanaged without rule */
    bool wanted_known;       /* false: unmanaged */
    bool undecided; /* a stronger rule than `rule` depends on what is not known: left unmanaged */
    int wanted;     /* effective */
    bool held;      /* not written for now, see device.held: `wanted` is what it would become */
    bool enforced;  /* the policy in force would write it: mode enforce, no observe */
    enum state state;
    enum guard guard;
    struct cause cause;
    bool as_default; /* no line speaks of it, and `default` stores the same: as new devices start;
                        `cause` is then the line that gives `default` its value */
    bool rewritten;  /* another program keeps writing the value that is to blame: no `cause` */
    enum blame blame;
    int later; /* what BLAME_ADD and BLAME_RUN lead to: the effective value; of all and default the
                  stored one */
};

/* What judge needs beside policy and live picture. */
struct judge_context {
    const struct sysctl_conf *sysctl; /* NULL: not this namespace's, or cannot be read */
    enum guard guard;                 /* what is in place on this host for enforced rules */
    bool enforcing;                   /* the accepted policy is this one and its mode is enforce */
    int today;                        /* YYYYMMDD */
    const struct pauses *pauses; /* what the marks in the live picture come from; may be NULL */
    uint64_t boottime;           /* now, CLOCK_BOOTTIME in microseconds, for how long they last */
};

/* Is it the rule by which `all` or `default` itself is to hold a number? False without a rule. */
bool judge_is_pinned(const struct key_state *state);

struct judge; /* per-key targets, computed once */
int judge_new(const struct policy *policy, const struct live *live,
              const struct judge_context *context, struct judge **ret);
struct judge *judge_free(struct judge *judge);

/* The state of one key of a device as it is now, whatever is to come: never STATE_LATENT. */
enum state judge_target_state(const struct device_target *target);

/* All keys that are managed for the device, plus rp_filter always. Returns their number; ret must
 * have room for KEY_COUNT. Collects warnings as it goes. The worst state is *ret_worst. */
unsigned judge_device(struct judge *judge, const struct device *device, struct key_state *ret,
                      enum state *ret_worst);

/* `all` (IFINDEX_ALL) or `default` (IFINDEX_DEFAULT) of one key. */
void judge_special(struct judge *judge, int which, enum key key, struct key_state *ret);

enum value_origin judge_origin(const struct judge *judge, const struct key_state *state);

/* *ret_rule is the rule that speaks of `all` by name, NULL without one. */
enum obstacle judge_obstacle(const struct judge *judge, const struct key_state *state,
                             const struct rule **ret_rule);

/* One sentence in words about a state that this judge gave; "" when ok. `device` is what was
 * judged, not looked at for `all` and `default`. Names are escaped, what does not fit is cut.
 * Returns buf.
 */
#define JUDGE_TEXT_SIZE 240
const char *judge_text(const struct judge *judge, const struct device *device,
                       const struct key_state *state, char buf[static JUDGE_TEXT_SIZE]);

/* The reason alone, for a line that has told already what the value is and what is wanted; "" where
 * none is known. origin: judge_origin(), or one that the caller knows better. Otherwise as
 * judge_text(). */
const char *judge_reason(const struct judge *judge, const struct device *device,
                         const struct key_state *state, enum value_origin origin,
                         char buf[static JUDGE_TEXT_SIZE]);

const struct key_target *judge_target(const struct judge *judge, enum key key);

struct warning {
    enum warning_code code;
    enum key key;
    const struct rule *rule; /* NULL where no rule is concerned */
    unsigned count;          /* devices, all and default included; 0 where none is concerned */
    int last_ifindex;        /* of the last one counted, so that it is not counted twice */
    unsigned n_examples;
    char examples[3][DEVICE_NAME_MAX + 1];
    char *message;       /* owned; one sentence with what to do */
    struct origin named; /* the line of policy that it names; file NULL: none */
};

/* Carrying out the policy would cut an SSH session on this device: WARN_LOCKOUT for its rule. */
void judge_warn_lockout(struct judge *judge, const struct device *device);

/* The device shares a subnet with another one, by which replies to it leave, and is or shall be
 * strict: WARN_SUBNET for its rule. */
void judge_warn_subnet(struct judge *judge, const struct device *device);

/* The agent says that something keeps writing the key back, against the rule for it: before
 * anything is judged, since then no line of sysctl.d that holds the same number is the cause.
 * device NULL: `all` or `default`, of whatever key. */
void judge_know_writer(struct judge *judge, const struct device *device, enum key key);
void judge_warn_writer(struct judge *judge, const struct device *device, enum key key);

/* Did memory run out, so that not every warning is there? */
bool judge_lost_warnings(const struct judge *judge);

/* The warnings so far (complete after every device was judged), ordered by code, then rule. */
const struct warning *judge_warnings(struct judge *judge, size_t *ret_count);
