/* Engines without a fast path: one request of changes before values, one after them, and a look. */
#include "agent/daemon/others.h"

#include "agent/change/change.h"
#include "agent/daemon/conflict.h"
#include "agent/daemon/metrics.h"
#include "policy/base/name.h"

struct other {
    const struct engine *engine;
    struct engine_report report; /* the latest; engine NULL: nothing is known yet */
    uint64_t changes, repairs, failures;
    bool failing; /* said once */
};

struct others {
    struct others_options options;
    const struct engine *engines[ENGINES_MAX + 1];
    struct other items[ENGINES_MAX]; /* by engine */
    size_t count;
    struct missing_ways missing;
    struct conflict conflict; /* who undoes it */
    int *seen;                /* owned, sorted: devices that additions were made for … */
    size_t n_seen;
    bool known;    /* … the last time that this was tried, so that what is missing is known */
    bool awaited;  /* a value waits for what is missing, or not known */
    bool settled;  /* all of it was as wanted since the policy is in force */
    bool held_off; /* not this time: it was undone just now */
};

int others_new(const struct others_options *options, struct others **ret)
{
    struct others *others = calloc(1, sizeof(*others));

    if (!others)
        return -ENOMEM;
    others->options = *options;
    for (const struct engine *const *row = options->engines; *row; row++)
        if ((*row)->tell && *row != options->followed) {
            others->items[others->count].engine = *row;
            others->engines[others->count++] = *row;
        }
    *ret = others;
    return 0;
}

struct others *others_free(struct others *others)
{
    if (!others)
        return NULL;
    others_begin(others);
    free(others->seen);
    free(others);
    return NULL;
}

void others_begin(struct others *others)
{
    for (size_t i = 0; i < others->count; i++) {
        engine_report_done(&others->items[i].report);
        others->items[i].failing = false;
    }
    missing_ways_done(&others->missing);
    others->conflict = (struct conflict){0};
    others->n_seen = 0;
    others->known = others->awaited = others->settled = others->held_off = false;
}

bool others_are_there(const struct others *others)
{
    return others && others->count > 0;
}

static struct other *other_of(struct others *others, const struct engine *engine)
{
    struct other *other = others->items;

    while (other->engine != engine)
        other++;
    return other;
}

/* -- changes -- */

static void report(const struct change_report *told, void *data)
{
    struct others *others = data;
    struct other *other = other_of(others, told->engine);
    const struct logger *logger = others->options.logger;
    struct engine_change change = {0};

    if (told->engine->describe(told->change, told->live, &change) < 0)
        return;
    if (told->result == CHANGE_DONE) {
        other->changes++;
        other->repairs += others->settled;
        other->failing = false;
        log_plain(logger, LOG_EVENT_PLAIN, LOG_NOTICE, "%s: '%s': %s", told->engine->words.title,
                  change.command, change.reason);
    } else if (told->result == CHANGE_FAILED) {
        other->failures++;
        if (!other->failing)
            log_plain(logger, LOG_EVENT_PLAIN, LOG_ERR, "%s: '%s': %s", told->engine->words.title,
                      change.command, strerror(-told->error));
        other->failing = true;
    }
    engine_change_done(&change);
}

static int complete(struct live *live, void *data)
{
    struct others *others = data;
    int r = writing_check(others->options.writing);

    return r < 0 ? r : others->options.amend(live, others->options.data);
}

static void say_broken(struct others *others, const struct engine *engine, const char *what,
                       int error)
{
    struct other *other = other_of(others, engine);

    other->failures++;
    if (!other->failing)
        log_plain(others->options.logger, LOG_EVENT_PLAIN, LOG_ERR, "%s could not be %s: %s",
                  engine->words.title, what, strerror(-error));
    other->failing = true;
}

/* How many changes were made; -EBUSY, and what writing_check() gives: it comes again. */
static int carry_out(struct others *others, unsigned phases)
{
    static const struct change_listener listener = {.report = report};
    const struct others_options *options = &others->options;
    const struct change_request request = {
        .paths = options->paths,
        .engines = others->engines,
        .by = {.policy = in_force_policy(options->in_force), .complete = complete},
        .phases = phases,
        .missing = &others->missing,
        .no_flush = true,
        .listener = &listener,
        .data = others,
    };
    struct change_outcome outcome;
    int r = change_run(&request, &outcome);

    if (r == -EBUSY)
        options->read_again(NULL, options->data);
    else if (r < 0 && r != -ESTALE && r != -ECANCELED && outcome.broke)
        say_broken(others, outcome.broke, "changed", r);
    return r < 0 ? r : (int)change_total(&outcome).done;
}

