/* Who would be cut by what is only observed: per rule for rp_filter that is not enforced, the peers
 * whose packets would be dropped if it were, as look after look sees them. So one can see when
 * enforcing is safe. Memory is bounded: of many peers those seen last are known by name. Reads
 * only, logs nothing; for the agent and `monitor`. */
#pragma once

#include "agent/peers/peers.h"
#include "policy/lang/policy.h"

#define OBSERVED_PEERS_MAX 1000

/* One peer of one rule on one device. */
struct observed_peer {
    size_t rule; /* index into policy.rules */
    int ifindex;
    char device[16];
    struct in_addr address;
    uint8_t proto;       /* of the connection seen first, 0: a neighbour */
    uint16_t local_port; /* likewise */
    enum verdict_step step;
    double first, last; /* wall clock, seconds */
    uint64_t look;      /* number of the last look that saw it */
};

struct observed_rule {
    uint64_t peers; /* seen so far; one that was forgotten counts again */
    unsigned now;   /* of the last look */
    double last;    /* wall clock of the last look that saw one; 0: never */
};

struct observed {
    const struct policy *policy; /* borrowed */
    struct observed_rule *rules; /* owned, as many as the policy has */
    struct observed_peer *peers; /* owned; by rule, device and address */
    size_t count;
    uint64_t looks;
    double last_look;              /* wall clock; 0: never */
    bool truncated;                /* the last look did not take all */
    enum tracking tracking;        /* as in struct peers, of the last look … */
    struct unseen_server *servers; /* … owned */
    size_t n_servers;
};

/* Does this rule count: is it for rp_filter and not enforced? And is there any such rule? */
bool observed_counts(const struct policy *policy, const struct rule *rule);
bool observed_any(const struct policy *policy);

int observed_init(const struct policy *policy, struct observed *ret);
void observed_done(struct observed *observed);

/* Called for each peer that was not known; `peer` is what peers_find() gave of it. */
typedef void (*observed_new_peer_t)(const struct observed_peer *seen, const struct peer *peer,
                                    void *data);

/* Look once. options.after and options.live are set here; live is as peers.h asks for. */
int observed_look(struct observed *observed, const struct peers_options *options,
                  const struct live *live, observed_new_peer_t on_new, void *data);
