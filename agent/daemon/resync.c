/* Reading everything again: at the start, after lost messages, after a change of `all`, `default`
 * or policy. */
#include <limits.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/change/change.h"
#include "agent/daemon/agent.h"
#include "agent/engines/sysctl/sysctl_engine.h"
#include "policy/base/name.h"

/* Between full reads: at least the first, and so long that they take at most a twentieth of the
 * time, up to the second. What only somebody else can end is looked at once a second. */
#define RESYNC_INTERVAL (100 * USEC_PER_MSEC)
#define RESYNC_INTERVAL_MAX USEC_PER_SEC
#define RESYNC_SHARE 20
#define LOOK_AGAIN_AFTER USEC_PER_SEC
#define BUSY_RETRY (5 * USEC_PER_MSEC)
#define RULES_NAMED 10

bool agent_policy_is_stale(struct agent *agent)
{
    if (!in_force_is_stale(agent->in_force))
        return false;
    agent_schedule_resync(agent, "another policy is accepted");
    return true;
}

void agent_on_resync(void *data)
{
    struct agent *agent = data;

    if (in_force_is_stale(agent->in_force) && in_force_take(agent->in_force) > 0)
        agent_policy_changed(agent);
    else
        agent_resync_now(agent, NULL);
}

static uint64_t resync_interval(const struct agent *agent)
{
    uint64_t interval = RESYNC_SHARE * agent->resync_cost;

    if (agent->resync_failed || interval > RESYNC_INTERVAL_MAX)
        return RESYNC_INTERVAL_MAX;
    return interval < RESYNC_INTERVAL ? RESYNC_INTERVAL : interval;
}

static void schedule_resync(struct agent *agent, const char *reason, uint64_t interval)
{
    uint64_t now = loop_now(agent->loop), at = now;

    if (reason)
        agent->resync_reason = reason;
    if (now < agent->last_resync + interval)
        at = agent->last_resync + interval + (uint64_t)(random() % 50) * USEC_PER_MSEC;
    if (!deadline_is_set(&agent->resync))
        deadline_set(&agent->resync, at);
}

/* At once when the last one is long enough ago; else later, with jitter, so that many hosts or many
 * reasons do not pull together. reason NULL: routine, neither logged nor counted. */
void agent_schedule_resync(struct agent *agent, const char *reason)
{
    schedule_resync(agent, reason, resync_interval(agent));
}

void agent_resync_now(struct agent *agent, const char *reason)
{
    int r;

    if (reason)
        agent->resync_reason = reason;
    r = agent_resync(agent);
    if (r < 0 && !agent->resync_failed)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The devices could not be read: %s. Trying again", strerror(-r));
    agent->resync_failed = r < 0;
    if (r < 0)
        agent_schedule_resync(agent, NULL);
}

void agent_on_look_again(void *agent)
{
    agent_schedule_resync(agent, NULL);
}

void agent_look_again(struct agent *agent)
{
    if (!policy_of(agent) || !(policy_of(agent)->keys & ~keys_announced()))
        return;
    deadline_set_by(&agent->look_again, loop_now(agent->loop) + LOOK_AGAIN_AFTER);
}

/* While another writer of `all` or `default` is sat out, nothing can be done but look now and then
 * whether it has stopped. */
void agent_special_changed(struct agent *agent, const char *reason)
{
    bool waits = agent->specials.retry_at > loop_now(agent->loop);

    schedule_resync(agent, reason, waits ? RESYNC_INTERVAL_MAX : resync_interval(agent));
    if (!waits)
        agent_look_again(agent);
}

static int read_picture(struct agent *agent, struct live *ret)
{
    struct picture_options options = {
        .keys = policy_of(agent) ? policy_of(agent)->keys : 0,
        .facts = policy_of(agent) ? policy_of(agent)->facts : 0,
        .proc_sys_net = agent->paths.proc_sys_net,
    };

    if (agent->paths.foreign)
        options.facts &= ~(uint32_t)FACT_UDEV;
    return picture_read(&agent->nl, &options, ret);
}

