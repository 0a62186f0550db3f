/* From accepted.conf to the policy that is carried out, and what is said of it. */
#include "agent/daemon/in_force.h"

#include <libgen.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "agent/base/clock.h"
#include "agent/daemon/metrics.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/policy_load.h"
#include "agent/system/sysctl_load.h"
#include "policy/lang/routing.h"

struct in_force {
    struct in_force_options options;
    struct policy *policy; /* NULL: nothing is accepted */
    struct sysctl_conf *sysctl;
    struct accepted_stamp stamp;
    uint64_t since; /* wall clock, microseconds */
    bool enforces, barred;
    bool was_read;   /* it was looked for once */
    bool is_damaged; /* the accepted one, which was said */
    bool is_short; /* likewise, for want of memory or descriptors: it stays stale, to be tried again
                    */
};

const struct policy *in_force_policy(const struct in_force *in_force)
{
    return in_force->policy;
}

bool in_force_enforces(const struct in_force *in_force)
{
    return in_force->enforces;
}

bool in_force_is_barred(const struct in_force *in_force)
{
    return in_force->barred;
}

const struct sysctl_conf *in_force_sysctl(const struct in_force *in_force)
{
    return in_force->sysctl;
}

void in_force_reload_sysctl(struct in_force *in_force)
{
    struct sysctl_conf *conf = NULL;

    if (sysctl_load(in_force->options.paths, SYSCTL_SYSTEMD, NULL, &conf) < 0)
        return;
    sysctl_conf_free(in_force->sysctl);
    in_force->sysctl = conf;
}

static void say_policy(const struct in_force *in_force)
{
    const struct policy *policy = in_force->policy;
    char hash[17];

    log_plain(in_force->options.logger, LOG_EVENT_POLICY, LOG_INFO,
              "Policy %s is in force (%s, rules: %zu%s, files: %zu)%s",
              policy_hash_text(policy, hash), policy_mode_name(policy->agent.mode), policy->n_rules,
              routing_in_policy(policy) ? " and policy routing" : "", policy->n_files,
              in_force->enforces ? "" : "; nothing is written");
}

static void replace_policy(struct in_force *in_force, struct policy *policy)
{
    const struct in_force_options *options = &in_force->options;
    bool enforces = policy && policy->agent.mode == MODE_ENFORCE;
    struct policy *before = in_force->policy;

    in_force->policy = policy;
    in_force->since = clock_usec(CLOCK_REALTIME);
    in_force->barred = enforces && !options->can_write(options->data);
    in_force->enforces = enforces && !in_force->barred;
    options->replaced(options->data);
    policy_free(before);
}

bool in_force_is_stale(const struct in_force *in_force)
{
    return accepted_is_stale(in_force->options.paths, &in_force->stamp);
}

static int take_none(struct in_force *in_force)
{
    if (in_force->was_read && !in_force->policy)
        return 0;
    in_force->was_read = true;
    log_plain(in_force->options.logger, LOG_EVENT_NO_POLICY, LOG_NOTICE,
              "No policy is accepted: nothing is written. `rpfpolicy accept` puts the policy on "
              "disk into force");
    replace_policy(in_force, NULL);
    return 1;
}

static void say_damaged(const struct in_force *in_force, const struct diags *diags, int error)
{
    log_plain(in_force->options.logger, LOG_EVENT_POLICY_DAMAGED, LOG_ERR,
              "%s: the accepted policy cannot be used: %s; %s", in_force->options.paths->accepted,
              diags->count > 0 ? diags->items[0].text : strerror(-error),
              in_force->policy ? "the one in force stays" : "nothing is written");
}

/* Of an error that says nothing of the file. */
static bool passes(int error)
{
    return error == -ENOMEM || error == -ENFILE || error == -EMFILE;
}

