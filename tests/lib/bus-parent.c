/* Preloaded into a program: what the kernel tells it of links whose hardware address begins with
 * 02:50:48 looks as for a device on a bus: with IFLA_PARENT_DEV_NAME and without a kind, and placed
 * below that parent in /sys. No kernel without such hardware (or netdevsim) makes one. */
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "recvfrom.h"

static const unsigned char mark[] = {0x02, 0x50, 0x48};
static const char parent[] = "0000:00:09.0";

#define ROOM NLA_ALIGN(NLA_HDRLEN + sizeof(parent))

static int is_routing_socket(int fd)
{
    int domain = 0, protocol = -1;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK &&
           getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
           protocol == NETLINK_ROUTE;
}

/* Returns whether the link is marked; its kind is made an attribute that says nothing. */
static int hide_kind(struct nlmsghdr *message)
{
    char *at = (char *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct ifinfomsg));
    char *end = (char *)message + message->nlmsg_len;
    struct nlattr *kind = NULL;
    int marked = 0;

    while (at + NLA_HDRLEN <= end) {
        struct nlattr *attr = (struct nlattr *)at;

        if (attr->nla_len < NLA_HDRLEN || at + attr->nla_len > end)
            break;
        if ((attr->nla_type & NLA_TYPE_MASK) == IFLA_LINKINFO)
            kind = attr;
        if (attr->nla_type == IFLA_ADDRESS && attr->nla_len >= NLA_HDRLEN + sizeof(mark) &&
            memcmp(at + NLA_HDRLEN, mark, sizeof(mark)) == 0)
            marked = 1;
        at += NLA_ALIGN(attr->nla_len);
    }
    if (marked && kind)
        kind->nla_type = IFLA_UNSPEC;
    return marked;
}

static size_t add_parents(char *bytes, size_t n, size_t room)
{
    size_t at = 0;

    while (at + NLMSG_HDRLEN <= n) {
        struct nlmsghdr *message = (struct nlmsghdr *)(bytes + at);
        size_t size = NLMSG_ALIGN(message->nlmsg_len);

        if (size < NLMSG_HDRLEN || at + size > n)
            break;
        if (message->nlmsg_type == RTM_NEWLINK && hide_kind(message) && n + ROOM <= room) {
            struct nlattr *attr = (struct nlattr *)(bytes + at + size);

            memmove(bytes + at + size + ROOM, bytes + at + size, n - at - size);
            memset(attr, 0, ROOM);
            attr->nla_len = NLA_HDRLEN + sizeof(parent);
            attr->nla_type = IFLA_PARENT_DEV_NAME;
            memcpy((char *)attr + NLA_HDRLEN, parent, sizeof(parent));
            message->nlmsg_len = (unsigned)(size + ROOM);
            n += ROOM;
            size += ROOM;
        }
        at += size;
    }
    return n;
}

ssize_t recvfrom(int fd, void *restrict bytes, size_t size, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict from_size)
{
    ssize_t n = real_recvfrom(fd, bytes, size, flags, from, from_size);

    if (n > 0 && (size_t)n <= size && is_routing_socket(fd))
        n = (ssize_t)add_parents(bytes, (size_t)n, size);
    return n;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t (*next)(int, struct msghdr *, int) =
        (ssize_t(*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
    ssize_t n = next(fd, message, flags);

    if (n > 0 && message->msg_iovlen == 1 && (size_t)n <= message->msg_iov[0].iov_len &&
        is_routing_socket(fd))
        n = (ssize_t)add_parents(message->msg_iov[0].iov_base, (size_t)n,
                                 message->msg_iov[0].iov_len);
    return n;
}

static int is_marked_in_sys(const char *path)
{
    char name[256], address[9] = "";
    FILE *f;

    if (strncmp(path, "/sys/class/net/", 15) != 0)
        return 0;
    snprintf(name, sizeof(name), "%s/address", path);
    f = fopen(name, "re");
    if (!f)
        return 0;
    if (!fgets(address, sizeof(address), f))
        address[0] = '\0';
    fclose(f);
    return strcmp(address, "02:50:48") == 0;
}

ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    ssize_t (*next)(const char *, char *, size_t) =
        (ssize_t(*)(const char *, char *, size_t))dlsym(RTLD_NEXT, "readlink");
    char below[128];
    int n;

    if (!is_marked_in_sys(path))
        return next(path, target, size);
    n = snprintf(below, sizeof(below), "../../devices/pci0000:00/%s/net/%s", parent,
                 strrchr(path, '/') + 1);
    if ((size_t)n > size)
        n = (int)size;
    memcpy(target, below, (size_t)n);
    return n;
}
