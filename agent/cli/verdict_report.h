/* Everything `rpfpolicy verdict` has to say about one packet, gathered first and then printed as
 * text or JSON. */
#pragma once

#include "fib.h"
#include "report.h"

#define VERDICT_MODES 3 /* off, strict, loose: the effective values of rp_filter */
#define VERDICT_WARNINGS_MAX 12

struct verdict_report {
    const struct session *session;
    const struct device *device;
    struct fib fib;
    struct fib_packet packet;
    struct receiver receiver;
    struct fib_route route; /* the way back */
    struct verdict verdicts[VERDICT_MODES];
    int mode;                /* in effect now */
    const struct rule *rule; /* of the policy, for rp_filter on this device; may be NULL */
    bool has_policy;         /* and it wants something */
    int policy_mode;
    struct verdict policy_verdict; /* with all that the policy wants of the device */
    bool asked;
    int answer;                           /* 0: the kernel accepts */
    char *warnings[VERDICT_WARNINGS_MAX]; /* owned */
    size_t n_warnings;
};

/* Ask the tables and judge. packet.destination 0.0.0.0: choose one. A negative errno after saying
 * why. Done once by verdict_report_done(), also after a failure. */
int verdict_ask(struct netlink *nl, struct verdict_report *report);
void verdict_report_done(struct verdict_report *report);
#define _cleanup_verdict_report_ _cleanup_(verdict_report_done)

/* "10.0.0.0/8 via 192.0.2.1 dev eth0 table main" into an owned string. */
char *verdict_route_text(const struct verdict_report *report);

/* "main" or a number. */
const char *route_table_name(uint32_t table, char buf[static 12]);

/* What no lookup can see. */
#define VERDICT_UNSEEN 3
struct verdict_unseen {
    const char *name, *text;
};
extern const struct verdict_unseen verdict_unseen[VERDICT_UNSEEN];

int verdict_print(struct output *out, const struct verdict_report *report);
void verdict_print_json(struct output *out, const struct verdict_report *report);
