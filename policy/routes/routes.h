/* From policy, devices, addresses, routes and rules to the routes and rules that shall be there,
 * and the ordered changes that lead to them. Pure, the only place where that is decided: `routes`,
 * `check`, `apply` and the agent all call it.
 *
 * What a device gets, each family by itself, so that what one lacks does not hold back the other:
 *   - in its table the subnets of its addresses, the routes that the policy names, and the default;
 *   - a rule `from ADDRESS lookup TABLE` for each address, deprecated and temporary ones included.
 *     Not for loopback, link-local and host-scope addresses, nor for one that duplicate address
 *     detection is not done with or has refused;
 *   - `lookup main suppress_prefixlength 0` before these rules. Where the subnet of an address is
 *     also on another device that is up, `from ADDRESS to SUBNET lookup TABLE` stands before that
 *     one (main-first = auto); with main-first = no all rules do, and none of them is for main.
 * The subnet of a `noprefixroute` address is left to main, where main is asked first. A device that
 * has lost its carrier keeps everything, so that a short loss changes nothing; one that is down has
 * nothing. The device with the best default route of main gets nothing unless its exact name asks
 * for it. A device in conflict, or paused, keeps what it has. */
#pragma once

#include <stdio.h>

#include "policy/facts/network.h"
#include "policy/facts/states.h"
#include "policy/lang/routing.h"

/* Facts, as the kernel's dumps give them (agent/kernel/routes_io.h reads them). */

/* Whoever made them, the protocol is not looked at. Of two routes in one place the kernel replaces
 * one by the other; rules that are equal are the same to it. */
int route_place_compare(const struct route *a, const struct route *b);
bool route_is_same(const struct route *a, const struct route *b);
int route_rule_compare(const struct route_rule *a, const struct route_rule *b);

/* A gateway known from a lease; `source` is what knows it: "networkd", "NetworkManager". Or why it
 * could not be told: then `gateway` is none. */
struct route_lease {
    int ifindex;
    struct ip gateway;
    const char *source;  /* static text */
    const char *trouble; /* static text, or NULL */
};

/* Another program that configures such rules, found at work. */
struct route_meddler {
    int ifindex;    /* 0: all devices */
    char *name;     /* owned: "systemd-networkd", "nm-cloud-setup", "amazon-ec2-net-utils" … */
    char *evidence; /* owned: file, unit or rule, for the report */
    char *cure;     /* owned: ready to paste, may be several lines, with comments by # for what a
                       person has to do; NULL for none */
};

struct route_facts {
    struct route_address *addresses;
    size_t n_addresses, addresses_capacity;
    /* All routes with our protocol, all default routes of every table, and one foreign route of
     * every other table that has any (so that a table in use is seen); not whole tables. */
    struct route *routes;
    size_t n_routes, routes_capacity;
    struct route_rule *rules; /* all, in the order of the kernel's dump */
    size_t n_rules, rules_capacity;
    struct route_lease *leases;
    size_t n_leases, leases_capacity;
    struct route_meddler *meddlers;
    size_t n_meddlers, meddlers_capacity;
};
void route_facts_done(struct route_facts *facts);

/* May replies carry it, so that a rule can be made for it? */
bool routes_address_is_usable(const struct route_address *address);

/* The plan. */

struct routes_device {
    int ifindex;
    char name[DEVICE_NAME_MAX + 1];
    enum routes_state state;
    struct origin origin; /* the line that asks for it */
    uint32_t table;
    struct {
        struct ip address; /* family 0: none, or the device itself leads there */
        char source[24];   /* "policy", "first host", "main", "table 100", "networkd", "point to
                              point"; "none" where the policy wants none; "" where it was not
                              looked for, or not found */
    } gateway[IP_FAMILIES];
    bool holds_value; /* its ways in IPv4 are not to be had, or overruled, see routes_hold_reason():
                         rp_filter is not to become stricter. Never where it was forced */
    bool held;        /* and it should, by the policy and what it is now */
    bool primary[IP_FAMILIES]; /* carries the main default route and was not asked for */
    bool overruled; /* what its addresses send leaves elsewhere, by routes_judge(): message tells */
    bool routed[IP_FAMILIES]; /* it has rules of its own in the plan */
    char *conflict;  /* owned; who stands in the way, one line; NULL for nobody. Also where it was
                        forced */
    char *cure;      /* owned; to paste, may be several lines; NULL for none */
    char *message;   /* owned; why it is not ok otherwise; NULL for nothing to say */
    char *advice;    /* owned; arp_filter and arp_announce for a subnet on two devices …; NULL */
    size_t n_routes; /* wanted */
    size_t n_rules;
};

enum routes_op { ROUTES_ADD_ROUTE, ROUTES_ADD_RULE, ROUTES_DELETE_RULE, ROUTES_DELETE_ROUTE };

