/* Two namespaces, raw frames between them, and the way to tell when a frame has been dealt with: a
 * second frame, of a protocol that nobody speaks, behind it. */
#include "verdict_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox.h"

#define MARKER_PROTOCOL 0x88b5 /* for local experiments */

struct __attribute__((packed)) frame {
    struct ether_header ethernet;
    struct iphdr ip;
    struct udphdr udp;
    uint32_t number;
};

static void must(bool fine, const char *what)
{
    if (fine)
        return;
    printf("failed: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void stay_on_one_processor(void)
{
    cpu_set_t set;
    int cpu = sched_getcpu();

    CPU_ZERO(&set);
    CPU_SET(cpu < 0 ? 0 : cpu, &set);
    must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

/* A process that does nothing but hold a network namespace. */
static pid_t hold_namespace(void)
{
    int ready[2];
    char byte;
    pid_t pid;

    must(pipe2(ready, O_CLOEXEC) == 0, "pipe");
    pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    must(read(ready[0], &byte, 1) == 1, "a second network namespace");
    close(ready[0]);
    return pid;
}

static int packet_socket(const char *device, uint16_t protocol)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, device ? 0 : htons(protocol));

    must(fd >= 0, "packet socket");
    if (device) {
        address.sll_ifindex = index_of(device);
        must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
    }
    return fd;
}

static void join(int fd, const char *group, int ifindex)
{
    struct ip_mreqn request = {.imr_ifindex = ifindex};

    must(inet_pton(AF_INET, group, &request.imr_multiaddr) == 1, group);
    must(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)) == 0, "join");
}

static int listener(const struct world *world, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "listener");
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        join(fd, WORLD_LINK_GROUP, world->ifindex[i]);
        join(fd, WORLD_GROUP, world->ifindex[i]);
    }
    return fd;
}

static void open_peers(struct world *world)
{
    char path[64], name[IFNAMSIZ];
    int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there;

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)world->neighbours);
    there = open(path, O_RDONLY | O_CLOEXEC);
    must(here >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0, "setns");
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        snprintf(name, sizeof(name), "p%u", i);
        run("ip link set p%u up", i);
        world->peers[i] = packet_socket(name, 0);
    }
    must(setns(here, CLONE_NEWNET) == 0, "setns");
    close(here);
    close(there);
}

static int setting(const char *device)
{
    char path[96];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", device);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    must(fd >= 0, path);
    return fd;
}

static void mark_packets(void)
{
    run("nft 'table ip marks { chain in { type filter hook prerouting priority raw; }; }'");
    for (unsigned i = 1; i < WORLD_MARKS; i++)
        run("nft add rule ip marks in udp sport %u meta mark set %u", WORLD_SPORT + i, i);
}

void world_begin(int argc, char **argv, unsigned *ret_topologies, uint64_t *ret_seed)
{
    struct sandbox sandbox;

    *ret_topologies = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 300;
    *ret_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    if (system("command -v nft >/dev/null") != 0) {
        const char *ci = getenv("CI");

        printf("no nft here to mark packets with\n");
        exit(ci && strcmp(ci, "true") == 0 ? 1 : 77);
    }
    sandbox_enter(&sandbox);
    printf("%u topologies, seed %llu\n", *ret_topologies, (unsigned long long)*ret_seed);
}

void world_enter(struct world *ret)
{
    struct world world = {0};
    char name[IFNAMSIZ];

    must(unshare(CLONE_NEWNET) == 0, "network namespace");
    stay_on_one_processor();
    world.neighbours = hold_namespace();
    run("ip link set lo up");
    run("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 2>/dev/null || true");
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        run("ip link add d%u address 02:00:00:00:00:%02x type veth peer name p%u netns %d", i, i, i,
            (int)world.neighbours);
        /* Without ARP every neighbour is reached at once. */
        run("ip link set d%u arp off up", i);
        world.ifindex[i] = index_of(name);
        world.rp_filter[i] = setting(name);
    }
    world.rp_filter_all = setting("all");
    open_peers(&world);
    mark_packets();
    world.tap = packet_socket(NULL, ETH_P_ALL);
    for (unsigned i = 0; i < ELEMENTSOF(world.listeners); i++)
        world.listeners[i] = listener(&world, (uint16_t)(WORLD_DPORT + i));
    *ret = world;
}

