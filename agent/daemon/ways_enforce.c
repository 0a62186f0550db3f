/* Carrying out a plan of policy routing: only where the mode allows it, under the lock, later where
 * somebody keeps undoing it, and with one journal entry per device and change of state. */
#include <stdio.h>

#include "agent/daemon/ways_private.h"

#define LOCK_RETRY (5 * USEC_PER_MSEC)
#define FAILED_RETRY (200 * USEC_PER_MSEC) /* doubled each time */
#define FAILED_RETRY_DOUBLE 6
#define SAY_EFFECT_WITHIN (60 * USEC_PER_SEC)
#define SAY_EFFECT_MAX 6
/* For a lease that comes after its address. */
#define LOOK_AGAIN (20 * USEC_PER_MSEC)
#define LOOK_AGAIN_FOR (20 * USEC_PER_SEC)

/* Records */

static struct ways_record *find_record(struct ways_record *records, size_t n, int ifindex)
{
    size_t at = SORTED_PLACE(n, i, records[i].ifindex < ifindex);

    return at < n && records[at].ifindex == ifindex ? &records[at] : NULL;
}

struct ways_record *ways_record(const struct ways *ways, int ifindex)
{
    return find_record(ways->records, ways->n_records, ifindex);
}

/* What is for nobody that the policy speaks of counts with the rules for main. */
static struct ways_record *record_of(const struct ways *ways, int ifindex)
{
    return ways_record(ways, ifindex) ?: &ways->records[0];
}

static void add_bytes(uint64_t *hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++)
        *hash = (*hash ^ p[i]) * UINT64_C(1099511628211);
}

#define HASH_START UINT64_C(14695981039346656037)

static uint64_t hash_route(const struct route *route)
{
    const uint32_t numbers[] = {route->table,     route->metric, route->mtu,   (uint32_t)route->oif,
                                route->to.length, route->type,   route->onlink};
    uint64_t hash = HASH_START;

    add_bytes(&hash, numbers, sizeof(numbers));
    add_bytes(&hash, &route->to.ip, sizeof(route->to.ip));
    add_bytes(&hash, &route->via, sizeof(route->via));
    add_bytes(&hash, &route->prefsrc, sizeof(route->prefsrc));
    return hash;
}

static uint64_t hash_rule(const struct route_rule *rule)
{
    const uint32_t numbers[] = {rule->table, rule->priority, rule->from.length, rule->to.length,
                                (uint32_t)rule->suppress_prefixlength};
    uint64_t hash = HASH_START;

    add_bytes(&hash, numbers, sizeof(numbers));
    add_bytes(&hash, &rule->from.ip, sizeof(rule->from.ip));
    add_bytes(&hash, &rule->to.ip, sizeof(rule->to.ip));
    return hash;
}

/* The sum over all that a record shall have does not depend on their order. */
static void hash_wanted(struct ways_record *records, size_t n, const struct routes_plan *plan)
{
    size_t at = 0;

    for (size_t i = 0; i < plan->n_routes; i++) {
        for (size_t k = 0; k < n && records[at].ifindex != plan->routes[i].oif; k++)
            at = at + 1 < n ? at + 1 : 0;
        if (records[at].ifindex == plan->routes[i].oif)
            records[at].wanted += hash_route(&plan->routes[i]);
    }
    for (size_t i = 0; i < plan->n_rules; i++) {
        for (size_t k = 0; k < n && records[at].table != plan->rules[i].table; k++)
            at = at + 1 < n ? at + 1 : 0;
        if (records[at].table == plan->rules[i].table)
            records[at].wanted += hash_rule(&plan->rules[i]);
        else
            records[0].wanted += hash_rule(&plan->rules[i]);
    }
}

static void say_state(const struct ways *ways, const struct ways_record *record)
{
    if (record->state == ROUTES_CONFLICT)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_CONFLICT, LOG_WARNING,
                  "%s: policy routing leaves it alone: %s", NAME_SHOWN(record->name),
                  record->message ?: "");
    else if (record->state == ROUTES_IMPOSSIBLE)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_CONFLICT, LOG_WARNING,
                  "%s: policy routing cannot be set up: %s", NAME_SHOWN(record->name),
                  record->message ?: "");
}

