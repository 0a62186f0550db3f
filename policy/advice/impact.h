/* What a plan means for packets: which devices would accept fewer of them, whether one packet that
 * passes now would be dropped, and the line of policy that would let it pass. Pure; what the
 * routing tables say comes in with struct receiver. */
#pragma once

#include "policy/decide/plan.h"
#include "policy/facts/facts.h"
#include "policy/verdict/verdict.h"

/* The keys that take part in the decision about a packet. */
#define IMPACT_KEYS                                                                                \
    (KEY_BIT(KEY_RP_FILTER) | KEY_BIT(KEY_ACCEPT_LOCAL) | KEY_BIT(KEY_ROUTE_LOCALNET) |            \
     KEY_BIT(KEY_SRC_VALID_MARK) | KEY_BIT(KEY_SEND_REDIRECTS))

/* The picture as it will be once the plan is carried out. Strings of its devices are borrowed from
 * `live`. -ENOMEM. */
int impact_after_plan(const struct live *live, const struct plan *plan, struct live *ret);

/* As if every rule for rp_filter were carried out, also those that are only observed, and in either
 * mode. For every other key as it is now. */
int impact_after_rules(const struct live *live, const struct policy *policy, struct live *ret);

void impact_after_done(struct live *after);
#define _cleanup_after_ _cleanup_(impact_after_done)

/* The effective value of a key of a device, which belongs to this picture. */
int impact_effective(const struct live *live, const struct device *device, enum key key);

/* Do its own settings matter for what comes in? Not where it is down, `lo`, a port of a bridge,
 * bond or team, or a VRF: of that the settings of the port do by which the packet comes in
 * (ip_rcv_finish() looks the route up with the port). */
bool impact_receives(const struct device *device);

/* May a packet be dropped on this device after the change that passes now? False where it does not
 * receive. Both devices are the same one. */
bool impact_is_stricter(const struct live *live, const struct device *device,
                        const struct live *after, const struct device *device_after);

/* The line that would keep a packet: `key` of the device set to this effective value. */
struct impact_cure {
    bool known;
    enum key key;
    int value;
};

/* One packet on one device: what the lookups gave for it before and after the change. */
struct impact_case {
    const struct packet *packet;
    const struct receiver *before, *after;
    int mode_before, mode_after; /* effective rp_filter */
};

/* Does it pass before and is it dropped after? Then *ret is the verdict afterwards and *ret_cure
 * the mildest change that keeps it: loose before off, and rp_filter before the other keys. */
bool impact_is_cut(const struct impact_case *c, struct verdict *ret, struct impact_cure *ret_cure);
