/* A small node to apply policies to: bridges as its devices in the private namespace, a run
 * directory of its own, and a record of all that was reported. */
#pragma once

#include "agent/change/change.h"
#include "agent/engines/sysctl/sysctl_engine.h"
#include "policy/decide/plan.h"
#include "sandbox.h"

#define REPORTS_MAX 64

struct node {
    char run[96], lock[128], before[128], former[128], claims[128], paused[128], flushed[128],
        proc_sys_net[16];
    struct paths paths;
    struct policy *policy;
    struct change_request options;
    struct change_outcome outcome;
    struct change_counts result; /* of values */
    /* what was reported */
    struct write writes[REPORTS_MAX];
    enum change_result results[REPORTS_MAX];
    int errors[REPORTS_MAX];
    size_t n_reports;
    /* called at each report; may be NULL */
    void (*meanwhile)(struct node *node, const struct write *write, enum change_result result);
};

/* As cmocka wants them. directory: where the run directory goes. A node begins without bridges, and
 * with rp_filter 0 for all, default and lo. */
int node_set_up(const char *directory, void **state);
int node_tear_down(void **state);

/* Devices eno1 (addressed), lxc1 and lxc2 under a distribution's all=2, default=2. */
void node_add_devices(void);

/* Take this text as the policy. It must be right. */
void node_use_policy(struct node *node, const char *text);

/* change_run(); reports and result are in the node afterwards. */
int node_apply(struct node *node);

void set_rp_filter(const char *name, int value);
void assert_rp_filter(const char *name, int value);

/* Was this reported? */
bool node_reported(const struct node *node, const char *name, enum change_result result);

/* The former value that was recorded under this name; the test fails when none was. */
int node_recorded(struct node *node, const char *name);
