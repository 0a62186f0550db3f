/* Settings below /proc/sys/net/ipv4, as kernel fact: after a rename or a deletion the directory of
 * a device and every descriptor below it give ENOENT for good, even when another device takes the
 * name. So a directory that was opened before its name was confirmed is the right one. */
#include "agent/kernel/procsys.h"

#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "policy/facts/facts.h"

#define DIRECTORY (O_PATH | O_DIRECTORY | O_CLOEXEC)

static int open_at(int dir, const char *name, int flags)
{
    int fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : fd;
}

int procsys_open(const char *proc_sys_net, struct procsys *ret)
{
    _cleanup_procsys_ struct procsys p = PROCSYS_INIT;
    char path[PATH_MAX];
    struct statvfs vfs;

    if (snprintf(path, sizeof(path), "%s/ipv4", proc_sys_net) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    p.ipv4_fd = open(path, DIRECTORY);
    if (p.ipv4_fd < 0)
        return -errno;
    p.conf_fd = open_at(p.ipv4_fd, "conf", DIRECTORY);
    if (p.conf_fd < 0)
        return p.conf_fd;
    if (fstatvfs(p.conf_fd, &vfs) < 0)
        return -errno;
    p.read_only = vfs.f_flag & ST_RDONLY;

    *ret = p;
    p = PROCSYS_INIT;
    return 0;
}

void procsys_close(struct procsys *p)
{
    if (!p)
        return;
    close_fd(&p->conf_fd);
    close_fd(&p->ipv4_fd);
    for (enum key key = 0; key < KEY_COUNT; key++)
        close_fd(&p->all_fds[key]);
}

int procsys_write_fd(int fd, int value)
{
    char text[16];
    int n;

    n = snprintf(text, sizeof(text), "%d\n", value);
    /* At 0: a later write() on the same descriptor would be ignored (sysctl_writes_strict). */
    if (pwrite(fd, text, (size_t)n, 0) < 0)
        return -errno;
    return 0;
}

int procsys_read_fd(int fd, int *ret)
{
    char text[32], *end;
    ssize_t n;
    long value;

    n = pread(fd, text, sizeof(text) - 1, 0);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    errno = 0;
    value = strtol(text, &end, 10);
    if (end == text || errno != 0 || value < INT_MIN || value > INT_MAX)
        return -EBADMSG;
    *ret = (int)value;
    return 0;
}

static int write_at(int dir, const char *file, int value)
{
    _cleanup_close_ int fd = open_at(dir, file, O_WRONLY);

    return fd < 0 ? fd : procsys_write_fd(fd, value);
}

static int read_at(int dir, const char *file, int *ret)
{
    _cleanup_close_ int fd = open_at(dir, file, O_RDONLY);

    return fd < 0 ? fd : procsys_read_fd(fd, ret);
}

static int open_special(const struct procsys *p, const char *name)
{
    if (!streq(name, "all") && !streq(name, "default"))
        return -EINVAL;
    return open_at(p->conf_fd, name, DIRECTORY);
}

/* The agent looks at `all` before every write: opening it each time would cost as much as the rest.
 */
static int read_all(struct procsys *p, enum key key, int *ret)
{
    if (p->all_fds[key] < 0) {
        _cleanup_close_ int dir = open_special(p, "all");
        int fd = dir < 0 ? dir : open_at(dir, key_info(key)->name, O_RDONLY);

        if (fd < 0)
            return fd;
        p->all_fds[key] = fd;
    }
    return procsys_read_fd(p->all_fds[key], ret);
}

int procsys_read_special(struct procsys *p, const char *name, enum key key, int *ret)
{
    _cleanup_close_ int dir = -1;

    if (streq(name, "all"))
        return read_all(p, key, ret);
    dir = open_special(p, name);
    return dir < 0 ? dir : read_at(dir, key_info(key)->name, ret);
}

int procsys_write_special(const struct procsys *p, const char *name, enum key key, int value)
{
    _cleanup_close_ int dir = open_special(p, name);

    return dir < 0 ? dir : write_at(dir, key_info(key)->name, value);
}

int device_current_name(struct netlink *nl, int ifindex, char *ret)
{
    struct ifreq request = {.ifr_ifindex = ifindex};

    /* By ifindex, not by name: asked for a name that is gone, the kernel runs modprobe with it. Any
     * socket will do. */
    if (ioctl(mnl_socket_get_fd(nl->socket), SIOCGIFNAME, &request) < 0)
        return errno == ENXIO ? -ENODEV : -errno;
    memcpy(ret, request.ifr_name, IFNAMSIZ);
    ret[IFNAMSIZ - 1] = '\0';
    return 0;
}

/* 0 when the device has this name now. */
static int confirm_name(struct netlink *nl, int ifindex, const char *name)
{
    char now[IFNAMSIZ];
    int r = device_current_name(nl, ifindex, now);

    if (r < 0)
        return r;
    return streq(now, name) ? 0 : -ESTALE;
}

/* A name is data: it must stay one step below conf, and must not be one of the two directories
 * there that are no devices. The kernel takes none of these, but the name may be from afar. */
static bool may_be_device(const char *name)
{
    return *name != '\0' && !strchr(name, '/') && !streq(name, ".") && !streq(name, "..") &&
           !streq(name, "all") && !streq(name, "default");
}

/* The directory of a device, opened before its name was confirmed. */
static int open_device(const struct procsys *p, struct netlink *nl, int ifindex, const char *name)
{
    int dir, r;

    if (!may_be_device(name))
        return -EINVAL;
    dir = open_at(p->conf_fd, name, DIRECTORY);
    if (dir < 0 && dir != -ENOENT)
        return dir;
    r = confirm_name(nl, ifindex, name);
    if (r >= 0)
        return dir < 0 ? -ESTALE : dir;
    close_fd(&dir);
    return r;
}

/* What a failure below the directory means: it may have died under our hands. */
static int classify(struct netlink *nl, int ifindex, const char *name, int error)
{
    int r;

    if (error != -ENOENT && error != -ENODEV)
        return error;
    r = confirm_name(nl, ifindex, name);
    return r < 0 ? r : -ESTALE;
}

/* In one step: what was opened before the name was confirmed belongs to this device, be it the
 * directory or a file in it. */
int procsys_open_key(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                     enum key key)
{
    _cleanup_close_ int fd = -1;
    char path[256];
    int r;

    if (!may_be_device(name) ||
        snprintf(path, sizeof(path), "%s/%s", name, key_info(key)->name) >= (int)sizeof(path))
        return -EINVAL;
    fd = open_at(p->conf_fd, path, O_RDWR);
    if (fd < 0)
        return classify(nl, ifindex, name, fd);
    r = confirm_name(nl, ifindex, name);
    if (r < 0)
        return r;
    r = fd;
    fd = -1;
    return r;
}

int procsys_read_setting(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                         const char *setting, int *ret)
{
    _cleanup_close_ int dir =
        ifindex == IFINDEX_ALL ? open_special(p, "all") : open_device(p, nl, ifindex, name);
    int r;

    if (dir < 0)
        return dir;
    r = read_at(dir, setting, ret);
    return r < 0 && ifindex != IFINDEX_ALL ? classify(nl, ifindex, name, r) : r;
}

int procsys_read_device(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                        enum key key, int *ret)
{
    return procsys_read_setting(p, nl, ifindex, name, key_info(key)->name, ret);
}

int procsys_write_device(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                         enum key key, int value)
{
    _cleanup_close_ int fd = procsys_open_key(p, nl, ifindex, name, key);
    int r;

    if (fd < 0)
        return fd;
    r = procsys_write_fd(fd, value);
    return r < 0 ? classify(nl, ifindex, name, r) : 0;
}

int procsys_flush_routes(const struct procsys *p)
{
    _cleanup_close_ int dir = open_at(p->ipv4_fd, "route", DIRECTORY);

    return dir < 0 ? dir : write_at(dir, "flush", 1);
}