void world_leave(struct world *world)
{
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        close(world->peers[i]);
        close(world->rp_filter[i]);
    }
    close(world->rp_filter_all);
    close(world->tap);
    for (unsigned i = 0; i < ELEMENTSOF(world->listeners); i++)
        close(world->listeners[i]);
    kill(world->neighbours, SIGKILL);
    waitpid(world->neighbours, NULL, 0);
}

static void write_number(int fd, int value)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", value);

    must(pwrite(fd, text, (size_t)n, 0) == n, "writing a setting");
}

void world_set_rp_filter(struct world *world, unsigned device, int all, int own)
{
    write_number(world->rp_filter_all, all);
    write_number(world->rp_filter[device], own);
}

static uint16_t checksum(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void send_frame(const struct world *world, unsigned device, const struct fib_packet *packet,
                       uint16_t protocol)
{
    struct frame frame = {
        .ethernet = {.ether_dhost = {2, 0, 0, 0, 0, (uint8_t)device},
                     .ether_shost = {2, 0, 0, 0, 1, (uint8_t)device},
                     .ether_type = htons(protocol)},
        .ip = {.version = 4,
               .ihl = 5,
               .tos = packet->tos,
               .tot_len = htons(sizeof(frame) - sizeof(frame.ethernet)),
               .ttl = 64,
               .protocol = IPPROTO_UDP,
               .saddr = packet->packet.source.s_addr,
               .daddr = packet->packet.destination.s_addr},
        .udp = {.source = htons(packet->sport),
                .dest = htons(packet->dport),
                .len = htons(sizeof(frame.udp) + sizeof(frame.number))},
        .number = world->sent,
    };

    frame.ip.check = checksum((const char *)&frame + sizeof(frame.ethernet), sizeof(frame.ip));
    must(send(world->peers[device], &frame, sizeof(frame), 0) == sizeof(frame), "send");
}

/* Reads what the tap has seen up to the marker. Was the packet sent on? */
static bool wait_for_marker(const struct world *world)
{
    struct pollfd poll_fd = {.fd = world->tap, .events = POLLIN};
    bool forwarded = false;

    for (;;) {
        struct sockaddr_ll from;
        socklen_t size = sizeof(from);
        struct frame frame;
        ssize_t n;

        must(poll(&poll_fd, 1, 10000) == 1, "waiting for a frame");
        n = recvfrom(world->tap, &frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);
        if (n != sizeof(frame) || frame.number != world->sent)
            continue;
        if (from.sll_pkttype == PACKET_OUTGOING)
            forwarded = true;
        else if (from.sll_protocol == htons(MARKER_PROTOCOL))
            return forwarded;
    }
}

/* The far end of a link that was taken up sends only once the kernel has noticed, in its own time.
 */
void world_settle(struct world *world, const bool down[WORLD_DEVICES])
{
    const struct fib_packet marker = {0};
    struct pollfd poll_fd = {.fd = world->tap, .events = POLLIN};

    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        struct frame frame = {0};

        world->sent++;
        while (!down[i] && (frame.number != world->sent ||
                            frame.ethernet.ether_type != htons(MARKER_PROTOCOL))) {
            send_frame(world, i, &marker, MARKER_PROTOCOL);
            must(poll(&poll_fd, 1, 100) >= 0, "waiting for a link");
            /* Nothing there: it is sent once more. */
            (void)recv(world->tap, &frame, sizeof(frame), MSG_DONTWAIT);
        }
    }
}

static bool was_delivered(const struct world *world)
{
    bool delivered = false;
    uint32_t number;

    for (unsigned i = 0; i < ELEMENTSOF(world->listeners); i++)
        while (recv(world->listeners[i], &number, sizeof(number), 0) == sizeof(number))
            if (number == world->sent)
                delivered = true;
    return delivered;
}