/* What was known of the device goes on, unless what it shall have is something else now. */
static void keep(const struct ways *ways, struct ways_record *new, struct ways_record *old)
{
    bool told = old && old->state == new->state &&streq(old->message ?: "", new->message ?: "");

    new->heard = told ? old->heard : loop_now(ways->options.loop);
    new->missing = true; /* until its ways are found, or made */
    if (old) {
        new->conflict = old->conflict;
        if (old->wanted == new->wanted) {
            new->had = streq(old->name, new->name) ? old->had : 0;
            new->refused = old->refused;
            new->failures = old->failures;
            new->retry_at = old->retry_at;
        }
        new->missing = old->missing;
        new->told = old->told;
        new->overruled = old->overruled;
        new->effect_at = old->effect_at;
        new->effect_said = old->effect_said;
    }
    if (!told)
        say_state(ways, new);
}

/* 1: some device has no record any more, of which something was missing, or nothing was known. */
static int update_records(struct ways *ways, const struct routes_plan *plan)
{
    bool freed = ways->n_records == 0;
    size_t n = plan->n_devices + 1;
    struct ways_record *records = calloc(n, sizeof(*records));

    if (!records)
        return -ENOMEM;
    records[0] = (struct ways_record){.state = ROUTES_OK, .table = UINT32_MAX};
    for (size_t i = 1; i < n; i++) {
        const struct routes_device *device = &plan->devices[i - 1];

        records[i].ifindex = device->ifindex;
        records[i].table = device->table;
        records[i].state = device->state;
        records[i].message = device->conflict || device->message
                                 ? strdup(device->conflict ?: device->message)
                                 : NULL;
        memcpy(records[i].name, device->name, sizeof(records[i].name));
    }
    hash_wanted(records, n, plan);
    for (size_t i = 0; i < n; i++)
        keep(ways, &records[i], ways_record(ways, records[i].ifindex));
    for (size_t i = 0; i < ways->n_records; i++) {
        freed |= ways->records[i].missing && !find_record(records, n, ways->records[i].ifindex);
        free(ways->records[i].message);
    }
    free(ways->records);
    ways->records = records;
    ways->n_records = n;
    return freed;
}

/* Who undoes it */

static void say_settled(struct ways *ways, struct ways_record *record, uint64_t now)
{
    if (conflict_settles_at(&record->conflict) <= now && conflict_settle(&record->conflict, now))
        log_plain(ways->options.logger, LOG_EVENT_WRITER_GONE, LOG_NOTICE,
                  "%s: nothing takes policy routing away any more",
                  record->ifindex ? NAME_SHOWN(record->name) : "The rules for main");
    if (conflict_settles_at(&record->conflict) != UINT64_MAX)
        ways_schedule(ways, conflict_settles_at(&record->conflict));
}

/* Else at the time that it is, the timer is set for it. */
static bool is_due(struct ways *ways, const struct ways_record *record, unsigned family,
                   uint64_t now)
{
    uint64_t at = record->refused & family ? record->retry_at : 0;

    if (record->had & family) {
        uint64_t allowed = conflict_allowed_at(&record->conflict, now);

        at = allowed > at ? allowed : at;
    }
    if (at > now)
        ways_schedule(ways, at);
    return at <= now;
}

/* What was done for one record in one plan. */
struct work {
    struct ways *ways;
    struct doing {
        unsigned done;
        uint8_t changed, refused, left; /* families; left: refused or not tried */
        bool adds;                      /* something was missing, not only too much */
        bool missing;                   /* and still is, of what rp_filter looks at */
        bool held;                      /* what is to go waits for the values of devices */
        const struct routes_change *first, *failed;
        int error;
    } * doing; /* per record */
};

