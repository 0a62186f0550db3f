/* When everything is read, and in which order it is put right. */
#include "agent/daemon/reader.h"

#include <stdlib.h>

/* Between full reads: at least the first, and so long that they take at most a twentieth of the
 * time, up to the second. What only somebody else can end is looked at once a second. */
#define INTERVAL (100 * USEC_PER_MSEC)
#define INTERVAL_MAX USEC_PER_SEC
#define SHARE 20
#define LOOK_AGAIN_AFTER USEC_PER_SEC
#define SWEEP_INTERVAL (60 * USEC_PER_SEC) /* without a policy */
#define START_ATTEMPTS 10

struct reader {
    struct reader_options options;
    struct deadline due, look_again, sweep;
    uint64_t last, cost;
    const char *reason; /* NULL: none is due */
    bool started;
    bool failed; /* said once */
    uint64_t count;
};

static const struct policy *policy_of(const struct reader *reader)
{
    return in_force_policy(reader->options.in_force);
}

static uint64_t interval(const struct reader *reader)
{
    uint64_t usec = SHARE * reader->cost;

    if (reader->failed || usec > INTERVAL_MAX)
        return INTERVAL_MAX;
    return usec < INTERVAL ? INTERVAL : usec;
}

static void schedule(struct reader *reader, const char *reason, uint64_t usec)
{
    uint64_t now = loop_now(reader->options.loop), at = now;

    if (reason)
        reader->reason = reason;
    if (now < reader->last + usec)
        at = reader->last + usec + (uint64_t)(random() % 50) * USEC_PER_MSEC;
    if (!deadline_is_set(&reader->due))
        deadline_set(&reader->due, at);
}

void reader_schedule(struct reader *reader, const char *reason)
{
    schedule(reader, reason, interval(reader));
}

void reader_special_moved(struct reader *reader, const char *reason, bool waits)
{
    schedule(reader, reason, waits ? INTERVAL_MAX : interval(reader));
    if (!waits)
        reader_look_again(reader);
}

void reader_look_again(struct reader *reader)
{
    if (policy_of(reader) && policy_of(reader)->keys & ~keys_announced())
        deadline_set_by(&reader->look_again, loop_now(reader->options.loop) + LOOK_AGAIN_AFTER);
}

static void on_look_again(void *reader)
{
    reader_schedule(reader, NULL);
}

static void say(struct reader *reader)
{
    if (!reader->reason)
        return;
    reader->count++;
    log_plain(reader->options.logger, LOG_EVENT_RESYNC, LOG_DEBUG, "Read everything again: %s",
              reader->reason);
    reader->reason = NULL;
}

/* It becomes the picture, and the ways are made that it asks for: before anything becomes strict.
 */
static int take(const struct reader *reader, struct live *live)
{
    int r = keeper_take(reader->options.keeper, live);

    live_done(live);
    if (r < 0)
        return r;
    ways_resync(reader->options.ways);
    others_resync(reader->options.others);
    return 0;
}

/* ways: those that are missing are known. Else that is tried below, before values. */
static int read_once(struct reader *reader, bool ways, struct live *ret)
{
    const struct reader_options *options = &reader->options;
    int r = keeper_read(options->keeper, ret);

    reader->last = loop_now(options->loop);
    reader->cost = reader->last - loop_taken_up(options->loop);
    if (r >= 0)
        keeper_aim(options->keeper, ret, ways);
    return r;
}

/* `all` and `default` come first: where they were moved all is read once more. 1: it is the picture
 * already. */
static int read_twice(struct reader *reader, struct live *ret)
{
    const struct reader_options *options = &reader->options;
    bool taken = ways_are_asked(options->ways) || others_are_there(options->others);
    int r = read_once(reader, ways_are_planned(options->ways), ret);

    if (r < 0 || !in_force_enforces(options->in_force) || !keeper_specials_drift(options->keeper))
        return r;
    r = taken ? take(reader, ret) : 0;
    if (r < 0)
        return r;
    if (keeper_put_specials_right(options->keeper) == 0)
        return taken;
    live_done(ret);
    return read_once(reader, true, ret);
}

static int read_all(struct reader *reader, const char *event)
{
    const struct reader_options *options = &reader->options;
    struct live live = {0};
    int r;

    say(reader);
    listening_discard(options->listening);
    (void)loop_take_up(options->loop); /* the time is noted, not needed here */
    r = read_twice(reader, &live);
    if (r == -EAGAIN || r == -ENOBUFS) {
        reader_schedule(reader, "a dump was interrupted");
        return 0;
    }
    if (r == 0)
        r = take(reader, &live);
    if (r < 0)
        return r;
    reader->started = true;
    keeper_enforce_all(options->keeper, event);
    ways_finish(options->ways);
    others_finish(options->others);
    return 0;
}

static void try(struct reader *reader, const char *event)
{
    int r = read_all(reader, event);

    if (r < 0 && !reader->failed)
        log_plain(reader->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The devices could not be read: %s. Trying again", strerror(-r));
    reader->failed = r < 0;
    if (r < 0)
        reader_schedule(reader, NULL);
}

void reader_now(struct reader *reader, const char *reason)
{
    if (reason)
        reader->reason = reason;
    try(reader, "full read");
}

void reader_take_over(struct reader *reader)
{
    try(reader, "policy");
}

/* In a storm of new devices no dump may be whole at first. */
int reader_start(struct reader *reader)
{
    int r = 0;

    for (unsigned i = 0; i < START_ATTEMPTS && r >= 0 && !reader->started; i++)
        r = read_all(reader, "full read");
    return r;
}

static void on_due(void *data)
{
    struct reader *reader = data;
    struct in_force *in_force = reader->options.in_force;

    if (in_force_is_stale(in_force) && in_force_take(in_force) > 0)
        reader->options.policy_changed(reader->options.data);
    else
        reader_now(reader, NULL);
}

/* Should the directories of policy and pauses not be watched, or no longer, since somebody removed
 * them: here they are looked for, too. */
static void on_sweep(void *data)
{
    struct reader *reader = data;
    const struct reader_options *options = &reader->options;

    reader_plan_sweep(reader);
    keeper_tidy_record(options->keeper);
    in_force_reload_sysctl(options->in_force);
    if (in_force_take(options->in_force) > 0) {
        options->policy_changed(options->data);
        return;
    }
    if (((paused_is_unknown(options->paused) || paused_is_stale(options->paused)) &&
         paused_take(options->paused) > 0) ||
        keeper_sweep(options->keeper)) {
        reader_now(reader, NULL);
        return;
    }
    ways_resync(options->ways);
    ways_finish(options->ways);
    others_resync(options->others);
    others_finish(options->others);
}

void reader_plan_sweep(struct reader *reader)
{
    const struct policy *policy = policy_of(reader);

    deadline_set(&reader->sweep, loop_now(reader->options.loop) +
                                     (policy ? policy->agent.sweep_usec : SWEEP_INTERVAL));
}

uint64_t reader_count(const struct reader *reader)
{
    return reader->count;
}

int reader_new(const struct reader_options *options, struct reader **ret)
{
    struct reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return -ENOMEM;
    reader->options = *options;
    deadline_init(&reader->due, options->loop, on_due, reader);
    deadline_init(&reader->look_again, options->loop, on_look_again, reader);
    deadline_init(&reader->sweep, options->loop, on_sweep, reader);
    *ret = reader;
    return 0;
}

struct reader *reader_free(struct reader *reader)
{
    if (!reader)
        return NULL;
    deadline_done(&reader->due);
    deadline_done(&reader->look_again);
    deadline_done(&reader->sweep);
    free(reader);
    return NULL;
}
