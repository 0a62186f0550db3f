/* The event loop as the agent's parts see it: the clock, and deadlines, which call back once.
 * Sockets, files and signals are added to loop_event() itself. */
#pragma once

#include <systemd/sd-event.h>
#include <time.h>

#include "policy/base/util.h"

struct loop;

/* clock: what time it is, in microseconds; NULL for the system's. A test gives its own and calls
 * loop_run_due(); there is no loop_event() then. */
typedef uint64_t (*loop_clock_t)(clockid_t clock, void *data);
int loop_new(loop_clock_t clock, void *data, struct loop **ret);
struct loop *loop_free(struct loop *loop); /* after its deadlines are done with */
sd_event *loop_event(const struct loop *loop);
/* The loop's own, until it is freed. */
int loop_add_inotify(struct loop *loop, const char *path, uint32_t mask,
                     sd_event_inotify_handler_t fn, void *data);

uint64_t loop_now(const struct loop *loop); /* CLOCK_MONOTONIC, fresh */
uint64_t loop_boottime(const struct loop *loop);

/* When the present event was taken up: loop_take_up() says that it is now, and returns it. */
uint64_t loop_take_up(struct loop *loop);
uint64_t loop_taken_up(const struct loop *loop);

/* Call what is due by the clock of a test, the earliest first. */
void loop_run_due(struct loop *loop);

/* Something to be done at a time. It stays where it was initialised until it is done with. Where
 * memory is short it is not set; the next deadline_set_by() tries again. */
typedef void (*deadline_t)(void *data);
struct deadline {
    struct loop *loop;
    struct deadline *next; /* of the same loop */
    deadline_t fn;
    void *data;
    sd_event_source *source;
    uint64_t at;      /* UINT64_MAX: not set */
    clockid_t clock;  /* CLOCK_MONOTONIC unless changed before the first use */
    int64_t priority; /* likewise; of sd_event_source_set_priority(3) */
};

void deadline_init(struct deadline *deadline, struct loop *loop, deadline_t fn, void *data);
void deadline_done(struct deadline *deadline); /* also of one that was never initialised */

bool deadline_is_set(const struct deadline *deadline);
void deadline_set(struct deadline *deadline, uint64_t at);    /* whatever was set before */
void deadline_set_by(struct deadline *deadline, uint64_t at); /* unless it is due earlier */
void deadline_clear(struct deadline *deadline);
