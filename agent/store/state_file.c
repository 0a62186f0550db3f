/* Reading and replacing the files of state_file.h. What is in them is for others. */
#include "agent/store/state_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/store/lock.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

int state_read_fd(int fd, struct text *ret)
{
    _cleanup_text_ struct text text = {0};

    for (;;) {
        char *end = text_room(&text, 4096);
        ssize_t n;

        if (!end)
            return -ENOMEM;
        n = read(fd, end, text.capacity - text.n - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        text.n += (size_t)n;
    }
    text.bytes[text.n] = '\0';
    *ret = text;
    text = (struct text){0};
    return 0;
}

/* Inode numbers of namespaces are used again: in a foreign one the file may be of a dead one. */
static uint64_t namespace_cookie(const struct paths *paths)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    int fd;

    if (!paths->foreign)
        return 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
        cookie = 0;
    (void)close(fd);
    return cookie;
}

/* Nothing outlives a boot there. */
static bool is_in_memory(const char *directory)
{
    struct statfs fs;

    return statfs(directory, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

void state_header(const struct paths *paths, const char *kind, char ret[static STATE_HEADER_SIZE])
{
    char boot[64] = "-";
    ssize_t n = 0;
    int fd = -1;

    /* Containers mount an id of their own over the kernel's, which a service with a /proc of its
     * own does not see: command and agent would each take the other's files for those of another
     * boot. So it is asked for only where it tells something. */
    if (!is_in_memory(paths->run))
        fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, boot, sizeof(boot) - 1);
        (void)close(fd);
    }
    if (n > 0)
        boot[n] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(ret, STATE_HEADER_SIZE, "%s %s %" PRIu64 "\n", kind, boot, namespace_cookie(paths));
}

int state_write_fd(int fd, const char *bytes, size_t n)
{
    size_t at = 0;

    while (at < n) {
        ssize_t written = write(fd, bytes + at, n - at);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        at += (size_t)written;
    }
    return 0;
}

int state_replace(const struct paths *paths, const char *path, const char *bytes, size_t n)
{
    char temporary[PATH_MAX];
    int fd, r;

    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    (void)unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    run_file_give(paths, fd);
    /* Reading needs no privilege, whatever the umask. */
    r = fchmod(fd, 0644) < 0 ? -errno : state_write_fd(fd, bytes, n);
    if (close(fd) < 0)
        gather(&r, -errno);
    if (r >= 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(temporary);
    return r;
}
