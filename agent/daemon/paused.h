/* Pauses typed by a person, as they are in force: taken from their file, and again when the time of
 * one is up. The file is looked at under the lock, too, so that nothing is written after `pause`
 * returned. Where it cannot be used everything counts as paused. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/base/paths.h"
#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "policy/lang/pauses.h"

struct paused_options {
    const struct paths *paths; /* these live longer */
    struct loop *loop;
    const struct logger *logger;
    void (*changed)(void *data);    /* paused_take() found something new */
    void (*time_is_up)(void *data); /* ... after it, where that was for the time */
    void *data;
};

struct paused;

int paused_new(const struct paused_options *options, struct paused **ret);
struct paused *paused_free(struct paused *paused);

/* Read the file: 1 when what is paused changed, which is logged. */
int paused_take(struct paused *paused);
bool paused_is_stale(const struct paused *paused);   /* there is another file since then */
bool paused_is_unknown(const struct paused *paused); /* its file cannot be used */

void paused_mark(const struct paused *paused, struct live *live);
bool paused_covers(const struct paused *paused, const struct device *device);

/* [{devices, by, reason, since, until_boottime}]: those in force, while they are unknown the last
 * ones. And their number as a metric. */
json_t *paused_json(const struct paused *paused);
void paused_metrics(FILE *out, const struct paused *paused);