int in_force_take(struct in_force *in_force)
{
    const struct paths *paths = in_force->options.paths;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    bool is_known = in_force->is_damaged && !in_force_is_stale(in_force);
    struct accepted_stamp stamp = {0};
    int r = policy_load_stamped(paths, NULL, &diags, &stamp, &policy);

    if (passes(r))
        is_known = in_force->is_short;
    else
        in_force->stamp = stamp;
    in_force->is_short = passes(r);
    if (r == -ENOENT)
        return take_none(in_force);
    in_force->was_read = true;
    in_force->is_damaged = r < 0;
    if (r < 0) {
        if (!is_known) /* said once */
            say_damaged(in_force, &diags, r);
        return passes(r) ? r : 0;
    }
    if (in_force->policy && in_force->policy->hash == policy->hash)
        return 0;
    replace_policy(in_force, TAKE_PTR(policy));
    say_policy(in_force);
    return 1;
}

static int on_accepted(sd_event_source *source, const struct inotify_event *event, void *data)
{
    struct in_force *in_force = data;

    if (!(event->mask & IN_Q_OVERFLOW) && (event->len == 0 || !streq(event->name, "accepted.conf")))
        return 0;
    if (in_force_take(in_force) > 0)
        in_force->options.changed(in_force->options.data);
    return 0;
}

static int watch(struct in_force *in_force, const char *directory)
{
    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        return -errno;
    return loop_add_inotify(in_force->options.loop, directory,
                            IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR, on_accepted,
                            in_force);
}

void in_force_watch(struct in_force *in_force)
{
    _cleanup_free_ char *copy = strdup(in_force->options.paths->accepted);
    const char *directory = copy ? dirname(copy) : in_force->options.paths->accepted;
    int r = copy ? watch(in_force, directory) : -ENOMEM;

    if (r < 0)
        log_plain(in_force->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "%s cannot be watched: %s. A new policy is seen at a reload or the next sweep",
                  directory, strerror(-r));
}

int in_force_new(const struct in_force_options *options, struct in_force **ret)
{
    struct in_force *in_force = calloc(1, sizeof(*in_force));
    int r;

    if (!in_force)
        return -ENOMEM;
    in_force->options = *options;
    r = sysctl_load(options->paths, SYSCTL_SYSTEMD, NULL, &in_force->sysctl);
    if (r < 0) {
        in_force_free(in_force);
        return r;
    }
    *ret = in_force;
    return 0;
}

struct in_force *in_force_free(struct in_force *in_force)
{
    if (!in_force)
        return NULL;
    policy_free(in_force->policy);
    sysctl_conf_free(in_force->sysctl);
    free(in_force);
    return NULL;
}

json_t *in_force_json(const struct in_force *in_force)
{
    const struct policy *policy = in_force->policy;
    json_t *files;
    char hash[17];

    if (!policy)
        return json_null();
    files = json_array();
    for (size_t i = 0; i < policy->n_files; i++) {
        _cleanup_free_ char *name = name_escape(policy->files[i]);

        json_array_append_new(files, json_string(name ?: ""));
    }
    return json_pack("{s:s, s:o, s:s, s:s?, s:f}", "hash", policy_hash_text(policy, hash), "files",
                     files, "mode", policy_mode_name(policy->agent.mode), "revision",
                     policy->agent.revision, "since",
                     (double)in_force->since / (double)USEC_PER_SEC);
}

void in_force_metrics(FILE *out, const struct in_force *in_force)
{
    const struct policy *policy = in_force->policy;
    _cleanup_free_ char *revision = NULL;
    char hash[17];

    if (!policy)
        return;
    revision = name_escape_label(policy->agent.revision ?: "");
    metrics_family(out, "rpfpolicy_agent_policy_info", "gauge", "The policy in force.");
    fprintf(
        out,
        "rpfpolicy_agent_policy_info{hash=\"%s\",version=\"%s\",mode=\"%s\",revision=\"%s\"} 1\n",
        policy_hash_text(policy, hash), PROJECT_VERSION, policy_mode_name(policy->agent.mode),
        revision ?: "");
    metrics_family(out, "rpfpolicy_agent_policy_since_timestamp_seconds", "gauge",
                   "When the policy in force was taken over.");
    fprintf(out, "rpfpolicy_agent_policy_since_timestamp_seconds %.3f\n",
            (double)in_force->since / (double)USEC_PER_SEC);
}
