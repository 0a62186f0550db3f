/* Everything `rpfpolicy verdict` has to say about one packet, gathered first and then printed as
 * text or JSON. */
#pragma once

#include "agent/cli/advice/advice_report.h"
#include "agent/cli/advice/asked_packet.h"
#include "agent/cli/session/report.h"
#include "agent/kernel/fib.h"
#include "agent/kernel/procsys.h"
#include "policy/routes/routes.h"

#define VERDICT_MODES 3 /* off, strict, loose: the effective values of rp_filter */
#define VERDICT_WARNINGS_MAX 12

/* With all that the policy wants of the device, and with the rules and routes that it would leave
 * on this host, as if nothing were paused. */
struct verdict_planned {
    bool given;              /* it wants a mode of the device, or other rules or routes */
    const struct rule *rule; /* for rp_filter on this device; NULL: the mode stays as it is */
    int mode;
    bool rerouted; /* it would change rules or routes of IPv4 */
    bool known;    /* false: an ip rule looks at something that is not known here, and the kernel
                      cannot be asked for what is not there yet. Nothing below is told then */
    struct verdict verdict;
    struct arp_verdict arp; /* as verdict_report.arp */
    struct fib_way back;    /* the way back */
};

struct verdict_report {
    const struct session *session;
    const struct device *device;
    struct fib fib;
    struct procsys procsys;
    struct fib_packet packet;
    struct asked_packet asked;
    struct receiver receiver;
    struct fib_way back; /* the way back */
    struct verdict verdicts[VERDICT_MODES];
    /* Would an ARP request from the source for the destination be answered? */
    struct arp_verdict arp[VERDICT_MODES];
    int mode; /* in effect now */
    struct verdict_planned policy;
    bool advised; /* it is lost now: */
    struct advice advice;
    bool kernel_asked;
    int answer;                           /* 0: the kernel accepts */
    char *warnings[VERDICT_WARNINGS_MAX]; /* owned */
    size_t n_warnings;
};

/* Ask the tables and judge. packet.destination 0.0.0.0: choose one. A negative errno after saying
 * why. Done once by verdict_report_done(), also after a failure. */
int verdict_ask(struct netlink *nl, struct verdict_report *report);

/* Where the packet is lost now, or ARP requests of its sender are: look for cures, with the pauses
 * that are in force. A negative errno after saying why. */
int verdict_advise(struct netlink *nl, struct session *session, struct verdict_report *report);

/* Are packets accepted, and the ARP requests of their sender, who asks for himself, not answered?
 */
bool verdict_is_mute(const struct verdict_report *report, const struct verdict *verdict,
                     const struct arp_verdict *arp);

void verdict_report_done(struct verdict_report *report);
#define _cleanup_verdict_report_ _cleanup_(verdict_report_done)

/* "10.0.0.0/8 via 192.0.2.1 dev eth0 table main" into an owned string. */
char *verdict_way_text(const struct live *live, const struct fib_way *way);

/* What no lookup can see. */
#define VERDICT_UNSEEN 4
struct verdict_unseen {
    const char *name, *text;
};
extern const struct verdict_unseen verdict_unseen[VERDICT_UNSEEN];

/* "answered" or "unanswered", and why, in words: owned. */
const char *verdict_arp_result(const struct arp_verdict *arp);
char *verdict_arp_why(const struct arp_verdict *arp);

int verdict_print(struct output *out, const struct verdict_report *report);
void verdict_print_json(struct output *out, const struct verdict_report *report);
