/* For libraries that are preloaded to change what a program receives. */
#pragma once

#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>

/* What the program would have called. */
static inline ssize_t real_recvfrom(int fd, void *bytes, size_t size, int flags,
                                    struct sockaddr *from, socklen_t *from_size)
{
    ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *) =
        (ssize_t(*)(int, void *, size_t, int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT,
                                                                                    "recvfrom");

    return next(fd, bytes, size, flags, from, from_size);
}

/* Was it sent to this multicast group, RTNLGRP_…? */
static inline bool is_of_group(const struct sockaddr *from, int group)
{
    return from && from->sa_family == AF_NETLINK &&
           ((const struct sockaddr_nl *)from)->nl_groups == 1u << (group - 1);
}
