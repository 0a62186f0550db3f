/* Putting one device right: asks the core what it should be, and writes it when nothing speaks
 * against it: mode, udev still at work, another writer, the lock. The only place of the agent that
 * writes one device alone. */
#include <stdio.h>
#include <unistd.h>

#include "agent/daemon/keeper_private.h"
#include "policy/sysctl/sysctl_conf.h"

#define NEW_DEVICE (5 * USEC_PER_SEC)
#define CHECK_AFTER (100 * USEC_PER_MSEC)
#define LOCK_RETRY (2 * USEC_PER_MSEC)
#define DIRECTORY_RETRY USEC_PER_MSEC /* the first time, then doubled, about a second at most */
#define DIRECTORY_RETRY_DOUBLE 10
#define FLUSH_INTERVAL (10 * USEC_PER_SEC)

static bool is_new(const struct entry *entry, uint64_t now)
{
    return entry->appeared != 0 && now < entry->appeared + NEW_DEVICE;
}

/* Between a device's creation and udev's last word systemd-sysctl writes the values of all matching
 * lines, one after the other. Where the last one is right there is nothing to do but wait for it.
 */
static bool sysctl_will_be_right(const struct keeper *keeper, const struct entry *entry,
                                 const struct device *device, enum key key,
                                 const struct device_target *target)
{
    const struct sysctl_conf *conf = in_force_sysctl(keeper->options.in_force);
    struct sysctl_answer answer;

    if (!entry->udev.until || !conf)
        return false;
    if (sysctl_conf_resolve(conf, SYSCTL_RUN_ADD, device->name, key, false, &answer) < 0 ||
        !answer.given)
        return false;
    return rule_accepts(target->rule, key_effective(key, keeper->targets[key].new_all, answer.value,
                                                    device->forwarding));
}

void keeper_on_flush(void *data)
{
    struct keeper *keeper = data;
    int r;

    r = procsys_flush_routes(&keeper->procsys);
    keeper->last_flush = loop_now(keeper->options.loop);
    if (r < 0)
        log_plain(keeper->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The route cache could not be flushed: %s. Established flows may keep passing "
                  "until their routes expire.",
                  strerror(-r));
}

/* At most once in FLUSH_INTERVAL; a flush that is already due covers this one too. */
void keeper_flush_routes(struct keeper *keeper)
{
    uint64_t now = loop_now(keeper->options.loop), at = now;

    if (!policy_of(keeper)->agent.flush_routes || deadline_is_set(&keeper->flush))
        return;
    if (keeper->last_flush != 0 && now < keeper->last_flush + FLUSH_INTERVAL)
        at = keeper->last_flush + FLUSH_INTERVAL;
    deadline_set(&keeper->flush, at);
}

struct repair {
    struct keeper *keeper;
    struct entry *entry;
    struct device *device;
    enum key key;
    const struct device_target *target;
    const char *event; /* what showed the wrong value */
    int old_value;
};

static void log_repair(const struct repair *repair, bool given)
{
    struct keeper *keeper = repair->keeper;
    const struct device *device = repair->device;
    char name[NAME_ESCAPED_SIZE], before[12], after[12], hold[LOG_HOLD_SIZE], message[600];
    const struct rule *rule = repair->target->rule;

    if (given && !keeper->options.logger->journal && keeper->options.logger->max_level < LOG_DEBUG)
        return;
    name_escape_buf(device->name, name, sizeof(name));
    snprintf(message, sizeof(message),
             given ? "%s: %s is %s, was %s (%s, %s:%u)"
                   : "%s: %s put back to %s, was %s (%s, %s:%u). %s",
             name, key_info(repair->key)->name,
             key_value_format(repair->key, repair->target->wanted, after, sizeof(after)),
             key_value_format(repair->key, repair->target->before, before, sizeof(before)),
             rule->pattern.text, rule->origin.file, rule->origin.line,
             log_hold_text(device->name, hold));
    log_change(keeper->options.logger, &(struct log_change){
                                           .event = given ? LOG_EVENT_GIVEN : LOG_EVENT_REPAIRED,
                                           .level = given ? LOG_DEBUG : LOG_NOTICE,
                                           .key = repair->key,
                                           .name = device->name,
                                           .ifindex = device->ifindex,
                                           .old_value = repair->old_value,
                                           .new_value = repair->target->write_value,
                                           .rule = rule,
                                           .cause = repair->event,
                                           .message = message,
                                       });
}

