/* Advice about one complaint: does the packet pass, what is guilty, and which cures cure. Each is
 * carried out on a copy of the world (trial_world.h), the complaint is judged there, and so is
 * everybody who passes now: a cure that fails, or that cuts somebody, is not told. Reads the
 * kernel; changes nothing. IPv4 only. */
#pragma once

#include "agent/advice/complaint.h"
#include "agent/base/paths.h"
#include "policy/advice/cures.h"
#include "policy/lang/policy.h"

struct advice_question {
    struct netlink *nl;
    const struct paths *paths;
    const struct policy *policy; /* on disk; empty where there is none, or it has errors */
    bool policy_usable;          /* no errors: lines can be added to it */
    const struct live *live;     /* with FACT_ADDRESSES, FACT_ROUTES and ADVICE_KEYS */
    const struct device *device;
    const char *pattern; /* as a policy names it */
    bool far_away;       /* of somebody far away, of whom no route knows; else of … */
    bool forwarded;      /* to somebody behind another device, whoever that is */
    struct in_addr peer;
    struct in_addr to; /* 0: an address of the device */
    bool marked;       /* the mark is known: */
    uint32_t mark;
    uint8_t proto; /* IPPROTO_…, 0: not told … */
    uint16_t sport, dport;
};
#define ADVICE_KEYS                                                                                \
    (FIB_KEYS | KEY_BIT(KEY_ARP_FILTER) | KEY_BIT(KEY_ARP_ANNOUNCE) | KEY_BIT(KEY_SEND_REDIRECTS))

struct advice_cure {
    enum cure_kind kind;
    char *text, *price, *tried; /* owned */
    bool modelled;              /* something that it takes could not be looked at */
    size_t peers_left_out;  /* packets of peers that it was not tried with, being too many … */
    size_t routes_left_out; /* … and subnets, routers and destinations in tunnels */
};

#define ADVICE_CURES_MAX 8

struct advice {
    bool known;  /* passes tells */
    bool tried;  /* cures were looked for */
    bool passes; /* the packet passes, and the reply leaves by the device */
    struct in_addr peer, destination;
    char *finding; /* owned; one line */
    char *culprit; /* owned; NULL where it passes */
    char *note;    /* owned; what was not tried, what a mark would change; NULL: nothing */
    struct advice_cure cures[ADVICE_CURES_MAX]; /* the tightest first */
    size_t n_cures;
};

/* What reading gives. */
int advise(const struct advice_question *question, struct advice *ret);
void advice_done(struct advice *advice);
#define _cleanup_advice_ _cleanup_(advice_done)
