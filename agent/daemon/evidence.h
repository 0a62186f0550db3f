/* Who would be cut by what is only observed: while a policy, or one of its rules for rp_filter, is
 * not enforced, the agent looks now and then at the peers that are seen and remembers, per rule,
 * those whose packets would be dropped if it were. So one can see when enforcing is safe.
 *
 * A look takes sockets, neighbours, routes and rules as they are at that moment (sockets are not
 * announced by the kernel, so it is made by the clock): every 10 s, and seldom enough to take less
 * than a hundredth of the time. What lives shorter can be missed. Memory is bounded. Changes
 * nothing and needs no privilege. */
#pragma once

#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "policy.h"
#include "verdict.h"

struct agent;

/* One peer of one rule on one device. */
struct evidence_peer {
    size_t rule; /* index into policy.rules */
    int ifindex;
    char device[16];
    struct in_addr address;
    uint8_t proto;       /* of the connection seen first, 0: a neighbour */
    uint16_t local_port; /* likewise */
    enum verdict_step step;
    double first, last; /* wall clock, seconds */
};

struct evidence_rule {
    uint64_t peers; /* seen since the policy was taken; one that was forgotten counts again */
    unsigned now;   /* of the last look */
    double last;    /* wall clock of the last look that saw one; 0: never */
};

struct evidence {
    struct agent *agent;
    sd_event_source *timer;
    struct evidence_rule *rules; /* owned, as many as the policy has */
    size_t n_rules;
    struct evidence_peer *peers; /* owned; by rule, device and address */
    size_t count;
    uint64_t looks;
    double last_look;
    bool truncated; /* the last look did not take all */
    bool failed;    /* said once */
};

/* The policy in force was replaced (or is there for the first time): forget what the old one's
 * rules would have cut, and look soon. */
int evidence_begin(struct agent *agent);
struct evidence *evidence_free(struct evidence *evidence);

/* Is there any rule for rp_filter that is not enforced? */
bool evidence_is_wanted(const struct agent *agent);

/* [{file, line, pattern, value, peers, now, last, examples}], for each such rule; null where
 * nothing is looked for. And the same as metrics. */
json_t *evidence_json(const struct agent *agent);
void evidence_metrics(FILE *out, const struct agent *agent);
bool evidence_observes(const struct agent *agent, const struct rule *rule);