static void log_writer(const struct repair *repair, const struct conflict *conflict)
{
    const struct rule *rule = repair->target->rule;
    char name[NAME_ESCAPED_SIZE], text[CONFLICT_TEXT_SIZE], message[400];

    name_escape_buf(repair->device->name, name, sizeof(name));
    snprintf(message, sizeof(message),
             "%s: something keeps writing %s back to %d: %s. `rpfpolicy explain %s` names suspects "
             "(%s:%u)",
             name, key_info(repair->key)->name, repair->old_value, conflict_text(conflict, text),
             name, rule->origin.file, rule->origin.line);
    log_change(repair->keeper->options.logger, &(struct log_change){
                                                   .event = LOG_EVENT_WRITER,
                                                   .level = LOG_WARNING,
                                                   .key = repair->key,
                                                   .name = repair->device->name,
                                                   .ifindex = repair->device->ifindex,
                                                   .old_value = repair->old_value,
                                                   .new_value = repair->target->write_value,
                                                   .rule = rule,
                                                   .cause = repair->event,
                                                   .message = message,
                                               });
}

/* A new device may be given each value twice, since whoever made it may set it up too; more is a
 * conflict. */
static bool give_quietly(struct entry *entry, enum key key)
{
    if (entry->given_again & KEY_BIT(key))
        return false;
    entry->given_again |= entry->given & KEY_BIT(key);
    entry->given |= KEY_BIT(key);
    return true;
}

/* Two writes at the same instant, ours and another one, can end with the other value and without
 * any message: each finds what it found before (devinet_conf_proc() compares without a lock). So
 * where there was another writer a repair is looked at once more. */
static void check_later(struct keeper *keeper, struct entry_key *key, uint64_t now)
{
    uint64_t delay = conflict_delay(key->conflict);

    key->retry_at = now + (delay > CHECK_AFTER ? delay : CHECK_AFTER);
    keeper_schedule(keeper, key->retry_at);
}

/* One entry per change of state: while a writer is known, repairs are only counted. */
static void account(const struct repair *repair)
{
    struct keeper *keeper = repair->keeper;
    struct entry *entry = repair->entry;
    uint64_t now = loop_now(keeper->options.loop);
    struct entry_key *keys;
    struct conflict *conflict;

    histogram_add(&keeper->counters.reaction, now - loop_taken_up(keeper->options.loop));
    if (is_new(entry, now) && give_quietly(entry, repair->key)) {
        keeper->counters.given[repair->key]++;
        log_repair(repair, true);
        return;
    }
    keeper->counters.repairs[repair->key]++;
    if (entry->taking_over & KEY_BIT(repair->key)) { /* the policy changed, nobody wrote */
        log_repair(repair, false);
        return;
    }
    keys = entry_keys(entry);
    if (keys && !keys[repair->key].conflict)
        keys[repair->key].conflict = calloc(1, sizeof(struct conflict));
    if (!keys || !keys[repair->key].conflict) {
        log_repair(repair, false);
        return;
    }
    conflict = keys[repair->key].conflict;
    if (conflict_repaired(conflict, now) && conflict->mark != CONFLICT_NONE)
        log_writer(repair, conflict);
    else if (conflict->mark == CONFLICT_NONE)
        log_repair(repair, false);
    if (conflict->mark == CONFLICT_NONE)
        keeper->options.written(keeper->options.data);
    keeper_schedule(keeper, conflict_settles_at(conflict));
    check_later(keeper, &keys[repair->key], now);
}

