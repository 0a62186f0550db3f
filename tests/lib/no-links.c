/* Preloaded into a program: nothing reaches it of the link group, so that a test sees what is done
 * before a device is announced. */
#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static int is_of_link_group(const struct sockaddr *from)
{
    return from && from->sa_family == AF_NETLINK &&
           ((const struct sockaddr_nl *)from)->nl_groups == 1u << (RTNLGRP_LINK - 1);
}

ssize_t recvfrom(int fd, void *restrict bytes, size_t size, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict from_size)
{
    ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *) =
        (ssize_t(*)(int, void *, size_t, int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT,
                                                                                    "recvfrom");
    ssize_t n;

    do
        n = next(fd, bytes, size, flags, from, from_size);
    while (n > 0 && is_of_link_group(from));
    return n;
}
