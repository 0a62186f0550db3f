/* Who would be cut by what is only observed, as the agent sees it: observed.h by the clock.
 *
 * A look takes sockets, neighbours, routes and rules as they are at that moment (sockets are not
 * announced by the kernel, so it is made by the clock): every 10 s, and seldom enough to take less
 * than a hundredth of the time. What lives shorter can be missed. Changes nothing and needs no
 * privilege. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/daemon/loop.h"
#include "agent/peers/observed.h"

struct agent;

struct evidence {
    struct agent *agent;
    struct deadline next_look;
    struct observed observed;
    bool failed; /* said once */
};

/* The policy in force was replaced (or is there for the first time): forget what the old one's
 * rules would have cut, and look soon. */
int evidence_begin(struct agent *agent);
struct evidence *evidence_free(struct evidence *evidence);

/* {looks, last_look, truncated, rules [{file, line, pattern, value, peers, now, last, examples}]};
 * null where nothing is looked for. And the same as metrics. */
json_t *evidence_json(const struct agent *agent);
void evidence_metrics(FILE *out, const struct agent *agent);
