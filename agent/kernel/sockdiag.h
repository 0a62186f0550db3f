/* The IPv4 connections of this network namespace that end in a socket, by sock_diag. Needs no
 * privilege; marks are only told to who has CAP_NET_ADMIN. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection {
    uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
    struct in_addr local, peer;
    uint16_t local_port, peer_port; /* host order */
    int bound;                      /* ifindex of SO_BINDTODEVICE, 0 for none */
    uint32_t mark;                  /* SO_MARK; 0 also where it is not told */
    bool half_open;                 /* not established yet, or one side has closed it */
    uint32_t uid;                   /* who made the socket */
    uint32_t inode;                 /* as in /proc/PID/fd: socket:[INODE]; 0: no process has it */
};

/* TCP connections that packets are expected on, and connected UDP sockets; those of IPv6 sockets
 * with mapped addresses are among them. Owned. A kernel without sock_diag has none: 0. */
int connections_read(struct connection **ret, size_t *ret_count);

struct nlmsghdr;

/* UDP sockets that are not connected: whose packets they get no list tells. peer is 0.0.0.0, and so
 * is local where they listen on every address, those of IPv6 included that do so for IPv4, too. */
int servers_read(struct connection **ret, size_t *ret_count);
int server_read_message(const struct nlmsghdr *message, struct connection *ret, bool *ret_is);

/* One message of the dump. *ret_is: it is a connection over IPv4. -EBADMSG when it is malformed. */
int connection_read_message(const struct nlmsghdr *message, uint8_t proto, struct connection *ret,
                            bool *ret_is);
