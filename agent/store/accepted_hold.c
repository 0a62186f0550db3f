/* The accepted policy from before an apply that awaits confirmation. */
#include "agent/store/accepted_hold.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/directory.h"

static int sync_directory(const struct paths *paths)
{
    _cleanup_free_ char *directory = strdup(paths->accepted);
    int fd, r;

    if (!directory)
        return -ENOMEM;
    *strrchr(directory, '/') = '\0';
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

int accepted_hold(const struct paths *paths)
{
    int r;

    if (unlink(paths->accepted_before) < 0 && errno != ENOENT)
        return -errno;
    if (link(paths->accepted, paths->accepted_before) < 0) {
        if (errno != ENOENT)
            return -errno;
        r = file_replace(paths->root, paths->accepted_before + strlen(paths->root), "", 0);
        if (r < 0)
            return r;
    }
    return sync_directory(paths);
}

int accepted_put_back(const struct paths *paths)
{
    struct stat st;

    if (stat(paths->accepted_before, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (st.st_size > 0) {
        if (rename(paths->accepted_before, paths->accepted) < 0)
            return -errno;
    } else if (unlink(paths->accepted) < 0 && errno != ENOENT) {
        return -errno;
    }
    /* Still there where both are names of one file: then rename(2) does nothing. */
    return accepted_let_go(paths);
}

int accepted_let_go(const struct paths *paths)
{
    if (unlink(paths->accepted_before) < 0 && errno != ENOENT)
        return -errno;
    return sync_directory(paths);
}

const char *accepted_in_force(const struct paths *paths)
{
    if (access(paths->accepted_before, F_OK) < 0 || access(paths->confirm, F_OK) >= 0)
        return paths->accepted;
    return paths->accepted_before;
}
