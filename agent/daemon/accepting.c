/* Accepting by itself, when the files have settled. */
#include "agent/daemon/accepting.h"

#include <stdio.h>
#include <sys/inotify.h>

#include "agent/change/confirm.h"
#include "agent/daemon/metrics.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/before.h"
#include "agent/store/history.h"
#include "agent/store/policy_load.h"

/* A policy of several files is replaced one by one, also by Kubernetes: `..data` first, then links
 * to files that are new. */
#define SETTLED_AFTER (500 * USEC_PER_MSEC)
#define TRIAL_INTERVAL (2 * USEC_PER_SEC)
#define CUT_INTERVAL (60 * USEC_PER_SEC) /* whom it would cut may be gone by then */
#define ERRORS_SHOWN 10

struct accepting {
    struct accepting_options options;
    struct deadline again;
    bool refused; /* the last policy found on disk was not accepted */
    bool waits;   /* said once: somebody else's is on trial */
    uint64_t cut; /* hash of the policy whose peers were said; 0: none */
    int cut_told; /* what the look gave then */
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
static void record(const struct accepting_options *options, const struct policy *policy)
{
    struct history_record record;
    int r;

    history_describe(DECISION_ACCEPT, 0, 0, policy, "by the agent", &record);
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
    accepting->refused = true;
    try_again_in(accepting, CUT_INTERVAL);
    options->tried(options->data);
    return true;
}

/* What was accepted before is read again only where it is another file by now. */
static int accept_locked(struct accepting *accepting, const struct policy *policy,
                         struct accepted_one before, struct diags *diags)
{
    const struct accepting_options *options = &accepting->options;
    int r;

    if (!presence_lock(options->presence))
        return -EBUSY;
    if (accepted_is_stale(options->paths, &before.stamp))
        before = read_accepted(options->paths, policy);
    r = confirm_check(options->paths, NULL);
    if (r >= 0)
        (void)before_note(options->paths, policy->keys); /* `restore` alone would miss it */
    if (r >= 0)
        r = policy_accept(options->paths, policy->hash, 0, diags);
    if (r >= 0 && !before.is_same)
        record(options, policy);
    presence_unlock(options->presence);
    return r;
}

void accepting_try(struct accepting *accepting)
{
    const struct accepting_options *options = &accepting->options;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    struct accepted_one before = {0};
    int r = policy_load(options->paths, &diags, &policy);

    if (r == 0)
        before = read_accepted(options->paths, policy);
    if (r == 0 && before.is_same)
        accepting->cut = 0;
    else if (r == 0 && would_cut(accepting, policy))
        return;
    if (r == 0)
        r = accept_locked(accepting, policy, before, &diags);
    if (r == -EINPROGRESS)
        say_waits(accepting);
    if (r == -ESTALE || r == -EBUSY || r == -EINPROGRESS) {
        try_again_in(accepting, r == -EINPROGRESS ? TRIAL_INTERVAL : SETTLED_AFTER);
        return;
    }
    accepting->waits = false;
    accepting->refused = r < 0;
    if (r < 0)
        say_refused(options->logger, &diags, r);
    else if (r > 0)
        log_plain(options->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The policy on disk is accepted, but not safely on the disk: %s", strerror(r));
    options->tried(options->data);
}

bool accepting_waits(const struct accepting *accepting)
{
    return accepting && accepting->cut;
}

bool accepting_was_refused(const struct accepting *accepting)
{
    return accepting->refused;
}

void accepting_metrics(FILE *out, const struct accepting *accepting)
{
    if (accepting)
        metrics_single(out, "rpfpolicy_agent_policy_refused", "gauge",
                       "1 while the policy on disk cannot be taken and an older one is in force.",
                       accepting->refused);
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

    if (!accepting)
        return -ENOMEM;
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
    free(accepting);
    return NULL;
}
