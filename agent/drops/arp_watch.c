/* Pairing ARP requests with the answers that this host gives. */
#include "agent/drops/arp_watch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/base/util.h"

#define PACKETS_A_CALL 1000
#define VLAN_NUMBER_MASK 0xfff /* the rest of a tag is its priority; number 0: of no VLAN */

/* RFC 826 for IPv4 over links with addresses of six bytes, as arp_process() reads it. */
struct arp_packet {
    struct arphdr head;
    unsigned char sender_link[ETH_ALEN];
    struct in_addr sender;
    unsigned char target_link[ETH_ALEN];
    struct in_addr target;
} __attribute__((packed));

int arp_watch_open(struct arp_watch *ret)
{
    /* Our own answers are seen by sockets for every protocol alone. What has a tag of a VLAN is not
     * for the device that it comes in by, where it is seen first, but for that of the VLAN. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, VLAN_NUMBER_MASK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, sizeof(struct arp_packet)),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = ELEMENTSOF(code), .filter = code};
    struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

    if (fd < 0)
        return -errno;
    /* It takes packets only once it is bound, so that none passes before the filter. */
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
        bind(fd, (struct sockaddr *)&all, sizeof(all)) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    *ret = (struct arp_watch){.fd = fd};
    return 0;
}

static struct arp_pair *find(struct arp_watch *watch, int ifindex, struct in_addr sender,
                             struct in_addr target)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct arp_pair *pair = &watch->pairs[i];

        if (pair->ifindex == ifindex && pair->sender.s_addr == sender.s_addr &&
            pair->target.s_addr == target.s_addr)
            return pair;
    }
    return NULL;
}

static int add_request(struct arp_watch *watch, int ifindex, const struct arp_packet *packet,
                       uint64_t now)
{
    struct arp_pair *pair = find(watch, ifindex, packet->sender, packet->target);
    int r;

    if (!pair && watch->count == ARP_PAIRS_MAX) {
        watch->unlisted++;
        return 0;
    }
    if (!pair) {
        r = grow((void **)&watch->pairs, &watch->capacity, watch->count, sizeof(*pair));
        if (r < 0)
            return r;
        pair = &watch->pairs[watch->count++];
        *pair = (struct arp_pair){
            .ifindex = ifindex, .sender = packet->sender, .target = packet->target, .first = now};
    }
    pair->asked++;
    pair->last = now;
    return 0;
}

int arp_watch_take(struct arp_watch *watch, int ifindex, bool ours, const void *data, size_t size,
                   uint64_t now)
{
    struct arp_packet packet;
    struct arp_pair *pair;

    if (size < sizeof(packet))
        return 0;
    memcpy(&packet, data, sizeof(packet));
    if (packet.head.ar_pro != htons(ETH_P_IP) || packet.head.ar_hln != ETH_ALEN ||
        packet.head.ar_pln != sizeof(struct in_addr))
        return 0;
    /* 0.0.0.0 looks for duplicates, and the sender's own address announces it. */
    if (!ours && packet.head.ar_op == htons(ARPOP_REQUEST) && packet.sender.s_addr != INADDR_ANY &&
        packet.sender.s_addr != packet.target.s_addr)
        return add_request(watch, ifindex, &packet, now);
    pair = ours && packet.head.ar_op == htons(ARPOP_REPLY)
               ? find(watch, ifindex, packet.target, packet.sender)
               : NULL;
    if (pair)
        pair->answered++;
    return 0;
}

int arp_watch_read(struct arp_watch *watch, uint64_t now)
{
    for (unsigned i = 0; i < PACKETS_A_CALL; i++) {
        unsigned char data[sizeof(struct arp_packet)];
        struct sockaddr_ll from;
        socklen_t length = sizeof(from);
        ssize_t n = recvfrom(watch->fd, data, sizeof(data), 0, (struct sockaddr *)&from, &length);
        int r;

        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && errno != EINTR && errno != ENETDOWN && errno != ENOBUFS)
            return -errno;
        if (n < 0)
            continue;
        r = arp_watch_take(watch, from.sll_ifindex, from.sll_pkttype == PACKET_OUTGOING, data,
                           (size_t)n, now);
        if (r < 0)
            return r;
    }
    return 0;
}

void arp_watch_close(struct arp_watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    free(watch->pairs);
    *watch = (struct arp_watch){.fd = -1};
}