static struct doing *doing_of(const struct work *work, const struct routes_change *change)
{
    const struct ways *ways = work->ways;

    return &work->doing[record_of(ways, change->ifindex) - ways->records];
}

static uint8_t family_of(const struct routes_change *change)
{
    return FAMILY_BIT(routes_change_family(change));
}

static void report(const struct routes_change *change, const char *name, enum change_result result,
                   int error, void *data)
{
    struct work *work = data;
    struct ways *ways = work->ways;
    struct doing *doing = doing_of(work, change);
    uint8_t family = family_of(change);

    switch (result) {
    case CHANGE_DONE:
        ways_learn(ways, change);
        ways->counters.changes++;
        doing->done++;
        doing->changed |= family;
        doing->adds |= routes_change_adds(change);
        doing->first = doing->first ?: change;
        break;
    case CHANGE_GONE: /* its message follows */
        ways->read |= ROUTES_READ_OURS;
        break;
    case CHANGE_FAILED:
        ways->read |= ROUTES_READ_OURS | ROUTES_READ_RULES;
        ways->counters.failures++;
        if (!doing->failed || routes_change_is_way(change)) {
            doing->failed = change;
            doing->error = error;
        }
        doing->refused |= family;
        doing->left |= family;
        doing->missing |= routes_change_is_way(change);
        break;
    case CHANGE_LEFT:
        doing->left |= family;
        doing->missing |= routes_change_is_way(change);
        break;
    default: /* not of routes */
        break;
    }
}

static void say_failure(struct ways *ways, struct ways_record *record, const struct doing *doing)
{
    _cleanup_free_ char *text = routes_change_text(doing->failed, NAME_SHOWN(record->name));
    unsigned twice =
        record->failures < FAILED_RETRY_DOUBLE ? record->failures : FAILED_RETRY_DOUBLE;

    record->retry_at = loop_now(ways->options.loop) + (FAILED_RETRY << twice);
    ways_schedule(ways, record->retry_at);
    record->failures++;
    if (doing->refused & ~record->refused)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_FAILED, LOG_ERR,
                  "%s: policy routing could not be set up: '%s': %s",
                  record->ifindex ? NAME_SHOWN(record->name) : "all devices", text ?: "?",
                  strerror(-doing->error));
}

static void say_undone(struct ways *ways, struct ways_record *record, const struct doing *doing)
{
    _cleanup_free_ char *text = routes_change_text(doing->first, NAME_SHOWN(record->name));
    const char *name = record->ifindex ? NAME_SHOWN(record->name) : "all devices";
    struct conflict *conflict = &record->conflict;
    bool changed = conflict_repaired(conflict, loop_now(ways->options.loop));
    char history[CONFLICT_TEXT_SIZE];

    ways->counters.repairs++;
    if (changed && conflict->mark != CONFLICT_NONE)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_WRITER, LOG_WARNING,
                  "%s: something keeps changing our policy routing: %s. The last one: '%s'", name,
                  conflict_text(conflict, history), text ?: "?");
    else if (conflict->mark == CONFLICT_NONE)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_REPAIRED, LOG_NOTICE,
                  "%s: policy routing was put back, %u %s: '%s'%s", name, doing->done,
                  doing->done == 1 ? "change" : "changes", text ?: "?",
                  doing->done == 1 ? "" : " and others");
    ways_schedule(ways, conflict_settles_at(conflict));
}

static void say_done(struct ways *ways, struct ways_record *record, const struct doing *doing,
                     const struct routes_plan *plan)
{
    size_t at = (size_t)(record - ways->records);
    const struct routes_device *device = at > 0 ? &plan->devices[at - 1] : NULL;

    if (record->had & doing->changed && (at > 0 || doing->adds))
        say_undone(ways, record, doing);
    else if (device && record->wanted)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_SET, LOG_INFO,
                  "%s: policy routing is set up: table %u, routes: %zu, rules: %zu",
                  NAME_SHOWN(record->name), device->table, device->n_routes, device->n_rules);
    else if (device)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_SET, LOG_INFO,
                  "%s: policy routing was taken away, for now there is nothing to route by",
                  NAME_SHOWN(record->name));
    else if (!doing->adds)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_SET, LOG_INFO,
                  "Policy routing that nothing needs now was taken away, %u %s", doing->done,
                  doing->done == 1 ? "route or rule" : "routes and rules");
}

