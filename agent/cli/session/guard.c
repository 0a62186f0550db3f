/* Is anything in place that repairs values when others write them: the agent, or the hook that udev
 * runs for each device? And could there be? Looks for their traces only, asks nobody. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/session/session.h"
#include "agent/store/agent_state.h"
#include "policy/base/text.h"

/* 1: it is there and says something; 0: masked (a link to /dev/null, or empty); -1: not there. */
static int file_state(const char *root, const char *directory, const char *name)
{
    _cleanup_free_ char *path = NULL;
    struct stat st;

    path = text_format("%s%s/%s", root, directory, name);
    if (!path)
        return -1;
    if (stat(path, &st) < 0)
        return -1;
    return S_ISREG(st.st_mode) && st.st_size > 0;
}

/* The first directory that has the file decides, as udev(7) and systemd.unit(5) say. */
static bool is_installed(const char *root, const char *name)
{
    static const char *const directories[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};

    for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
        int state = file_state(root, directories[i], name);

        if (state >= 0)
            return state > 0;
    }
    return false;
}

const char *agent_start_command(const struct paths *paths, enum agent_state state)
{
    if (paths->foreign)
        return NULL;
    if (state == AGENT_STOPPED)
        return "systemctl start rpfpolicy-agent";
    return state == AGENT_ABSENT &&
                   is_installed(paths->root, "systemd/system/rpfpolicy-agent.service")
               ? "systemctl enable --now rpfpolicy-agent"
               : NULL;
}

enum guard guard_find(const struct paths *paths)
{
    switch (agent_state_read(paths)) {
    case AGENT_ENFORCING:
        return GUARD_AGENT;
    case AGENT_STOPPED: /* on purpose: the hook stands back too */
        return GUARD_NONE;
    case AGENT_OBSERVING:
    case AGENT_ABSENT:
        break;
    }
    /* udev does not look into another network namespace. */
    return !paths->foreign && is_installed(paths->root, "udev/rules.d/99-zz-rpfpolicy.rules")
               ? GUARD_HELPER
               : GUARD_NONE;
}
