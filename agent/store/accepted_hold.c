/* Beginning and ending a trial of the accepted policy. */
#include "agent/store/accepted_hold.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/store/failed_trial.h"
#include "agent/store/held.h"

static int sync_directory(const struct paths *paths)
{
    _cleanup_free_ char *directory = strdup(paths->accepted);
    _cleanup_close_ int fd = -1;

    if (!directory)
        return -ENOMEM;
    *strrchr(directory, '/') = '\0';
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

bool accepted_is_on_trial(const char *bytes, size_t n)
{
    return n >= strlen(ACCEPTED_TRIAL_MAGIC) && startswith(bytes, ACCEPTED_TRIAL_MAGIC);
}

int accepted_trial_lives(const struct paths *paths)
{
    _cleanup_close_ int fd = file_open(paths->accepted_trial);

    if (fd < 0)
        return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -ENXIO ? 0 : fd;
    return file_is_held(fd);
}

/* 1: it has what is on trial, 0: not, also where there is no such file. The hash is "" where it has
 * none. */
static int read_head(const char *path, char ret_hash[static 17])
{
    char head[sizeof(ACCEPTED_TRIAL_MAGIC) + 17] = "";
    _cleanup_close_ int fd = file_open(path);
    const char *hash;
    ssize_t n;

    ret_hash[0] = '\0';
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    n = pread(fd, head, sizeof(head) - 1, 0);
    if (n < 0)
        return -errno;
    hash = startswith(head, ACCEPTED_TRIAL_MAGIC) ?: startswith(head, ACCEPTED_MAGIC);
    if (hash)
        snprintf(ret_hash, 17, "%.16s", hash);
    return accepted_is_on_trial(head, (size_t)n);
}

static int read_on_trial(const struct paths *paths)
{
    char hash[17];

    return read_head(paths->accepted, hash);
}

int accepted_failed(const struct paths *paths, struct failed_trial *ret)
{
    struct failed_trial failed = {0};
    char hash[17], in_force[17];
    int on_trial = read_head(paths->accepted, hash), r;
    bool known;

    if (on_trial < 0)
        return on_trial;
    r = accepted_trial_lives(paths);
    if (r != 0)
        return r < 0 ? r : 0;
    r = read_head(on_trial ? paths->accepted_before : paths->accepted, in_force);
    if (r < 0)
        return r;
    known = failed_trial_load(paths, &failed);
    if (!on_trial && (!known || !streq(failed.before, in_force)))
        return 0;
    if (on_trial && (!known || !streq(failed.hash, hash))) {
        failed = (struct failed_trial){.why = "the process that watched over it was ended"};
        memcpy(failed.hash, hash, sizeof(failed.hash));
    }
    if (streq(failed.hash, in_force)) /* it was accepted before its trial */
        return 0;
    *ret = failed;
    return 1;
}

/* Before it goes back, since afterwards nobody can tell what was tried. Where it fails it goes back
 * all the same: then the same policy may be tried again. */
static void note_failed(const struct paths *paths, const char *why)
{
    struct failed_trial failed = {.time = time(NULL)};
    int r = read_head(paths->accepted, failed.hash);

    snprintf(failed.why, sizeof(failed.why), "%s", why);
    if (r >= 0)
        r = read_head(paths->accepted_before, failed.before);
    if (r >= 0)
        (void)failed_trial_write(paths, &failed); /* see above */
}

struct accepted_stamp accepted_stamp_of(const struct stat *st)
{
    return (struct accepted_stamp){
        .inode = st->st_ino, .size = (uint64_t)st->st_size, .modified = st->st_mtim};
}

bool accepted_is_stale(const struct paths *paths, const struct accepted_stamp *stamp)
{
    struct accepted_stamp is = {0};
    struct stat st;

    if (stat(paths->accepted, &st) >= 0)
        is = accepted_stamp_of(&st);
    return is.inode != stamp->inode || is.size != stamp->size ||
           is.modified.tv_sec != stamp->modified.tv_sec ||
           is.modified.tv_nsec != stamp->modified.tv_nsec ||
           (stamp->on_trial && accepted_trial_lives(paths) == 0);
}

/* Nothing was accepted since it was kept. */
static bool is_what_was_kept(const struct paths *paths)
{
    struct stat before, now;

    if (stat(paths->accepted_before, &before) < 0)
        return false;
    if (stat(paths->accepted, &now) < 0)
        return errno == ENOENT && before.st_size == 0;
    return before.st_dev == now.st_dev && before.st_ino == now.st_ino;
}

int accepted_put_back(const struct paths *paths, const char *why)
{
    struct stat st;
    int r = read_on_trial(paths);

    if (r < 0)
        return r;
    if (r == 0)
        return is_what_was_kept(paths) ? 0 : -ESTALE;
    if (stat(paths->accepted_before, &st) < 0)
        return -errno;
    note_failed(paths, why);
    if (st.st_size > 0 ? rename(paths->accepted_before, paths->accepted) < 0
                       : unlink(paths->accepted) < 0)
        return -errno;
    r = sync_directory(paths);
    return r < 0 ? -r : 0;
}

static int keep_what_is_in_force(const struct paths *paths)
{
    int on_trial = read_on_trial(paths), r;
    struct failed_trial failed;

    if (on_trial < 0)
        return on_trial;
    /* Left by a trial that is over: it must not live again when the next one does. */
    if (on_trial > 0 && access(paths->accepted_before, F_OK) >= 0) {
        r = accepted_failed(paths, &failed);
        r = r < 0 ? r : accepted_put_back(paths, r > 0 ? failed.why : "");
        if (r != 0)
            return r < 0 ? r : -r;
        on_trial = 0;
    }
    /* Who made it useless may have been killed before that was on the disk. */
    r = access(paths->accepted_before, F_OK) < 0 ? 0 : sync_directory(paths);
    if (r < 0)
        return r;
    if (unlink(paths->accepted_before) < 0 && errno != ENOENT)
        return -errno;
    if (!on_trial && link(paths->accepted, paths->accepted_before) >= 0)
        return 0;
    if (!on_trial && errno != ENOENT)
        return -errno;
    return file_replace(paths->root, paths->accepted_before + strlen(paths->root), "", 0);
}

int accepted_hold(const struct paths *paths)
{
    int r = keep_what_is_in_force(paths);

    if (r >= 0)
        r = sync_directory(paths);
    return r < 0 ? r : file_hold_new(paths->accepted_trial);
}

void accepted_let_go(const struct paths *paths)
{
    if (read_on_trial(paths) == 0)
        (void)unlink(paths->accepted_before); /* accepted.conf alone tells whether it counts */
    (void)unlink(paths->accepted_trial);      /* a file that nobody holds counts as none */
}
