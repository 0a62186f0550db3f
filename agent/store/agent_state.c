/* The presence file of the agent: an open file description lock says that it lives, one word in the
 * file what it does. */
#include "agent/store/agent_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/store/held.h"

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

enum agent_state agent_state_read(const struct paths *paths)
{
    enum agent_state state = access(paths->stand_back, F_OK) == 0 ? AGENT_STOPPED : AGENT_ABSENT;
    int fd = open(paths->agent, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char word[16] = "";
    ssize_t n;

    if (fd < 0)
        return state;
    if (file_is_held(fd)) {
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
    bool held = fd >= 0 && file_is_held(fd);

    if (fd >= 0)
        close(fd);
    return held;
}

int agent_state_take(const struct paths *paths)
{
    return is_taken(paths) ? -EBUSY : file_hold_new(paths->agent);
}

int agent_state_say(int fd, bool enforcing)
{
    char word[16];
    int n =
        snprintf(word, sizeof(word), "%s\n", names[enforcing ? AGENT_ENFORCING : AGENT_OBSERVING]);

    return pwrite(fd, word, (size_t)n, 0) == n ? 0 : -errno;
}
