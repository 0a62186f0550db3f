/* What the files of the routing planner share: sorted views of the facts, and what is known of each
 * device that the policy asks for. */
#pragma once

#include <linux/rtnetlink.h>

#include "policy/routes/routes.h"

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* Why a family of a device has no gateway. */
struct routes_lack {
    enum routes_lack_kind {
        LACK_NOTHING,        /* it has one, wants none, or none was looked for */
        LACK_SUBNET,         /* no address with a subnet has a first host */
        LACK_FIRST_IS_OWN,   /* the first host, `gateway`, is this one */
        LACK_ADDRESS_IS_OWN, /* so is the address of the policy, `gateway` */
        LACK_UNKNOWN,        /* nothing knows one */
    } kind;
    struct ip gateway;
    const struct route_lease
        *untold; /* LACK_UNKNOWN: one whose gateway could not be told, or NULL */
};

/* A device that the policy asks for, in the order of ifindex. */
struct routes_wish {
    const struct device *device;
    struct routing_settings settings;
    struct routes_device *out;         /* in plan.devices */
    size_t first_address, n_addresses; /* in work.addresses */
    size_t first_route, first_rule; /* of its own in the plan, with out->n_routes, out->n_rules */
    bool behind_main[IP_FAMILIES];  /* it has a rule that wants main to be asked before */
    bool frozen;                    /* it keeps what it has */
    bool arp_advised;               /* the subnet is on another device: said once */
    struct routes_lack lack[IP_FAMILIES];
};

struct routes_work {
    const struct policy *policy; /* NULL: nothing is asked for */
    const struct live *live;
    const struct route_facts *facts;
    bool forced, all_frozen;
    struct routes_plan *plan;
    struct routes_wish *wishes;
    size_t n_wishes;
    /* Views; each owned, each sorted as its name says. */
    const struct route_address **addresses; /* by ifindex; each device's in the kernel's order */
    struct routes_subnet {
        struct ip_prefix prefix;
        int ifindex;
    } * subnets; /* of devices that are up, by prefix, then ifindex */
    size_t n_subnets;
    const struct route_address **by_address; /* by address, then ifindex */
    const struct route **defaults; /* foreign, through one device: by device, family, best first */
    size_t n_defaults;
    const struct route **foreign; /* by family and table */
    size_t n_foreign;
    const struct route_rule **foreign_rules; /* by family and priority */
    size_t n_foreign_rules;
    const struct routes_wish **tables; /* by table, then ifindex */
    int primary[IP_FAMILIES];          /* ifindex of the best default route of main, 0: none */
};

static inline bool routes_is_ours(uint8_t protocol)
{
    return protocol == ROUTING_PROTOCOL;
}

/* lookup main suppress_prefixlength 0 */
static inline bool routes_is_main_rule(const struct route_rule *rule)
{
    return rule->table == RT_TABLE_MAIN && rule->suppress_prefixlength == 0;
}

/* The subnet that the kernel takes an address to be connected to. */
struct ip_prefix routes_subnet_of(const struct route_address *address);

struct routes_wish *routes_wish_of(const struct routes_work *work, int ifindex);

/* Append what the device shall have to the plan, and settle its state as far as others do not
 * matter. -ENOMEM. */
int routes_want(struct routes_work *work, struct routes_wish *wish);

/* The gateway of one family. 1: found, 0: the policy wants none, -ENOENT: not found, wish.lack
 * tells. */
struct routes_gateway {
    struct ip via; /* family 0: the device itself */
    bool onlink;
    uint32_t mtu;
};
int routes_find_gateway(struct routes_work *work, struct routes_wish *wish, unsigned f,
                        struct routes_gateway *ret);

/* Say which families have no gateway, and why. -ENOMEM. */
int routes_say_lacks(const struct routes_wish *wish, char **message);

/* Who stands in the way of the device: an owned sentence in *ret, NULL for nobody. -ENOMEM. */
int routes_find_conflict(const struct routes_work *work, const struct routes_wish *wish,
                         char **ret);

/* Append the rules for main, and what frozen devices have; then the changes. -ENOMEM. */
int routes_want_main(struct routes_work *work);
int routes_keep_frozen(struct routes_work *work);
int routes_compare(struct routes_work *work);

/* Tell of devices that hold their values which of them should become stricter. */
void routes_find_held(const struct policy *policy, const struct live *live,
                      struct routes_plan *plan);

/* Count the states of its devices. */
void routes_count(struct routes_plan *plan);

/* Append to the plan; the element, zeroed but for what makes it ours, is in *ret. -ENOMEM. */
int routes_add_route(struct routes_plan *plan, uint8_t family, struct route **ret);
int routes_add_rule(struct routes_plan *plan, uint8_t family, struct route_rule **ret);

/* Add a sentence to the message or advice of a device. -ENOMEM. */
int routes_say(char **text, const char *format, ...) _printf_(2, 3);