static void write_failed(const struct repair *repair, int error)
{
    struct keeper *keeper = repair->keeper;
    struct entry *entry = repair->entry;
    struct entry_key *keys = entry_keys(entry);
    char name[NAME_ESCAPED_SIZE], message[200];

    keeper->counters.failed_writes++;
    if (keys) {
        bool known = keys[repair->key].failed;

        keys[repair->key].failed = true;
        keys[repair->key].retry_at = loop_now(keeper->options.loop) + FAILED_RETRY;
        keeper_schedule(keeper, keys[repair->key].retry_at);
        if (known)
            return; /* said once; the counter goes on */
    }
    name_escape_buf(repair->device->name, name, sizeof(name));
    snprintf(message, sizeof(message), "%s: %s could not be written: %s", name,
             key_info(repair->key)->name, strerror(-error));
    log_change(keeper->options.logger, &(struct log_change){
                                           .event = LOG_EVENT_WRITE_FAILED,
                                           .level = LOG_ERR,
                                           .key = repair->key,
                                           .name = repair->device->name,
                                           .ifindex = repair->device->ifindex,
                                           .old_value = repair->target->before,
                                           .new_value = repair->target->write_value,
                                           .rule = repair->target->rule,
                                           .cause = repair->event,
                                           .message = message,
                                       });
}

/* Is `all` still what the decision was made with? Another program may have moved it while its
 * notification still waits in the socket: then the decision has to be made again. */
static bool all_is_known(struct keeper *keeper, enum key key)
{
    struct live *live = &keeper->world.live;
    int value;

    if (keeper->options.kernel->read_special(&keeper->procsys, "all", key, &value) < 0 ||
        value == keeper->targets[key].old_all)
        return true;
    live->all[key] = value;
    plan_key_target(policy_of(keeper), live, key, &keeper->targets[key]);
    keeper_special_moved(keeper, "`all` was changed");
    return false;
}

/* What stood there and what it becomes, for a later `restore`. */
static void record_before(const struct repair *repair)
{
    struct keeper *keeper = repair->keeper;
    const struct device *device = repair->device;
    struct before_record record = {.key = repair->key,
                                   .ifindex = device->ifindex,
                                   .value = repair->old_value,
                                   .all = keeper->targets[repair->key].kept_all,
                                   .all_known = true,
                                   .wrote = repair->target->write_value};

    memcpy(record.name, device->name, sizeof(record.name));
    /* A value that cannot be recorded is put right all the same. */
    (void)before_log_add(&keeper->before, keeper->options.paths, &record);
}

/* Where /proc/sys is read-only. By ifindex alone, so the name is confirmed by reading before. */
static int write_by_setlink(struct repair *repair)
{
    struct keeper *keeper = repair->keeper;
    const struct device *device = repair->device;
    int r;

    r = keeper->options.kernel->read_device(&keeper->procsys, keeper->options.nl, device->ifindex,
                                            device->name, repair->key, &repair->old_value);
    if (r < 0 || repair->old_value == repair->target->write_value)
        return r;
    record_before(repair);
    r = setlink_write_device(keeper->options.nl, device->ifindex, repair->key,
                             repair->target->write_value);
    if (r < 0)
        return r == -EAFNOSUPPORT ? -ENODEV : r;
    return 1;
}

/* Under the lock. 1: written; 0: it was right already; -ENODEV, -ENOENT: gone or renamed just now,
 * which its own message will tell; -ESTALE: it has another name, or its directory is not there yet;
 * -EAGAIN: `all` has moved. */
