/* One netlink socket for requests and dumps, on libmnl. It knows messages and errors, not what
 * the attributes mean. No logging. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "policy/base/util.h"

/* Dumps are cut into datagrams of the size that the receiver offers, up to 32 KiB. */
#define NETLINK_BUFFER_SIZE (32 * 1024)
/* Enough for every request that is sent here. */
#define NETLINK_REQUEST_SIZE 256

struct netlink {
    struct mnl_socket *socket;
    uint32_t seq;
    unsigned portid;
    char *buffer; /* owned; receive buffer, size chosen for dumps */
    size_t size;
};

int netlink_open(struct netlink *ret);

/* The same for another family of netlink: NETLINK_SOCK_DIAG … */
int netlink_open_family(int family, struct netlink *ret);
void netlink_close(struct netlink *nl);
#define _cleanup_netlink_ _cleanup_(netlink_close)

/* Is given one message; 0 to go on, a negative errno to stop with it. */
typedef int (*netlink_message_t)(const struct nlmsghdr *message, void *data);

/* Send a dump request and feed each message to fn. A dump that was interrupted (NLM_F_DUMP_INTR) is
 * started again after calling reset(data), five times at most, then -EAGAIN: a partial picture is
 * never taken as complete. Messages that are not from the kernel (nl_pid != 0) are dropped. */
int netlink_dump(struct netlink *nl, struct nlmsghdr *request, netlink_message_t fn,
                 void (*reset)(void *data), void *data);

/* Reads one element from a message, if there is one in it: *ret_is. */
typedef int (*netlink_element_t)(const struct nlmsghdr *message, void *ret, bool *ret_is);

/* netlink_dump() into an array of elements of `size` bytes, owned, in the order of the kernel. */
int netlink_dump_array(struct netlink *nl, struct nlmsghdr *request, netlink_element_t read,
                       size_t size, void **ret, size_t *ret_count);

/* Send one request and wait for the answer, which is given to fn, or, where fn is NULL, for the
 * acknowledgement. */
int netlink_talk(struct netlink *nl, struct nlmsghdr *request, netlink_message_t fn, void *data);

/* A request header in a caller's buffer of NETLINK_REQUEST_SIZE bytes, aligned for nlmsghdr, with
 * `extra` zeroed bytes after it (struct ifinfomsg …). */
struct nlmsghdr *netlink_request(void *buffer, uint16_t type, uint16_t flags, size_t extra);
