/* Accepting by itself, when the files have settled. */
#include "agent/daemon/accepting.h"

#include <stdio.h>
#include <sys/inotify.h>

#include "agent/change/confirm.h"
#include "agent/daemon/metrics.h"
#include "agent/daemon/trying.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/failed_trial.h"
#include "agent/store/former.h"
#include "agent/store/history.h"
#include "agent/store/policy_load.h"

/* A policy of several files is replaced one by one, also by Kubernetes: `..data` first, then links
 * to files that are new. */
#define SETTLED_AFTER (500 * USEC_PER_MSEC)
#define TRIAL_INTERVAL (2 * USEC_PER_SEC)
#define CUT_INTERVAL (60 * USEC_PER_SEC) /* whom it would cut may be gone by then */
#define ERRORS_SHOWN 10
#define REASON_SIZE 512

struct accepting {
    struct accepting_options options;
    struct deadline again;
    struct trying *trying;
    char refused[REASON_SIZE]; /* why the last policy found on disk was not accepted; "": it was */
    uint64_t failed;           /* hash of the policy whose failed trial was said; 0: none */
    bool waits;                /* said once: somebody else's is on trial */
    uint64_t cut;              /* hash of the policy whose peers were said; 0: none */
    int cut_told;              /* what the look gave then */
};

static const char *why_refused(int error)
{
    switch (error) {
    case -EBADMSG:
        return "it has errors";
    case -ENOENT:
        return "there is no file of it";
    case -ENODATA:
        return "it has no rules, while rules are enforced (to end that, keep the rules under "
               "'mode = observe', or run 'rpfpolicy accept --force')";
    case -EPIPE:
        return "it is to be tried, and the process that begins trials is gone: start the agent "
               "again";
    default:
        return strerror(-error);
    }
}

static void say_refused(const struct logger *logger, const struct diags *diags, int error)
{
    unsigned shown = 0;

    for (size_t i = 0; i < diags->count && shown < ERRORS_SHOWN; i++) {
        const struct diag *diag = &diags->items[i];

        if (diag->level != DIAG_ERROR)
            continue;
        shown++;
        if (diag->line > 0)
            log_plain(logger, LOG_EVENT_PLAIN, LOG_ERR, "%s:%u: %s", diag->file, diag->line,
                      diag->text);
        else
            log_plain(logger, LOG_EVENT_PLAIN, LOG_ERR, "%s: %s", diag->file, diag->text);
    }
    log_plain(logger, LOG_EVENT_POLICY_REFUSED, LOG_ERR,
              "The policy on disk is not accepted: %s; what was accepted before stays in force",
              why_refused(error));
}

static void try_again_in(struct accepting *accepting, uint64_t usec)
{
    deadline_set(&accepting->again, loop_now(accepting->options.loop) + usec);
}

static void say_waits(struct accepting *accepting)
{
    if (!accepting->waits)
        log_plain(accepting->options.logger, LOG_EVENT_PLAIN, LOG_NOTICE,
                  "A policy on trial awaits its confirmation: until then the policy on disk is not "
                  "accepted");
    accepting->waits = true;
}

/* Under the lock. The same policy once more is no decision. */
static void record(const struct accepting_options *options, const struct policy *policy,
                   const char *detail)
{
    struct history_record record;
    int r;

    history_describe(DECISION_ACCEPT, 0, 0, policy, detail, &record);
    r = history_add(options->paths, &record);
    if (r < 0)
        log_plain(options->logger, LOG_EVENT_PLAIN, LOG_WARNING, "%s cannot be written: %s",
                  options->paths->history, strerror(-r));
}

/* Is it the policy on disk that is accepted, and which file told so? */
struct accepted_one {
    struct accepted_stamp stamp;
    bool is_same;
};

static struct accepted_one read_accepted(const struct paths *paths, const struct policy *policy)
{
    _cleanup_policy_ struct policy *accepted = NULL;
    struct accepted_one one = {0};
    int r = policy_load_stamped(paths, NULL, NULL, &one.stamp, &accepted);

    one.is_same = r >= 0 && accepted->hash == policy->hash;
    return one;
}

/* True where it would cut somebody who is guarded: said once for each policy, and looked at again.
 */
static bool would_cut(struct accepting *accepting, const struct policy *policy)
{
    const struct accepting_options *options = &accepting->options;
    _cleanup_free_ char *reason = NULL;
    int r = options->look ? options->look(policy, &reason, options->data) : 0;

    if (r == 0) {
        accepting->cut = 0;
        return false;
    }
    if (r == -ECANCELED)
        return true;
    if (accepting->cut != policy->hash || accepting->cut_told != r)
        log_plain(
            options->logger, LOG_EVENT_POLICY_REFUSED, LOG_ERR,
            "The policy on disk is not accepted: %s%s. What was accepted before stays in "
            "force; this is checked again every minute, 'rpfpolicy accept --force' accepts it "
            "all the same",
            r > 0 ? "" : "who would be cut cannot be told: ", reason ?: strerror(-r));
    accepting->cut = policy->hash;
    accepting->cut_told = r;
    snprintf(accepting->refused, sizeof(accepting->refused), "%s",
             reason ?: "who would be cut cannot be told");
    try_again_in(accepting, CUT_INTERVAL);
    options->tried(options->data);
    return true;
}

