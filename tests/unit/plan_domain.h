/* Every combination of small domains, to try plans on: policies, and states to start from. */
#pragma once

#include "kernel_sim.h"
#include "policy/lang/policy.h"

struct domain {
    enum key key;
    const int *stored; /* of all, default and the devices */
    size_t n_stored;
    const char *const *rules, *const *any, *const *pins; /* NULL-terminated; "" for no line */
};

/* Each policy for devices a*, for all, `all` and `default` that is not refused. */
void domain_each_policy(const struct domain *domain,
                        void (*use)(const struct domain *domain, const char *text,
                                    struct policy *policy, void *data),
                        void *data);

/* Each state, without devices. forwarding: what devices are to have, as `default` does. */
void domain_each_start(const struct domain *domain,
                       void (*use)(const struct domain *domain, const struct sim *start,
                                   bool forwarding, void *data),
                       void *data);

/* In a function that has a `run` which print_run() can show. */
#define CHECK(run, device, condition)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_run(run, #condition, device);                                                    \
            fail();                                                                                \
        }                                                                                          \
    } while (0)
