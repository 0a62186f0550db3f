/* The presence file of the agent: an open file description lock says that it lives, one word in the
 * file what it does. */
#include "agent_state.h"

#include <fcntl.h>
#include <stdio.h>
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

/* A dead one of root's, where the directory was given to the agent's user since. -EBUSY: it lives.
 */
static int remove_foreign(const struct paths *paths)
{
    int fd = open(paths->agent, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool held = fd >= 0 && is_held(fd);

    if (fd >= 0)
        close(fd);
    if (held)
        return -EBUSY;
    return unlink(paths->agent) < 0 ? -EACCES : 0;
}

int agent_state_take(const struct paths *paths)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(paths->agent, flags, 0644), r;

    if (fd < 0 && errno == EACCES) {
        r = remove_foreign(paths);
        if (r < 0)
            return r;
        fd = open(paths->agent, flags, 0644);
    }

    if (fd < 0)
        return -errno;
    if (is_held(fd)) {
        close(fd);
        return -EBUSY;
    }
    /* The unit's umask is 0077, and reading this needs no privilege. */
    if (fchmod(fd, 0644) < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        r = -errno;
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
