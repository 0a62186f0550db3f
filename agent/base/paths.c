/* Where everything is found: root, run directory, state, and whether this network namespace is the
 * host's. Builds names, and looks whether the roots are there; it creates and reads no file. */
#include "agent/base/paths.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* "/" and "" mean no root; slashes at the end go. */
static char *without_trailing_slashes(const char *path)
{
    size_t n = strlen(path);

    while (n > 0 && path[n - 1] == '/')
        n--;
    return strndup(path, n);
}

static int join(char **ret, const char *directory, const char *rest)
{
    char *s = malloc(strlen(directory) + strlen(rest) + 1);

    if (!s)
        return -ENOMEM;
    *ret = s;
    (void)stpcpy(stpcpy(s, directory), rest); /* the end is of no use */
    return 0;
}

/* Asked of a socket where that is allowed: for a look below /proc/self the kernel first has to make
 * entries for this process, and the udev hook is one process per device. */
static int own_namespace(struct stat *ret)
{
    int sock = geteuid() == 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    int fd = sock >= 0 ? ioctl(sock, SIOCGSKNS) : -1;
    int r = fd >= 0 ? fstat(fd, ret) : stat("/proc/self/ns/net", ret);

    if (fd >= 0)
        (void)close(fd);
    if (sock >= 0)
        (void)close(sock);
    return r;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Without privilege the link to process 1's namespace cannot be followed; but each namespace has
 * files of its own below /proc/net, and those of process 1 can be looked at (proc_tgid_net_lookup()
 * asks for nothing). */
static bool looks_the_same(void)
{
    struct stat self, init;

    return stat("/proc/self/net/dev", &self) < 0 || stat("/proc/1/net/dev", &init) < 0 ||
           is_same(&self, &init);
}

/* The inode of this network namespace when it is another one than process 1's; 0 when it is the
 * same or when that cannot be told, as where /proc hides process 1. */
static unsigned long foreign_namespace(void)
{
    struct stat self, init;
    bool same;

    if (own_namespace(&self) < 0)
        return 0;
    same = stat("/proc/1/ns/net", &init) < 0 ? looks_the_same() : is_same(&self, &init);
    return same ? 0 : self.st_ino;
}

static int init_state(struct paths *paths, unsigned long namespace)
{
    char below[64];
    int r;

    if (!namespace) {
        r = join(&paths->run, paths->root, "/run/rpfpolicy");
        if (r >= 0)
            r = join(&paths->orders, paths->root, "/run/rpfpolicy-root");
        if (r >= 0)
            r = join(&paths->lock, paths->root, "/run/" LOCK_NAME);
        if (r >= 0)
            r = join(&paths->accepted, paths->root, "/var/lib/rpfpolicy/accepted.conf");
        if (r >= 0)
            r = join(&paths->history, paths->root, "/var/lib/rpfpolicy/history");
        if (r >= 0)
            r = join(&paths->failed_trial, paths->root, "/var/lib/rpfpolicy/failed-trial");
        return r;
    }
    snprintf(below, sizeof(below), "/run/rpfpolicy-netns/%lu", namespace);
    r = join(&paths->run, paths->root, below);
    snprintf(below, sizeof(below), "/run/rpfpolicy-root/%lu", namespace);
    if (r >= 0)
        r = join(&paths->orders, paths->root, below);
    if (r >= 0)
        r = join(&paths->lock, paths->orders, "/" LOCK_NAME);
    if (r >= 0)
        r = join(&paths->accepted, paths->orders, "/accepted.conf");
    if (r >= 0)
        r = join(&paths->history, paths->orders, "/history");
    if (r >= 0)
        r = join(&paths->failed_trial, paths->orders, "/failed-trial");
    return r;
}

int paths_init(const struct path_options *options, struct paths *ret)
{
    _cleanup_paths_ struct paths paths = {};
    unsigned long namespace = foreign_namespace();
    const char *proc_sys_net = options->proc_sys_net ?: "/proc/sys/net";
    int r;

    paths.foreign = namespace != 0;
    paths.root = without_trailing_slashes(options->root ?: "");
    paths.proc_sys_net = without_trailing_slashes(proc_sys_net);
    if (!paths.root || !paths.proc_sys_net)
        return -ENOMEM;
    if (options->policy && !(paths.policy = strdup(options->policy)))
        return -ENOMEM;
    if (options->sysctl_root)
        paths.sysctl_root = without_trailing_slashes(options->sysctl_root);
    else if (options->root || !paths.foreign)
        paths.sysctl_root = strdup(paths.root);
    if (!paths.sysctl_root && (options->sysctl_root || options->root || !paths.foreign))
        return -ENOMEM;
    r = init_state(&paths, namespace);
    if (r >= 0)
        r = join(&paths.before, paths.orders, "/before");
    if (r >= 0)
        r = join(&paths.claims, paths.run, "/before");
    if (r >= 0)
        r = join(&paths.former, paths.orders, "/former");
    if (r >= 0)
        r = join(&paths.confirm, paths.orders, "/confirm");
    if (r >= 0)
        r = join(&paths.trial, paths.orders, "/trial");
    if (r >= 0)
        r = join(&paths.accepted_before, paths.accepted, ".before");
    if (r >= 0)
        r = join(&paths.accepted_trial, paths.accepted, ".trial");
    if (r >= 0)
        r = join(&paths.paused, paths.orders, "/paused");
    if (r >= 0)
        r = join(&paths.flushed, geteuid() == 0 ? paths.orders : paths.run, "/flushed");
    if (r >= 0)
        r = join(&paths.agent, paths.run, "/agent");
    if (r >= 0)
        r = join(&paths.stand_back, paths.orders, "/stand-back");
    if (r >= 0)
        r = join(&paths.presets, paths.root, PRESETS_DIRECTORY);
    if (r < 0)
        return r;
    *ret = paths;
    paths = (struct paths){};
    return 0;
}

int paths_check_roots(const struct path_options *options, const char **ret_which)
{
    const char *const roots[] = {options->root, options->sysctl_root};

    for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
        int fd;

        if (!roots[i] || !*roots[i])
            continue; /* none */
        fd = open(roots[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            *ret_which = roots[i];
            return -errno;
        }
        (void)close(fd);
    }
    return 0;
}

void paths_done(struct paths *paths)
{
    if (!paths)
        return;
    free(paths->root);
    free(paths->policy);
    free(paths->sysctl_root);
    free(paths->proc_sys_net);
    free(paths->run);
    free(paths->orders);
    free(paths->lock);
    free(paths->before);
    free(paths->claims);
    free(paths->former);
    free(paths->confirm);
    free(paths->trial);
    free(paths->accepted_before);
    free(paths->accepted_trial);
    free(paths->paused);
    free(paths->flushed);
    free(paths->agent);
    free(paths->stand_back);
    free(paths->accepted);
    free(paths->failed_trial);
    free(paths->history);
    free(paths->presets);
    *paths = (struct paths){};
}
