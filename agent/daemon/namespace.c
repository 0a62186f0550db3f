/* Watching the directory of the names. */
#include "agent/daemon/namespace.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define NAMES "/run/netns"

struct namespace_watch {
    void (*gone)(void *data);
    void *data;
    dev_t device;
    ino_t inode;
    bool told;
};

/* Each is a file on which the namespace is mounted; what cannot be looked at is none of its names.
 */
static bool has_name(const struct namespace_watch *watch)
{
    DIR *names = opendir(NAMES);
    struct dirent *name;
    struct stat st;
    bool found = false;

    if (!names)
        return false;
    while (!found && (name = readdir(names)))
        found = fstatat(dirfd(names), name->d_name, &st, AT_NO_AUTOMOUNT) == 0 &&
                st.st_dev == watch->device && st.st_ino == watch->inode;
    (void)closedir(names);
    return found;
}

static int on_name(sd_event_source *source, const struct inotify_event *event, void *data)
{
    struct namespace_watch *watch = data;

    if (watch->told || has_name(watch))
        return 0;
    watch->told = true;
    watch->gone(watch->data);
    return 0;
}

int namespace_watch_new(struct loop *loop, void (*gone)(void *data), void *data,
                        struct namespace_watch **ret)
{
    struct namespace_watch *watch = calloc(1, sizeof(*watch));
    struct stat st;
    int r;

    if (!watch)
        return -ENOMEM;
    r = stat("/proc/self/ns/net", &st) < 0 ? -errno : 0;
    if (r >= 0) {
        *watch = (struct namespace_watch){
            .gone = gone, .data = data, .device = st.st_dev, .inode = st.st_ino};
        if (has_name(watch))
            r = loop_add_inotify(loop, NAMES, IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR, on_name,
                                 watch);
    }
    if (r < 0) {
        free(watch);
        return r;
    }
    *ret = watch;
    return 0;
}

struct namespace_watch *namespace_watch_free(struct namespace_watch *watch)
{
    free(watch);
    return NULL;
}
