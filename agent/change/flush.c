/* The limit on flushing the route cache, over all processes. The file `flushed` holds the time of
 * the last flush and is its lock; `flushed.pending` is locked by the one process that waits to do
 * the next one. It lets go of that before it flushes: whoever still found it locked wrote its
 * settings before that flush. */
#include "agent/change/flush.h"
#include "agent/base/clock.h"
#include "agent/store/lock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define INTERVAL_USEC (10 * UINT64_C(1000000))
#define LOCK_WAIT_MS 2000 /* held for one write to the kernel */
#define TRIES_MAX 2       /* who may write `flushed` could make us wait for ever */

/* Time of the last flush; 0 where there was none or the file is not of this boot. */
static uint64_t read_time(int fd, uint64_t now)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    uint64_t last;

    if (n <= 0)
        return 0;
    text[n] = '\0';
    last = strtoull(text, NULL, 10);
    return last <= now ? last : 0;
}

static void write_time(int fd, uint64_t now)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%020" PRIu64 "\n", now);

    /* Not recorded, it only means one flush more. */
    (void)!pwrite(fd, text, (size_t)n, 0);
}

/* Flush if that is allowed now. 1: flushed; 0: another process has since `since`; else -EAGAIN and
 * how long to wait. */
static int try_flush(const struct paths *paths, const struct procsys *procsys, uint64_t interval,
                     uint64_t since, uint64_t *ret_wait)
{
    _cleanup_lock_ int fd = lock_file(paths->flushed, LOCK_WAIT_MS);
    uint64_t now = clock_usec(CLOCK_BOOTTIME), last;
    int r;

    if (fd < 0)
        return fd;
    last = read_time(fd, now);
    if (last > since)
        return 0;
    if (last != 0 && now - last < interval) {
        *ret_wait = interval - (now - last);
        return -EAGAIN;
    }
    /* The time is taken before the flush: a write that comes after it is not covered. */
    r = procsys_flush_routes(procsys);
    if (r < 0)
        return r;
    write_time(fd, now);
    return 1;
}

int flush_at_most_once_in(const struct paths *paths, const struct procsys *procsys,
                          uint64_t interval_usec, bool *ret_flushed)
{
    uint64_t since = clock_usec(CLOCK_BOOTTIME), wait = 0;
    char pending[PATH_MAX];
    int r;

    if (snprintf(pending, sizeof(pending), "%s.pending", paths->flushed) >= (int)sizeof(pending))
        return -ENAMETOOLONG;
    r = run_directory_make(paths);
    if (r < 0)
        return r;
    for (unsigned tries = 0;; tries++) {
        int fd;

        r = try_flush(paths, procsys, tries < TRIES_MAX ? interval_usec : 0, since, &wait);
        if (r != -EAGAIN)
            break;
        fd = lock_file(pending, 0);

        if (fd == -EBUSY) {
            *ret_flushed = false;
            return 0;
        }
        if (fd < 0)
            return fd;
        clock_sleep(wait);
        lock_release(fd);
        /* Until now others relied on this process: an earlier flush may not cover all of them. */
        since = clock_usec(CLOCK_BOOTTIME);
    }
    if (r < 0)
        return r;
    *ret_flushed = r > 0;
    return 0;
}

int flush_request(const struct paths *paths, const struct procsys *procsys, bool *ret_flushed)
{
    return flush_at_most_once_in(paths, procsys, INTERVAL_USEC, ret_flushed);
}
