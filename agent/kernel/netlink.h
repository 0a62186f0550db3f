/* One rtnetlink socket for requests and dumps, on libmnl. No logging. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "util.h"

struct netlink {
    struct mnl_socket *socket;
    uint32_t seq;
    unsigned portid;
    char *buffer; /* owned; receive buffer, size chosen for dumps */
    size_t size;
};

int netlink_open(struct netlink *ret);
void netlink_close(struct netlink *nl);
#define _cleanup_netlink_ _cleanup_(netlink_close)

/* Send a dump request and feed each message to cb (libmnl's convention: MNL_CB_OK to go on; a
 * negative errno in *error with MNL_CB_ERROR to stop). A dump that was interrupted
 * (NLM_F_DUMP_INTR) is started again after calling reset(data), five times at most, then -EAGAIN.
 * Messages that are not from the kernel (nl_pid != 0) are dropped. */
int netlink_dump(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t cb,
                 void (*reset)(void *data), void *data);

/* Send one request and wait for the answer message (given to cb) or the acknowledgement. */
int netlink_talk(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t cb, void *data);

/* A request header in a caller's buffer of MNL_SOCKET_BUFFER_SIZE bytes. */
struct nlmsghdr *netlink_request(void *buffer, uint16_t type, uint16_t flags, size_t extra);