/* 1: it is the policy that went back last. */
static int has_failed(const struct accepting *accepting, const struct policy *policy,
                      struct failed_trial *ret)
{
    int r = accepted_failed(accepting->options.paths, ret);
    char hash[17];

    return r > 0 ? streq(ret->hash, policy_hash_text(policy, hash)) : r;
}

/* True where it is not to be tried again: said once. */
static bool refuse_failed(struct accepting *accepting, const struct policy *policy)
{
    const struct accepting_options *options = &accepting->options;
    struct failed_trial failed;

    if (has_failed(accepting, policy, &failed) <= 0)
        return false;
    snprintf(accepting->refused, sizeof(accepting->refused), "its trial failed: %s", failed.why);
    if (accepting->failed != policy->hash)
        log_plain(options->logger, LOG_EVENT_POLICY_REFUSED, LOG_ERR,
                  "The policy on disk, %s, is not accepted: its trial failed: %s. %s; another one "
                  "is tried, 'rpfpolicy accept' takes this one",
                  failed.hash, failed.why,
                  *failed.before ? "What was accepted before is in force"
                                 : "Nothing was accepted before, so nothing is written");
    accepting->failed = policy->hash;
    options->tried(options->data);
    return true;
}

/* own: the guardian that it is accepted on trial with; NULL: for good. Only here it is sure that
 * no trial ends between a look and the deed. What was accepted before is read again only where it
 * is another file by now. */
static int accept_locked(struct accepting *accepting, const struct policy *policy,
                         struct accepted_one before, const struct confirm *own, struct diags *diags)
{
    const struct accepting_options *options = &accepting->options;
    struct failed_trial failed;
    int r;

    if (!presence_lock(options->presence))
        return -EBUSY;
    if (accepted_is_stale(options->paths, &before.stamp))
        before = read_accepted(options->paths, policy);
    r = confirm_check(options->paths, own);
    if (r >= 0 && !own &&
        ((!before.is_same && policy->agent.trial_usec) ||
         has_failed(accepting, policy, &failed) > 0))
        r = -ESTALE;
    if (r >= 0)
        (void)former_note(options->paths, policy->keys); /* `restore` alone would miss it */
    if (r >= 0)
        r = policy_accept(options->paths, policy->hash, own ? ACCEPT_ON_TRIAL : 0, diags);
    if (r >= 0 && !before.is_same)
        record(options, policy, own ? HISTORY_ON_TRIAL : "by the agent");
    presence_unlock(options->presence);
    return r;
}

/* It is refused where r is negative, or to be tried again later. True: that was all. */
static bool comes_later(struct accepting *accepting, int r)
{
    if (r == -EINPROGRESS)
        say_waits(accepting);
    if (r != -ESTALE && r != -EBUSY && r != -EINPROGRESS)
        return false;
    try_again_in(accepting, r == -EINPROGRESS ? TRIAL_INTERVAL : SETTLED_AFTER);
    return true;
}

