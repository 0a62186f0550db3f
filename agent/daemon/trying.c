/* Two sockets, one after the other: to the process that starts guardians, and to the guardian. */
#include "agent/daemon/trying.h"

#include <stdlib.h>
#include <unistd.h>

struct trying {
    struct trying_options options;
    enum trying_state state;
    sd_event_source *source; /* what it waits for */
    uint64_t hash;
    unsigned long long seconds;
    bool keeps;
    struct probe probes[PROBES_MAX];
    size_t n_probes;
    struct confirm confirm;
};

static void stop_waiting(struct trying *trying)
{
    trying->source = sd_event_source_disable_unref(trying->source);
}

static int wait_for(struct trying *trying, int fd, sd_event_io_handler_t fn)
{
    stop_waiting(trying);
    return sd_event_add_io(loop_event(trying->options.loop), &trying->source, fd, EPOLLIN, fn,
                           trying);
}

static void let_go(struct trying *trying)
{
    stop_waiting(trying);
    confirm_done(&trying->confirm);
    trying->state = TRYING_NOTHING;
}

static void say_begun(const struct trying *trying)
{
    const struct confirm *confirm = &trying->confirm;

    for (size_t i = 0; i < trying->n_probes; i++)
        if (confirm->failed & UINT32_C(1) << i)
            log_plain(trying->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                      "%s cannot be reached now already: it does not count for the trial",
                      trying->probes[i].text);
    if (confirm->exposed < 0)
        log_plain(trying->options.logger, LOG_EVENT_PLAIN, LOG_INFO,
                  "Where memory runs out, the kernel may end the process that would put the trial "
                  "back: %s",
                  strerror(-confirm->exposed));
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct trying *trying = data;
    int r = trials_take(trying->options.trials, trying->hash, &trying->confirm);

    if (r == -EAGAIN)
        return 0;
    stop_waiting(trying);
    trying->state = r < 0 ? TRYING_NOTHING : TRYING_READY;
    if (r >= 0)
        say_begun(trying);
    trying->options.begun(r, trying->options.data);
    return 0;
}

static void say_over(const struct trying *trying, const struct confirm_result *result)
{
    const struct logger *logger = trying->options.logger;

    if (result->outcome == CONFIRM_KEPT)
        log_plain(logger, LOG_EVENT_PLAIN, LOG_NOTICE, "The policy on trial is kept: %s",
                  result->why);
    else if (result->outcome == CONFIRM_PUT_BACK)
        log_plain(logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The policy on trial was taken back, and %u values: %s%s%s", result->done,
                  result->why, result->error < 0 ? "; not all of it: " : "",
                  result->error < 0 ? strerror(-result->error) : "");
    else
        log_plain(logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The process that watched over the policy on trial was ended: the policy of "
                  "before is in force");
}

static int on_word(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct trying *trying = data;
    struct confirm_result result;

    confirm_receive(&trying->confirm, &result);
    if (result.outcome == CONFIRM_WAITS)
        return 0;
    say_over(trying, &result);
    let_go(trying);
    trying->options.over(trying->options.data);
    return 0;
}

int trying_ask(struct trying *trying, const struct policy *policy)
{
    const struct trials *trials = trying->options.trials;
    int r = trials ? trials_ask(trials, policy) : -EPIPE;

    if (r < 0)
        return r;
    trying->hash = policy->hash;
    trying->seconds = policy->agent.trial_usec / USEC_PER_SEC;
    trying->keeps = policy->agent.trial_keeps;
    trying->n_probes = policy->agent.n_probes;
    memcpy(trying->probes, policy->agent.probes, sizeof(trying->probes));
    trying->state = TRYING_ASKS;
    return wait_for(trying, trials->fd, on_answer);
}

int trying_start(struct trying *trying)
{
    int r = wait_for(trying, trying->confirm.fd, on_word);

    if (r >= 0)
        r = confirm_start_time(&trying->confirm);
    if (r < 0) { /* without its time it is put back at the end of the connection */
        let_go(trying);
        return r;
    }
    trying->state = TRYING_RUNS;
    log_plain(trying->options.logger, LOG_EVENT_PLAIN, LOG_NOTICE,
              "The policy on disk is accepted on trial for %llu s, then it %s; 'rpfpolicy confirm' "
              "keeps it",
              trying->seconds, trying->keeps ? "stays" : "goes back");
    return 0;
}

void trying_give_up(struct trying *trying)
{
    let_go(trying);
}

const struct confirm *trying_confirm(const struct trying *trying)
{
    return trying->state == TRYING_READY ? &trying->confirm : NULL;
}

enum trying_state trying_state(const struct trying *trying)
{
    return trying->state;
}

uint64_t trying_hash(const struct trying *trying)
{
    return trying->hash;
}

int trying_new(const struct trying_options *options, struct trying **ret)
{
    struct trying *trying = calloc(1, sizeof(*trying));

    if (!trying)
        return -ENOMEM;
    *trying = (struct trying){.options = *options, .confirm = CONFIRM_INIT};
    *ret = trying;
    return 0;
}

struct trying *trying_free(struct trying *trying)
{
    if (!trying)
        return NULL;
    let_go(trying);
    free(trying);
    return NULL;
}