enum fate world_send(struct world *world, unsigned device, const struct fib_packet *packet)
{
    bool forwarded;

    world->sent++;
    send_frame(world, device, packet, ETHERTYPE_IP);
    send_frame(world, device, packet, MARKER_PROTOCOL);
    forwarded = wait_for_marker(world);
    if (was_delivered(world))
        return FATE_DELIVERED;
    return forwarded ? FATE_FORWARDED : FATE_LOST;
}

struct __attribute__((packed)) arp_frame {
    struct ether_header ethernet;
    struct ether_arp arp;
};

static void send_request(const struct world *world, unsigned device, const struct packet *request)
{
    struct arp_frame frame = {
        .ethernet = {.ether_dhost = {255, 255, 255, 255, 255, 255},
                     .ether_shost = {2, 0, 0, 0, 1, (uint8_t)device},
                     .ether_type = htons(ETHERTYPE_ARP)},
        .arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                           .ar_pro = htons(ETHERTYPE_IP),
                           .ar_hln = ETH_ALEN,
                           .ar_pln = 4,
                           .ar_op = htons(ARPOP_REQUEST)},
                .arp_sha = {2, 0, 0, 0, 1, (uint8_t)device}},
    };

    memcpy(frame.arp.arp_spa, &request->source, sizeof(frame.arp.arp_spa));
    memcpy(frame.arp.arp_tpa, &request->destination, sizeof(frame.arp.arp_tpa));
    must(send(world->peers[device], &frame, sizeof(frame), 0) == sizeof(frame), "send");
}

static bool is_answer(const struct world *world, unsigned device, const struct packet *request,
                      const struct sockaddr_ll *from, const struct arp_frame *frame)
{
    return from->sll_pkttype == PACKET_OUTGOING && from->sll_ifindex == world->ifindex[device] &&
           frame->arp.ea_hdr.ar_op == htons(ARPOP_REPLY) &&
           memcmp(frame->arp.arp_spa, &request->destination, sizeof(frame->arp.arp_spa)) == 0 &&
           memcmp(frame->arp.arp_tpa, &request->source, sizeof(frame->arp.arp_tpa)) == 0;
}

bool world_ask(struct world *world, unsigned device, const struct packet *request)
{
    const struct fib_packet marker = {.packet = *request};
    struct pollfd poll_fd = {.fd = world->tap, .events = POLLIN};
    bool answered = false;

    world->sent++;
    send_request(world, device, request);
    send_frame(world, device, &marker, MARKER_PROTOCOL);
    for (;;) {
        union {
            struct frame packet;
            struct arp_frame arp;
        } frame;
        struct sockaddr_ll from;
        socklen_t size = sizeof(from);
        ssize_t n;

        must(poll(&poll_fd, 1, 10000) == 1, "waiting for a frame");
        n = recvfrom(world->tap, &frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);
        if (n == sizeof(frame.arp) && from.sll_protocol == htons(ETH_P_ARP))
            answered |= is_answer(world, device, request, &from, &frame.arp);
        else if (n == sizeof(frame.packet) && frame.packet.number == world->sent &&
                 from.sll_protocol == htons(MARKER_PROTOCOL))
            return answered;
    }
}

unsigned long world_rp_filter_drops(void)
{
    static const char name[] = "IPReversePathFilter";
    char text[16384], *names, *values, *save_names, *save_values, *a, *b;

    must(file_read("/proc/thread-self/net/netstat", text, sizeof(text)) == 0, "netstat");
    names = strtok_r(text, "\n", &save_names);
    values = strtok_r(NULL, "\n", &save_names);
    must(names && values, "netstat");
    a = strtok_r(names, " ", &save_names);
    b = strtok_r(values, " ", &save_values);
    while (a && b && !streq(a, name)) {
        a = strtok_r(NULL, " ", &save_names);
        b = strtok_r(NULL, " ", &save_values);
    }
    must(a && b, name);
    return strtoul(b, NULL, 10);
}