/* Has the kernel what was wanted, as far as can be told? */
static void conclude(struct ways *ways, struct ways_record *record, const struct doing *doing,
                     const struct routes_plan *plan)
{
    if (doing->failed)
        say_failure(ways, record, doing);
    record->refused = (record->refused | doing->refused) & doing->left;
    if (doing->held)
        return;
    if (doing->done > 0 && (record->had & doing->changed || !doing->left))
        say_done(ways, record, doing, plan);
    record->had |= (FAMILY_BIT(AF_INET) | FAMILY_BIT(AF_INET6)) & ~doing->left;
    if (doing->left)
        return;
    record->failures = 0;
    record->retry_at = 0;
    if (record->state == ROUTES_DRIFT)
        record->state = ROUTES_OK;
}

/* What is due moves to the front; the rest counts as left. */
static size_t pick(struct work *work, struct routes_plan *plan)
{
    struct ways *ways = work->ways;
    size_t picked = 0, additions = routes_plan_additions(plan);
    uint64_t now = loop_now(ways->options.loop);

    for (size_t i = 0; i < plan->n_changes; i++) {
        struct routes_change change = plan->changes[i];
        struct doing *doing = doing_of(work, &change);

        if (!in_force_enforces(ways->options.in_force) ||
            !is_due(ways, record_of(ways, change.ifindex), family_of(&change), now)) {
            doing->left |= family_of(&change);
            doing->missing |= routes_change_is_way(&change);
        } else if (ways->hold && i >= additions) {
            doing->held = ways->held = true;
        } else {
            plan->changes[picked++] = change;
        }
    }
    return picked;
}

/* Under the lock. False: not now; the timer or a full read comes back to it. */
static bool write_locked(struct work *work, const struct live *live,
                         const struct routes_change *changes, size_t n)
{
    struct ways *ways = work->ways;

    int r = writing_begin(ways->options.writing);

    if (r == -EBUSY)
        ways_schedule(ways, loop_now(ways->options.loop) + LOCK_RETRY);
    if (r < 0)
        return false;
    ways->options.kernel->carry_out(ways->options.nl, changes, n, live, report, work);
    writing_end(ways->options.writing);
    return true;
}

/* Values that waited for what is there now are to follow. */
static void take_missing(struct ways *ways, const struct doing *doing, bool freed)
{
    for (size_t i = 0; i < ways->n_records; i++) {
        struct ways_record *record = &ways->records[i];

        freed |= record->missing && !doing[i].missing;
        record->missing = doing[i].missing;
        record->told = record->told && (record->missing || ways->records[0].missing);
    }
    if (!freed || !ways->awaited)
        return;
    ways->awaited = false;
    ways->options.read_again("policy routing is in place that values waited for",
                             ways->options.data);
}

static void count_states(struct ways *ways)
{
    memset(ways->states, 0, sizeof(ways->states));
    for (size_t i = 1; i < ways->n_records; i++)
        ways->states[ways->records[i].state]++;
}

static bool has_lease(const struct ways *ways, int ifindex)
{
    const struct route_facts *facts = &ways->facts;

    for (size_t i = 0; i < facts->n_leases; i++)
        if (facts->leases[i].ifindex == ifindex)
            return true;
    return false;
}

/* A lease, also one that was renewed, may be written after the kernel told of its address: each
 * look doubles the time. */
static void look_again(struct ways *ways)
{
    uint64_t now = loop_now(ways->options.loop);

    for (size_t i = 0; i < ways->n_records; i++) {
        struct ways_record *record = &ways->records[i];
        uint64_t age = now - record->heard;

        if (age < LOOK_AGAIN_FOR &&
            (record->state == ROUTES_IMPOSSIBLE || has_lease(ways, record->ifindex)))
            ways_schedule(ways, now + (age > LOOK_AGAIN ? age : LOOK_AGAIN));
    }
}

