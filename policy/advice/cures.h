/* What may cure that packets of a peer are lost: candidates, the tightest first, each with its
 * price. Pure. Whether one cures is not known here: agent/advice carries each out on a copy of the
 * world and looks. */
#pragma once

#include "policy/base/ip.h"
#include "policy/facts/network.h"

enum cure_kind {
    CURE_POLICY,   /* lines of a policy */
    CURE_COMMANDS, /* for a root shell */
    CURE_OTHERS,   /* likewise, changes of another program's files first: what that does without
                      them can only be modelled */
};
const char *cure_kind_name(enum cure_kind kind); /* "policy", "commands", "file" */

/* Where lines are to be pasted: the policy's file that is read, and parsed, with them. */
#define CURE_FILE "/etc/rpfpolicy.d/10-local.conf"

/* Of each group the first one that cures is enough: what comes behind it opens or changes more. */
enum cure_group {
    CURE_AS_IS, /* what the policy says already; then nothing else is needed */
    CURE_MARK,
    CURE_ROUTING,
    CURE_RULE,
    CURE_ROUTE,
    CURE_OTHER_PROGRAM,
    CURE_LOCAL,
    CURE_VALUE,
};

#define CURE_RULES_MAX 2

struct cure {
    enum cure_kind kind;
    enum cure_group group;
    char *text;                              /* owned; lines, each with its end */
    char *price;                             /* owned */
    char *lines;                             /* owned; CURE_OTHERS: those of the policy in it */
    bool assumed;                            /* nothing on this host tells that its router is one */
    struct route_rule rules[CURE_RULES_MAX]; /* CURE_COMMANDS: what they add */
    size_t n_rules;
    struct route routes[CURE_RULES_MAX];
    size_t n_routes;
};

struct cures {
    struct cure *items;
    size_t count, capacity;
};
void cures_done(struct cures *cures);
#define _cleanup_cures_ _cleanup_(cures_done)

enum cure_to {
    CURE_TO_DEVICE,  /* an address of the device */
    CURE_TO_HOST,    /* another address of the host */
    CURE_TO_FORWARD, /* what the host forwards */
    CURE_TO_GROUP,   /* multicast, broadcast */
};

#define CURE_GATEWAYS_MAX 4
#define CURE_BASES_MAX 3

struct cure_gateway {
    struct ip address;
    bool seen; /* a route or a lease names it, or it was heard */
};

struct cure_question {
    const char *name, *pattern; /* the device, and as a policy names it */
    int ifindex;
    bool has_policy; /* there is one that could be carried out as it is */
    bool policy;     /* policy lines can be tried */
    int mode;        /* effective values */
    bool src_valid_mark, accept_local, route_localnet;
    bool own_source, loopback; /* the peer is an own address; one of both is in 127/8 */
    bool on_link;              /* the peer is in a subnet of the device */
    bool direct;               /* point to point: no gateway is needed */
    bool without_ipv6;         /* it has IPv6 addresses, and no gateway for them is known */
    bool stand_in;             /* the peer stands for everybody far away */
    uint32_t mark;
    enum cure_to to;
    struct ip peer, destination;
    struct cure_gateway gateways[CURE_GATEWAYS_MAX]; /* the best known first */
    size_t n_gateways;
    uint32_t bases[CURE_BASES_MAX]; /* of rules of ours, to be before somebody else's */
    size_t n_bases;
    /* Another program that sets up the device, the file that tells, and how to stop it. NULL: none
     */
    const char *other, *evidence, *stop_other;
    const char *apply; /* the command that carries out the policy, by its mode */
    uint32_t before;   /* the priority of the rule that decides now; 0: none can be before it */
    uint32_t table;    /* one that nobody uses */
};

/* -ENOMEM, else 0. */
int cures_find(const struct cure_question *question, struct cures *ret);
