/* Reading and replacing the files of state_file.h. What is in them is for others. */
#include "agent/store/state_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

uint64_t state_namespace(const struct paths *paths)
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

void state_header(const struct paths *paths, const char *directory, const char *kind,
                  char ret[static STATE_HEADER_SIZE])
{
    char boot[64] = "-";
    ssize_t n = 0;
    int fd = -1;

    /* Containers mount an id of their own over the kernel's, which a service with a /proc of its
     * own does not see: command and agent would each take the other's files for those of another
     * boot. So it is asked for only where it tells something. */
    if (!is_in_memory(directory))
        fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, boot, sizeof(boot) - 1);
        (void)close(fd);
    }
    if (n > 0)
        boot[n] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(ret, STATE_HEADER_SIZE, "%s %s %" PRIu64 "\n", kind, boot, state_namespace(paths));
}
