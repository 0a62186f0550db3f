/* With --accept, for containers, where nobody runs `rpfpolicy accept`: the agent itself puts the
 * policy on disk into force, at the start and when a file of it changes. A bad policy is named and
 * replaces nothing. What is accepted is taken over as ever: see in_force.h. */
#pragma once

#include <stdio.h>

#include "agent/daemon/loop.h"
#include "agent/daemon/presence.h"
#include "policy/lang/policy.h"

struct accepting_options {
    const struct paths *paths; /* these live longer */
    struct loop *loop;
    const struct logger *logger;
    struct presence *presence;
    /* Whom it would cut, as protecting_look(). -ECANCELED: not now, the agent is about to come
     * back. NULL: nobody is guarded. */
    int (*look)(const struct policy *policy, char **ret_reason, void *data);
    void (*tried)(void *data); /* it was accepted or refused */
    void *data;
};

struct accepting;

int accepting_new(const struct accepting_options *options, struct accepting **ret);
struct accepting *accepting_free(struct accepting *accepting);

void accepting_watch(struct accepting *accepting); /* its files; a failure is said */
void accepting_try(struct accepting *accepting);
/* It waits until it cuts nobody any more, and is looked at again and again. */
bool accepting_waits(const struct accepting *accepting);              /* NULL: no */
bool accepting_was_refused(const struct accepting *accepting);        /* the last policy on disk */
void accepting_metrics(FILE *out, const struct accepting *accepting); /* NULL: none */
