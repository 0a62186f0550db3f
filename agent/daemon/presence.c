/* Taking the files of the agent's presence, and saying in them what it does. */
#include "agent/daemon/presence.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/agent_state.h"
#include "agent/store/lock.h"

struct presence {
    struct presence_options options;
    int lock_fd;
    int state_fd; /* agent_state.h */
    bool lost;
    bool enforcing; /* told last */
    bool failed;    /* it could not be told */
};

static bool is_removed(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int presence_check(struct presence *presence)
{
    const struct paths *paths = presence->options.paths;
    const char *path = is_removed(presence->lock_fd)    ? paths->lock
                       : is_removed(presence->state_fd) ? paths->agent
                                                        : NULL;

    if (!path)
        return 0;
    if (!presence->lost) {
        log_plain(presence->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "%s was removed: others no longer see this agent or its lock; coming back with "
                  "new files",
                  path);
        presence->lost = true;
        presence->options.lost(presence->options.data);
    }
    return -ESTALE;
}

bool presence_is_lost(const struct presence *presence)
{
    return presence->lost;
}

bool presence_lock(struct presence *presence)
{
    if (flock(presence->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    if (presence_check(presence) >= 0)
        return true;
    presence_unlock(presence);
    return false;
}

void presence_unlock(struct presence *presence)
{
    (void)flock(presence->lock_fd, LOCK_UN); /* cannot fail for a lock that is held */
}

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
static int mark_enforcing(const struct presence *presence)
{
    const char *directory = getenv("RUNTIME_DIRECTORY");
    _cleanup_free_ char *path = NULL;
    int r;

    r = agent_state_say(presence->state_fd, presence->enforcing);
    if (!directory || presence->options.paths->foreign)
        return r;
    if (asprintf(&path, "%s/enforcing", directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    gather(&r, presence->enforcing ? touch(path) : remove_file(path));
    return r;
}

void presence_tell(struct presence *presence, bool enforcing)
{
    int r;

    presence->enforcing = enforcing;
    r = mark_enforcing(presence);
    if (r < 0 && !presence->failed)
        log_plain(presence->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Helper and commands cannot be told whether the agent enforces: %s",
                  strerror(-r));
    presence->failed = r < 0;
}

void presence_tell_again(struct presence *presence)
{
    if (presence->failed)
        presence_tell(presence, presence->enforcing);
}

int presence_tell_stopped(const struct presence *presence, bool stopped)
{
    const char *path = presence->options.paths->stand_back;

    if (geteuid() != 0)
        return 0; /* the unit does it, by the helper */
    return stopped ? touch(path) : remove_file(path);
}

static int open_files(struct presence *presence, const char **where)
{
    const struct paths *paths = presence->options.paths;
    int r;

    *where = paths->run;
    r = run_directory_make(paths);
    if (r < 0)
        return r;
    *where = paths->lock;
    presence->lock_fd = lock_open(paths, O_RDONLY);
    if (presence->lock_fd < 0)
        return presence->lock_fd;
    *where = paths->agent;
    presence->state_fd = agent_state_take(paths);
    return presence->state_fd < 0 ? presence->state_fd : 0;
}

int presence_new(const struct presence_options *options, struct presence **ret,
                 const char **ret_where)
{
    struct presence *presence = calloc(1, sizeof(*presence));
    const char *where = NULL;
    int r;

    if (!presence)
        return -ENOMEM;
    *presence = (struct presence){.options = *options, .lock_fd = -1, .state_fd = -1};
    r = open_files(presence, &where);
    if (r < 0) {
        *ret_where = where;
        presence_free(presence);
        return r;
    }
    *ret = presence;
    return 0;
}

struct presence *presence_free(struct presence *presence)
{
    if (!presence)
        return NULL;
    if (presence->lock_fd >= 0)
        close(presence->lock_fd);
    if (presence->state_fd >= 0)
        close(presence->state_fd);
    free(presence);
    return NULL;
}
