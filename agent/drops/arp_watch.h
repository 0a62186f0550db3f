/* ARP requests for this host that stay without an answer. The kernel answers only where a packet of
 * the sender would pass (arp_process() of net/ipv4/arp.c looks its route up as for a packet), and
 * counts and logs nothing where it does not. Needs CAP_NET_RAW. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arp_pair {
    int ifindex;
    struct in_addr sender, target;
    uint64_t asked, answered; /* requests and answers seen */
    uint64_t first, last;     /* of the requests, milliseconds as given */
};

#define ARP_PAIRS_MAX 1024

struct arp_watch {
    int fd;
    struct arp_pair *pairs; /* owned; in the order in which they appeared */
    size_t count, capacity;
    uint64_t unlisted; /* requests that found no room */
};

/* -EPERM, or what the kernel gives. */
int arp_watch_open(struct arp_watch *ret);

/* Take what came, at most a thousand packets. now: milliseconds. -ENOMEM, or what reading gives. */
int arp_watch_read(struct arp_watch *watch, uint64_t now);

/* One packet as a socket of SOCK_DGRAM gives it, without its link header. ours: this host sends it;
 * then it may be an answer, else a request. */
int arp_watch_take(struct arp_watch *watch, int ifindex, bool ours, const void *data, size_t size,
                   uint64_t now);

void arp_watch_close(struct arp_watch *watch);
