/* What the files of judge share. */
#pragma once

#include "policy/decide/judge.h"

struct judge {
    const struct policy *policy;
    const struct live *live;
    struct judge_context context;
    struct key_target targets[KEY_COUNT];
    /* What a full run of systemd-sysctl makes of the two; .given false without sysctl.d. */
    struct sysctl_answer full_all[KEY_COUNT], full_default[KEY_COUNT];
    struct writer {
        int ifindex; /* IFINDEX_ALL: `all` or `default`, of any key */
        key_mask keys;
    } * writers; /* owned */
    size_t n_writers, writers_capacity;
    struct warning *warnings;
    size_t n_warnings, warnings_capacity;
    bool lost; /* memory ran out: not every warning is there */
};

/* Count a warning of this code and rule; `name` is the example, NULL for none. The same ifindex
 * is counted once in a row. Allocates only for a warning that is new; see judge_lost_warnings(). */
void judge_warn(struct judge *judge, enum warning_code code, enum key key, const struct rule *rule,
                int ifindex, const char *name);

/* Warnings that come from the policy and the targets alone. */
void judge_warn_targets(struct judge *judge);

/* Warnings about one key of one device. */
void judge_warn_device(struct judge *judge, const struct device *device,
                       const struct key_state *state);
