/* The accepted policy becomes the one in force: at the start, and at once when accepted.conf is
 * replaced. A bad one never replaces a good one. */
#include <libgen.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/base/clock.h"
#include "agent/daemon/agent.h"
#include "agent/daemon/evidence.h"
#include "agent/store/accepted_hold.h"

static void say_policy(const struct agent *agent)
{
    char hash[17];

    log_plain(&agent->logger, LOG_EVENT_POLICY, LOG_INFO,
              "Policy %s is in force (%s, rules: %zu%s, files: %zu)%s",
              policy_hash_text(agent->policy, hash), policy_mode_name(agent->policy->agent.mode),
              agent->policy->n_rules, routing_in_policy(agent->policy) ? " and policy routing" : "",
              agent->policy->n_files, agent->enforcing ? "" : "; nothing is written");
}

static void replace_policy(struct agent *agent, struct policy *policy)
{
    memset(agent->targets, 0, sizeof(agent->targets)); /* they borrow rules */
    policy_free(agent->policy);
    agent->policy = policy;
    agent->policy_since = clock_usec(CLOCK_REALTIME);
    agent->enforcing = policy && policy->agent.mode == MODE_ENFORCE;
    if (agent->enforcing && !agent->can_write) {
        agent->enforcing = false;
        agent->restart = true;
    }
    for (size_t i = 0; i < agent->table.count; i++)
        entry_forget_conflicts(agent->table.entries[i]);
    agent->specials = (struct special){.retry_at = 0};
    agent_routing_begin(agent);
    if (evidence_begin(agent) < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Who would be cut by what is only observed is not recorded: memory ran out");
}

static void stamp(const struct agent *agent, struct policy_stamp *ret)
{
    struct stat st;

    *ret = (struct policy_stamp){0};
    if (stat(agent->paths.accepted, &st) == 0)
        *ret = (struct policy_stamp){
            .inode = st.st_ino, .size = (uint64_t)st.st_size, .modified = st.st_mtim};
}

/* Nothing tells of the end of a guardian that is killed. */
static bool trial_is_over(const struct agent *agent)
{
    return agent->policy_stamp.on_trial && accepted_trial_lives(&agent->paths) == 0;
}

bool agent_policy_is_stale(struct agent *agent)
{
    const struct policy_stamp *was = &agent->policy_stamp;
    struct policy_stamp is;

    stamp(agent, &is);
    if (is.inode == was->inode && is.size == was->size &&
        is.modified.tv_sec == was->modified.tv_sec &&
        is.modified.tv_nsec == was->modified.tv_nsec && !trial_is_over(agent))
        return false;
    agent_schedule_resync(agent, "another policy is accepted");
    return true;
}

/* Returns 1 when the policy in force changed, 0 when not. */
int agent_take_policy(struct agent *agent)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    bool is_known = agent->policy_damaged && !agent_policy_is_stale(agent);
    int r;

    stamp(agent, &agent->policy_stamp); /* before it is read: a later one is noticed */
    agent->policy_stamp.on_trial = accepted_may_go_back(&agent->paths);
    r = policy_load_accepted(&agent->paths, &diags, &policy);
    if (r == -ENOENT && agent->policy_read && !agent->policy)
        return 0;
    agent->policy_read = true;
    if (r == -ENOENT) {
        log_plain(
            &agent->logger, LOG_EVENT_NO_POLICY, LOG_NOTICE,
            "No policy is accepted: nothing is written. `rpfpolicy accept` puts the policy on "
            "disk into force");
        replace_policy(agent, NULL);
        return 1;
    }
    agent->policy_damaged = r < 0;
    if (agent->policy_damaged) {
        const struct diag *diag = diags.count > 0 ? &diags.items[0] : NULL;

        if (is_known)
            return 0; /* said once */
        log_plain(&agent->logger, LOG_EVENT_POLICY_DAMAGED, LOG_ERR,
                  "%s: the accepted policy cannot be used: %s; %s", agent->paths.accepted,
                  diag ? diag->text : strerror(-r),
                  agent->policy ? "the one in force stays" : "nothing is written");
        return 0;
    }
    if (agent->policy && agent->policy->hash == policy->hash)
        return 0;
    replace_policy(agent, TAKE_PTR(policy));
    say_policy(agent);
    return 1;
}

void agent_policy_changed(struct agent *agent)
{
    if (agent->restart) {
        (void)sd_event_exit(loop_event(agent->loop), 0);
        return;
    }
    (void)agent_open_watches(agent);
    agent_plan_sweep(agent);
    agent->taking_over = true;
    agent_resync_now(agent, NULL);
    agent->taking_over = false;
    presence_tell(agent->presence, agent->enforcing);
}

static int on_accepted(sd_event_source *source, const struct inotify_event *event, void *data)
{
    struct agent *agent = data;

    if (!(event->mask & IN_Q_OVERFLOW) && (event->len == 0 || !streq(event->name, "accepted.conf")))
        return 0;
    if (agent_take_policy(agent) > 0)
        agent_policy_changed(agent);
    return 0;
}

int agent_watch_accepted(struct agent *agent)
{
    _cleanup_free_ char *copy = strdup(agent->paths.accepted);
    const char *directory;
    int r = 0;

    if (!copy)
        return -ENOMEM;
    directory = dirname(copy);
    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        r = -errno;
    if (r >= 0)
        r = sd_event_add_inotify(loop_event(agent->loop), NULL, directory,
                                 IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR, on_accepted,
                                 agent);
    if (r < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "%s cannot be watched: %s. A new policy is seen at a reload or the next sweep",
                  directory, strerror(-r));
    return 0;
}
