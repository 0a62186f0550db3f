/* With --accept, for containers, where nobody runs `rpfpolicy accept`: the agent itself puts the
 * policy on disk into force, at the start and when a file of it changes. A bad policy is named and
 * replaces nothing. One with `trial` is accepted on trial: see trials.h; what went back once is not
 * tried again. What is accepted is taken over as ever: see in_force.h. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/daemon/loop.h"
#include "agent/daemon/presence.h"
#include "agent/daemon/trials.h"
#include "policy/lang/policy.h"

struct accepting_options {
    const struct paths *paths; /* these live longer */
    struct loop *loop;
    const struct logger *logger;
    struct presence *presence;
    const struct trials *trials; /* NULL: none can be begun */
    /* Whom it would cut, as protecting_look(). -ECANCELED: not now, the agent is about to come
     * back. NULL: nobody is guarded. */
    int (*look)(const struct policy *policy, char **ret_reason, void *data);
    void (*tried)(void *data);      /* it was accepted or refused */
    void (*trial_over)(void *data); /* of its own: another policy may be in force */
    void *data;
};

struct accepting;

int accepting_new(const struct accepting_options *options, struct accepting **ret);
struct accepting *accepting_free(struct accepting *accepting);

void accepting_watch(struct accepting *accepting); /* its files; a failure is said */
void accepting_try(struct accepting *accepting);
/* Another policy is in force: since a trial failed, which is said then, or since somebody accepted
 * what was refused. */
void accepting_policy_changed(struct accepting *accepting);
/* It waits until it cuts nobody any more, and is looked at again and again; or until its trial can
 * begin. */
bool accepting_waits(const struct accepting *accepting);              /* NULL: no */
bool accepting_was_refused(const struct accepting *accepting);        /* the last policy on disk */
json_t *accepting_json(const struct accepting *accepting);            /* why; null: no, or NULL */
void accepting_metrics(FILE *out, const struct accepting *accepting); /* NULL: none */
