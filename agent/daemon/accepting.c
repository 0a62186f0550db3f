/* With --accept, for containers, where nobody runs `rpfpolicy accept`: the agent itself puts the
 * policy on disk into force, at the start and when a file of it changes. A bad policy is named and
 * replaces nothing. What is accepted is taken over as ever: see takeover.c. */
#include <stdio.h>
#include <sys/inotify.h>

#include "agent/change/confirm.h"
#include "agent/daemon/agent.h"

/* A policy of several files is replaced one by one, also by Kubernetes: `..data` first, then links
 * to files that are new. */
#define SETTLED_AFTER (500 * USEC_PER_MSEC)
#define TRIAL_INTERVAL (2 * USEC_PER_SEC)
#define ERRORS_SHOWN 10

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

static void say_refused(const struct agent *agent, const struct diags *diags, int error)
{
    unsigned shown = 0;

    for (size_t i = 0; i < diags->count && shown < ERRORS_SHOWN; i++) {
        const struct diag *diag = &diags->items[i];

        if (diag->level != DIAG_ERROR)
            continue;
        shown++;
        if (diag->line > 0)
            log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_ERR, "%s:%u: %s", diag->file, diag->line,
                      diag->text);
        else
            log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_ERR, "%s: %s", diag->file, diag->text);
    }
    log_plain(&agent->logger, LOG_EVENT_POLICY_REFUSED, LOG_ERR,
              "The policy on disk is not accepted: %s; what was accepted before stays in force",
              why_refused(error));
}

static void try_again_in(struct agent *agent, uint64_t usec)
{
    deadline_set(&agent->accept_due, loop_now(agent->loop) + usec);
}

static void say_waits(struct agent *agent)
{
    if (!agent->accept_waits)
        log_plain(
            &agent->logger, LOG_EVENT_PLAIN, LOG_NOTICE,
            "An apply --confirm awaits its confirmation: until then the policy on disk is not "
            "accepted");
    agent->accept_waits = true;
}

static int accept_locked(struct agent *agent, uint64_t hash, struct diags *diags)
{
    int r;

    if (!presence_lock(agent->presence))
        return -EBUSY;
    r = confirm_check(&agent->paths, NULL);
    if (r >= 0)
        r = policy_accept(&agent->paths, hash, 0, diags);
    presence_unlock(agent->presence);
    return r;
}

void agent_accept(void *data)
{
    struct agent *agent = data;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    int r = policy_load(&agent->paths, &diags, &policy);

    if (r == 0)
        r = accept_locked(agent, policy->hash, &diags);
    if (r == -EINPROGRESS)
        say_waits(agent);
    if (r == -ESTALE || r == -EBUSY || r == -EINPROGRESS) {
        try_again_in(agent, r == -EINPROGRESS ? TRIAL_INTERVAL : SETTLED_AFTER);
        return;
    }
    agent->accept_waits = false;
    agent->refused = r < 0;
    if (r < 0)
        say_refused(agent, &diags, r);
    agent_status_changed(agent);
}

static int on_changed(sd_event_source *source, const struct inotify_event *event, void *data)
{
    try_again_in(data, SETTLED_AFTER);
    return 0;
}

static int watch(struct agent *agent, const char *directory)
{
    _cleanup_free_ char *path = NULL;

    if (asprintf(&path, "%s%s", agent->paths.root, directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return sd_event_add_inotify(loop_event(agent->loop), NULL, path,
                                IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_CLOSE_WRITE |
                                    IN_DELETE | IN_ATTRIB | IN_ONLYDIR,
                                on_changed, agent);
}

int agent_watch_disk(struct agent *agent)
{
    bool watched = false;

    for (const char *const *directory = policy_directories; *directory; directory++) {
        int r = watch(agent, *directory);

        watched |= r >= 0;
        if (r < 0 && r != -ENOENT)
            log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                      "%s%s cannot be watched: %s. A new policy there is not seen",
                      agent->paths.root, *directory, strerror(-r));
    }
    if (!watched)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "There is no directory of policy files: a new policy is not seen");
    agent_accept(agent);
    return 0;
}
