/* Which pauses are in force, and what is said when that changes. */
#include "agent/daemon/paused.h"

#include <sys/stat.h>

#include "agent/daemon/metrics.h"
#include "agent/store/pause.h"

/* Which file was read; inode and time tell one that was replaced from the one before. */
struct stamp {
    uint64_t inode;
    struct timespec changed;
};

struct paused {
    struct paused_options options;
    struct pauses pauses;
    struct stamp stamp;
    int error; /* negative: the file cannot be used, so what is paused is unknown */
    struct deadline over;
};

static bool is_among(const struct pause *pause, const struct pauses *pauses)
{
    for (size_t i = 0; i < pauses->count; i++)
        if (pauses->items[i].since == pause->since && pauses->items[i].until == pause->until &&
            streq(pause_text(&pauses->items[i]), pause_text(pause)))
            return true;
    return false;
}

static void say_paused(const struct logger *logger, const struct pause *pause, uint64_t now)
{
    char left[32];

    log_plain(logger, LOG_EVENT_PAUSED, LOG_NOTICE,
              "Paused: %s, %s, by %s: %s. Nothing is written there", NAME_SHOWN(pause_text(pause)),
              pause_left_text(pause, now, left), NAME_SHOWN(pause->who), NAME_SHOWN(pause->reason));
}

static void say_resumed(const struct logger *logger, const struct pause *pause, uint64_t now)
{
    log_plain(logger, LOG_EVENT_RESUMED, LOG_NOTICE, "%s: %s, was paused by %s: %s",
              pause_is_over(pause, now) ? "The time of a pause is up" : "Resumed",
              NAME_SHOWN(pause_text(pause)), NAME_SHOWN(pause->who), NAME_SHOWN(pause->reason));
}

static void say_changes(const struct paused *paused, const struct pauses *new, uint64_t now)
{
    const struct logger *logger = paused->options.logger;
    const struct pauses *old = &paused->pauses;

    for (size_t i = 0; i < new->count; i++)
        if (!is_among(&new->items[i], old))
            say_paused(logger, &new->items[i], now);
    for (size_t i = 0; i < old->count; i++)
        if (!is_among(&old->items[i], new))
            say_resumed(logger, &old->items[i], now);
}

static struct stamp read_stamp(const struct paused *paused)
{
    struct stat st;

    if (lstat(paused->options.paths->paused, &st) < 0) /* it is not read through a link */
        return (struct stamp){0};
    return (struct stamp){.inode = st.st_ino, .changed = st.st_ctim};
}

bool paused_is_stale(const struct paused *paused)
{
    const struct stamp now = read_stamp(paused), *was = &paused->stamp;

    return now.inode != was->inode || now.changed.tv_sec != was->changed.tv_sec ||
           now.changed.tv_nsec != was->changed.tv_nsec;
}

bool paused_is_unknown(const struct paused *paused)
{
    return paused->error < 0;
}

static void say_usable(const struct paused *paused)
{
    const char *path = paused->options.paths->paused;

    if (paused->error < 0)
        log_plain(paused->options.logger, LOG_EVENT_PLAIN, LOG_ERR,
                  "%s cannot be used: %s; as long as it is there nothing is written anywhere. "
                  "Each sweep tries again",
                  path, strerror(-paused->error));
    else
        log_plain(paused->options.logger, LOG_EVENT_PLAIN, LOG_NOTICE,
                  "%s can be used again, or is gone: what it does not pause is written again",
                  path);
}

static bool are_others(const struct pauses *old, const struct pauses *new)
{
    for (size_t i = 0; i < new->count; i++)
        if (!is_among(&new->items[i], old))
            return true;
    return new->count != old->count;
}

static void drop_those_over(struct pauses *pauses, uint64_t now)
{
    for (size_t i = pauses->count; i-- > 0;)
        if (pause_is_over(&pauses->items[i], now))
            pauses_remove(pauses, i);
}

/* True when they are others than before. */
static bool take(struct paused *paused)
{
    _cleanup_pauses_ struct pauses pauses = {0};
    uint64_t now = loop_boottime(paused->options.loop);
    struct pauses old = paused->pauses;
    int r, was = paused->error;
    bool changed;

    paused->stamp = read_stamp(paused);
    r = pauses_read(paused->options.paths, &pauses);
    paused->error = r < 0 ? r : 0;
    if (paused->error != was)
        say_usable(paused);
    if (r < 0)
        return was == 0;
    drop_those_over(&pauses, now);
    changed = was < 0 || are_others(&old, &pauses);
    say_changes(paused, &pauses, now);
    paused->pauses = pauses;
    pauses = old;
    deadline_set(&paused->over, pauses_next_end(&paused->pauses, now));
    return changed;
}

int paused_take(struct paused *paused)
{
    bool changed = take(paused);

    if (changed)
        paused->options.changed(paused->options.data);
    return changed;
}

static void on_over(void *data)
{
    struct paused *paused = data;

    if (paused_take(paused) > 0)
        paused->options.time_is_up(paused->options.data);
}

void paused_mark(const struct paused *paused, struct live *live)
{
    pauses_mark(&paused->pauses, live, loop_boottime(paused->options.loop));
    if (paused->error == 0)
        return;
    live->all_paused = live->default_paused = true;
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].paused = true;
}

bool paused_covers(const struct paused *paused, const struct device *device)
{
    return paused->error < 0 ||
           (paused->pauses.count > 0 &&
            pauses_find(&paused->pauses, device->name, loop_boottime(paused->options.loop)));
}

int paused_new(const struct paused_options *options, struct paused **ret)
{
    struct paused *paused = calloc(1, sizeof(*paused));

    if (!paused)
        return -ENOMEM;
    paused->options = *options;
    deadline_init(&paused->over, options->loop, on_over, paused);
    paused->over.clock = CLOCK_BOOTTIME; /* runs in suspend, and nobody sets it */
    *ret = paused;
    return 0;
}

struct paused *paused_free(struct paused *paused)
{
    if (!paused)
        return NULL;
    deadline_done(&paused->over);
    pauses_done(&paused->pauses);
    free(paused);
    return NULL;
}

static json_t *pause_json(const struct pause *pause)
{
    _cleanup_free_ char *devices = name_escape(pause_text(pause));
    _cleanup_free_ char *who = name_escape(pause->who), *reason = name_escape(pause->reason);

    return json_pack("{s:s, s:s, s:s, s:I, s:o}", "devices", devices ?: "", "by", who ?: "",
                     "reason", reason ?: "", "since", (json_int_t)pause->date, "until_boottime",
                     pause->until ? json_real((double)pause->until / (double)USEC_PER_SEC)
                                  : json_null());
}

json_t *paused_json(const struct paused *paused)
{
    json_t *list = json_array();

    for (size_t i = 0; i < paused->pauses.count; i++)
        json_array_append_new(list, pause_json(&paused->pauses.items[i]));
    return list;
}

void paused_metrics(FILE *out, const struct paused *paused)
{
    metrics_single(out, "rpfpolicy_agent_paused", "gauge",
                   "Pauses in force that a person asked for.", paused->pauses.count);
}
