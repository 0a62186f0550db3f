/* Asking systemd-networkd about a device, over its varlink socket: since version 261 that is how it
 * tells of leases, in no file any more. And whether it is at work at all. */
#pragma once

#include <jansson.h>

#include "ip.h"

/* By its state and its unit: neither its files nor its socket are proof. root: "" for none. */
bool networkd_is_running(const char *root);

/* One conversation; the socket is opened with the first question. */
struct networkd {
    const char *root;
    int fd;
    bool checked; /* that it runs */
    bool silent;  /* not there, too old or too slow: not asked again */
};
#define NETWORKD_INIT(where)                                                                       \
    {                                                                                              \
        .root = (where), .fd = -1                                                                  \
    }
void networkd_done(struct networkd *networkd);
#define _cleanup_networkd_ _cleanup_(networkd_done)

/* What io.systemd.Network.Link.Describe says of the device: the member Interface, a new reference.
 * Never starts systemd-networkd, which connecting to its socket would do: one that does not run is
 * not asked. Waits a fifth of a second for each step at most, and not a second time.
 * -EOPNOTSUPP: it does not run or its version keeps files. -ENODEV: it does not know the device.
 * -ETIMEDOUT: it did not answer. -EBADMSG: with something that is no such answer. -EMSGSIZE: with
 * more than NETWORKD_ANSWER_MAX bytes. -EREMOTEIO: with an error. -ENOMEM. */
#define NETWORKD_ANSWER_MAX ((size_t)16 << 20) /* as much as varlink carries */
int networkd_describe(struct networkd *networkd, int ifindex, json_t **ret);

/* The gateway in the DHCPv4 message that the lease came in. 1: found, 0: no lease, or one without a
 * gateway. -EBADMSG where it is not what dhcp_message_build_json() makes, -ENOMEM. Classless routes
 * count before the router; options in several parts are put together (RFC 3396). */
int networkd_lease_gateway(const json_t *interface, struct ip *ret);
