/* Asking systemd-networkd about a device, over its varlink socket: since version 261 that is how it
 * tells of leases, in no file any more. And whether it is at work at all. */
#pragma once

#include <jansson.h>

#include "policy/base/ip.h"

/* By its state and its unit: neither its files nor its socket are proof. root: "" for none. */
bool networkd_is_running(const char *root);

/* One conversation; the socket is opened with the first question. Who asks for long keeps it: to
 * connect just when systemd-networkd is being stopped would start it again. Where a conversation
 * ended, none begins with the same invocation of its unit. */
#define NETWORKD_INVOCATION_SIZE 64
struct networkd {
    const char *root;
    bool open;
    int fd;
    char invocation[NETWORKD_INVOCATION_SIZE]; /* that the socket leads to; "" for none */
    bool ended;                                /* the conversation with that one */
    bool checked;                              /* that it runs */
    int silent; /* negative errno where it is not there, too old or too slow: not asked again */
};

/* A new round of questions; the conversation starts as {0}. root: "" for none, borrowed. */
void networkd_begin(struct networkd *networkd, const char *root);
void networkd_done(struct networkd *networkd);
#define _cleanup_networkd_ _cleanup_(networkd_done)

/* What io.systemd.Network.Link.Describe says of the device: the member Interface, a new reference.
 * Never starts systemd-networkd, which connecting to its socket would do: one that does not run is
 * not asked. Waits a fifth of a second for each step at most, and not a second time in one round.
 * One that hung up on a conversation that was kept is asked once more, if it runs again.
 * -EOPNOTSUPP: it does not run or its version keeps files. -ENODEV: it does not know the device.
 * -ETIMEDOUT: it did not answer. -EBADMSG: with something that is no such answer. -EMSGSIZE: with
 * more than NETWORKD_ANSWER_MAX bytes. -EREMOTEIO: with an error. -ECONNRESET, -EPIPE: it ended the
 * conversation. -ENOMEM. */
#define NETWORKD_ANSWER_MAX ((size_t)16 << 20) /* as much as varlink carries */
int networkd_describe(struct networkd *networkd, int ifindex, json_t **ret);

/* The gateway in the DHCPv4 message that the lease came in. 1: found, 0: no lease, or one without a
 * gateway. -EBADMSG where it is not what dhcp_message_build_json() makes, -ENOMEM. Classless routes
 * count before the router; options in several parts are put together (RFC 3396). */
int networkd_lease_gateway(const json_t *interface, struct ip *ret);
