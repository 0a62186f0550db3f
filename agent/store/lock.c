/* The one lock under which settings are read, planned and written. */
#include "agent/store/lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "agent/store/state_file.h"

#define MARK "namespace" /* in the directory of a foreign one: state_namespace() */
#define PAUSE_MIN (1 * USEC_PER_MSEC)
#define PAUSE_MAX (16 * USEC_PER_MSEC)

/* To the owner of ROOT/run/rpfpolicy: an agent without root's rights shall work here, too. */
static void give_to_agent(int directory)
{
    struct stat st;

    if (geteuid() != 0 || fstatat(directory, "../../rpfpolicy", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(st.st_mode) || (st.st_uid == 0 && st.st_gid == 0))
        return;
    (void)!fchown(directory, st.st_uid, st.st_gid);
}

static void remove_files(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *file;

    while (files && (file = readdir(files)))
        (void)unlinkat(fd, file->d_name, 0); /* what stays harms nobody */
    if (files)
        (void)closedir(files);
    else if (fd >= 0)
        (void)close(fd);
}

static void read_mark(int directory, char *mark, size_t size)
{
    int fd = openat(directory, MARK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, mark, size - 1);

    mark[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        (void)close(fd);
}

static void write_mark(int directory, const char *mark)
{
    int fd = openat(directory, MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0)
        return;
    (void)!write(fd, mark, strlen(mark));
    (void)close(fd);
}

/* A dead namespace's accepted policy is not this one's. */
static void remove_if_dead(const struct paths *paths)
{
    uint64_t namespace = state_namespace(paths);
    int directory = open(paths->orders, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    char is[32], was[32];

    if (directory < 0)
        return;
    snprintf(is, sizeof(is), "%" PRIu64 "\n", namespace);
    read_mark(directory, was, sizeof(was));
    if (namespace && *was && !streq(is, was)) {
        remove_files(paths->orders);
        remove_files(paths->run);
    }
    if (namespace)
        write_mark(directory, is);
    (void)close(directory);
}

void run_directory_remove(const struct paths *paths)
{
    remove_files(paths->orders);
    (void)rmdir(paths->orders); /* what stays harms nobody */
    remove_files(paths->run);
    (void)rmdir(paths->run); /* likewise */
}

int run_directory_make(const struct paths *paths)
{
    int r = directory_make(paths->run), fd;

    if (geteuid() == 0)
        gather(&r, directory_make(paths->orders));
    if (r < 0 || !paths->foreign)
        return r;
    fd = open(paths->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (geteuid() == 0)
        remove_if_dead(paths);
    give_to_agent(fd);
    (void)close(fd);
    return 0;
}

/* flock() has no time limit of its own, and an alarm would be the whole program's: so ask, at
 * growing intervals that stay short against the few milliseconds that the lock is held. */
static int wait_for_lock(int fd, int timeout_ms)
{
    uint64_t end = clock_usec(CLOCK_MONOTONIC) + (uint64_t)timeout_ms * USEC_PER_MSEC;
    uint64_t pause = PAUSE_MIN;

    for (;;) {
        uint64_t now;

        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        now = clock_usec(CLOCK_MONOTONIC);
        if (now >= end)
            return -EBUSY;
        clock_sleep(pause < end - now ? pause : end - now);
        if (pause < PAUSE_MAX)
            pause *= 2;
    }
}

/* Takes fd, which may be an error. */
static int lock_fd(int fd, int timeout_ms)
{
    int r;

    if (fd < 0)
        return fd;
    r = wait_for_lock(fd, timeout_ms);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

/* Whoever may open a file can flock it, for ever. This group (0: none) keeps what it may with a
 * file of root's. A file that has another name may be anybody's. */
static void close_to_others(int fd, gid_t group)
{
    struct stat st;
    mode_t mode;
    bool shared;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
        return;
    shared = group != 0 && st.st_gid == group && st.st_uid == 0;
    mode = st.st_mode & (shared ? 0770 : 0700);
    if (mode != (st.st_mode & 0777))
        (void)fchmod(fd, mode); /* for what is not ours */
}

int lock_file(const char *path, int timeout_ms)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

    if (fd >= 0)
        close_to_others(fd, 0);
    return lock_fd(fd < 0 ? -errno : fd, timeout_ms);
}

/* In a foreign namespace no tmpfiles.d(5) gives the lock to the agent's user. */
static int open_or_make(const struct paths *paths, int flags)
{
    int fd = open(paths->lock, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

    if (fd >= 0 && paths->foreign)
        file_give(fd, paths->run);
    return fd < 0 ? -errno : fd;
}

int lock_open(const struct paths *paths, int flags)
{
    int fd = open_or_make(paths, flags);
    struct stat st;

    if (fd >= 0)
        close_to_others(fd, stat(paths->run, &st) == 0 ? st.st_gid : 0);
    return fd;
}

int lock_acquire(const struct paths *paths, int timeout_ms)
{
    int made = run_directory_make(paths), fd;

    fd = lock_fd(lock_open(paths, O_RDWR), timeout_ms);
    return fd == -ENOENT && made < 0 ? made : fd;
}

void lock_release(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

/* proc_locks(5). The process may have ended and left the lock to a child: then it is not told. */
pid_t lock_holder(const struct paths *paths)
{
    pid_t holder = 0, pid;
    struct stat st;
    char line[128];
    FILE *file;

    if (stat(paths->lock, &st) < 0)
        return 0;
    file = fopen("/proc/locks", "re");
    if (!file)
        return 0;
    while (holder == 0 && fgets(line, sizeof(line), file)) {
        unsigned int major_number, minor_number;
        unsigned long inode;

        if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major_number, &minor_number,
                   &inode) == 4 &&
            inode == st.st_ino && makedev(major_number, minor_number) == st.st_dev && pid > 0 &&
            (kill(pid, 0) == 0 || errno == EPERM))
            holder = pid;
    }
    (void)fclose(file);
    return holder;
}