static void report_plan_write(const struct change_report *report, void *data)
{
    enum change_result result = report->result;
    const struct write *write = report->change;
    struct agent *agent = data;
    _cleanup_free_ char *reason = write_reason_text(write);
    char name[NAME_ESCAPED_SIZE], hold[LOG_HOLD_SIZE], message[600];

    if (result == CHANGE_GONE || result == CHANGE_RENAMED || result == CHANGE_HELD ||
        write->step == 0)
        return;
    name_escape_buf(write->name, name, sizeof(name));
    if (result == CHANGE_DONE)
        agent->counters.repairs[write->key]++;
    else
        agent->counters.failed_writes++;
    /* One entry per change of state: while a writer is known, repairs are only counted. */
    if (agent->specials.conflict.mark != CONFLICT_NONE)
        return;
    snprintf(message, sizeof(message), "%s: %s %d, was %d: %s%s%s", name,
             key_info(write->key)->name, write->new_value, write->old_value, reason ? reason : "",
             result == CHANGE_FAILED ? ": failed: "
             : write->rule           ? ". "
                                     : "",
             result == CHANGE_FAILED ? strerror(-report->error)
             : write->rule           ? log_hold_text(write->name, hold)
                                     : "");
    log_change(&agent->logger,
               &(struct log_change){
                   .event = result == CHANGE_DONE ? LOG_EVENT_REPAIRED : LOG_EVENT_WRITE_FAILED,
                   .level = result == CHANGE_DONE ? LOG_NOTICE : LOG_ERR,
                   .key = write->key,
                   .name = write->name,
                   .ifindex = write->ifindex,
                   .old_value = write->old_value,
                   .new_value = write->new_value,
                   .rule = write->rule,
                   .cause = "`all` or `default`",
                   .message = message,
               });
}

static bool special_drifts(const struct agent *agent)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (kept_drifts(agent, key))
            return true;
    return false;
}

/* Some of it is left alone for now, for a person or a way. */
static bool special_waits(const struct agent *agent)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        const struct key_target *target = &agent->targets[key];

        if (target->managed && (target->all_paused || target->default_paused || target->all_held))
            return true;
    }
    return false;
}

static bool is_ruled_out(const struct rule *rule, enum key key, int all)
{
    if (rule->key != key || !plan_rule_writes(rule) || pattern_is_pin(&rule->pattern))
        return false;
    for (unsigned i = 0; i < rule->n_values; i++)
        if (key_reachable(key, all, rule->values[i], false))
            return false;
    return true;
}

/* "; not honoured: eth*=strict (FILE:LINE), …": the rules that `all` as it is rules out, the first
 * ones of them. Owned; NULL when memory ran out. */
static char *rules_ruled_out_text(const struct agent *agent, enum key key, int all)
{
    size_t size = 0, found = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = 0; out && i < policy_of(agent)->n_rules; i++) {
        const struct rule *rule = &policy_of(agent)->rules[i];
        _cleanup_free_ char *pattern = NULL;

        if (!is_ruled_out(rule, key, all) || ++found > RULES_NAMED)
            continue;
        pattern = name_escape(rule->pattern.text);
        fprintf(out, "%s%s=%s (%s:%u)", found == 1 ? "; not honoured: " : ", ", pattern ?: "",
                rule->value_text, rule->origin.file, rule->origin.line);
    }
    if (out && found > RULES_NAMED)
        fprintf(out, " and %zu more", found - RULES_NAMED);
    if (out && fclose(out) == EOF) {
        free(text);
        text = NULL;
    }
    return text;
}

/* `all` or `default` should move and cannot: said once per change. */
static void say_blocked(struct agent *agent, enum key key)
{
    const struct key_target *target = &agent->targets[key];
    _cleanup_free_ char *rules = NULL;
    char place[PATH_MAX + 16] = "";
    bool blocked = target->managed && ((target->all_blocked && target->all_drift) ||
                                       target->all_held || target->default_impossible);
    const struct rule *rule = target->all_drift ? target->all_rule : target->default_rule;

    if (rule)
        snprintf(place, sizeof(place), ", as %s:%u asks", rule->origin.file, rule->origin.line);
    if (blocked == !!(agent->blocked & KEY_BIT(key)))
        return;
    agent->blocked ^= KEY_BIT(key);
    if (!blocked)
        return;
    if (target->all_drift)
        rules = rules_ruled_out_text(agent, key, target->old_all);
    log_plain(&agent->logger, LOG_EVENT_BLOCKED, LOG_WARNING,
              "%s of `%s` is %d and cannot be moved%s%s: what it rules out is left as it is, "
              "`rpfpolicy check` lists it%s",
              key_info(key)->name, target->all_drift ? "all" : "default",
              target->all_drift ? target->old_all : target->old_default, place,
              target->all_held           ? ", since it would make a device stricter whose policy "
                                           "routing is not in place"
              : agent->procsys.read_only ? ", since /proc/sys is read-only"
                                         : "",
              rules ?: "");
}

static void compute_targets(struct agent *agent, const struct live *live)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (policy_of(agent) && (policy_of(agent)->keys & KEY_BIT(key)))
            plan_key_target(policy_of(agent), live, key, &agent->targets[key]);
        else
            agent->targets[key] = (struct key_target){.managed = false};
        say_blocked(agent, key);
        if (agent->targets[key].all_held)
            ways_await(agent->ways, NULL, NULL);
    }
}