static int write_locked(struct repair *repair)
{
    struct keeper *keeper = repair->keeper;
    const struct device *device = repair->device;
    int value = repair->target->write_value, fd, r;

    if (!all_is_known(keeper, repair->key))
        return -EAGAIN;
    fd = keeper->options.kernel->open_key(&keeper->procsys, keeper->options.nl, device->ifindex,
                                          device->name, repair->key);
    if (fd == -EROFS)
        return write_by_setlink(repair);
    if (fd < 0)
        return fd;
    r = procsys_read_fd(fd, &repair->old_value);
    if (r == 0 && repair->old_value != value) {
        record_before(repair);
        r = procsys_write_fd(fd, value);
        r = r < 0 ? r : 1;
    }
    close(fd);
    return r;
}

/* Returns -ESTALE when the device was renamed, -EAGAIN when `all` has moved or pauses were changed:
 * it has to be judged anew. Else 0. */
static int repair_key(struct repair *repair)
{
    struct keeper *keeper = repair->keeper;
    struct entry *entry = repair->entry;
    int r = writing_begin(keeper->options.writing);

    if (r == -ESTALE)
        return 0; /* by the other policy, which is taken soon */
    if (r == -ECANCELED)
        return -EAGAIN;
    if (r == -EBUSY) {
        struct entry_key *keys = entry_keys(entry);

        if (keys)
            keys[repair->key].retry_at = loop_now(keeper->options.loop) + LOCK_RETRY;
        keeper_schedule(keeper, loop_now(keeper->options.loop) + LOCK_RETRY);
        return 0;
    }
    r = write_locked(repair);
    writing_end(keeper->options.writing);
    if (r == -ENODEV || r == -ENOENT)
        return 0; /* gone is success: its RTM_DELLINK follows */
    if (r == -ESTALE || r == -EAGAIN)
        return r;
    if (r < 0) {
        write_failed(repair, r);
        return 0;
    }
    repair->device->conf[repair->key] = repair->target->write_value;
    entry_keep(entry, repair->device, KEY_BIT(repair->key));
    if (entry->keys) {
        entry->keys[repair->key].retry_at = 0;
        entry->keys[repair->key].failed = false;
    }
    if (r == 0)
        return 0; /* an old message: the value is right by now */
    account(repair);
    if (key_may_refuse(repair->key, repair->target->before, repair->target->wanted) &&
        !is_new(entry, loop_now(keeper->options.loop)))
        keeper_flush_routes(keeper);
    return 0;
}

/* Until an engine has in place what it needs. */
static void await(struct keeper *keeper, struct entry *entry, const struct device *device,
                  const struct device_target *target)
{
    const struct engine *other = others_await(keeper->options.others, device->ifindex);
    bool way = ways_await(keeper->options.ways, device);
    const struct engine *engine = way ? ways_engine() : entry->waits ? NULL : other;
    char before[12], wanted[12];

    entry->waits |= other != NULL;
    if (engine)
        log_plain(keeper->options.logger, way ? LOG_EVENT_ROUTING_FAILED : LOG_EVENT_PLAIN, LOG_ERR,
                  "%s: rp_filter stays %s and becomes %s (%s:%u) when %s is in place",
                  NAME_SHOWN(device->name),
                  key_value_format(KEY_RP_FILTER, target->before, before, sizeof(before)),
                  key_value_format(KEY_RP_FILTER, target->held_wanted, wanted, sizeof(wanted)),
                  target->rule->origin.file, target->rule->origin.line, engine->words.title);
}

/* May this key of the device be written now? Schedules a later try where it is only too early. */
static bool may_write(struct keeper *keeper, struct entry *entry, const struct device *device,
                      enum key key, const struct device_target *target)
{
    uint64_t now, at;

    if (!target->drift || target->impossible || target->moot || target->undecided ||
        target->rule->observe || !in_force_enforces(keeper->options.in_force))
        return false;
    if (udev_watch_may_rename(keeper->options.udev, device, &entry->udev))
        return false;
    if (target->held) {
        await(keeper, entry, device, target);
        return false;
    }
    if (sysctl_will_be_right(keeper, entry, device, key, target))
        return false;
    if (!entry->keys || !entry->keys[key].conflict)
        return true;
    now = loop_now(keeper->options.loop);
    at = conflict_allowed_at(entry->keys[key].conflict, now);
    if (at <= now)
        return true;
    entry->keys[key].retry_at = at;
    keeper_schedule(keeper, at);
    return false;
}

