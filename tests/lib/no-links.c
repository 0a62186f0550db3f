/* Preloaded into a program: nothing reaches it of the link group, so that a test sees what is done
 * before a device is announced. */
#include "recvfrom.h"

ssize_t recvfrom(int fd, void *restrict bytes, size_t size, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict from_size)
{
    ssize_t n;

    do
        n = real_recvfrom(fd, bytes, size, flags, from, from_size);
    while (n > 0 && is_of_group(from, RTNLGRP_LINK));
    return n;
}
