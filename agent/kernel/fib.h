/* What the routing tables say, asked without privilege and without a trace: nothing here makes the
 * kernel validate a source, so nothing counts as a martian or is logged as one.
 *
 * Two ways, with the same result. Where no `ip rule` looks at more than the destination, or the
 * lookup is one that a local socket could cause (from an own address, iif lo), the kernel is asked:
 * RTM_GETROUTE with RTM_F_FIB_MATCH as an output route. A lookup from a foreign address, or of a
 * packet that comes in by a device, cannot be asked for that way: as an output route it is refused
 * (ENETUNREACH, EINVAL), and with RTA_IIF the kernel would first validate that address and log it.
 * There the rules of the RTM_GETRULE dump are applied here (fib_rules.c) over dumps of the tables
 * they name.
 *
 * Not looked for: realms (a route or rule with one makes the full check run with rp_filter off,
 * too) and bc_forwarding. */
#pragma once

#include <netinet/in.h>

#include "agent/kernel/netlink.h"
#include "policy/facts/facts.h"
#include "policy/facts/network.h"
#include "policy/verdict/arp.h"

/* Where a lookup leads. */
struct fib_way {
    struct route_found found;
    struct ip gateways[ROUTE_HOPS_MAX]; /* per hop; family 0: none, or of another family */
    struct route route;                 /* table 0: not known */
    unsigned rule; /* whose table that is, or which ends in nothing: 1 + its index in fib.rules; 0:
                      not known, since the kernel was asked, or no rule decided */
};

/* What a lookup is about: struct flowi4, flowi6. Ports in host order; 0 is "none". */
struct fib_flow {
    struct ip to, from;
    int iif; /* ifindex; 1 (lo) for what the host sends */
    int oif; /* ifindex of the VRF that the host sends in; 0 for what comes in, and without a VRF */
    int vrf; /* ifindex of the VRF device whose table is meant; 0 for none … */
    uint32_t vrf_table; /* … and that table; 0 where it is not known */
    uint32_t mark;
    uint8_t tos;   /* without the ECN bits */
    uint8_t proto; /* IPPROTO_…, 0 where unknown */
    uint16_t sport, dport;
};

struct routes_plan;
struct fib_tables;

/* What somebody would type: `ip rule add`, `ip route add`. */
struct fib_extra {
    const struct route_rule *rules;
    size_t n_rules;
    const struct route *routes;
    size_t n_routes;
};

struct fib {
    struct netlink *nl;       /* borrowed */
    struct route_rule *rules; /* with the devices they name looked up */
    size_t n_rules;
    struct route_address *addresses; /* of all devices, up or down; as the kernel orders them */
    size_t n_addresses;
    bool custom_rules;  /* as struct receiver: an ip rule was ever added, or a local route by hand.
                           The first is seen even when the rule is gone (the tables `local` and
                           `main` are one trie until then: /proc/net/fib_triestat), the second only
                           while the route is there */
    bool plain_rules;   /* the rules that every namespace has, and no other */
    bool selects_from;  /* some rule looks at the source address or the incoming device … */
    bool names_device;  /* … the incoming or outgoing device … */
    bool selects_mark;  /* … the mark */
    bool selects_ports; /* … protocol or ports */
    bool dissects;      /* … and not only for what the host sends (iif lo). Where no such rule is,
                           the kernel does not look for the ports of what it receives, and they are
                           0 for all rules: fib_rule_requires_fldissect() */
    unsigned kernel;    /* its version, 6015 for 6.15: what a rule means in a VRF depends on it */
    bool unknown_rules; /* … or something this program does not know */
    bool defaults_read, equal_defaults;  /* found out at need: see fib_lookup() */
    const struct routes_plan *pretended; /* borrowed: see fib_pretend(); NULL: all is as it is */
    const struct fib_extra *extra;       /* borrowed: see fib_add() */
    struct fib_tables *tables;           /* see fib_hold(); NULL: each lookup reads the tables */
    bool copy;                           /* only its rules are its own */
};

/* Read rules and addresses. Errors as the kernel gives them. */
int fib_open(struct netlink *nl, struct fib *ret);
void fib_close(struct fib *fib);
#define _cleanup_fib_ _cleanup_(fib_close)

