/* The sockets by which the kernel tells of what happens: opened as the policy needs them, read when
 * something waits, left alone for a while in a flood. Links and settings come through one socket,
 * in the order in which things happened. What a message says is for the caller. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "agent/kernel/watch.h"

/* How sockets are opened and read: watch.h, or what a test puts in its place. */
struct listening_kernel {
    int (*open)(struct watch *watch, enum watch_kind kind, int receive_buffer);
    int (*join)(struct watch *watch, struct watch *beside, enum watch_kind kind);
    int (*drain)(struct watch *watch, uint64_t now, watch_message_t fn, void *data);
};

struct listening_options {
    struct loop *loop; /* these live longer */
    const struct logger *logger;
    const struct listening_kernel *kernel; /* NULL: the real one */
    int receive_buffer;                    /* bytes */
    watch_message_t message;
    void (*taken)(void *data); /* the messages that waited, or many of them */
    /* Some were: everything is to be read again, soon; before that listening_discard(). */
    void (*lost)(void *data);
    void (*resumed)(void *data); /* none were taken for a while: everything is to be read now */
    void (*changed)(void *data); /* what listening_json() tells */
    void *data;
};

struct listening;

int listening_new(const struct listening_options *options, struct listening **ret);
struct listening *listening_free(struct listening *listening);

/* Listen to these kinds, a mask of 1 << enum watch_kind, and to links and settings; to others no
 * longer: each costs wake-ups. One that cannot be opened is tried again later; the first error. */
int listening_to(struct listening *listening, unsigned kinds);

/* As watch_follow_routes(), of IPv4 and IPv6. */
void listening_follow_routes(struct listening *listening, const struct watch_routes *routes);

/* Just before everything is read: what waits is of no use where messages were lost. */
void listening_discard(struct listening *listening);

/* Something waits at this socket. The loop calls it; so do tests. */
void listening_take(struct listening *listening, enum watch_kind kind);

json_t *listening_json(const struct listening *listening); /* by kind: messages, overruns … */
void listening_metrics(FILE *out, const struct listening *listening);
