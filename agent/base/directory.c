/* Looking for files by a glob, and replacing one atomically. Reads no contents. */
#include "agent/base/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/base/text.h"
#include "policy/base/util.h"

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes the path. */
static int append(struct names *names, char *path)
{
    _cleanup_free_ char *owned = path;
    int r = grow((void **)&names->items, &names->capacity, names->count, sizeof(*names->items));

    if (r >= 0)
        names->items[names->count++] = TAKE_PTR(owned);
    return r;
}

static DIR *open_directory(const char *root, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT};
    _cleanup_(close_fd) int top = -1, fd = -1;
    DIR *dir;

    if (!*root)
        return opendir(path);
    top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return NULL;
    fd = (int)syscall(SYS_openat2, top, path, &how, sizeof(how));
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir)
        fd = -1;
    return dir;
}

int names_find(const char *root, const char *pattern, struct names *ret)
{
    const char *slash = strrchr(pattern, '/');
    _cleanup_free_ char *path = NULL;
    _cleanup_(close_dir) DIR *dir = NULL;
    size_t first = ret->count;
    struct dirent *entry;

    if (!slash)
        return 0;
    path = strndup(pattern, (size_t)(slash - pattern) + 1);
    if (!path)
        return -ENOMEM;
    dir = open_directory(root, path);
    if (!dir)
        return 0;
    while ((entry = readdir(dir)) && ret->count - first < NAMES_MAX) {
        char *found;
        int r;

        if (streq(entry->d_name, ".") || streq(entry->d_name, "..") ||
            fnmatch(slash + 1, entry->d_name, FNM_PERIOD) != 0)
            continue;
        if (asprintf(&found, "%.*s/%s", (int)(slash - pattern), pattern, entry->d_name) < 0)
            return -ENOMEM;
        r = append(ret, found);
        if (r < 0)
            return r;
    }
    if (ret->count > first)
        qsort(ret->items + first, ret->count - first, sizeof(*ret->items), by_bytes);
    return 0;
}

bool names_may_have(const struct names *names, const char *path)
{
    return names->count >= NAMES_MAX ||
           (names->count > 0 &&
            bsearch(&path, names->items, names->count, sizeof(*names->items), by_bytes));
}

void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
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

static int write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

static int write_temporary(char *temporary, const char *bytes, size_t n)
{
    int fd, r;

    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = write_all(fd, bytes, n);
    if (r >= 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
        r = -errno;
    if (close(fd) < 0)
        gather(&r, -errno);
    if (r < 0)
        unlink(temporary);
    return r;
}

/* Is the directory the one that `path` leads to below root? An absolute link in a tree below --root
 * would have the file written into the running system. */
static int stays_below(const char *root, const char *path, int directory)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    _cleanup_(close_fd) int top = -1, found = -1;
    struct stat here, there;

    if (!*root)
        return 0;
    top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return -errno;
    found = (int)syscall(SYS_openat2, top, path, &how, sizeof(how));
    if (found < 0)
        return -errno;
    if (fstat(directory, &here) < 0 || fstat(found, &there) < 0)
        return -errno;
    return here.st_dev == there.st_dev && here.st_ino == there.st_ino ? 0 : -ELOOP;
}

int file_replace(const char *root, const char *path, const char *bytes, size_t n)
{
    _cleanup_free_ char *full = NULL, *temporary = NULL;
    _cleanup_(close_fd) int directory = -1;
    char *slash;
    int r;

    full = text_format("%s%s", root, path);
    if (!full)
        return -ENOMEM;
    temporary = text_format("%s.XXXXXX", full);
    if (!temporary)
        return -ENOMEM;
    slash = strrchr(full, '/');
    *slash = '\0';
    r = make_directory(full);
    if (r < 0)
        return r;
    directory = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    r = stays_below(root, full + strlen(root), directory);
    if (r < 0)
        return r;
    *slash = '/';
    r = write_temporary(temporary, bytes, n);
    if (r < 0)
        return r;
    if (rename(temporary, full) < 0) {
        r = -errno;
        unlink(temporary);
        return r;
    }
    return fsync(directory) < 0 ? -errno : 0;
}
