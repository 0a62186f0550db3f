/* Would the kernel answer an ARP request on this device? The decision tree of arp_rcv(),
 * arp_process(), arp_ignore(), arp_filter() and their neighbours (net/ipv4/arp.c), for each mode of
 * rp_filter: before it answers it validates the sender as the source of a packet, without mark,
 * protocol and TOS. A request that is not answered for that counts nowhere and is not logged. Pure;
 * what the routing tables say comes in as data. What it cannot see: arptables and nft's family arp,
 * bridges that answer for others. */
#pragma once

#include "policy/facts/facts.h"
#include "policy/facts/network.h"
#include "policy/verdict/verdict.h"

/* Settings of a device that are no key of a policy; effective values, medium_id as it is. */
struct arp_settings {
    bool proxy_arp, proxy_arp_pvlan;
    bool drop_gratuitous;
    int medium_id;
};

/* What the device and the host are, as far as an ARP request asks. */
struct arp_receiver {
    struct receiver receiver;  /* for a packet from the sender to the target */
    bool no_arp;               /* IFF_NOARP */
    bool target_local;         /* the table `local`, of a VRF its own, has the target: what a
                                  sender without address (0.0.0.0) asks */
    int arp_ignore;            /* effective */
    bool arp_filter;           /* effective … */
    struct route_found answer; /* … and where a packet from the target to the sender would leave;
                                  read only then */
    struct arp_settings settings; /* the rest is of a target that is not ours */
    int out, out_medium_id;  /* the device that leads to it, 0 for none; of several the first */
    bool proxied;            /* an entry of `ip neighbour … proxy` is for the target here */
    const struct live *live; /* borrowed: devices, for arp_ignore = 3 */
    const struct route_address *addresses; /* borrowed: all of this host */
    size_t n_addresses;
};

enum arp_step {
    ARP_OWN,        /* answered: the target is ours */
    ARP_PROXY,      /* answered for another host */
    ARP_NO_ARP,     /* the device speaks no ARP */
    ARP_TARGET,     /* nobody may ask for such an address */
    ARP_GRATUITOUS, /* the sender asks for its own address, and drop_gratuitous_arp is on */
    ARP_SOURCE,     /* a packet from the sender would be dropped: arp_verdict.source says why */
    ARP_OTHER,      /* the target is not ours, and this host does not answer for others there */
    ARP_IGNORE,     /* arp_ignore */
    ARP_FILTER,     /* arp_filter */
    ARP_STEP_COUNT,
};

/* "own-address" …: stable, for scripts. And the same in words for people. */
const char *arp_step_name(enum arp_step step);
const char *arp_step_text(enum arp_step step);

struct arp_verdict {
    bool answered;
    enum arp_step step;
    struct verdict source; /* on the sender as the source of a packet, in this mode; also where no
                              step asks for it */
};

/* request: from the sender to the target, whose address is asked for. mode: the effective
 * rp_filter, 0 off, 1 strict, 2 loose. */
struct arp_verdict arp_decide(const struct packet *request, const struct arp_receiver *receiver,
                              int mode);
