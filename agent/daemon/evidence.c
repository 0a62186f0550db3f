/* Looking now and then. */
#include "agent/daemon/evidence.h"

#include <stdlib.h>

#include "agent/kernel/links.h"
#include "agent/peers/observed.h"
#include "agent/system/udevdb.h"

#define LOOK_EVERY (10 * USEC_PER_SEC)
#define LOOK_FIRST USEC_PER_SEC
#define LOOK_SHARE 100    /* a look takes at most this part of the time */
#define LOOK_AT_MAX 5000  /* packets decided about in one look */
#define TRACKED_MAX 50000 /* tracked flows: more would take too much memory */

struct evidence {
    struct evidence_options options;
    struct deadline next_look;
    struct observed observed;
    bool failed;  /* said once */
    char *unseen; /* whose clients are not seen, as it was said last */
};

const struct observed *evidence_observed(const struct evidence *evidence)
{
    return &evidence->observed;
}

static int look(struct evidence *evidence)
{
    const struct evidence_options *with = &evidence->options;
    const struct policy *policy = evidence->observed.policy;
    _cleanup_(live_done) struct live live = {0};
    struct picture_options picture = {
        .keys = IMPACT_KEYS,
        .facts = (policy->facts | FACT_ADDRESSES) & ~(uint32_t)FACT_UDEV,
        .proc_sys_net = with->paths->proc_sys_net,
    };
    struct peers_options options = {
        .nl = with->nl,
        .proc_sys_net = with->paths->proc_sys_net,
        .untracked = !with->rights->tracks,
        .tracked_max = TRACKED_MAX,
        .max = LOOK_AT_MAX,
    };
    int r = picture_read(with->nl, &picture, &live);

    if (r >= 0 && (policy->facts & FACT_UDEV) && !with->paths->foreign)
        r = udevdb_read(&live);
    if (r >= 0)
        r = with->amend(&live, with->data); /* sets with time conditions */
    if (r >= 0)
        r = observed_look(&evidence->observed, &options, &live, NULL, NULL);
    return r;
}

/* Said again only where it changes. */
static void say_unseen(struct evidence *evidence)
{
    const struct observed *observed = &evidence->observed;
    char *text = unseen_text(observed->tracking, observed->servers, observed->n_servers);

    if (text && (!evidence->unseen || !streq(text, evidence->unseen)))
        log_plain(evidence->options.logger, LOG_EVENT_PLAIN, LOG_NOTICE,
                  "That nobody would be cut by what is only observed is not shown: %s", text);
    free(evidence->unseen);
    evidence->unseen = text;
}

static void on_look(void *data)
{
    struct evidence *evidence = data;
    const struct evidence_options *with = &evidence->options;
    uint64_t started = loop_now(with->loop), now, wait;
    int r = look(evidence);

    if (r < 0 && !evidence->failed)
        log_plain(with->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Who would be cut by what is only observed cannot be told: %s", strerror(-r));
    evidence->failed = r < 0;
    if (r >= 0)
        say_unseen(evidence);
    now = loop_now(with->loop);
    wait = (now - started) * LOOK_SHARE;
    deadline_set(&evidence->next_look, now + (wait > LOOK_EVERY ? wait : LOOK_EVERY));
    with->looked(with->data);
}

struct evidence *evidence_free(struct evidence *evidence)
{
    if (!evidence)
        return NULL;
    deadline_done(&evidence->next_look);
    observed_done(&evidence->observed);
    free(evidence->unseen);
    free(evidence);
    return NULL;
}

int evidence_new(const struct evidence_options *options, const struct policy *policy,
                 struct evidence **ret)
{
    struct evidence *evidence;
    int r;

    if (!policy || !observed_any(policy)) {
        *ret = NULL;
        return 0;
    }
    evidence = calloc(1, sizeof(*evidence));
    if (!evidence)
        return -ENOMEM;
    evidence->options = *options;
    deadline_init(&evidence->next_look, options->loop, on_look, evidence);
    r = observed_init(policy, &evidence->observed);
    if (r < 0) {
        evidence_free(evidence);
        return r;
    }
    deadline_set(&evidence->next_look, loop_now(options->loop) + LOOK_FIRST);
    *ret = evidence;
    return 0;
}
