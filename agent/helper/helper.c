/* rpfpolicy-helper: udev runs it for each network device that was added or renamed, after
 * systemd-sysctl. Puts this one device right by the accepted policy and, where `all` has to move
 * for that, keeps all others as they are. One process per device: its start-up is its cost, so it
 * reads as little as it can and connects to the system log only when it has something to say. */
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "agent/change/change.h"
#include "agent/engines/sysctl/sysctl_engine.h"
#include "agent/helper/environment.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/former.h"
#include "agent/store/lock.h"
#include "agent/store/policy_load.h"

/* Long enough for a full apply on a large host, far below udev's own limit for an event. */
#define LOCK_WAIT_MS 20000
#define AGENT_LOCK_WAIT_MS 2000 /* the agent starts all the same */

struct helper {
    struct event event;
    const struct paths *paths;
    struct accepted_stamp stamp; /* of … */
    const struct policy *policy; /* … what the device's name takes of the accepted policy, or all */
    struct policy *whole;        /* owned; NULL: was not needed */
    bool stale;                  /* another one was accepted before the lock was had */
    unsigned kept;               /* writes that leave a device effectively as it is */
    bool looked;                 /* the device was found once and what cannot be written was told */
};

static void report_write(const struct change_report *report, void *data)
{
    enum change_result result = report->result;
    const struct write *write = report->change;
    struct helper *helper = data;
    _cleanup_free_ char *reason = NULL;
    char name[NAME_ESCAPED_SIZE];

    if (result == CHANGE_GONE || result == CHANGE_RENAMED)
        return;
    if (result == CHANGE_DONE &&
        (write->reason == WRITE_KEEP || write->reason == WRITE_STOP_FOLLOW)) {
        helper->kept++;
        return;
    }
    name_escape_buf(write->name, name, sizeof(name));
    reason = write_reason_text(write);
    if (result == CHANGE_DONE)
        syslog(LOG_INFO, "%s: %s set from %d to %d: %s", name, key_info(write->key)->name,
               write->old_value, write->new_value, reason ?: "");
    else
        syslog(LOG_ERR, "%s: %s cannot be set from %d to %d: %s: %s", name,
               key_info(write->key)->name, write->old_value, write->new_value,
               strerror(-report->error), reason ?: "");
}

static void report_impossible(const char *name, const struct device_target *target, enum key key)
{
    const struct rule *rule = target->rule;
    _cleanup_free_ char *pattern = name_escape(rule->pattern.text);
    _cleanup_free_ char *file = name_escape(rule->origin.file);
    char value[12];

    syslog(LOG_WARNING, "%s: %s stays %s: `all` rules out %s=%s (%s:%u)", name, key_info(key)->name,
           key_value_format(key, target->before, value, sizeof(value)), pattern ?: "",
           rule->value_text, file ?: "", rule->origin.line);
}

/* What no write can put right, and what the helper leaves to those who see more. */
static void report_unwritten(const struct policy *policy, const struct live *live,
                             const struct device *device)
{
    char name[NAME_ESCAPED_SIZE];

    name_escape_buf(device->name, name, sizeof(name));
    for (enum key key = 0; key < KEY_COUNT; key++) {
        struct device_target wanted;
        struct key_target target;

        if (!(policy->keys & KEY_BIT(key)))
            continue;
        plan_key_target(policy, live, key, &target);
        plan_device_target(policy, &target, key, device, &wanted);
        if (wanted.undecided)
            syslog(LOG_DEBUG, "%s: %s left alone: a set decides that is not judged here", name,
                   key_info(key)->name);
        else if (wanted.impossible)
            report_impossible(name, &wanted, key);
    }
}

/* Called after each reading of the live picture. */
static int amend(struct live *live, void *data)
{
    struct helper *helper = data;
    struct device *device = live_by_ifindex(live, helper->event.ifindex);
    int r = 0;

    if (!device)
        return 0;
    if (helper->policy->facts & FACT_UDEV)
        r = device_take_environment(device, environ);
    if (r >= 0 && !helper->looked)
        report_unwritten(helper->policy, live, device);
    helper->looked = true;
    return r;
}

static void report_result(const struct helper *helper, const struct change_outcome *result)
{
    if (helper->kept > 0)
        syslog(LOG_INFO, "%u other values written so that nothing else changes", helper->kept);
    if (result->record_error < 0)
        syslog(LOG_WARNING, "the former values could not be recorded: %s",
               strerror(-result->record_error));
    if (result->flush_error < 0)
        syslog(LOG_WARNING, "the route cache could not be flushed: %s",
               strerror(-result->flush_error));
}

static void report_diags(const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];

        if (diag->level == DIAG_ERROR && diag->line > 0)
            syslog(LOG_ERR, "%s:%u: %s", diag->file ?: "", diag->line, diag->text);
        else if (diag->level == DIAG_ERROR)
            syslog(LOG_ERR, "%s: %s", diag->file ?: "", diag->text);
    }
}

static void report_failure(const struct helper *helper, int error)
{
    char name[NAME_ESCAPED_SIZE];

    name_escape_buf(helper->event.name ?: "a device without name", name, sizeof(name));
    if (error == -EBUSY)
        syslog(LOG_ERR, "%s: not put right: another program has held %s for %u s", name,
               helper->paths->lock, LOCK_WAIT_MS / 1000);
    else
        syslog(LOG_ERR, "%s: not put right: %s", name, strerror(-error));
}

/* The accepted policy, as far as it takes for a device of this name; NULL: all of it. 0 with NULL
 * in *ret where there is nothing to do by it. */
