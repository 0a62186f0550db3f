/* Pauses typed by a person: taken over at once when their file changes, and again when the time of
 * one is up. Looked at under the lock, too, so that nothing is written after `pause` returned. */
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "agent/daemon/agent.h"
#include "agent/store/pause.h"

static bool is_among(const struct pause *pause, const struct pauses *pauses)
{
    for (size_t i = 0; i < pauses->count; i++)
        if (pauses->items[i].since == pause->since && pauses->items[i].until == pause->until &&
            streq(pause_text(&pauses->items[i]), pause_text(pause)))
            return true;
    return false;
}

static void say_paused(const struct agent *agent, const struct pause *pause, uint64_t now)
{
    char left[32];

    log_plain(&agent->logger, LOG_EVENT_PAUSED, LOG_NOTICE,
              "Paused: %s, %s, by %s: %s. Nothing is written there", NAME_SHOWN(pause_text(pause)),
              pause_left_text(pause, now, left), NAME_SHOWN(pause->who), NAME_SHOWN(pause->reason));
}

static void say_resumed(const struct agent *agent, const struct pause *pause, uint64_t now)
{
    log_plain(&agent->logger, LOG_EVENT_RESUMED, LOG_NOTICE, "%s: %s, was paused by %s: %s",
              pause_is_over(pause, now) ? "The time of a pause is up" : "Resumed",
              NAME_SHOWN(pause_text(pause)), NAME_SHOWN(pause->who), NAME_SHOWN(pause->reason));
}

static void say_changes(const struct agent *agent, const struct pauses *new, uint64_t now)
{
    const struct pauses *old = &agent->pauses;

    for (size_t i = 0; i < new->count; i++)
        if (!is_among(&new->items[i], old))
            say_paused(agent, &new->items[i], now);
    for (size_t i = 0; i < old->count; i++)
        if (!is_among(&old->items[i], new))
            say_resumed(agent, &old->items[i], now);
}

/* Which file was read; size and times tell one that was replaced from the one before. */
static void stamp(const struct agent *agent, struct pauses_stamp *ret)
{
    struct stat st;

    *ret = (struct pauses_stamp){0};
    if (lstat(agent->paths.paused, &st) == 0) /* it is not read through a link */
        *ret = (struct pauses_stamp){.inode = st.st_ino, .changed = st.st_ctim};
}

bool agent_pauses_changed(const struct agent *agent)
{
    struct pauses_stamp now;

    stamp(agent, &now);
    return now.inode != agent->pauses_stamp.inode ||
           now.changed.tv_sec != agent->pauses_stamp.changed.tv_sec ||
           now.changed.tv_nsec != agent->pauses_stamp.changed.tv_nsec;
}

void agent_on_pause_over(void *data)
{
    struct agent *agent = data;

    if (agent_take_pauses(agent) > 0)
        agent_resync_now(agent, NULL);
}

static void say_usable(const struct agent *agent)
{
    if (agent->pauses_error < 0)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_ERR,
                  "%s cannot be used: %s; as long as it is there nothing is written anywhere. "
                  "Each sweep tries again",
                  agent->paths.paused, strerror(-agent->pauses_error));
    else
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_NOTICE,
                  "%s can be used again, or is gone: what it does not pause is written again",
                  agent->paths.paused);
}

/* Returns 1 when what is paused changed. Where that cannot be told everything is. */
int agent_take_pauses(struct agent *agent)
{
    _cleanup_pauses_ struct pauses new = {0};
    struct pauses swap;
    uint64_t now = pauses_now();
    int r, was = agent->pauses_error;
    bool changed;

    stamp(agent, &agent->pauses_stamp);
    r = pauses_read(&agent->paths, &new);
    agent->pauses_error = r < 0 ? r : 0;
    if (agent->pauses_error != was)
        say_usable(agent);
    if (r < 0)
        return was == 0;
    changed = was < 0 || new.count != agent->pauses.count;
    for (size_t i = 0; i < new.count; i++)
        changed |= !is_among(&new.items[i], &agent->pauses);
    say_changes(agent, &new, now);
    swap = agent->pauses;
    agent->pauses = new;
    new = swap;
    deadline_set(&agent->pause_over, pauses_next_end(&agent->pauses, now));
    if (changed) /* what is left over may have been kept for the pause alone */
        agent->routing.done = false;
    return changed;
}

void agent_mark_paused(const struct agent *agent, struct live *live)
{
    pauses_mark(&agent->pauses, live, pauses_now());
    if (agent->pauses_error == 0)
        return;
    live->all_paused = live->default_paused = true;
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].paused = true;
}

bool agent_is_paused(const struct agent *agent, const struct device *device)
{
    return agent->pauses_error < 0 ||
           (agent->pauses.count > 0 && pauses_find(&agent->pauses, device->name, pauses_now()));
}

static int on_run_directory(sd_event_source *source, const struct inotify_event *event, void *data)
{
    struct agent *agent = data;

    if (event->len > 0 && streq(event->name, "agent")) /* removed, and soon the directory, too? */
        agent_status_changed(agent);
    if (!(event->mask & IN_Q_OVERFLOW) && (event->len == 0 || !streq(event->name, "paused")))
        return 0;
    if (agent_take_pauses(agent) > 0)
        agent_resync_now(agent, NULL);
    return 0;
}

int agent_watch_pauses(struct agent *agent)
{
    return sd_event_add_inotify(loop_event(agent->loop), NULL, agent->paths.run,
                                IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR,
                                on_run_directory, agent);
}
