/* `all` and `default`: where they are heading for, the whole plan that brings them there, and who
 * keeps writing them back. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/change/change.h"
#include "agent/daemon/keeper_private.h"
#include "agent/engines/sysctl/sysctl_engine.h"
#include "policy/base/name.h"

#define BUSY_RETRY (5 * USEC_PER_MSEC)
#define RULES_NAMED 10

bool keeper_specials_drift(const struct keeper *keeper)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (keeper_kept_drifts(keeper, key))
            return true;
    return false;
}

/* Some of it is left alone for now, for a person or a way. */
static bool something_waits(const struct keeper *keeper)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        const struct key_target *target = &keeper->targets[key];

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
static char *rules_ruled_out_text(const struct keeper *keeper, enum key key, int all)
{
    size_t size = 0, found = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = 0; out && i < policy_of(keeper)->n_rules; i++) {
        const struct rule *rule = &policy_of(keeper)->rules[i];
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

/* `all` or `default` should move and cannot: said once per change. lacks: for which engine `all` is
 * held. */
static void say_blocked(struct keeper *keeper, enum key key, const struct engine *lacks)
{
    const struct key_target *target = &keeper->targets[key];
    _cleanup_free_ char *rules = NULL;
    char place[PATH_MAX + 16] = "";
    bool blocked = target->managed && ((target->all_blocked && target->all_drift) ||
                                       target->all_held || target->default_impossible);
    const struct rule *rule = target->all_drift ? target->all_rule : target->default_rule;

    if (rule)
        snprintf(place, sizeof(place), ", as %s:%u asks", rule->origin.file, rule->origin.line);
    if (blocked == !!(keeper->specials.blocked & KEY_BIT(key)))
        return;
    keeper->specials.blocked ^= KEY_BIT(key);
    if (!blocked)
        return;
    if (target->all_drift)
        rules = rules_ruled_out_text(keeper, key, target->old_all);
    log_plain(keeper->options.logger, LOG_EVENT_BLOCKED, LOG_WARNING,
              "%s of `%s` is %d and cannot be moved%s%s%s%s: what it rules out is left as it is, "
              "`rpfpolicy check` lists it%s",
              key_info(key)->name, target->all_drift ? "all" : "default",
              target->all_drift ? target->old_all : target->old_default, place,
              target->all_held            ? ", since it would make a device stricter for which "
              : keeper->procsys.read_only ? ", since /proc/sys is read-only"
                                          : "",
              target->all_held ? lacks->words.title : "",
              target->all_held ? " is not in place" : "", rules ?: "");
}

void keeper_aim(struct keeper *keeper, struct live *live, bool ways)
{
    const struct engine *lacks = NULL;

    keeper_kept_fill(keeper, live);
    paused_mark(keeper->options.paused, live);
    if (ways)
        ways_mark(keeper->options.ways, live);
    others_mark(keeper->options.others, live);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (policy_of(keeper) && (policy_of(keeper)->keys & KEY_BIT(key)))
            plan_key_target(policy_of(keeper), live, key, &keeper->targets[key]);
        else
            keeper->targets[key] = (struct key_target){.managed = false};
        if (keeper->targets[key].all_held) {
            lacks = others_await(keeper->options.others, IFINDEX_ALL) ?: ways_engine();
            (void)ways_await(keeper->options.ways, NULL); /* of `all` it is said below */
        }
        say_blocked(keeper, key, lacks);
    }
    keeper->specials.taking_over &= keeper_specials_drift(keeper) || something_waits(keeper);
}

