/* Preloaded into a program: the messages of the link group are kept from it until it has read that
 * somebody wrote rp_filter of a device: the kernel sends one after it filled it, and what is
 * written in between is told first. */
#include <string.h>

#include "recvfrom.h"

#define KEPT_MAX 16
#define ONE_SETTING 40 /* a device that is registered tells of all its settings, a write of one */

static struct {
    char bytes[8192];
    ssize_t size;
    struct sockaddr_nl from;
} kept[KEPT_MAX];
static int kept_first, kept_end;
static int link_fd = -1;
static bool has_read_of_write;

static bool keep(const void *bytes, ssize_t n, const struct sockaddr *from)
{
    if (kept_end == KEPT_MAX || n > (ssize_t)sizeof(kept[0].bytes))
        return false;
    memcpy(kept[kept_end].bytes, bytes, (size_t)n);
    memcpy(&kept[kept_end].from, from, sizeof(kept[0].from));
    kept[kept_end++].size = n;
    return true;
}

ssize_t recvfrom(int fd, void *restrict bytes, size_t size, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict from_size)
{
    ssize_t n;

    if (has_read_of_write && fd == link_fd && kept_first < kept_end) {
        memcpy(bytes, kept[kept_first].bytes, (size_t)kept[kept_first].size);
        memcpy(from, &kept[kept_first].from, sizeof(kept[0].from));
        return kept[kept_first++].size;
    }
    while ((n = real_recvfrom(fd, bytes, size, flags, from, from_size)) > 0 && !has_read_of_write &&
           is_of_group(from, RTNLGRP_LINK) && keep(bytes, n, from))
        link_fd = fd;
    if (n > 0 && is_of_group(from, RTNLGRP_IPV4_NETCONF) && n < ONE_SETTING &&
        ((const struct nlmsghdr *)bytes)->nlmsg_type == RTM_NEWNETCONF)
        has_read_of_write = true;
    return n;
}
