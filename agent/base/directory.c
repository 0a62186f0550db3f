/* Looking for files by a glob. Reads no contents. */
#include "agent/base/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>

#include "agent/base/file.h"
#include "policy/base/text.h"
#include "policy/base/util.h"

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
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
    _cleanup_close_ int top = root_open(root), fd = open_below(top, path, O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir)
        fd = -1;
    return dir;
}

static int find(const char *root, const char *pattern, int flags, struct names *ret)
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
            fnmatch(slash + 1, entry->d_name, FNM_PERIOD | flags) != 0)
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

int names_find(const char *root, const char *pattern, struct names *ret)
{
    return find(root, pattern, 0, ret);
}

int names_find_any_case(const char *root, const char *pattern, struct names *ret)
{
    return find(root, pattern, FNM_CASEFOLD, ret);
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