static bool writes(const struct others *others)
{
    return others_are_there(others) && in_force_enforces(others->options.in_force) &&
           !others->held_off;
}

/* The devices that there are now. Without memory they count as new ones. */
static void note_seen(struct others *others)
{
    const struct live *live = others->options.devices(others->options.data);
    int *seen = reallocarray(others->seen, live->count + 1, sizeof(*seen));

    others->n_seen = 0;
    if (!seen)
        return;
    others->seen = seen;
    for (size_t i = 0; i < live->count; i++)
        seen[others->n_seen++] = live->devices[i].ifindex;
}

static bool is_seen(const struct others *others, int ifindex)
{
    size_t n = others->n_seen, at = SORTED_PLACE(n, i, others->seen[i] < ifindex);

    return at < n && others->seen[at] == ifindex;
}

static bool is_freed(const struct others *others, const struct missing_ways *before)
{
    for (size_t i = 0; i < before->count; i++)
        if (before->items[i].needed &&
            !missing_ways_find(&others->missing, before->items[i].ifindex))
            return true;
    return before->unknown;
}

/* New ways. What failed is said, and it comes again with the next full reading. */
static void add(struct others *others)
{
    struct missing_ways before = others->missing;
    bool was_known = others->known;

    others->missing = (struct missing_ways){0};
    others->known = carry_out(others, CHANGE_ADDITIONS) >= 0;
    if (others->known)
        note_seen(others);
    if (others->awaited && others->known && !others->missing.unknown &&
        (!was_known || is_freed(others, &before))) {
        others->awaited = false;
        others->options.read_again("what values waited for is in place", others->options.data);
    }
    missing_ways_done(&before);
}

void others_resync(struct others *others)
{
    uint64_t now;

    if (!others_are_there(others))
        return;
    now = loop_now(others->options.loop);
    others->held_off = others->settled && conflict_allowed_at(&others->conflict, now) > now;
    if (writes(others))
        add(others);
}

/* -- how it stands -- */

static void look(struct others *others)
{
    const struct others_options *options = &others->options;
    const struct engine_question question = {.paths = options->paths,
                                             .policy = in_force_policy(options->in_force),
                                             .live = options->devices(options->data)};

    for (size_t i = 0; i < others->count; i++) {
        struct other *other = &others->items[i];
        struct engine_report found = {0};

        int r = other->engine->tell(other->engine, &question, &found);

        if (r < 0)
            say_broken(others, other->engine, "read", r);
        engine_report_done(&other->report);
        other->report = found;
    }
}

/* Of every engine, as far as is known. */
static bool is_as_wanted(const struct others *others)
{
    for (size_t i = 0; i < others->count; i++)
        if (!others->items[i].report.engine || others->items[i].report.n_changes > 0)
            return false;
    return true;
}

/* What is to be changed where it was all in place was undone by somebody. */
static void say_undone(struct others *others)
{
    char history[CONFLICT_TEXT_SIZE];

    if (conflict_repaired(&others->conflict, loop_now(others->options.loop)) &&
        others->conflict.mark != CONFLICT_NONE)
        log_plain(others->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Something keeps undoing what the other engines did: %s",
                  conflict_text(&others->conflict, history));
}

void others_finish(struct others *others)
{
    uint64_t repairs = 0, before = 0;

    if (!others_are_there(others))
        return;
    for (size_t i = 0; i < others->count; i++)
        before += others->items[i].repairs;
    if (writes(others))
        /* A failure is said, and it comes again with the next full reading. */
        (void)carry_out(others, CHANGE_VALUES | CHANGE_REMOVALS);
    for (size_t i = 0; i < others->count; i++)
        repairs += others->items[i].repairs;
    if (repairs > before)
        say_undone(others);
    look(others);
    others->settled |= writes(others) && is_as_wanted(others);
}

