/* Who would be cut by what is only observed, as the agent sees it: observed.h by the clock.
 *
 * A look takes sockets, neighbours, routes and rules as they are at that moment (sockets are not
 * announced by the kernel, so it is made by the clock): every 10 s, and seldom enough to take less
 * than a hundredth of the time. What lives shorter can be missed. What netfilter tracks it takes
 * where it may: with CAP_NET_ADMIN, which the agent has not in mode observe. Without that the
 * clients of UDP servers are not seen, which is told. Changes nothing. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/base/paths.h"
#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "agent/daemon/rights.h"
#include "agent/kernel/netlink.h"
#include "policy/facts/facts.h"
#include "policy/lang/policy.h"

struct evidence_options {
    const struct paths *paths; /* these live longer */
    struct loop *loop;
    const struct logger *logger;
    struct netlink *nl;
    const struct rights *rights;
    int (*amend)(struct live *live, void *data); /* add what only the agent knows to a picture */
    void (*looked)(void *data);
    void *data;
};

struct evidence;

/* For this policy, which lives longer. 0 and NULL where it has nothing that is only observed (or is
 * NULL). The first look is made soon. */
int evidence_new(const struct evidence_options *options, const struct policy *policy,
                 struct evidence **ret);
struct evidence *evidence_free(struct evidence *evidence);

const struct observed *evidence_observed(const struct evidence *evidence);

/* {looks, last_look, truncated, tracking, unseen [{address, port}], unseen_text, rules [{file,
 * line, pattern, value, peers, now, last, examples}]}; null where nothing is looked for. And the
 * same as metrics. */
json_t *evidence_json(const struct evidence *evidence);
void evidence_metrics(FILE *out, const struct evidence *evidence);
