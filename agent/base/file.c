/* Opening, reading and replacing files, making directories, and opening files below a root. What is
 * in them is for others. */
#include "agent/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define READ_MIN 4096 /* of a file whose size does not say how much there is */

int file_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

int file_load_fd(int fd, size_t max, struct text *ret)
{
    _cleanup_text_ struct text text = {0};
    struct stat st;
    size_t room = READ_MIN;

    if (fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        if ((size_t)st.st_size > max)
            return -EFBIG;             /* it may be sparse, and take long to read so far */
        room = (size_t)st.st_size + 1; /* one to see the end */
    }
    for (;;) {
        char *end = text_room(&text, room);
        ssize_t n;

        if (!end)
            return -ENOMEM;
        n = read(fd, end, text.capacity - text.n - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        end[n] = '\0';
        if (n == 0)
            break;
        text.n += (size_t)n;
        if (text.n > max)
            return -EFBIG;
        room = 1;
    }
    *ret = text;
    text = (struct text){0};
    return 0;
}

int file_load(const char *path, size_t max, struct text *ret)
{
    _cleanup_close_ int fd = file_open(path);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) ? file_load_fd(fd, max, ret) : -EBADMSG;
}

void file_give(int fd, const char *directory)
{
    struct stat file, st;

    if (geteuid() != 0 || fstat(fd, &file) < 0 || file.st_nlink != 1)
        return;
    if (stat(directory, &st) == 0 && (st.st_uid != 0 || st.st_gid != 0))
        (void)!fchown(fd, st.st_uid, st.st_gid);
}

int file_write_fd(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

/* Takes fd, of the file `temporary`. */
static int move_in(int fd, const char *temporary, const char *path, const char *bytes, size_t n,
                   bool durable)
{
    int r;

    if (fd < 0)
        return -errno;
    r = file_write_fd(fd, bytes, n);
    if (r >= 0 && (fchmod(fd, 0644) < 0 || (durable && fsync(fd) < 0)))
        r = -errno;
    if (close(fd) < 0)
        gather(&r, -errno);
    if (r >= 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(temporary); /* what stays is cleared the next time */
    return r;
}

int file_put(const char *path, const char *bytes, size_t n, const char *give_by)
{
    _cleanup_free_ char *temporary = text_format("%s.new", path);
    int fd;

    if (!temporary)
        return -ENOMEM;
    (void)unlink(temporary); /* what stays is cleared the next time */
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd >= 0 && give_by)
        file_give(fd, give_by);
    return move_in(fd, temporary, path, bytes, n, false);
}

/* Cuts the string and puts it together again. */
static int make_directory(char *path)
{
    char *slash;
    int r;

    if (mkdir(path, 0755) >= 0)
        return chmod(path, 0755) < 0 ? -errno : 0;
    if (errno == EEXIST)
        return 0;
    if (errno != ENOENT || !(slash = strrchr(path, '/')) || slash == path)
        return -errno;
    *slash = '\0';
    r = make_directory(path);
    *slash = '/';
    if (r < 0)
        return r;
    if (mkdir(path, 0755) < 0)
        return errno == EEXIST ? 0 : -errno;
    return chmod(path, 0755) < 0 ? -errno : 0;
}

int directory_make(const char *path)
{
    _cleanup_free_ char *copy = strdup(path);

    return copy ? make_directory(copy) : -ENOMEM;
}

/* Is the directory the one that `path` leads to below root? An absolute link in a tree below --root
 * would have the file written into the running system. */
static int stays_below(const char *root, const char *path, int directory)
{
    _cleanup_close_ int top = -1, found = -1;
    struct stat here, there;

    if (!*root)
        return 0;
    top = root_open(root);
    if (top < 0)
        return top;
    found = open_below(top, path, O_PATH | O_DIRECTORY);
    if (found < 0)
        return found;
    if (fstat(directory, &here) < 0 || fstat(found, &there) < 0)
        return -errno;
    return here.st_dev == there.st_dev && here.st_ino == there.st_ino ? 0 : -ELOOP;
}

int file_replace(const char *root, const char *path, const char *bytes, size_t n)
{
    _cleanup_free_ char *full = text_format("%s%s", root, path);
    _cleanup_free_ char *temporary = text_format("%s%s.XXXXXX", root, path);
    _cleanup_close_ int directory = -1;
    char *slash;
    int r;

    if (!full || !temporary)
        return -ENOMEM;
    slash = strrchr(full, '/');
    *slash = '\0';
    r = directory_make(full);
    if (r < 0)
        return r;
    directory = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    r = stays_below(root, full + strlen(root), directory);
    if (r < 0)
        return r;
    *slash = '/';
    r = move_in(mkostemp(temporary, O_CLOEXEC), temporary, full, bytes, n, true);
    if (r < 0)
        return r;
    return fsync(directory) < 0 ? errno : 0;
}

/* As mkostemp() makes them. */
static bool is_temporary(const char *name, const char *of)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(of);

    return strlen(name) == n + 7 && startswith(name, of) && name[n] == '.' &&
           strspn(name + n + 1, letters) == 6;
}

void file_replace_clean(const char *path, const char *keep)
{
    _cleanup_free_ char *directory = strdup(path);
    char *slash = directory ? strrchr(directory, '/') : NULL;
    const struct dirent *entry;
    struct stat st;
    DIR *dir;

    if (!slash)
        return;
    *slash = '\0';
    dir = opendir(directory);
    while (dir && (entry = readdir(dir)))
        if (is_temporary(entry->d_name, slash + 1) && !(keep && streq(entry->d_name, keep)) &&
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
            S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1)
            (void)unlinkat(dirfd(dir), entry->d_name, 0); /* what stays is cleared the next time */
    if (dir)
        (void)closedir(dir);
}

int root_open(const char *root)
{
    int fd;

    if (!root || !*root)
        return AT_FDCWD;
    fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int open_below(int root_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)(flags | O_RDONLY | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT};
    long fd = -1;

    if (!(flags & O_PATH)) /* openat2() takes these for a mistake there */
        how.flags |= O_NOCTTY | O_NONBLOCK;
    if (root_fd == AT_FDCWD)
        fd = open(path, (int)how.flags);
    else /* again where something below root was renamed meanwhile: openat2(2) */
        for (unsigned tries = 0; tries < 64 && fd < 0 && (tries == 0 || errno == EAGAIN); tries++)
            fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}
