/* Files by which udev rule and helper know what the agent does. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/agent.h"

static int touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int remove_file(const char *path)
{
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* RuntimeDirectory= is removed with the process, also after SIGKILL; without it (no systemd) there
 * is nobody to clean up, so there is no marker and the helper stays at work. udev and its rule know
 * nothing of other network namespaces. */
int agent_mark_enforcing(struct agent *agent, bool enforcing)
{
    const char *directory = getenv("RUNTIME_DIRECTORY");
    _cleanup_free_ char *path = NULL;
    int r;

    r = agent_state_say(agent->state_fd, enforcing);
    if (!directory || agent->paths.foreign)
        return r;
    if (asprintf(&path, "%s/enforcing", directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    gather(&r, enforcing ? touch(path) : remove_file(path));
    return r;
}

void agent_tell_enforcing(struct agent *agent)
{
    int r = agent_mark_enforcing(agent, agent->enforcing);

    if (r < 0 && !agent->mark_failed)
        log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Helper and commands cannot be told whether the agent enforces: %s",
                  strerror(-r));
    agent->mark_failed = r < 0;
}

int agent_mark_stopped(struct agent *agent, bool stopped)
{
    if (!stopped)
        return remove_file(agent->paths.stand_back);
    return touch(agent->paths.stand_back);
}