/* One pass over the keys; -ESTALE when the device turned out to have another name, -EAGAIN when
 * `all` moved. */
static int enforce_once(struct keeper *keeper, struct entry *entry, struct device *device,
                        const char *event)
{
    enum state worst = STATE_UNMANAGED;

    device->paused = paused_covers(keeper->options.paused, device);
    device->held = ways_are_missing(keeper->options.ways, device) ||
                   others_are_missing(keeper->options.others, device->ifindex);
    entry->waits &= device->held;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        struct device_target target;
        enum state state;
        int r;

        if (!(policy_of(keeper)->keys & KEY_BIT(key)))
            continue;
        if (device->unseen && !key_info(key)->announced)
            continue; /* its value is not known */
        plan_device_target(policy_of(keeper), &keeper->targets[key], key, device, &target);
        if (may_write(keeper, entry, device, key, &target)) {
            struct repair repair = {.keeper = keeper,
                                    .entry = entry,
                                    .device = device,
                                    .key = key,
                                    .target = &target,
                                    .event = event,
                                    .old_value = device->conf[key]};

            r = repair_key(&repair);
            if (r < 0)
                return r;
            if (device->conf[key] == target.write_value)
                target.drift = false;
        }
        if (!target.drift && !target.paused && !target.undecided && !target.moot)
            entry->taking_over &= ~KEY_BIT(key);
        state = judge_target_state(&target);
        if (state < worst)
            worst = state;
    }
    if (worst != entry->state) {
        table_set_state(&keeper->table, entry, worst);
        keeper_changed(keeper);
    }
    return 0;
}

/* A renamed device has its name before it has its directory. The kernel sends the settings when the
 * directory is there; should that message have been read already, the timer looks. */
static void wait_for_directory(struct keeper *keeper, struct entry *entry)
{
    struct entry_key *keys = entry_keys(entry);
    uint64_t at = loop_now(keeper->options.loop) + (DIRECTORY_RETRY << entry->nameless);

    if (entry->nameless < DIRECTORY_RETRY_DOUBLE)
        entry->nameless++;
    for (enum key key = 0; keys && key < KEY_COUNT; key++)
        if (policy_of(keeper)->keys & KEY_BIT(key))
            keys[key].retry_at = at;
    keeper_schedule(keeper, at);
}

void keeper_enforce(struct keeper *keeper, struct entry *entry, struct device *device,
                    const char *event)
{
    if (!policy_of(keeper) || !device->ipv4) {
        entry->nameless = 0;
        table_set_state(&keeper->table, entry, STATE_UNMANAGED);
        return;
    }
    for (unsigned tries = 0; tries < 5; tries++) {
        char name[DEVICE_NAME_MAX + 1];
        int r = enforce_once(keeper, entry, device, event);

        if (r == -EAGAIN)
            continue;
        if (r == 0 ||
            keeper->options.kernel->current_name(keeper->options.nl, device->ifindex, name) < 0) {
            entry->nameless = 0; /* done, or gone */
            return;
        }
        if (streq(device->name, name))
            break;
        memcpy(device->name, name, sizeof(name));
    }
    wait_for_directory(keeper, entry);
}

void keeper_ask(struct keeper *keeper, struct device *device)
{
    for (enum key key = 0; policy_of(keeper) && key < KEY_COUNT; key++) {
        int value;

        if ((policy_of(keeper)->keys & KEY_BIT(key)) &&
            keeper->options.kernel->read_device(&keeper->procsys, keeper->options.nl,
                                                device->ifindex, device->name, key, &value) >= 0)
            device->conf[key] = value;
    }
}
