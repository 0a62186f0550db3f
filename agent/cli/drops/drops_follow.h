/* Following packets that are dropped for their source: by BPF, else by the kernel log, else by the
 * counter of rp_filter alone. `drops` tells each flow as it appears, `diagnose` sums up. */
#pragma once

#include "agent/cli/drops/drops_report.h"

struct drops_follow_options {
    const struct session *session; /* read with DROPS_KEYS and DROPS_FACTS */
    const struct device *device;   /* only this one; NULL: all */
    uint64_t milliseconds;         /* 0: until interrupted */
    /* Each may be NULL. 0 or a negative errno, which ends it. */
    int (*on_flow)(const struct drops_report *report, const struct drop *drop, void *data);
    /* After each look: new flows that were not told one by one, and, where only the counter is
     * known, packets that it counted. */
    int (*on_tick)(unsigned untold, uint64_t counted, void *data);
    int (*on_arp)(void *data); /* something can be read from `arp` */
    int arp;                   /* a socket that sees ARP; -1 for none */
    void *data;
};

struct drops_follow;

/* Begin to count. SIGINT, SIGTERM and SIGHUP are blocked from then on and end it. A negative errno,
 * after saying so where nothing here tells of dropped packets. */
int drops_follow_new(const struct drops_follow_options *options, struct drops_follow **ret);

/* Follow to the end, and make the report. */
int drops_follow_run(struct drops_follow *follow);

/* How it is followed; after drops_follow_run() all of it. Borrowed. */
const struct drops_report *drops_follow_report(const struct drops_follow *follow);

struct drops_follow *drops_follow_free(struct drops_follow *follow); /* returns NULL */
static inline void drops_follow_freep(struct drops_follow **follow)
{
    drops_follow_free(*follow);
}
#define _cleanup_drops_follow_ _cleanup_(drops_follow_freep)

/* --for. -EINVAL after saying why; *ret_milliseconds is untouched without it. */
int drops_parse_duration(const char *text, uint64_t *ret_milliseconds);
