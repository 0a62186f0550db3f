/* The files by which others know of the agent and what it does, and the lock under which settings
 * are written. Lock and state file are held open; should somebody remove one of them, others see
 * neither any more, and the agent has to come back with new ones. */
#pragma once

#include "agent/base/paths.h"
#include "agent/daemon/log.h"

struct presence_options {
    const struct paths *paths; /* these live longer */
    const struct logger *logger;
    void (*lost)(void *data); /* a file was removed; called once */
    void *data;
};

struct presence;

/* -EBUSY when another agent is at work here. On an error *ret_where is the path of what could not
 * be had, borrowed from the paths; untouched where memory is short. */
int presence_new(const struct presence_options *options, struct presence **ret,
                 const char **ret_where);
struct presence *presence_free(struct presence *presence);

/* The lock, without waiting for it. False also where a file was removed. */
bool presence_lock(struct presence *presence);
void presence_unlock(struct presence *presence);

/* -ESTALE where somebody removed a file, which is said once. */
int presence_check(struct presence *presence);
bool presence_is_lost(const struct presence *presence);

/* Tell helper, udev rule and commands whether it enforces. A failure is said once and does not keep
 * it from its work; presence_tell_again() tries again after one. */
void presence_tell(struct presence *presence, bool enforcing);
void presence_tell_again(struct presence *presence);

/* Was it stopped on purpose? Then the helper stands back. Of another user than root's nothing is
 * taken for that: what starts and ends it tells. */
int presence_tell_stopped(const struct presence *presence, bool stopped);
