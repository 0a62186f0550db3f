/* From policy, device facts and live values to an ordered list of writes. Pure, and the only place
 * where anything is decided: helper, agent, check, plan and apply all come here.
 *
 * Order per key (a device is at every step effectively at its before or its after value):
 *   0 devices that may still follow `default` and are not written in 2: written with what they have
 *   1 `default`: a value that is effectively its before or its after value under the old and the
 *     new `all`; normally the one that keeps its effective value. Not written where what it has
 *     will do
 *   2 devices whose new value, under the old `all`, is effectively their before or after value
 *   3 `all`
 *   4 the other devices
 *   5 `default`: its final value
 *
 * A device born between the reading of the live picture and step 1 has the old `default` and is not
 * in the plan; `all` would carry it to a third value. So where step 1 and step 3 both write, the
 * plan is carried out up to step 1, then the picture is read and planned again: plan.until_reread.
 */
#pragma once

#include "policy/facts/facts.h"
#include "policy/lang/compile.h"
#include "policy/lang/policy.h"

enum write_reason {
    WRITE_RULE,        /* a rule asks for this value */
    WRITE_PIN,         /* `all` or `default` is pinned */
    WRITE_MAKE_ROOM,   /* `all` moves down so that rules can be honoured */
    WRITE_KEEP,        /* keeps a device, or default, effectively as it was under the new `all`, or
                          before somebody else moved `all` or `default` */
    WRITE_STOP_FOLLOW, /* step 0: an equal value, so that the device no longer follows default */
    WRITE_RESTORE,     /* back to a value that was recorded */
    WRITE_NEW_DEVICES, /* default takes the value of the bare * rule */
    WRITE_UNPLANNED,   /* somebody else's, of no plan: only to be told */
};

struct write {
    enum key key;
    int ifindex; /* IFINDEX_ALL, IFINDEX_DEFAULT or a device */
    char name[DEVICE_NAME_MAX + 1];
    unsigned step;            /* 0..5 as above */
    int old_value, new_value; /* configured */
    int former,
        former_all;    /* configured, and `all` then, for the record: old_value, and `all` as it
                          is, unless that is what somebody else moved them to and is undone */
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
    /* Left out, for the sake of devices that are held: what they would have been written with, and
     * `all` where it would have made one stricter. */
    struct write *held;
    size_t n_held, held_capacity;
    bool stricter; /* a device that is up becomes stricter: flush the route cache */
    /* Carry out this many writes, then read the live picture again and make the plan again, all
     * under the same lock. Equal to count where nothing needs that. The next plan of the same key
     * never asks for it again. */
    size_t until_reread;
};

/* What a key is heading for, before any device is looked at. */
struct key_target {
    bool managed;         /* some rule names the key */
    int old_all, new_all; /* configured; equal when `all` stays */
    int kept_all;     /* configured: under which the values to be kept are; old_all, unless somebody
                         else moved it and that is undone */
    bool has_minimum; /* rp_filter: some rule that is written wants a value */
    int minimum;      /* the smallest effective value that such a rule may want */
    const struct rule *minimum_rule;
    const struct rule *all_rule; /* who speaks of `all`: its pin, else the rule of the minimum where
                                    that moves it; NULL: nobody */
    bool all_blocked; /* `all` should move but must not: pinned unmanaged or observed, read-only */
    bool all_drift;   /* `all` is pinned and differs, or stands above what the rules may want */
    bool all_paused;  /* stays for now; is no drift meanwhile */
    bool all_held;    /* stays for now, since it would make a device stricter that is held */
    int held_all;     /* configured: what it would become otherwise */
    int old_default, new_default;      /* configured */
    int kept_default;                  /* configured: likewise; old_default, unless … */
    int mid_default;                   /* configured, from step 1 to step 5 */
    const struct rule *default_rule;   /* who asks: its pin, else the bare *; NULL: nobody */
    int default_before, default_after; /* effective value of a device born before, after the plan */
    int default_kept;                  /* of one born before somebody moved `all` or `default` */
    bool default_back;       /* somebody else moved it, and it is put back to kept_default */
    bool default_drift;      /* default's value (or, unpinned, effective value) is not as wanted */
    bool default_impossible; /* default_rule asks for what no write can give, or it is read-only */
    bool default_paused;     /* only keeps its effective value for now; is no drift meanwhile */
};

/* What one device is heading for. */
struct device_target {
    const struct rule *rule; /* winner; NULL: no rule */
    bool undecided;          /* a stronger rule depends on a fact that is not known */
    int before;              /* effective now */
    int kept;                /* effective before somebody moved `all` or `default`, where that is
                                undone; else as now */
    int wanted;              /* effective value that will be; equals kept when nothing is asked */
    bool by_rule;            /* that is what the rule asks for */
    int write_value;         /* configured value that gives `wanted` under new_all */
    bool write;              /* it must be written */
    bool impossible;         /* a rule asks for what no write can give */
    bool drift;              /* effective value is not accepted by the rule (also with observe) */
    bool paused;             /* only kept as it is for now; is no drift meanwhile */
    bool held;               /* only kept as it is, since it may not become stricter for now */
    int held_wanted;         /* effective value that it would have otherwise … */
    int held_value;          /* … and the configured value for that */
    bool moot;               /* a port: its master decides */
    bool casualty;           /* a pin of `all` changes it although no rule asks */
};

/* Does the rule lead to writes: a value, and not only observed? False for NULL. */
bool plan_rule_writes(const struct rule *rule);

/* May the device still follow `default`, as far as can be known: the same configured value, and no
 * IPv4 address (kernel: IPV4_DEVCONF state bits, set by inet_set_ifa() and by a write). */
bool plan_may_follow(enum key key, int def, const struct device *device);

void plan_key_target(const struct policy *policy, const struct live *live, enum key key,
                     struct key_target *ret);
void plan_device_target(const struct policy *policy, const struct key_target *target, enum key key,
                        const struct device *device, struct device_target *ret);

/* Is something about `all` or `default` of the key to be put right? */
bool plan_key_drifts(const struct key_target *target);

/* Is a policy that was read for one device all it takes to plan for these devices, as long as the
 * plan writes neither `all` nor `default`? True for a whole policy. */
bool plan_is_enough(const struct policy *policy, const struct live *live);

/* only_ifindex 0: everything. Otherwise a plan for that one device: all others, and `default`, are
 * treated as ones whose effective value is kept, and `all` moves only where the device needs it.
 * Writes of one key stand together, by step, then by ifindex. -ENOMEM, else 0. */
int plan_make(const struct policy *policy, const struct live *live, int only_ifindex,
              struct plan *ret);
/* A configured value that is to be there in the end. */
struct wanted_value {
    enum key key;
    int ifindex; /* IFINDEX_ALL, IFINDEX_DEFAULT or a device */
    int value;
};

/* The plan that brings exactly these configured values, in the same order as every plan: no device
 * is at any moment effectively at a third value. What is not named keeps its configured value; a
 * device that `all` then makes effectively another one is among the casualties. One value at
 * most for each. -ENOMEM. */
int plan_values(const struct wanted_value *values, size_t n, const struct live *live,
                struct plan *ret);

void plan_done(struct plan *plan);
#define _cleanup_plan_ _cleanup_(plan_done)

/* One line that says why, for plan, apply and logs: "eth0..3=loose (/etc/…/10-a.conf:4)". Owned. */
char *write_reason_text(const struct write *write);
