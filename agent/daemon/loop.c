/* Deadlines over sd-event; with the clock of a test without it. */
#include "agent/daemon/loop.h"

#include "agent/base/clock.h"

#define ACCURACY 100 /* microseconds */

struct loop {
    sd_event *event; /* NULL with the clock of a test */
    loop_clock_t clock;
    void *data;
    uint64_t taken_up;
    struct deadline *deadlines;
};

static uint64_t system_clock(clockid_t clock, void *data)
{
    return clock_usec(clock);
}

int loop_new(loop_clock_t clock, void *data, struct loop **ret)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    int r = 0;

    if (!loop)
        return -ENOMEM;
    loop->clock = clock ?: system_clock;
    loop->data = data;
    if (!clock)
        r = sd_event_default(&loop->event);
    if (r < 0) {
        loop_free(loop);
        return r;
    }
    *ret = loop;
    return 0;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    sd_event_unref(loop->event);
    free(loop);
    return NULL;
}

sd_event *loop_event(const struct loop *loop)
{
    return loop->event;
}

/* With NULL for the source libsystemd (252) would keep the loop for ever. */
int loop_add_inotify(struct loop *loop, const char *path, uint32_t mask,
                     sd_event_inotify_handler_t fn, void *data)
{
    sd_event_source *source;
    int r = sd_event_add_inotify(loop->event, &source, path, mask, fn, data);

    if (r < 0)
        return r;
    r = sd_event_source_set_floating(source, true);
    sd_event_source_unref(source);
    return r < 0 ? r : 0;
}

uint64_t loop_now(const struct loop *loop)
{
    return loop->clock(CLOCK_MONOTONIC, loop->data);
}

uint64_t loop_boottime(const struct loop *loop)
{
    return loop->clock(CLOCK_BOOTTIME, loop->data);
}

uint64_t loop_take_up(struct loop *loop)
{
    loop->taken_up = loop_now(loop);
    return loop->taken_up;
}

uint64_t loop_taken_up(const struct loop *loop)
{
    return loop->taken_up;
}

static void call(struct deadline *deadline)
{
    deadline->at = UINT64_MAX; /* before the call, which may set it again */
    deadline->fn(deadline->data);
}

static bool is_due(const struct deadline *deadline)
{
    const struct loop *loop = deadline->loop;

    return deadline_is_set(deadline) && deadline->at <= loop->clock(deadline->clock, loop->data);
}

void loop_run_due(struct loop *loop)
{
    struct deadline *first;

    do {
        first = NULL;
        for (struct deadline *deadline = loop->deadlines; deadline; deadline = deadline->next)
            if (is_due(deadline) && (!first || deadline->at < first->at))
                first = deadline;
        if (first)
            call(first);
    } while (first);
}

void deadline_init(struct deadline *deadline, struct loop *loop, deadline_t fn, void *data)
{
    *deadline = (struct deadline){.loop = loop,
                                  .next = loop->deadlines,
                                  .fn = fn,
                                  .data = data,
                                  .at = UINT64_MAX,
                                  .clock = CLOCK_MONOTONIC,
                                  .priority = SD_EVENT_PRIORITY_NORMAL};
    loop->deadlines = deadline;
}

void deadline_done(struct deadline *deadline)
{
    struct deadline **link = deadline->loop ? &deadline->loop->deadlines : NULL;

    while (link && *link != deadline)
        link = &(*link)->next;
    if (link)
        *link = deadline->next;
    sd_event_source_disable_unref(deadline->source);
    *deadline = (struct deadline){.at = UINT64_MAX};
}

bool deadline_is_set(const struct deadline *deadline)
{
    return deadline->at != UINT64_MAX;
}

static int on_time(sd_event_source *source, uint64_t usec, void *data)
{
    call(data);
    return 0;
}

static int set_source(struct deadline *deadline, uint64_t at)
{
    sd_event *event = deadline->loop->event;
    int r;

    if (!event)
        return 0;
    if (!deadline->source) {
        r = sd_event_add_time(event, &deadline->source, deadline->clock, at, ACCURACY, on_time,
                              deadline);
        return r < 0 ? r : sd_event_source_set_priority(deadline->source, deadline->priority);
    }
    r = sd_event_source_set_time(deadline->source, at);
    return r < 0 ? r : sd_event_source_set_enabled(deadline->source, SD_EVENT_ONESHOT);
}

void deadline_set(struct deadline *deadline, uint64_t at)
{
    if (at == UINT64_MAX)
        deadline_clear(deadline);
    else
        deadline->at = set_source(deadline, at) < 0 ? UINT64_MAX : at;
}

void deadline_set_by(struct deadline *deadline, uint64_t at)
{
    if (at < deadline->at)
        deadline_set(deadline, at);
}

void deadline_clear(struct deadline *deadline)
{
    deadline->at = UINT64_MAX;
    if (deadline->source)
        /* Cannot fail when turning off. */
        (void)sd_event_source_set_enabled(deadline->source, SD_EVENT_OFF);
}