/* Under the lock. -ESTALE where it is no longer the accepted policy that would be carried out. */
static int amend(struct live *live, void *data)
{
    struct agent *agent = data;

    ways_mark(agent->ways, live);
    return agent_policy_is_stale(agent) ? -ESTALE : agent_amend(live, agent);
}

/* A whole plan, since `all` or `default` has to move. Backs off like every other repair, of which
 * it is one unless the policy or the agent is new. 1 when it was carried out. */
static int put_specials_right(struct agent *agent)
{
    static const struct engine *const engines[] = {&engine_sysctl, NULL};
    static const struct change_listener listener = {.report = report_plan_write};
    const struct change_request request = {.paths = &agent->paths,
                                           .engines = engines,
                                           .by = {.policy = policy_of(agent), .complete = amend},
                                           .no_flush = true, /* it may wait; the loop must not */
                                           .lock_timeout_ms = 0,
                                           .listener = &listener,
                                           .data = agent};
    struct conflict *conflict = &agent->specials.conflict;
    uint64_t now = loop_now(agent->loop), at = conflict_allowed_at(conflict, now);
    struct change_outcome result;
    char text[CONFLICT_TEXT_SIZE];
    int r;

    if (at > now) {
        agent->specials.retry_at = at;
        agent_schedule_retry(agent, at);
        return 0;
    }
    r = change_run(&request, &result);
    if (r == -ESTALE)
        return 0; /* the other policy is taken first */
    if (r == -EBUSY) {
        agent->specials.retry_at = now + BUSY_RETRY;
        agent_schedule_retry(agent, agent->specials.retry_at);
        return 0;
    }
    if (!agent->specials.taking_over) {
        if (conflict_repaired(conflict, now) && conflict->mark)
            log_plain(&agent->logger, LOG_EVENT_WRITER, LOG_WARNING,
                      "Something keeps writing `all` or `default` back: %s",
                      conflict_text(conflict, text));
        agent_schedule_retry(agent, conflict_settles_at(conflict));
    }
    if (r < 0)
        return r;
    agent->specials.taking_over = false;
    agent->counters.plans++;
    if (result.stricter)
        agent_flush_routes(agent);
    return 1;
}

/* The specials of a picture, kept without its devices. */
static void take_specials(struct agent *agent, const struct live *live)
{
    agent->special = *live;
    agent->special.devices = NULL;
    agent->special.count = 0;
}

static void say_resync(struct agent *agent)
{
    if (!agent->resync_reason)
        return;
    agent->counters.resyncs++;
    log_plain(&agent->logger, LOG_EVENT_RESYNC, LOG_DEBUG, "Read everything again: %s",
              agent->resync_reason);
    agent->resync_reason = NULL;
}

/* The picture becomes the table, and the ways are made that it asks for: before anything becomes
 * strict. */
static int take_picture(struct agent *agent, struct live *live)
{
    int r;

    kept_take(agent, live);
    take_specials(agent, live);
    r = agent_merge(agent, live);
    live_done(live);
    if (r >= 0)
        ways_resync(agent->ways);
    return r;
}

int agent_resync(struct agent *agent)
{
    bool taken;
    struct live live = {0};
    int r;

    say_resync(agent);
    listening_discard(agent->listening);
    (void)loop_take_up(agent->loop);
    for (unsigned pass = 0;; pass++) {
        taken = false;
        r = read_picture(agent, &live);
        agent->last_resync = loop_now(agent->loop);
        agent->resync_cost = agent->last_resync - loop_taken_up(agent->loop);
        if (r == -EAGAIN || r == -ENOBUFS) {
            agent_schedule_resync(agent, "a dump was interrupted");
            return 0;
        }
        if (r < 0)
            return r;
        kept_fill(agent, &live);
        paused_mark(agent->paused, &live);
        if (pass > 0 || ways_are_planned(agent->ways)) /* else it is tried below, before values */
            ways_mark(agent->ways, &live);
        compute_targets(agent, &live);
        agent->specials.taking_over &= special_drifts(agent) || special_waits(agent);
        if (pass > 0 || !in_force_enforces(agent->in_force) || !special_drifts(agent))
            break;
        taken = ways_are_asked(agent->ways);
        if (taken)
            r = take_picture(agent, &live);
        if (r < 0)
            return r;
        r = put_specials_right(agent);
        if (r < 0)
            log_plain(&agent->logger, LOG_EVENT_WRITE_FAILED, LOG_ERR,
                      "`all` and `default` could not be put right: %s", strerror(-r));
        if (r <= 0)
            break;
        live_done(&live);
    }
    r = taken ? 0 : take_picture(agent, &live);
    if (r < 0)
        return r;
    for (size_t i = 0; i < agent->table.count; i++)
        agent_enforce(agent, agent->table.entries[i], agent->taking_over ? "policy" : "full read");
    ways_finish(agent->ways);
    agent_status_changed(agent);
    return 0;
}