static int load(struct helper *helper, const char *name, struct policy **ret)
{
    const struct paths *paths = helper->paths;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    int r;

    *ret = NULL;
    if (access(paths->stand_back, F_OK) >= 0)
        return 0;
    r = policy_load_stamped(paths, name, &diags, &helper->stamp, &policy);
    if (r == -ENOENT)
        return 0;
    if (r < 0) {
        syslog(LOG_ERR, "the accepted policy cannot be used: %s", strerror(-r));
        report_diags(&diags);
        return r;
    }
    if (policy->agent.mode == MODE_ENFORCE)
        *ret = TAKE_PTR(policy);
    return 0;
}

/* `all` has to move, or the device has another name by now. */
static int take_whole(void *data, const struct policy **ret)
{
    struct helper *helper = data;
    int r = load(helper, NULL, &helper->whole);

    if (r < 0)
        return r;
    if (!helper->whole) /* withdrawn meanwhile */
        return -ECANCELED;
    *ret = helper->policy = helper->whole;
    return 0;
}

/* Nobody accepts a policy while the lock is held; until then somebody may have. */
static int announce(const struct change_announcement *what, void *data)
{
    struct helper *helper = data;

    if (what->engine)
        return 0;
    helper->stale = accepted_is_stale(helper->paths, &helper->stamp);
    return helper->stale ? -ESTALE : 0;
}

static int put_right(struct helper *helper)
{
    static const struct engine *const engines[] = {&engine_sysctl, NULL};
    static const struct change_listener listener = {.announce = announce, .report = report_write};
    const struct change_request request = {
        .paths = helper->paths,
        .engines = engines,
        .by = {.policy = helper->policy,
               .whole = take_whole,
               .complete = amend,
               .blind = FACTS_HOOK_BLIND},
        .only_ifindex = helper->event.ifindex,
        .no_flush = event_is_young(&helper->event, clock_usec(CLOCK_MONOTONIC)),
        .lock_timeout_ms = LOCK_WAIT_MS,
        .listener = &listener,
        .data = helper,
    };
    struct change_outcome result;
    int r = change_run(&request, &result);

    if (helper->stale)
        return r;
    if (r == -ENODEV || r == -ECANCELED) /* the device or the policy was gone before its turn */
        return 0;
    report_result(helper, &result);
    if (r < 0)
        report_failure(helper, r);
    return r < 0 ? r : change_total(&result).first_error;
}

/* By the policy that is in force when its turn comes. */
static int put_right_once(struct helper *helper)
{
    _cleanup_policy_ struct policy *policy = NULL;
    int r;

    helper->stale = false;
    r = load(helper, helper->event.name, &policy);
    if (r < 0 || !policy)
        return r;
    helper->policy = policy;
    r = put_right(helper);
    helper->whole = policy_free(helper->whole);
    return r;
}

/* The unit of the agent tells, with full rights, when it starts its agent: what there was before
 * that is what root saw. */
static int before_agent(const struct paths *paths)
{
    _cleanup_policy_ struct policy *policy = NULL;
    _cleanup_lock_ int lock = -1;
    int r = unlink(paths->stand_back) < 0 && errno != ENOENT ? -errno : 0;

    if (r < 0 || policy_load_accepted(paths, NULL, &policy) < 0)
        return r;
    lock = lock_acquire(paths, AGENT_LOCK_WAIT_MS);
    return lock < 0 ? lock : former_note(paths, policy->keys);
}

/* … and when that has ended. A stop on purpose is what ends it with status 0: systemd.exec(5). */
static int after_agent(const struct paths *paths)
{
    const char *code = getenv("EXIT_CODE"), *status = getenv("EXIT_STATUS");

    if (!code || !status || !streq(code, "exited") || !streq(status, "0"))
        return 0;
    return file_put(paths->stand_back, "", 0, NULL);
}

static int run_for_unit(int (*verb)(const struct paths *paths))
{
    _cleanup_paths_ struct paths paths = {};
    int r = paths_init(&(struct path_options){}, &paths);

    if (r >= 0)
        r = directory_make(paths.orders);
    if (r >= 0)
        r = verb(&paths);
    if (r < 0)
        fprintf(stderr, "rpfpolicy-helper: %s: %s\n", paths.orders ?: "", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(void)
{
    _cleanup_paths_ struct paths paths = {};
    struct helper helper = {};
    int r;

    r = event_read(environ, &helper.event);
    if (r < 0) {
        fputs("rpfpolicy-helper: no ACTION and IFINDEX in the environment; udev sets them\n",
              stderr);
        return r;
    }
    if (!helper.event.wanted)
        return 0;
    openlog("rpfpolicy-helper", LOG_PID, LOG_DAEMON);
    r = paths_init(&(struct path_options){}, &paths);
    if (r < 0)
        return r;
    helper.paths = &paths;
    do
        r = put_right_once(&helper);
    while (helper.stale);
    return r;
}

int main(int argc, char *argv[])
{
    if (argc == 1)
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (argc == 2 && streq(argv[1], "--version")) {
        puts("rpfpolicy-helper " PROJECT_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && (streq(argv[1], "--help") || streq(argv[1], "-h"))) {
        fputs("rpfpolicy-helper is started by udev for each network device that is added or\n"
              "renamed, and puts that device right by the accepted policy. The unit of the\n"
              "agent runs it with --before-agent and --after-agent. See rpfpolicy --help for\n"
              "the program to use by hand.\n",
              stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && streq(argv[1], "--before-agent"))
        return run_for_unit(before_agent);
    if (argc == 2 && streq(argv[1], "--after-agent"))
        return run_for_unit(after_agent);
    fputs("rpfpolicy-helper: unknown arguments, see --help\n", stderr);
    return EXIT_FAILURE;
}
