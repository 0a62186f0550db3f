/* Publishing what there is to tell of the agent: status.json for `rpfpolicy status`, the metrics
 * file for the textfile collector, the line for systemctl. Files are replaced by one rename; once a
 * second at most, and now and then also without news, so that readers see that it lives. What is in
 * them the options tell. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/daemon/loop.h"
#include "agent/daemon/presence.h"

struct publisher_options {
    const struct paths *paths; /* these live longer */
    struct loop *loop;
    const struct logger *logger;
    struct presence *presence;
    json_t *(*status)(const char *state, void *data); /* new; NULL where memory is short */
    void (*metrics)(FILE *out, void *data);
    void (*summary)(FILE *out, void *data);  /* a line for people */
    const char *(*metrics_file)(void *data); /* its path; NULL: no metrics are asked for */
    void *data;
};

struct publisher;

int publisher_new(const struct publisher_options *options, struct publisher **ret);
struct publisher *publisher_free(struct publisher *publisher);

/* There is something new: it is written a moment later. A failure is said once. */
void publisher_changed(struct publisher *publisher);

/* Write all of it now; the first error, after trying the rest. state: "running", … */
int publisher_write(struct publisher *publisher, const char *state);