/* By the policy, or that is not known. */
static bool are_asked(const struct others *others)
{
    for (size_t i = 0; i < others->count; i++)
        if (!others->items[i].report.engine || others->items[i].report.asked)
            return true;
    return false;
}

bool others_are_missing(const struct others *others, int ifindex)
{
    return others_are_there(others) && in_force_enforces(others->options.in_force) &&
           (others->missing.unknown || missing_ways_find(&others->missing, ifindex) ||
            (!is_seen(others, ifindex) && are_asked(others)));
}

void others_mark(const struct others *others, struct live *live)
{
    if (others_are_there(others) && in_force_enforces(others->options.in_force))
        missing_ways_mark(&others->missing, live);
}

const struct engine *others_await(struct others *others, int ifindex)
{
    const struct missing_way *way;

    if (!others_are_there(others) || (ifindex > 0 && !others_are_missing(others, ifindex)))
        return NULL;
    others->awaited = true;
    if (ifindex > 0 && !is_seen(others, ifindex) && others->known && !others->held_off)
        others->options.read_again("a device is new to an engine", others->options.data);
    way = missing_ways_find(&others->missing, ifindex);
    return way ? way->engine : NULL;
}

/* -- told -- */

static json_t *item_json(const struct engine_report *report, size_t i)
{
    const struct engine_item *item = &report->items[i];
    char name[NAME_ESCAPED_SIZE];

    return json_pack("{s:s, s:i, s:s, s:s, s:b}", "device",
                     name_escape_buf(item->name, name, sizeof(name)), "ifindex", item->ifindex,
                     "state", engine_item_state(report, i)->name, "message", engine_item_why(item),
                     "held", item->held);
}

static void count_states(const struct engine_report *report, unsigned states[ENGINE_STATES_MAX])
{
    for (size_t i = 0; i < report->n_items; i++)
        states[report->items[i].state]++;
}

static json_t *other_json(const struct other *other)
{
    unsigned counts[ENGINE_STATES_MAX] = {0};
    json_t *states = json_object(), *devices = json_array();

    count_states(&other->report, counts);
    for (unsigned state = 0; state < other->engine->n_states; state++)
        json_object_set_new(states, other->engine->state(state)->name, json_integer(counts[state]));
    for (size_t i = 0; i < other->report.n_items; i++)
        json_array_append_new(devices, item_json(&other->report, i));
    return json_pack("{s:o, s:o, s:I, s:I, s:I}", "states", states, "devices", devices, "changes",
                     (json_int_t)other->changes, "repairs", (json_int_t)other->repairs, "failures",
                     (json_int_t)other->failures);
}

json_t *others_json(const struct others *others)
{
    json_t *object = others_are_there(others) ? json_object() : NULL;

    for (size_t i = 0; object && i < others->count; i++)
        json_object_set_new(object, others->items[i].engine->name, other_json(&others->items[i]));
    return object;
}

static void other_metrics(FILE *out, const struct other *other)
{
    const struct engine_words *words = &other->engine->words;
    unsigned counts[ENGINE_STATES_MAX] = {0};
    char name[128], help[128];

    count_states(&other->report, counts);
    snprintf(help, sizeof(help), "Devices that %s is asked for, by state.", words->title);
    snprintf(name, sizeof(name), "rpfpolicy_agent_%s_devices", words->member);
    metrics_family(out, name, "gauge", help);
    for (unsigned state = 0; state < other->engine->n_states; state++)
        fprintf(out, "%s{state=\"%s\"} %u\n", name, other->engine->state(state)->name,
                counts[state]);
    snprintf(help, sizeof(help), "Changes of %s that were made.", words->parts);
    snprintf(name, sizeof(name), "rpfpolicy_agent_%s_changes_total", words->member);
    metrics_single(out, name, "counter", help, other->changes);
    snprintf(name, sizeof(name), "rpfpolicy_agent_%s_failures_total", words->member);
    metrics_single(out, name, "counter", "Changes that were refused.", other->failures);
}

void others_metrics(FILE *out, const struct others *others)
{
    for (size_t i = 0; others && i < others->count; i++)
        other_metrics(out, &others->items[i]);
}
