/* The engines that the agent does not follow message by message: what they want is put right
 * whenever everything is read, and their state is looked at then. What is undone in between waits
 * for the next time: a sweep at the latest. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/base/paths.h"
#include "agent/daemon/in_force.h"
#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "agent/daemon/writing.h"
#include "agent/engines/engine.h"
#include "agent/kernel/links.h"

struct others_options {
    const struct paths *paths;           /* these live longer */
    const struct engine *const *engines; /* of the program; the last one is NULL … */
    const struct engine *followed;       /* … but for this one, see ways.h */
    struct loop *loop;
    const struct logger *logger;
    const struct in_force *in_force;
    const struct writing *writing;
    /* As in ways.h. */
    struct live *(*devices)(void *data);
    void (*read_again)(const char *reason, void *data);
    /* Add to a picture what is known of devices beside it. */
    int (*amend)(struct live *live, void *data);
    void *data;
};

struct others;

int others_new(const struct others_options *options, struct others **ret);
struct others *others_free(struct others *others);

/* The policy in force changed. */
void others_begin(struct others *others);
bool others_are_there(
    const struct others *others); /* any engine at all; NULL: none, here as below */

/* What is new is made before a device that is known becomes strict and needs it; the rest, and what
 * goes, with others_finish(), which looks how it stands then. */
void others_resync(struct others *others);
void others_finish(struct others *others);

/* May it not become stricter, since something that it needs is not in place, or since it is new and
 * an engine that is asked for anything was not carried out since it came? others_mark() marks the
 * former in a picture, beside what is marked. */
bool others_are_missing(const struct others *others, int ifindex);
void others_mark(const struct others *others, struct live *live);

/* A value was held back, maybe for that; negative: `all`. As soon as that need not be, everything
 * is read, and written, again. The engine that lacks something; NULL for none, or not known. */
const struct engine *others_await(struct others *others, int ifindex);

/* {NAME: {states, devices, changes, repairs, failures}}; NULL where there are none. */
json_t *others_json(const struct others *others);
void others_metrics(FILE *out, const struct others *others);
