/* The policy in force: the accepted one, taken at the start and when accepted.conf is replaced. A
 * bad one never replaces a good one. With it what systemd-sysctl is going to write. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "agent/base/paths.h"
#include "agent/daemon/log.h"
#include "agent/daemon/loop.h"
#include "policy/lang/policy.h"
#include "policy/sysctl/sysctl_conf.h"

struct in_force_options {
    const struct paths *paths; /* these live longer */
    struct loop *loop;
    const struct logger *logger;
    bool (*can_write)(void *data); /* asked when a policy that enforces is taken */
    void (*replaced)(void *data);  /* another one is in force; the one before is freed after it */
    void (*changed)(void *data);   /* a change of the file led to that */
    void *data;
};

struct in_force;

int in_force_new(const struct in_force_options *options, struct in_force **ret);
struct in_force *in_force_free(struct in_force *in_force);
void in_force_watch(struct in_force *in_force); /* a failure is said */

/* Returns 1 when the policy in force changed, which is logged, 0 when not; -ENOMEM, -ENFILE or
 * -EMFILE where that cannot be told for now. */
int in_force_take(struct in_force *in_force);

/* Under the lock: is another policy accepted by now than was taken? Then nothing may be written by
 * it; whoever accepted the other one may be waiting for the lock, or have written already. */
bool in_force_is_stale(const struct in_force *in_force);

const struct policy *in_force_policy(const struct in_force *in_force); /* NULL: none is accepted */
bool in_force_enforces(const struct in_force *in_force);
bool in_force_is_barred(const struct in_force *in_force); /* it would, but cannot write */

const struct sysctl_conf *in_force_sysctl(const struct in_force *in_force);
void in_force_reload_sysctl(struct in_force *in_force); /* on a failure the last one stays */

/* {hash, files, mode, since}; null where none is accepted. And as metrics. */
json_t *in_force_json(const struct in_force *in_force);
void in_force_metrics(FILE *out, const struct in_force *in_force);
