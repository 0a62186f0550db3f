/* The world as it would be once a cure is carried out, by the functions that `apply` uses: a policy
 * is parsed, planned and pretended on top of what was read once. */
#pragma once

#include "agent/advice/advise.h"
#include "agent/base/paths.h"
#include "agent/system/conf_files.h"
#include "policy/advice/cures.h"
#include "policy/decide/plan.h"
#include "policy/lang/policy.h"
#include "policy/routes/routes.h"

/* What is there now; borrowed. */
struct trial_base {
    const struct paths *paths;
    const struct conf_files *files; /* of the policy on disk */
    const struct live *live;
    const struct fib *fib; /* fib_hold() was called */
    const struct route_facts *facts;
    int ifindex; /* of the device that is complained of */
};

struct trial_world {
    struct policy *policy;
    struct live before, after; /* before: with what routing holds back */
    struct plan plan;
    struct routes_plan routes;
    struct fib fib;
    struct fib_extra extra;
    struct route_rule *rules; /* owned; of others that stay, where another program stops */
    bool rerouted;            /* rules or routes of IPv4 change */
};

/* The policy on disk with these lines at the end of CURE_FILE. *ret NULL: the parser refuses them.
 * -ENOMEM. */
int trial_policy(const struct trial_base *base, const char *lines, struct policy **ret);

/* 1: made; 0: the cure cannot be carried out. Else -ENOMEM and what reading gives. */
int trial_world_make(const struct trial_base *base, const struct cure *cure,
                     struct trial_world *ret);
void trial_world_done(struct trial_world *trial);
#define _cleanup_trial_world_ _cleanup_(trial_world_done)
