/* Everything `rpfpolicy explain` has to say about one device, `all` or `default`, gathered first
 * and then printed as text or JSON. */
#pragma once

#include "agent/cli/advice/advice_report.h"
#include "agent/cli/advice/asked_packet.h"
#include "agent/cli/out/row.h"
#include "agent/cli/session/session.h"
#include "agent/kernel/fib.h"
#include "agent/system/suspects.h"

enum explain_subject {
    EXPLAIN_DEVICE,
    EXPLAIN_ABSENT, /* no such device: what its name alone decides */
    EXPLAIN_ALL,
    EXPLAIN_DEFAULT,
};

struct explain_rule {
    const struct rule *rule;
    bool undecided; /* depends on what is not known */
};

struct explain_key {
    struct key_state state;
    struct explain_rule *rules; /* owned; every rule that speaks of it, strongest first */
    size_t n_rules, rules_capacity;
    size_t winner; /* index into rules; n_rules: none */
    /* What sysctl.d says, in the chosen flavour: at `add`, in a full run, and of `all`. */
    struct sysctl_answer add, full, all;
    bool explained; /* sysctl.d, `default` or the kernel account for what is stored now */
    bool all_explained;
    bool all_untouched; /* no line gives `all` a value, and it holds what the kernel starts with */
    bool ours;          /* we wrote it since boot; `former` is what was stored before */
    bool as_written;    /* and it is still what we wrote */
    int former;
    struct suspects suspects;
};

/* One reply, asked of the routing tables. */
struct explain_reply {
    struct ip address, peer;
    bool known; /* the rules could be followed */
    bool symmetric;
    struct fib_way way;
};

struct explain_replies {
    struct explain_reply *items; /* owned; per usable address of the device, IPv4 first */
    size_t count, capacity;
    struct ip peer;                  /* family 0: nobody in particular, somebody far away */
    struct ip far_away[IP_FAMILIES]; /* then */
    bool advised;                    /* of the peer, or in IPv4 of somebody far away: */
    struct asked_packet packet;
    struct advice advice;
    struct advice forwarded; /* of what is forwarded inwards, where it forwards; else empty */
    struct {                 /* per family */
        bool numbered;       /* the device has an address that replies could carry */
        bool asymmetric;     /* some leave elsewhere */
    } ip[IP_FAMILIES];
    bool asked; /* the policy asks for routing of the device: */
    enum routes_state state;
    char *why;     /* owned; why it is not ok; NULL for nothing to say */
    bool forwards; /* strict, forwarding, and not where the default route leaves */
};

struct explain {
    const struct session *session;
    enum explain_subject subject;
    const char *name;            /* as it stands in the live picture or on the command line */
    const struct device *device; /* NULL for all and default */
    struct device absent;        /* what `device` points to when it is not there */
    enum sysctl_flavor flavor;
    struct sysctl_conf *sysctl; /* in that flavour; NULL: not to be used here */
    struct explain_key keys[KEY_COUNT];
    unsigned n_keys;
    struct explain_replies replies;
};

/* Fill it. key: only this one, KEY_COUNT for those that concern the name. -ENOMEM or what reading
 * sysctl.d gives. */
int explain_gather(const struct session *session, const char *name, const struct device *device,
                   enum sysctl_flavor flavor, enum key key, struct explain *ret);
void explain_done(struct explain *explain);
#define _cleanup_explain_ _cleanup_(explain_done)

/* Where replies from the device's addresses leave now: to the peer, from those of its family;
 * without one (NULL) to far away, from all. And whether such a packet from there passes, and what
 * cures it. -EINVAL after saying so where the peer is no address of a host. */
int explain_gather_replies(struct explain *explain, const char *peer,
                           const struct asked_packet *packet);
void explain_replies_done(struct explain_replies *replies);

/* [{from, to (null: far away), devices, symmetric (null: not known), message}] */
json_t *explain_replies_json(const struct explain *explain);

/* "eth1: policy routing is overruled by rule 5270: …", where it is not as wanted; else NULL. Owned.
 */
char *explain_routing_text(const struct explain *explain);

/* {state, message}; null where the policy asks for none. */
json_t *explain_routing_json(const struct explain *explain);

/* Why no address of the device replies to the peer; NULL where one does, or nobody asked. Owned. */
char *explain_replies_note(const struct explain *explain);

/* Rows of what was considered: a rule, a line of sysctl.d. */
int explain_put_rule(struct row *row, const struct explain *explain, const struct explain_key *key,
                     size_t i);
int explain_put_line(struct row *row, const struct sysctl_verdict *verdict);

/* {file, line} */
json_t *json_place(const char *file, unsigned line);

int explain_print(struct output *out, const struct explain *explain);
void explain_print_json(struct output *out, const struct explain *explain);

/* -- words, each an owned string; NULL when memory ran out -- */

/* "loose (2)", "yes (1)", "2". */
const char *explain_value(enum key key, int effective, char buf[static 24]);

/* The conclusion, one line: "lxc1: rp_filter is loose (2), wanted off: drift, because …". */
char *explain_headline(const struct explain *explain, const struct explain_key *key);

/* What the effective value does, and what `all` has to do with it. */
char *explain_meaning(const struct explain *explain, const struct explain_key *key);
char *explain_combination(const struct explain *explain, const struct explain_key *key);

/* Why rule `index` wins or loses. */
char *explain_verdict(const struct explain *explain, const struct explain_key *key, size_t index);

/* What to do, one step per line ("" is a blank line; a line to type or to paste begins with four
 * blanks). Empty when there is nothing to do. */
char *explain_cure(const struct explain *explain, const struct explain_key *key);

/* One reply in a sentence; and what to do where some are asymmetric, as explain_cure(). */
char *explain_reply_text(const struct explain *explain, const struct explain_reply *reply);
char *explain_replies_cure(const struct explain *explain);
