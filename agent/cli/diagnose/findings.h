/* What `rpfpolicy diagnose` found: each finding with the packets it lost, its cause and what cures
 * it. Gathered from drops, ARP, peers seen now, states, warnings and engines; printed as text or
 * JSON. */
#pragma once

#include "agent/cli/drops/drops_follow.h"
#include "agent/cli/engines/reports.h"
#include "agent/drops/arp_watch.h"

/* In this order where as many packets were lost. */
enum finding_kind {
    FINDING_DROPS,   /* packets dropped while it was watched */
    FINDING_COUNTER, /* likewise, by the kernel's counter, of which no flow is known */
    FINDING_ARP,     /* ARP requests that stayed unanswered */
    FINDING_PEERS,   /* peers seen now, whose next packet would be dropped */
    FINDING_ENGINE,  /* something of an engine is not as the policy wants it */
    FINDING_STATE,   /* a value is not as the policy wants it */
    FINDING_WRITER,  /* something keeps writing a value back */
    FINDING_COUNT,
};
const char *finding_kind_name(enum finding_kind kind); /* "drops" … */

#define FINDING_EXAMPLES 3

struct finding {
    enum finding_kind kind;
    uint64_t packets; /* lost while it was watched; 0: none, or not known */
    /* The devices concerned: their number, and the names of the first. */
    size_t n_devices;
    char devices[FINDING_EXAMPLES][DEVICE_NAME_MAX + 1];
    /* Owned; NULL for what there is not. */
    char *what;  /* one sentence without its end */
    char *cause; /* likewise */
    char *cure;  /* lines to paste or to type */
    char *more;  /* the command that tells more */
    /* What makes others the same finding. */
    enum key key;
    const struct rule *rule;
    int sort; /* reason and step of a drop, state of a key */
    size_t others;
};

struct findings {
    struct session *session;
    struct key_state *values; /* owned: of rp_filter, per device of the session's picture */
    struct in_addr peer;      /* 0.0.0.0: everybody */
    struct finding *items;
    size_t count, capacity;
    size_t unknown;        /* peers that could not be judged */
    uint64_t arp_unlisted; /* ARP requests that there was no room for */
    /* With a peer: what becomes of a packet from it, by each device that it may come in by. */
    struct way {
        int ifindex;
        struct in_addr to; /* an address of the device */
        bool known, accepted;
        enum verdict_step step;
        struct fib_way back;
    } * ways; /* owned */
    size_t n_ways, ways_capacity;
};

/* A new one, which is filled by the caller; NULL when memory ran out. */
struct finding *findings_add(struct findings *findings, enum finding_kind kind);

/* One more device that it is about. */
void finding_add_device(struct finding *finding, const char *name);

/* From the session: values that are not as wanted, and who keeps writing them; first, since the
 * others say why a value is what it is. And from the engines. -ENOMEM, or what reading gives. */
int findings_of_states(struct findings *findings);
int findings_of_engines(struct findings *findings, const struct reports *reports);

/* "rp_filter is strict, as F:4 wants it". Owned, NULL when memory ran out; "" of a device that is
 * not in the picture. */
char *finding_value(const struct findings *findings, int ifindex);

/* From what was watched, and who is seen now. now: milliseconds. */
int findings_of_drops(struct findings *findings, const struct drops_report *report);
int findings_of_arp(struct findings *findings, const struct drops_report *report,
                    const struct arp_watch *watch, uint64_t now);
int findings_of_peers(struct findings *findings, const struct live *live);

/* The most packets first. */
void findings_sort(struct findings *findings);
void findings_done(struct findings *findings);

int ways_read(struct findings *findings, const struct live *live);
void ways_print(struct output *out, const struct findings *findings);
json_t *json_way(const struct findings *findings, const struct way *way);

void findings_print_head(struct output *out, const struct drops_report *report,
                         uint64_t milliseconds);
void findings_print(struct output *out, const struct findings *findings);
void findings_print_json(struct cli *cli, const struct findings *findings,
                         const struct drops_report *report);
