/* The presence file of the agent: an open file description lock says that it lives, one word in the
 * file what it does. */
#include "agent/store/agent_state.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {
    [AGENT_ABSENT] = "absent",
    [AGENT_STOPPED] = "stopped",
    [AGENT_OBSERVING] = "observing",
    [AGENT_ENFORCING] = "enforcing",
};

const char *agent_state_name(enum agent_state state)
{
    return names[state];
}

/* Only a write lock conflicts with the read lock that is asked about: other readers do not count.
 */
static bool is_held(int fd)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
}

enum agent_state agent_state_read(const struct paths *paths)
{
    enum agent_state state = access(paths->stand_back, F_OK) == 0 ? AGENT_STOPPED : AGENT_ABSENT;
    int fd = open(paths->agent, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char word[16] = "";
    ssize_t n;

    if (fd < 0)
        return state;
    if (is_held(fd)) {
        n = pread(fd, word, sizeof(word) - 1, 0);
        state =
            n > 0 && startswith(word, names[AGENT_ENFORCING]) ? AGENT_ENFORCING : AGENT_OBSERVING;
    }
    close(fd);
    return state;
}

/* Of another agent; what cannot be read counts as nobody's, as for all who ask. */
static bool is_taken(const struct paths *paths)
{
    int fd = open(paths->agent, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool held = fd >= 0 && is_held(fd);

    if (fd >= 0)
        close(fd);
    return held;
}

/* Whoever may read a file can hold a read lock on it, which keeps a write lock away for ever. So it
 * is a new file each time, locked before anybody else can open it. */
int agent_state_take(const struct paths *paths)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char temporary[PATH_MAX];
    int fd, r;

    if (is_taken(paths))
        return -EBUSY;
    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", paths->agent) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* The unit's umask is 0077, and reading this needs no privilege. */
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0 || fchmod(fd, 0644) < 0 ||
        rename(temporary, paths->agent) < 0) {
        r = -errno;
        (void)unlink(temporary);
        close(fd);
        return r;
    }
    return fd;
}

int agent_state_say(int fd, bool enforcing)
{
    char word[16];
    int n =
        snprintf(word, sizeof(word), "%s\n", names[enforcing ? AGENT_ENFORCING : AGENT_OBSERVING]);

    return pwrite(fd, word, (size_t)n, 0) == n ? 0 : -errno;
}