static void report_plan_write(const struct change_report *report, void *data)
{
    enum change_result result = report->result;
    const struct write *write = report->change;
    struct keeper *keeper = data;
    _cleanup_free_ char *reason = write_reason_text(write);
    char name[NAME_ESCAPED_SIZE], hold[LOG_HOLD_SIZE], message[600];

    if (result == CHANGE_GONE || result == CHANGE_RENAMED || result == CHANGE_HELD ||
        write->step == 0)
        return;
    name_escape_buf(write->name, name, sizeof(name));
    if (result == CHANGE_DONE)
        keeper->counters.repairs[write->key]++;
    else
        keeper->counters.failed_writes++;
    /* One entry per change of state: while a writer is known, repairs are only counted. */
    if (keeper->specials.conflict.mark != CONFLICT_NONE)
        return;
    snprintf(message, sizeof(message), "%s: %s %d, was %d: %s%s%s", name,
             key_info(write->key)->name, write->new_value, write->old_value, reason ? reason : "",
             result == CHANGE_FAILED ? ": failed: "
             : write->rule           ? ". "
                                     : "",
             result == CHANGE_FAILED ? strerror(-report->error)
             : write->rule           ? log_hold_text(write->name, hold)
                                     : "");
    log_change(keeper->options.logger,
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

/* Under the lock. */
static int complete(struct live *live, void *data)
{
    struct keeper *keeper = data;
    int r = writing_check(keeper->options.writing);

    if (r < 0)
        return r;
    ways_mark(keeper->options.ways, live);
    others_mark(keeper->options.others, live);
    keeper_amend(keeper, live);
    keeper_kept_fill(keeper, live);
    return 0;
}

/* Backs off like every other repair, of which it is one unless the policy or the agent is new. */
int keeper_put_specials_right(struct keeper *keeper)
{
    static const struct engine *const engines[] = {&engine_sysctl, NULL};
    static const struct change_listener listener = {.report = report_plan_write};
    const struct change_request request = {
        .paths = keeper->options.paths,
        .engines = engines,
        .by = {.policy = policy_of(keeper), .complete = complete},
        .no_flush = true, /* it may wait; the loop must not */
        .lock_timeout_ms = 0,
        .listener = &listener,
        .data = keeper};
    struct conflict *conflict = &keeper->specials.conflict;
    uint64_t now = loop_now(keeper->options.loop), at = conflict_allowed_at(conflict, now);
    struct change_outcome result;
    char text[CONFLICT_TEXT_SIZE];
    int r;

    if (at > now) {
        keeper->specials.retry_at = at;
        keeper_schedule(keeper, at);
        return 0;
    }
    r = keeper->options.kernel->carry_out(&request, &result);
    if (r == -ESTALE || r == -ECANCELED)
        return 0; /* the other policy, or other pauses, are taken first */
    if (r == -EBUSY) {
        keeper->specials.retry_at = now + BUSY_RETRY;
        keeper_schedule(keeper, keeper->specials.retry_at);
        return 0;
    }
    if (!keeper->specials.taking_over) {
        if (conflict_repaired(conflict, now) && conflict->mark)
            log_plain(keeper->options.logger, LOG_EVENT_WRITER, LOG_WARNING,
                      "Something keeps writing `all` or `default` back: %s",
                      conflict_text(conflict, text));
        keeper_schedule(keeper, conflict_settles_at(conflict));
    }
    if (r < 0) {
        log_plain(keeper->options.logger, LOG_EVENT_WRITE_FAILED, LOG_ERR,
                  "`all` and `default` could not be put right: %s", strerror(-r));
        keeper->specials.retry_at = now + FAILED_RETRY;
        keeper_schedule(keeper, keeper->specials.retry_at);
        return 0;
    }
    keeper->specials.taking_over = false;
    keeper->counters.plans++;
    if (result.stricter)
        keeper_flush_routes(keeper);
    return 1;
}

/* One entry per change: the mark is gone, or only a day without repairs is missing. */
void keeper_say_settled(const struct keeper *keeper, const struct conflict *conflict,
                        const char *name, const char *key)
{
    log_plain(keeper->options.logger, LOG_EVENT_WRITER_GONE, LOG_NOTICE,
              conflict->mark == CONFLICT_NONE
                  ? "%s: nothing writes %s back any more"
                  : "%s: nothing writes %s back for now: repairs are made at once again, the mark "
                    "`writer` stays until a day went by without one",
              name, key);
    keeper_changed(keeper);
}

uint64_t keeper_retry_specials(struct keeper *keeper, uint64_t now)
{
    struct specials *specials = &keeper->specials;
    bool settles = conflict_settles_at(&specials->conflict) <= now;

    if (settles && conflict_settle(&specials->conflict, now))
        keeper_say_settled(keeper, &specials->conflict, "`all` and `default`", "them");
    if (settles || (specials->retry_at && specials->retry_at <= now)) {
        specials->retry_at = 0;
        keeper_read_again(keeper, NULL); /* what stays is the state from then on */
    }
    return earlier(specials->retry_at ? specials->retry_at : UINT64_MAX,
                   conflict_settles_at(&specials->conflict));
}
