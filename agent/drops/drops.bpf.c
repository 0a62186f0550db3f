/* Runs in the kernel wherever a packet is freed with a drop reason: counts those that this network
 * namespace dropped for their source, per device, addresses and reason. Built for the BPF machine;
 * what it uses of the kernel's structures is declared here and found by name when it is loaded. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum bpf_map_type { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_PERCPU_ARRAY = 6 };
enum { BPF_NOEXIST = 1 };

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_endian.h>

#include "agent/drops/drops_shared.h"

#define ETH_P_IP 0x0800

#define found_by_name __attribute__((preserve_access_index))

struct ns_common {
    unsigned int inum;
} found_by_name;

struct net {
    struct ns_common ns;
} found_by_name;

typedef struct {
    struct net *net;
} found_by_name possible_net_t;

struct net_device {
    char name[DROP_DEVICE_SIZE];
    int ifindex;
    possible_net_t nd_net;
} found_by_name;

struct sk_buff {
    struct net_device *dev;
    __be16 protocol;
    __u16 network_header;
    unsigned int tail;
    unsigned char *head;
    __u32 mark;
    char cb[48];
} found_by_name;

/* What IPv4 keeps in cb. */
struct inet_skb_parm {
    int iif;
    __u16 flags;
} found_by_name;

#define IPSKB_L3SLAVE (1 << 7)

/* Of the packet itself: the wire decides, not the kernel. */
struct ipv4_header {
    __u8 version_and_length, tos;
    __be16 size, id, fragment;
    __u8 ttl, protocol;
    __u16 checksum;
    __be32 source, destination;
};

struct ports {
    __be16 source, destination;
};

#define FRAGMENT_OFFSET 0x1fff
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

struct flow_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, DROP_FLOWS_MAX);
    __type(key, struct drop_key);
    __type(value, struct drop_value);
};

/* Two, so that one can be read and emptied while nothing writes to it. */
struct flow_map flows_even SEC(".maps");
struct flow_map flows_odd SEC(".maps");

/* Packets per reason whose flow found no room in either. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, REASON_COUNT);
    __type(key, __u32);
    __type(value, __u64);
} unlisted SEC(".maps");

const volatile struct drop_settings settings;
unsigned int odd; /* which of the two is written to */

static __always_inline void count_unlisted(__u32 reason)
{
    __u64 *packets = bpf_map_lookup_elem(&unlisted, &reason);

    if (packets)
        __sync_fetch_and_add(packets, 1);
}

/* Ports, where the packet has them and they lie in the part that is surely there. */
static __always_inline void take_ports(const struct sk_buff *skb, const struct ipv4_header *header,
                                       struct drop_sample *sample)
{
    __u32 at = skb->network_header + 4 * (header->version_and_length & 0xf);
    struct ports ports;

    if (header->fragment & bpf_htons(FRAGMENT_OFFSET) || at + sizeof(ports) > skb->tail ||
        (header->protocol != PROTOCOL_TCP && header->protocol != PROTOCOL_UDP) ||
        bpf_probe_read_kernel(&ports, sizeof(ports), skb->head + at) < 0)
        return;
    sample->source_port = bpf_ntohs(ports.source);
    sample->destination_port = bpf_ntohs(ports.destination);
}

static __always_inline void count_flow(void *map, const struct drop_key *key,
                                       const struct sk_buff *skb, const struct ipv4_header *header)
{
    struct drop_value *value = bpf_map_lookup_elem(map, key);
    struct drop_value first = {.packets = 1};

    if (!value) {
        first.sample.mark = skb->mark;
        first.sample.tos = header->tos;
        first.sample.protocol = header->protocol;
        take_ports(skb, header, &first.sample);
        if (key->ifindex == (__u32)skb->dev->ifindex) /* else its name is found by the reader */
            bpf_probe_read_kernel_str(first.device, sizeof(first.device), skb->dev->name);
        if (bpf_map_update_elem(map, key, &first, BPF_NOEXIST) == 0)
            return;
        value = bpf_map_lookup_elem(map, key); /* another processor was faster, or it is full */
    }
    if (value)
        __sync_fetch_and_add(&value->packets, 1);
    else
        count_unlisted(key->reason);
}

static __always_inline int find_reason(unsigned int number)
{
    for (int i = 0; i < REASON_COUNT; i++)
        if (settings.reasons[i] && settings.reasons[i] == number)
            return i;
    return -1;
}

/* What came in by a port of a VRF stands as one of the VRF by now, but was checked as one of the
 * port (vrf_ip_rcv(), ip_rcv_finish()). */
static __always_inline __u32 receiver_of(const struct sk_buff *skb)
{
    const struct inet_skb_parm *parm = (const struct inet_skb_parm *)skb->cb;
    __u32 ifindex = skb->dev->ifindex;
    __u16 flags = 0;

    if (bpf_probe_read_kernel(&flags, sizeof(flags), &parm->flags) == 0 && flags & IPSKB_L3SLAVE)
        /* Then it is 0: not known. */
        (void)bpf_probe_read_kernel(&ifindex, sizeof(ifindex), &parm->iif);
    return ifindex;
}

SEC("tp_btf/kfree_skb")
int packet_dropped(const __u64 *arguments)
{
    /* trace_kfree_skb(skb, location, reason, …) */
    const struct sk_buff *skb = (const struct sk_buff *)arguments[0];
    int reason = find_reason((__u32)arguments[2]);
    const struct net_device *device;
    struct ipv4_header header;
    struct drop_key key = {};

    if (reason < 0 || skb->protocol != bpf_htons(ETH_P_IP))
        return 0;
    device = skb->dev;
    if (!device || device->nd_net.net->ns.inum != settings.namespace)
        return 0;
    key.ifindex = receiver_of(skb);
    if (settings.ifindex && settings.ifindex != key.ifindex)
        return 0;
    if (bpf_probe_read_kernel(&header, sizeof(header), skb->head + skb->network_header) < 0)
        return 0;
    key.source = header.source;
    key.destination = header.destination;
    key.reason = reason;
    if (*(volatile unsigned int *)&odd)
        count_flow(&flows_odd, &key, skb, &header);
    else
        count_flow(&flows_even, &key, skb, &header);
    return 0;
}

/* Helpers that can read memory of the kernel are only given to programs under its licence. */
char program_license[] SEC("license") = "GPL";