/* One message to the kernel. In the order of a plan: routes added (a changed one replaces the old
 * in one step), rules added, rules deleted, routes deleted; so that at no moment an address is
 * without a way out that it had before and will have after. */
struct routes_change {
    enum routes_op op;
    bool replace; /* ADD_ROUTE: of a route with the same table, destination and metric */
    int ifindex;  /* the device it is for; 0: the rule for main */
    union {
        struct route route;
        struct route_rule rule;
    };
    const char *reason; /* static text: "wanted", "address is gone", "not asked for any more" … */
};

struct routes_plan {
    struct routes_device *devices; /* by ifindex; every device that [routing] asks for */
    size_t n_devices, devices_capacity;
    struct route *routes; /* wanted */
    size_t n_routes, routes_capacity;
    struct route_rule *rules; /* wanted */
    size_t n_rules, rules_capacity;
    struct routes_change *changes;
    size_t n_changes, changes_capacity;
    size_t states[ROUTES_STATE_COUNT]; /* devices */
};

/* forced: conflicts do not hold a device back. With a policy that asks for no routing the plan
 * removes what carries our protocol (also what `routes flush` is: policy NULL). Paused devices keep
 * what they have. O(n log n) in addresses, routes and rules. -ENOMEM, else 0. */
int routes_plan(const struct policy *policy, const struct live *live,
                const struct route_facts *facts, bool forced, struct routes_plan *ret);

/* Only the changes, in the order of every plan: from what is ours in the facts to the routes and
 * rules that the plan has. -ENOMEM, else 0. */
int routes_plan_changes(const struct route_facts *facts, struct routes_plan *plan);

void routes_plan_done(struct routes_plan *plan);

/* The proof: what was written says little while a rule or a route of somebody else is asked first.
 * So a device is `ok` only if what its addresses send leaves by it. */

/* One lookup: from an address of a device to an address of a class that leaves by the device. */
struct route_effect {
    int ifindex;
    struct ip from, to;
    uint8_t width; /* a route, and a rule, of at most this length takes the class elsewhere, a
                      longer one only a part of it */
    bool again;    /* another address of the same class, to be looked up where the one before it
                      leaves elsewhere */
    bool pending;  /* the plan adds something for the device in this family */
    enum { EFFECT_UNKNOWN, EFFECT_LEAVES, EFFECT_ELSEWHERE } found;
    struct route route;     /* elsewhere: the route that leads there; table 0: none does */
    struct route_rule rule; /* and the rule that leads to it … */
    bool has_rule;          /* … where one could be told */
    bool many_hops;         /* elsewhere, by more next hops than are looked at; neither is told */
};

struct route_effects {
    struct route_effect *items;
    size_t n, capacity;
};
void route_effects_done(struct route_effects *effects);

/* What is to be looked up, nothing found yet. From each usable address of a device, but one that is
 * on another device as well: to its gateway, and for each route of its own, the default one among
 * them, to one address or two. A device with the main default route that was not asked for is to
 * have that effect without rules. Not asked of is what is paused, in conflict or down; what has no
 * carrier is, so that its value does not become strict before it has one. -ENOMEM. */
int routes_effects(const struct live *live, const struct route_facts *facts,
                   const struct routes_plan *plan, struct route_effects *ret);

/* Judge what was found: a device that is overruled gets that state, unless a worse one, and the
 * reason as its message, and holds its value if it is in IPv4 and not forced. -ENOMEM. */
int routes_judge(const struct policy *policy, const struct live *live,
                 const struct route_effects *effects, bool forced, struct routes_plan *plan);

/* Why its value is held, for one that holds it: the conflict, or what message says. */
const char *routes_hold_reason(const struct routes_device *device);

/* How many of the changes, the first ones, add something: new ways, which are to be there before a
 * device becomes strict. The rest takes away, and is for when no device needs it any more. */
size_t routes_plan_additions(const struct routes_plan *plan);
bool routes_change_adds(const struct routes_change *change);

/* Does it add something that rp_filter looks at, which is a matter of IPv4 alone? */
bool routes_change_is_way(const struct routes_change *change);

uint8_t routes_change_family(const struct routes_change *change); /* AF_INET, AF_INET6 */

/* "main", "local", "default" or a number. */
const char *route_table_name(uint32_t table, char buf[static 12]);

/* The same as text without the verb: "172.16.6.0/24 dev eth2 scope link". Owned, NULL without
 * memory. */
char *route_text(const struct route *route, const char *name);
char *route_rule_text(const struct route_rule *rule);

/* "ip -4 rule add from 172.16.6.4 lookup 21004 priority 20200 protocol 182": what a person would
 * type. name: of the route's device. The text is owned; NULL when memory ran out. */
char *routes_change_text(const struct routes_change *change, const char *name);
