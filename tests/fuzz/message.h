/* For targets that read netlink messages: bytes behind a header, framed to the length they have. */
#pragma once

#include <linux/netlink.h>

#include "fuzz.h"

/* Owned; nothing is allocated behind the payload, so that a read past it is seen. */
static inline struct nlmsghdr *frame(uint16_t type, const uint8_t *payload, size_t n)
{
    struct nlmsghdr *message = calloc(1, sizeof(*message) + n);

    require(message);
    message->nlmsg_len = (uint32_t)(sizeof(*message) + n);
    message->nlmsg_type = type;
    if (n > 0)
        memcpy(message + 1, payload, n);
    return message;
}