/* From now on answer as if the plan were carried out: of our protocol there are exactly its rules
 * and routes. Every rule is then applied here. -ENOMEM. */
int fib_pretend(struct fib *fib, const struct routes_plan *plan);

/* And as if these stood there, too, each rule behind those of the same priority. -ENOMEM. */
int fib_add(struct fib *fib, const struct fib_extra *extra);

/* Read all routes once; from now on they are searched here, and every rule is applied here. -E2BIG
 * where there are more than max, or a route has too many hops. */
int fib_hold(struct fib *fib, size_t max);

/* The same rules, addresses and tables, to pretend something: what it borrows must live as long.
 * For fib_close(). -ENOMEM. */
int fib_copy(const struct fib *fib, struct fib *ret);

/* Each route that is held, several next hops one by one; fn returns 0 to go on, and what it returns
 * otherwise is returned. */
typedef int (*fib_route_t)(const struct route *route, void *data);
int fib_each_route(const struct fib *fib, fib_route_t fn, void *data);

/* Is it an address of some device (inet_lookup_ifaddr_rcu())? */
bool fib_is_own(const struct fib *fib, const struct ip *address);

/* One lookup. A route that ends in nothing is success, with found.kind saying so. -EOPNOTSUPP when
 * a rule asks for what is not known here.
 *
 * Among default routes of equal metric an output route prefers one whose gateway answers
 * (fib_select_default()), while the check of a source takes the first: where there are such, what
 * leads to a default route is looked up by the rules here. That costs one dump of all routes.
 *
 * IPv6: fib6.h, which looks at the addresses and the VRF of the flow alone. */
int fib_lookup(struct fib *fib, const struct fib_flow *flow, struct fib_way *ret);

/* The same, always by applying the rules here; for tests. */
int fib_lookup_by_rules(const struct fib *fib, const struct fib_flow *flow, struct fib_way *ret);

/* What one table has for it, whatever the rules say. One dump of the table. */
int fib_lookup_in(const struct fib *fib, const struct ip *to, uint32_t table, struct fib_way *ret);

/* A packet that comes in. */
struct fib_packet {
    struct packet packet;
    uint32_t mark;
    uint8_t tos, proto;
    uint16_t sport, dport; /* as the packet has them */
};

/* All that the decision asks of a device and of the tables, for one packet: fills *ret for
 * verdict_decide(), which holds for every mode. The effective values come from the picture, which
 * must hold FACT_ADDRESSES and the keys accept_local, route_localnet, src_valid_mark and
 * send_redirects of `all` (FIB_KEYS). ret_route: the way back, in detail; may be NULL. */
int fib_receiver(struct fib *fib, const struct live *live, const struct device *device,
                 const struct fib_packet *packet, struct receiver *ret, struct fib_way *ret_route);
#define FIB_KEYS                                                                                   \
    (KEY_BIT(KEY_RP_FILTER) | KEY_BIT(KEY_ACCEPT_LOCAL) | KEY_BIT(KEY_ROUTE_LOCALNET) |            \
     KEY_BIT(KEY_SRC_VALID_MARK) | KEY_BIT(KEY_SEND_REDIRECTS) | KEY_BIT(KEY_LOG_MARTIANS))

/* The same for an ARP request that comes in by the device: fills *ret for arp_decide(), which
 * borrows fib and live. live must hold ARP_KEYS of `all`. procsys: for the settings that are no key
 * of a policy. */
struct procsys;
int fib_arp_receiver(struct fib *fib, const struct live *live, const struct device *device,
                     const struct procsys *procsys, const struct packet *request,
                     struct arp_receiver *ret);
#define ARP_KEYS (FIB_KEYS | KEY_BIT(KEY_ARP_IGNORE) | KEY_BIT(KEY_ARP_FILTER))

/* The kernel's own verdict on the packet in the present mode: RTM_GETROUTE with RTA_IIF. It may log
 * a martian. *ret: 0 accepted, else the errno it answered. */
int fib_ask_kernel(const struct fib *fib, const struct device *device,
                   const struct fib_packet *packet, int *ret);
