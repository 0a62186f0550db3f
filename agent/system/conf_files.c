/* Finding and reading configuration files. Decides which files count and whether they may be
 * trusted; what their bytes mean is decided elsewhere. */
#include "agent/system/conf_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/base/file.h"
#include "policy/base/text.h"

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}
#define _cleanup_closedir_ _cleanup_(close_dir)

/* A *.conf name and the directory of highest precedence that has it. */
struct entry {
    char *name;
    const char *dir;
};

struct entries {
    struct entry *items;
    size_t count, capacity;
};

static void entries_done(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->items[i].name);
    free(entries->items);
}

static struct entry *entries_find(const struct entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++)
        if (streq(entries->items[i].name, name))
            return &entries->items[i];
    return NULL;
}

static bool is_conf_name(const char *name, unsigned flags)
{
    size_t n = strlen(name);

    if (name[0] == '.' && !(flags & CONF_FILES_HIDDEN))
        return false;
    return n >= strlen(".conf") && streq(name + n - strlen(".conf"), ".conf");
}

static int add_directory(struct entries *entries, int root_fd, const char *path, unsigned flags,
                         struct diags *diags)
{
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *de;
    int fd;

    fd = open_below(root_fd, path, O_DIRECTORY);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (fd >= 0) {
        dir = fdopendir(fd);
        if (!dir) {
            close(fd);
            return -ENOMEM;
        }
    } else {
        diags_add(diags, DIAG_ERROR, path, 0, "cannot read the directory: %s", strerror(-fd));
        return 0;
    }
    while (errno = 0, (de = readdir(dir))) {
        _cleanup_free_ char *name = NULL;

        if (!is_conf_name(de->d_name, flags) || entries_find(entries, de->d_name))
            continue;
        name = strdup(de->d_name);
        if (!name || grow((void **)&entries->items, &entries->capacity, entries->count,
                          sizeof(*entries->items)) < 0)
            return -ENOMEM;
        entries->items[entries->count++] = (struct entry){.name = TAKE_PTR(name), .dir = path};
    }
    if (errno != 0)
        diags_add(diags, DIAG_ERROR, path, 0, "cannot read the directory: %s", strerror(errno));
    return 0;
}

/* Says why the file must not be used, or NULL. */
static const char *refuse(const struct stat *st, unsigned flags)
{
    if (S_ISDIR(st->st_mode))
        return "is a directory";
    if (!S_ISREG(st->st_mode))
        return "is not a regular file";
    if ((size_t)st->st_size > CONF_FILE_SIZE_MAX)
        return "is larger than 16 MiB";
    if (!(flags & CONF_FILES_TRUSTED))
        return NULL;
    if (st->st_uid != 0)
        return "does not belong to root: run chown root on it";
    if (st->st_mode & S_IWOTH)
        return "may be written by everyone: run chmod o-w on it";
    if (st->st_mode & S_IWGRP) /* the group root, too, can have members */
        return "may be written by a group: run chmod g-w on it";
    return NULL;
}

static bool is_null_device(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* The text of the link decides first: below another root there may be no /dev/null. */
static bool links_to_null(int root_fd, const char *path)
{
    _cleanup_free_ char *dir = strdup(path);
    _cleanup_close_ int fd = -1;
    const char *slash = strrchr(path, '/');
    char target[sizeof("/dev/null") + 1];
    ssize_t n;

    if (!dir || !slash)
        return false;
    dir[slash == path ? 1 : slash - path] = '\0';
    fd = open_below(root_fd, dir, O_DIRECTORY);
    if (fd < 0)
        return false;
    n = readlinkat(fd, slash + 1, target, sizeof(target));
    return n == strlen("/dev/null") && memcmp(target, "/dev/null", (size_t)n) == 0;
}

/* Read one file. What is wrong with it goes to diags and is no failure of this function, except
 * -ENOENT, which the caller words. */
static int read_file(int root_fd, const char *path, unsigned flags, struct diags *diags,
                     struct conf_files *ret)
{
    _cleanup_free_ char *shown = NULL;
    _cleanup_text_ struct text text = {0};
    _cleanup_close_ int fd = -1;
    const char *problem;
    struct stat st;
    int r;

    fd = open_below(root_fd, path, 0);
    if (fd == -ENOENT)
        return -ENOENT;
    if (fd < 0 || fstat(fd, &st) < 0) {
        diags_add(diags, DIAG_ERROR, path, 0, "cannot open: %s", strerror(fd < 0 ? -fd : errno));
        return 0;
    }
    if (is_null_device(&st))
        return 0;
    problem = refuse(&st, flags);
    if (problem) {
        diags_add(diags, DIAG_ERROR, path, 0, "%s", problem);
        return 0;
    }
    r = file_load_fd(fd, CONF_FILE_SIZE_MAX, &text);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        diags_add(diags, DIAG_ERROR, path, 0, "cannot read: %s", strerror(-r));
        return 0;
    }
    shown = strdup(path);
    if (!shown || grow((void **)&ret->files, &ret->capacity, ret->count, sizeof(*ret->files)) < 0)
        return -ENOMEM;
    ret->files[ret->count++] =
        (struct conf_file){.path = TAKE_PTR(shown), .bytes = TAKE_PTR(text.bytes), .n = text.n};
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int read_entry(int root_fd, const struct entry *entry, unsigned flags, struct diags *diags,
                      struct conf_files *ret)
{
    _cleanup_free_ char *path = NULL;
    int r;

    path = text_format("%s/%s", entry->dir, entry->name);
    if (!path)
        return -ENOMEM;
    if (links_to_null(root_fd, path))
        return 0;
    r = read_file(root_fd, path, flags, diags, ret);
    if (r != -ENOENT)
        return r;
    diags_add(diags, DIAG_ERROR, path, 0, "is a link to nothing (or was removed just now)");
    return 0;
}

int conf_files_read(const char *root, const char *const *dirs, unsigned flags, struct diags *diags,
                    struct conf_files *ret)
{
    _cleanup_close_ int root_fd = root_open(root);
    _cleanup_(entries_done) struct entries entries = {0};
    int r;

    if (root_fd < 0 && root_fd != AT_FDCWD) {
        diags_add(diags, DIAG_ERROR, root, 0, "cannot open the root directory: %s",
                  strerror(-root_fd));
        return 0;
    }
    for (; *dirs; dirs++) {
        r = add_directory(&entries, root_fd, *dirs, flags, diags);
        if (r < 0)
            return r;
    }
    if (entries.count > 0)
        qsort(entries.items, entries.count, sizeof(*entries.items), by_name);
    for (size_t i = 0; i < entries.count; i++) {
        r = read_entry(root_fd, &entries.items[i], flags, diags, ret);
        if (r < 0)
            return r;
    }
    return 0;
}

int conf_file_read(const char *root, const char *path, unsigned flags, struct diags *diags,
                   struct conf_files *ret)
{
    _cleanup_close_ int root_fd = root_open(root);

    if (root_fd < 0 && root_fd != AT_FDCWD)
        return root_fd;
    return read_file(root_fd, path, flags, diags, ret);
}

void conf_files_done(struct conf_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        free(files->files[i].bytes);
    }
    free(files->files);
    *files = (struct conf_files){0};
}
