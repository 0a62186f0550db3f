/* What `rpfpolicy drops` tells about dropped packets: the line that would accept them, and the
 * summary as text or JSON. Following them is in verb_drops.c. */
#pragma once

#include "agent/advice/advise.h"
#include "agent/cli/out/row.h"
#include "agent/cli/session/session.h"
#include "agent/drops/drops.h"
#include "agent/drops/flows.h"
#include "agent/kernel/fib.h"

enum drop_cure_kind {
    CURE_RULES,    /* these lines of a policy would accept it */
    CURE_APPLY,    /* the policy on disk says so already: apply it */
    CURE_ACCEPTED, /* what is in effect now accepts it */
    CURE_NONE,     /* no setting accepts such a source */
    CURE_GONE,     /* the device is not there any more */
    CURE_UNKNOWN,  /* the routing tables cannot be judged */
};

struct cure_line {
    enum key key;
    int value;                           /* effective */
    char pattern[NAME_ESCAPED_SIZE + 1]; /* the device as the line names it; bytes, not escaped */
    const struct rule *rule;             /* that decides now; NULL: none. Of the policy */
};

#define CURE_LINES_MAX 3

struct drop_cure {
    enum drop_cure_kind kind;
    struct cure_line lines[CURE_LINES_MAX]; /* all of them together */
    unsigned n_lines;
    bool dropped;           /* the tables as they are now tell why it is dropped: */
    enum verdict_step step; /* this */
    bool astray;            /* with what accepts it the reply leaves by another way all the same: */
    struct fib_way reply;   /* this */
};

/* What advice is made from. live holds DROPS_KEYS and DROPS_FACTS. */
struct drop_facts {
    const struct policy *policy;
    const struct live *live;
    struct fib *fib; /* remembers what it looked up; NULL: cannot be read */
};
#define DROPS_KEYS ADVICE_KEYS
#define DROPS_FACTS (FACT_ADDRESSES | FACT_ROUTES)

/* The smallest relaxation: the fewest settings, of these the one that lets least else pass. */
void drop_cure(const struct drop_facts *facts, const struct drop *drop, struct drop_cure *ret);

/* "[rp_filter] eth1 = loose", or a few words. Owned; NULL when memory ran out. */
char *drop_cure_text(const struct policy *policy, const struct drop_cure *cure);

/* Where the reply leaves all the same, for one that is astray; NULL for another, or when memory ran
 * out. Owned. */
char *drop_reply_text(const struct drop_facts *facts, const struct drop_cure *cure);

/* How the packets are found, and the result. */
struct drops_report {
    struct drop_facts facts;
    const struct device *device; /* only this one; NULL: all */
    const struct drops_bpf *bpf; /* NULL: not used, because of */
    int bpf_error;               /* this */
    int log_error;               /* 0: the kernel log is read; without BPF only */
    bool arp;                    /* unanswered ARP requests are seen, too */
    uint64_t milliseconds;
    const struct flow **flows; /* most packets first */
    size_t n_flows;
    uint64_t packets[REASON_COUNT];  /* all of them */
    uint64_t unlisted[REASON_COUNT]; /* of these, those whose flow is not in `flows` */
    bool counted;                    /* `counter` is known */
    uint64_t counter;                /* IPReversePathFilter grew by this */
};

/* How packets are found, and what cannot be seen that way. */
const char *drops_source_name(const struct drops_report *report);
const char *drops_why_not_bpf(int error);

/* Call fn with each sentence on what stays unseen. */
void drops_unseen(const struct drops_report *report, void (*fn)(const char *sentence, void *data),
                  void *data);

/* The three kinds of text: what is followed, one new flow, and the end. A negative errno
 * when memory ran out. */
void drops_print_head(struct output *out, const struct drops_report *report);
int drops_print_flow(struct output *out, const struct drops_report *report,
                     const struct drop *drop);
int drops_print_end(struct output *out, const struct drops_report *report);

/* A row of the summary. */
int drops_put_flow(struct row *row, const struct drops_report *report, const struct flow *flow);

void drops_print_json(struct cli *cli, const struct session *session,
                      const struct drops_report *report);