static void conclude(struct accepting *accepting, const struct diags *diags, int r)
{
    const struct accepting_options *options = &accepting->options;

    if (comes_later(accepting, r))
        return;
    accepting->waits = false;
    accepting->failed = 0;
    accepting->cut = 0;
    snprintf(accepting->refused, sizeof(accepting->refused), "%s", r < 0 ? why_refused(r) : "");
    if (r < 0)
        say_refused(options->logger, diags, r);
    else if (r > 0)
        log_plain(options->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The policy on disk is accepted, but not safely on the disk: %s", strerror(r));
    options->tried(options->data);
}

/* -- on trial -- */

static int ask_for_trial(struct accepting *accepting, const struct policy *policy)
{
    int r = accepted_trial_lives(accepting->options.paths);

    if (r != 0)
        return r < 0 ? r : -EINPROGRESS;
    return trying_ask(accepting->trying, policy);
}

/* The guardian stands: what was asked for is accepted, unless it is another one by now. */
static void accept_on_trial(struct accepting *accepting)
{
    const struct accepting_options *options = &accepting->options;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    int r = policy_load(options->paths, &diags, &policy);

    if (r == 0 && policy->hash != trying_hash(accepting->trying))
        r = -ESTALE;
    if (r == 0)
        r = accept_locked(accepting, policy, read_accepted(options->paths, policy),
                          trying_confirm(accepting->trying), &diags);
    if (r == -EBUSY) {
        try_again_in(accepting, SETTLED_AFTER);
        return;
    }
    if (r >= 0)
        gather(&r, trying_start(accepting->trying));
    else
        trying_give_up(accepting->trying);
    conclude(accepting, &diags, r);
}

static void on_begun(int error, void *data)
{
    static const struct diags none = DIAGS_INIT;
    struct accepting *accepting = data;

    if (error < 0)
        conclude(accepting, &none, error);
    else
        accept_on_trial(accepting);
}

static void on_over(void *data)
{
    struct accepting *accepting = data;

    accepting->options.trial_over(accepting->options.data);
    accepting_try(accepting);
}

/* -- what is on disk -- */

/* True where the policy in force is on trial: how that ends is told later. */
static bool is_being_tried(struct accepting *accepting)
{
    const struct accepting_options *options = &accepting->options;

    if (accepted_trial_lives(options->paths) <= 0)
        return false;
    accepting->waits = false;
    accepting->refused[0] = '\0';
    if (trying_state(accepting->trying) != TRYING_RUNS)
        try_again_in(accepting, TRIAL_INTERVAL);
    options->tried(options->data);
    return true;
}

void accepting_try(struct accepting *accepting)
{
    const struct accepting_options *options = &accepting->options;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    struct accepted_one before = {0};
    int r;

    if (trying_state(accepting->trying) == TRYING_ASKS)
        return; /* the answer looks again at what is on disk */
    if (trying_state(accepting->trying) == TRYING_READY) {
        accept_on_trial(accepting);
        return;
    }
    r = policy_load(options->paths, &diags, &policy);
    if (r == 0)
        before = read_accepted(options->paths, policy);
    if (before.is_same) {
        accepting->cut = 0;
        if (is_being_tried(accepting))
            return;
    } else if (r == 0 && (refuse_failed(accepting, policy) || would_cut(accepting, policy))) {
        return;
    }
    if (r == 0 && !before.is_same && policy->agent.trial_usec) {
        r = ask_for_trial(accepting, policy);
        if (r < 0)
            conclude(accepting, &diags, r);
        return;
    }
    if (r == 0)
        r = accept_locked(accepting, policy, before, NULL, &diags);
    conclude(accepting, &diags, r);
}

void accepting_policy_changed(struct accepting *accepting)
{
    struct failed_trial failed;

    if (*accepting->refused || accepted_failed(accepting->options.paths, &failed) > 0)
        try_again_in(accepting, 0);
}

bool accepting_waits(const struct accepting *accepting)
{
    enum trying_state state = accepting ? trying_state(accepting->trying) : TRYING_NOTHING;

    return state == TRYING_ASKS || state == TRYING_READY || (accepting && accepting->cut);
}

bool accepting_was_refused(const struct accepting *accepting)
{
    return *accepting->refused != '\0';
}

json_t *accepting_json(const struct accepting *accepting)
{
    _cleanup_free_ char *reason = NULL;

    if (!accepting || !*accepting->refused)
        return json_null();
    reason = name_escape(accepting->refused);
    return json_string(reason ?: "");
}

void accepting_metrics(FILE *out, const struct accepting *accepting)
{
    if (accepting)
        metrics_single(out, "rpfpolicy_agent_policy_refused", "gauge",
                       "1 while the policy on disk is not taken.", *accepting->refused != '\0');
}

static int on_changed(sd_event_source *source, const struct inotify_event *event, void *data)
{
    try_again_in(data, SETTLED_AFTER);
    return 0;
}

static int watch(struct accepting *accepting, const char *directory)
{
    _cleanup_free_ char *path = NULL;

    if (asprintf(&path, "%s%s", accepting->options.paths->root, directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return loop_add_inotify(accepting->options.loop, path,
                            IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_CLOSE_WRITE | IN_DELETE |
                                IN_ATTRIB | IN_ONLYDIR,
                            on_changed, accepting);
}

void accepting_watch(struct accepting *accepting)
{
    const struct logger *logger = accepting->options.logger;
    bool watched = false;

    for (const char *const *directory = policy_directories; *directory; directory++) {
        int r = watch(accepting, *directory);

        watched |= r >= 0;
        if (r < 0 && r != -ENOENT)
            log_plain(logger, LOG_EVENT_PLAIN, LOG_WARNING,
                      "%s%s cannot be watched: %s. A new policy there is not seen",
                      accepting->options.paths->root, *directory, strerror(-r));
    }
    if (!watched)
        log_plain(logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "There is no directory of policy files: a new policy is not seen");
}

static void on_settled(void *data)
{
    accepting_try(data);
}

int accepting_new(const struct accepting_options *options, struct accepting **ret)
{
    struct accepting *accepting = calloc(1, sizeof(*accepting));
    struct trying_options trying = {.loop = options->loop,
                                    .logger = options->logger,
                                    .trials = options->trials,
                                    .begun = on_begun,
                                    .over = on_over,
                                    .data = accepting};

    if (!accepting || trying_new(&trying, &accepting->trying) < 0) {
        free(accepting);
        return -ENOMEM;
    }
    accepting->options = *options;
    deadline_init(&accepting->again, options->loop, on_settled, accepting);
    *ret = accepting;
    return 0;
}

struct accepting *accepting_free(struct accepting *accepting)
{
    if (!accepting)
        return NULL;
    deadline_done(&accepting->again);
    trying_free(accepting->trying);
    free(accepting);
    return NULL;
}
