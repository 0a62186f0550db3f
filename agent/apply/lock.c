/* The one lock under which settings are read, planned and written. */
#include "lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "directory.h"

#define PAUSE_MIN_MS 1
#define PAUSE_MAX_MS 16

/* Below the directory that an agent without root's rights works in: it shall do so here, too. What
 * its user put there instead of a directory stays whose it is. */
static void give_to_owner_above(const char *path)
{
    int fd = geteuid() == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    struct stat st;

    if (fd < 0)
        return;
    if (fstatat(fd, "..", &st, 0) == 0 && (st.st_uid != 0 || st.st_gid != 0))
        (void)!fchown(fd, st.st_uid, st.st_gid);
    (void)close(fd);
}

int run_directory_make(const struct paths *paths)
{
    int r = directory_make(paths->run);

    if (r >= 0 && paths->foreign)
        give_to_owner_above(paths->run);
    return r;
}

void run_file_give(const struct paths *paths, int fd)
{
    struct stat file, st;

    if (geteuid() != 0 || fstat(fd, &file) < 0 || file.st_nlink != 1)
        return; /* nor a file that has another name, which may be anybody's */
    if (stat(paths->run, &st) == 0 && (st.st_uid != 0 || st.st_gid != 0))
        (void)!fchown(fd, st.st_uid, st.st_gid);
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&time, NULL);
}

/* flock() has no time limit of its own, and an alarm would be the whole program's: so ask, at
 * growing intervals that stay short against the few milliseconds that the lock is held. */
static int wait_for_lock(int fd, int timeout_ms)
{
    int64_t end = now_ms() + timeout_ms, pause = PAUSE_MIN_MS;

    for (;;) {
        int64_t left;

        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        left = end - now_ms();
        if (left <= 0)
            return -EBUSY;
        pause_ms(pause < left ? pause : left);
        if (pause < PAUSE_MAX_MS)
            pause *= 2;
    }
}

int lock_file(const char *path, int timeout_ms)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), r;

    if (fd < 0)
        return -errno;
    r = wait_for_lock(fd, timeout_ms);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

int lock_acquire(const struct paths *paths, int timeout_ms)
{
    int made = run_directory_make(paths), fd = lock_file(paths->lock, timeout_ms);

    if (fd == -ENOENT && made < 0)
        return made;
    if (fd >= 0 && paths->foreign)
        run_file_give(paths, fd);
    return fd;
}

void lock_release(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
