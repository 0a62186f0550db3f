/* A few devices, a policy and sysctl.d, and what the judge says of them. */
#pragma once

#include "policy/decide/judge.h"

#define DEVICES_MAX 16

struct scene {
    struct policy *policy;
    struct device devices[DEVICES_MAX];
    struct live live;
    struct sysctl_conf *sysctl;
    struct judge_context context;
    struct judge *judge;
    struct key_state state; /* of the last expect() */
};

#define POLICY "[rp_filter]\nlxc* = off\n* = strict\n"
#define SYSCTL                                                                                     \
    "net.ipv4.conf.default.rp_filter = 2\n"                                                        \
    "net.ipv4.conf.all.rp_filter = 2\n"                                                            \
    "net.ipv4.conf.*.rp_filter = 2\n"

/* `sysctl` NULL: not to be used. */
void begin(struct scene *s, const char *text, const char *sysctl);
struct device *add(struct scene *s, const char *name, int rp_filter);
void set(struct scene *s, int all, int def); /* rp_filter */
void start(struct scene *s);                 /* judge anew */
void end(struct scene *s);

/* The state and the sentence of the first key of a device, or of `all` and `default`. */
void expect(struct scene *s, const char *name, enum state state, const char *message);

/* Of the state that the last expect() gave; line 0: no cause. */
void expect_cause(const struct scene *s, unsigned line);
void expect_reason(const struct scene *s, const char *name, enum value_origin origin,
                   const char *reason);
