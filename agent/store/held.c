/* Holding a file, and asking whether somebody does. */
#include "agent/store/held.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/base/util.h"

bool file_is_held(int fd)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
}

int file_hold_new(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char temporary[PATH_MAX];
    int fd, r;

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* Whatever the umask. */
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0 || fchmod(fd, 0644) < 0 || rename(temporary, path) < 0) {
        r = -errno;
        (void)unlink(temporary); /* one that is not held counts as none */
        (void)close(fd);
        return r;
    }
    return fd;
}
