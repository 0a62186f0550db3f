/* Reading everything again: at the start, after lost messages, after a change of `all`, `default`
 * or policy, and now and then, for what the kernel does not announce. What is found the parts below
 * put right, in their order: new ways before values, what goes after them. */
#pragma once

#include "agent/daemon/keeper.h"
#include "agent/daemon/listening.h"

struct reader_options {
    struct loop *loop; /* these live longer */
    const struct logger *logger;
    struct in_force *in_force;
    struct paused *paused;
    struct listening *listening;
    struct ways *ways;
    struct others *others; /* NULL: none */
    struct keeper *keeper;
    /* Another policy was found to be in force: reader_take_over() is to follow. */
    void (*policy_changed)(void *data);
    void *data;
};

struct reader;

int reader_new(const struct reader_options *options, struct reader **ret);
struct reader *reader_free(struct reader *reader);

/* For the first time; the error of the kernel. */
int reader_start(struct reader *reader);

/* Soon: at once when the last time is long enough ago; else later, with jitter, so that many hosts
 * or many reasons do not pull together. reason: static text; NULL: routine, neither logged nor
 * counted. */
void reader_schedule(struct reader *reader, const char *reason);

/* The same since somebody moved `all` or `default`; waits: nothing can be done now but look now and
 * then whether he has stopped. */
void reader_special_moved(struct reader *reader, const char *reason, bool waits);

void reader_now(struct reader *reader, const char *reason); /* a failure is tried again */
void reader_take_over(struct reader *reader);               /* now, by another policy */

/* Somebody wrote a device: maybe keys, too, that are not announced. Once he is through, it is
 * looked for those. */
void reader_look_again(struct reader *reader);

/* The next look at everything is by the policy's interval from now. */
void reader_plan_sweep(struct reader *reader);

uint64_t reader_count(const struct reader *reader); /* times, but for routine */
