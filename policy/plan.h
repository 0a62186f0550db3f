/* From policy, device facts and live values to an ordered list of writes. Pure, and the only place
 * where anything is decided: helper, agent, check, plan and apply all come here.
 *
 * Order per key (a device is at every step effectively at its before or its after value):
 *   0 devices that may still follow `default` and are not written in 2: written with what they have
 *   1 `default`: the value that keeps its effective value under the new `all`
 *   2 devices whose new value, under the old `all`, is effectively their before or after value
 *   3 `all`
 *   4 the other devices
 *   5 `default`: its final value */
#pragma once

#include "compile.h"
#include "facts.h"
#include "policy.h"

#define IFINDEX_ALL (-1)     /* NETCONFA_IFINDEX_ALL */
#define IFINDEX_DEFAULT (-2) /* NETCONFA_IFINDEX_DEFAULT */

enum write_reason {
    WRITE_RULE,        /* a rule asks for this value */
    WRITE_PIN,         /* `all` or `default` is pinned */
    WRITE_MAKE_ROOM,   /* `all` moves down so that rules can be honoured */
    WRITE_KEEP,        /* keeps a device, or default, effectively as it was under the new `all` */
    WRITE_STOP_FOLLOW, /* step 0: an equal value, so that the device no longer follows default */
    WRITE_NEW_DEVICES, /* default takes the value of the bare * rule */
};

struct write {
    enum key key;
    int ifindex; /* IFINDEX_ALL, IFINDEX_DEFAULT or a device */
    char name[DEVICE_NAME_MAX + 1];
    unsigned step;            /* 0..5 as above */
    int old_value, new_value; /* configured */
    int before, after; /* effective; for all and default: of a device that stores 0 / their own */
    enum write_reason reason;
    const struct rule *rule; /* borrowed from the policy; NULL for KEEP and STOP_FOLLOW */
};

/* A device whose effective value a pin of `all` changes against the "keep" promise. */
struct pin_casualty {
    enum key key;
    int ifindex;
    char name[DEVICE_NAME_MAX + 1];
    int before, after;
};

struct plan {
    struct write *writes;
    size_t count, capacity;
    struct pin_casualty *casualties;
    size_t n_casualties, casualties_capacity;
    bool stricter; /* a device that is up becomes stricter: flush the route cache */
};

/* What a key is heading for, before any device is looked at. */
struct key_target {
    bool managed;         /* some rule names the key */
    int old_all, new_all; /* configured; equal when `all` stays */
    const struct rule
        *all_rule;    /* why new_all differs: the pin, or the rule that wants the minimum */
    bool all_blocked; /* `all` should move but must not: pinned unmanaged, or read-only */
    int old_default, new_default;
    const struct rule *default_rule;
    bool default_drift; /* default's value (or, unpinned, effective value) is not as wanted */
    bool all_drift;     /* `all` is pinned and differs, or stands above what the rules may want */
};

/* What one device is heading for. */
struct device_target {
    const struct rule *rule; /* winner; NULL: no rule */
    bool undecided;          /* a stronger rule depends on a fact that is not known */
    int before;              /* effective now */
    int wanted;              /* effective value that will be; equals before when nothing is asked */
    int write_value;         /* configured value that gives `wanted` under new_all */
    bool write;              /* it must be written */
    bool impossible;         /* a rule asks for what no write can give */
    bool drift;              /* effective value is not accepted by the rule (also with observe) */
    bool moot;               /* a port: its master decides */
    bool casualty;           /* a pin of `all` changes it although no rule asks */
};

void plan_key_target(const struct policy *policy, const struct live *live, enum key key,
                     struct key_target *ret);
void plan_device_target(const struct policy *policy, const struct key_target *target, enum key key,
                        const struct device *device, struct device_target *ret);

/* only_ifindex 0: everything. Otherwise a plan for that one device: all others are treated as ones
 * whose effective value is kept. -ENOMEM, else 0. */
int plan_make(const struct policy *policy, const struct live *live, int only_ifindex,
              struct plan *ret);
void plan_done(struct plan *plan);
#define _cleanup_plan_ _cleanup_(plan_done)

/* One line that says why, for plan, apply and logs: "eth0..3=loose (/etc/…/10-a.conf:4)". Owned. */
char *write_reason_text(const struct write *write);