/* Of a device that was not written whole nothing is asked. */
static void leave_out_unwritten(const struct work *work, struct route_effects *effects)
{
    const struct ways *ways = work->ways;

    for (size_t i = 0; i < effects->n; i++) {
        struct route_effect *effect = &effects->items[i];
        const struct ways_record *record = record_of(ways, effect->ifindex);

        if ((work->doing[record - ways->records].left | work->doing[0].left) &
            FAMILY_BIT(effect->to.family))
            effect->pending = false;
    }
}

static void say_effect(struct ways *ways, struct ways_record *record)
{
    bool overruled = record->state == ROUTES_OVERRULED;
    uint64_t now = loop_now(ways->options.loop);

    if (overruled == record->overruled)
        return;
    if (now >= record->effect_at) {
        record->effect_at = now + SAY_EFFECT_WITHIN;
        record->effect_said = 0;
    }
    if (record->effect_said >= SAY_EFFECT_MAX) { /* a rule that comes and goes */
        ways_schedule(ways, record->effect_at);
        return;
    }
    record->effect_said++;
    if (overruled)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_CONFLICT, LOG_WARNING,
                  "%s: policy routing is %s", NAME_SHOWN(record->name), record->message ?: "");
    else if (record->state == ROUTES_OK)
        log_plain(ways->options.logger, LOG_EVENT_ROUTING_SET, LOG_NOTICE,
                  "%s: policy routing is not overruled any more", NAME_SHOWN(record->name));
    record->overruled = overruled;
}

/* Whether what is there has its effect. On an error no device becomes stricter that had something
 * to be added. */
static int prove_written(struct work *work, const struct live *live, struct routes_plan *plan,
                         struct route_effects *effects)
{
    struct ways *ways = work->ways;
    int r;

    leave_out_unwritten(work, effects);
    r = ways_prove(ways, live, true, effects, plan);
    for (size_t i = 0; i < effects->n && r < 0; i++)
        work->doing[record_of(ways, effects->items[i].ifindex) - ways->records].missing |=
            effects->items[i].pending;
    for (size_t i = 0; i < plan->n_devices; i++) {
        const struct routes_device *device = &plan->devices[i];
        struct ways_record *record = &ways->records[i + 1];

        work->doing[i + 1].missing |= device->holds_value;
        if (device->overruled && record->state != device->state) {
            record->state = device->state;
            free(record->message);
            record->message = device->message ? strdup(device->message) : NULL;
        }
        say_effect(ways, record);
    }
    return r;
}

int ways_write(struct ways *ways, const struct live *live, struct routes_plan *plan,
               struct route_effects *effects)
{
    _cleanup_free_ struct doing *doing = NULL;
    struct work work = {.ways = ways};
    uint64_t now = loop_now(ways->options.loop);
    int freed, r;
    size_t n;

    freed = update_records(ways, plan);
    if (freed < 0)
        return freed;
    work.doing = doing = calloc(ways->n_records, sizeof(*doing));
    if (!doing)
        return -ENOMEM;
    n = pick(&work, plan);
    if (n == 0 || write_locked(&work, live, plan->changes, n))
        for (size_t i = 0; i < ways->n_records; i++)
            conclude(ways, &ways->records[i], &doing[i], plan);
    else
        for (size_t i = 0; i < n; i++) {
            doing_of(&work, &plan->changes[i])->missing |= routes_change_is_way(&plan->changes[i]);
            doing_of(&work, &plan->changes[i])->left |= family_of(&plan->changes[i]);
        }
    r = prove_written(&work, live, plan, effects);
    take_missing(ways, doing, freed);
    for (size_t i = 0; i < ways->n_records; i++)
        say_settled(ways, &ways->records[i], now);
    look_again(ways);
    count_states(ways);
    return r;
}
