/* The trial of a policy that the agent accepts by itself: from the question for a guardian to its
 * last word. What is accepted meanwhile is for accepting.c. */
#pragma once

#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "agent/daemon/trials.h"

struct trying_options {
    struct loop *loop; /* these live longer */
    const struct logger *logger;
    const struct trials *trials; /* NULL: none can be begun */
    /* The guardian stands; or not: a negative errno, as confirm_begin(). */
    void (*begun)(int error, void *data);
    void (*over)(void *data); /* it was kept or put back, or its guardian was killed */
    void *data;
};

struct trying;

int trying_new(const struct trying_options *options, struct trying **ret);
struct trying *trying_free(struct trying *trying); /* a trial whose time runs goes on */

enum trying_state {
    TRYING_NOTHING,
    TRYING_ASKS,  /* for a guardian */
    TRYING_READY, /* it stands, nothing is accepted yet */
    TRYING_RUNS,  /* its time */
};
enum trying_state trying_state(const struct trying *trying);
uint64_t trying_hash(const struct trying *trying); /* of the policy that was asked for */

/* While there is nothing. -EPIPE: who starts guardians is gone. */
int trying_ask(struct trying *trying, const struct policy *policy);

/* When it is ready: the policy is accepted, the time starts; -errno: it will be put back. Or the
 * guardian is let go. */
const struct confirm *trying_confirm(const struct trying *trying);
int trying_start(struct trying *trying);
void trying_give_up(struct trying *trying);
