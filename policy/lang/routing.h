/* Policy routing as the policy files ask for it: [routing] says for which devices, [routing DEVICE]
 * how. Read-only after policy_finish(). What follows from it for live devices is routes.h. */
#pragma once

#include "policy/base/ip.h"
#include "policy/facts/facts.h"
#include "policy/lang/policy.h"

/* Our own number in the `protocol` field of routes and rules: what carries it is ours, and nothing
 * else is. Named `rpfpolicy` in rt_protos.d. */
#define ROUTING_PROTOCOL 182

/* Where nothing else is said. A table is base + ifindex: stable while the device lives, and no two
 * devices share it. The rules of all devices share three priorities:
 *   base         from ADDRESS to SUBNET lookup TABLE, where other devices are in the subnet, too;
 *                from ADDRESS lookup TABLE where main is not to be asked first
 *   base + 100   lookup main suppress_prefixlength 0, once per family
 *   base + 200   from ADDRESS lookup TABLE
 * Configurable in [agent]: routing-table-base, routing-priority-base. */
#define ROUTING_TABLE_BASE 21000
#define ROUTING_PRIORITY_BASE 20000
#define ROUTING_PRIORITY_MAIN 100
#define ROUTING_PRIORITY_FROM 200

/* Rules behind main's own at 32766 are never asked where main has a default route. */
#define ROUTING_PRIORITY_MAX 32765
#define ROUTING_TABLE_BASE_MIN 256
#define ROUTING_TABLE_BASE_MAX INT32_MAX /* the largest ifindex still fits above it */

enum routing_gateway {
    ROUTING_GATEWAY_AUTO, /* found: a default route of any table through the device, else a lease */
    ROUTING_GATEWAY_FIRST, /* the first host of the subnet */
    ROUTING_GATEWAY_NONE,  /* no default route in the table */
    ROUTING_GATEWAY_ADDRESS,
};

enum routing_main_first { ROUTING_MAIN_AUTO, ROUTING_MAIN_YES, ROUTING_MAIN_NO };

/* routes = 10.9.0.0/16 via 172.16.6.9 */
struct routing_extra {
    struct ip_prefix to; /* masked */
    struct ip via;       /* family 0: on the link */
    struct origin origin;
};

/* What holds for one device when precedence is settled: key by key the strongest section that says
 * it; exact name or range before glob or set before `*`, the later line within each. `gateway` is
 * one key per family: words hold for the families for which no address stands beside them. */
struct routing_settings {
    bool wanted;          /* auto; false: off, or nothing speaks of it */
    bool asked;           /* a line of [routing] or a section [routing NAME] names it exactly: rules
                             also for the device with the main default route */
    struct origin origin; /* of the line of [routing] that won; file NULL for none */
    struct {
        enum routing_gateway kind;
        struct ip address;
        struct origin origin; /* file NULL: not said, so auto */
    } gateway[IP_FAMILIES];
    uint32_t table;    /* never 0; where nothing is said, base + ifindex */
    uint32_t priority; /* of rules behind the one for main, or before it where main_first is no */
    uint32_t priority_before; /* of rules that stand before it */
    uint32_t priority_main;
    enum routing_main_first main_first;
    const struct routing_extra *extra; /* borrowed from the policy */
    size_t n_extra;
};

/* Does the policy ask for routing at all (any line in [routing])? */
bool routing_in_policy(const struct policy *policy);

/* device.known must hold policy.facts; a set that depends on more does not match. */
void routing_for(const struct policy *policy, const struct device *device,
                 struct routing_settings *ret);

/* The next line of [routing] that asks for a device by an exact name that none has: its origin and
 * *ret_name, borrowed. *at begins with 0. NULL: there is no more. */
const struct origin *routing_next_unmatched(const struct policy *policy, const struct live *live,
                                            size_t *at, const char **ret_name);

/* For the reader of policy files and policy_finish() only. The first resolves sets, brings lines
 * and sections into the order of precedence, and, with diags, judges what needs all files. */
struct routing;
int routing_finish(struct policy *policy, struct diags *diags);
struct routing *routing_free(struct routing *routing); /* returns NULL; NULL is fine */
