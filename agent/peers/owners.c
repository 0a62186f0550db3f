/* One walk over /proc/PID/fd for all sockets that are asked for. */
#include "agent/peers/owners.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 1000000
#define DELETED " (deleted)" /* replaced by an upgrade, say */

/* Peers with a socket, by inode. */
struct wanted {
    struct peer **items;
    size_t count, found;
};

static int by_inode(const void *a, const void *b)
{
    const struct peer *x = *(struct peer *const *)a, *y = *(struct peer *const *)b;

    return (x->inode > y->inode) - (x->inode < y->inode);
}

static struct peer **first_with(const struct wanted *wanted, uint32_t inode)
{
    const struct peer key = {.inode = inode}, *p = &key;
    struct peer **found =
        bsearch(&p, wanted->items, wanted->count, sizeof(*wanted->items), by_inode);

    while (found && found > wanted->items && found[-1]->inode == inode)
        found--;
    return found;
}

static void read_comm(int process, char ret[static 16])
{
    ssize_t n = -1;
    int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        n = read(fd, ret, 15);
        (void)close(fd);
    }
    while (n > 0 && ret[n - 1] == '\n')
        n--;
    ret[n > 0 ? n : 0] = '\0';
}

/* Anybody may call a process what he likes, and have a file of any name. */
static void read_program(int process, char ret[static 16])
{
    char path[PATH_MAX];
    const char *name;
    struct stat st;
    ssize_t n;

    ret[0] = '\0';
    if (fstatat(process, "exe", &st, 0) < 0 || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return;
    n = readlinkat(process, "exe", path, sizeof(path) - 1);
    if (n <= 0)
        return;
    path[n] = '\0';
    if (st.st_nlink == 0 && n > (ssize_t)strlen(DELETED) &&
        streq(path + n - strlen(DELETED), DELETED))
        path[n - (ssize_t)strlen(DELETED)] = '\0';
    name = strrchr(path, '/');
    name = name ? name + 1 : path;
    memcpy(ret, name, strnlen(name, 15));
    ret[strnlen(name, 15)] = '\0';
}

static void take(struct wanted *wanted, uint32_t inode, int process, int pid)
{
    struct peer **peer = first_with(wanted, inode);

    for (; peer && peer < wanted->items + wanted->count && (*peer)->inode == inode; peer++) {
        if ((*peer)->pid != 0)
            continue;
        (*peer)->pid = pid;
        read_comm(process, (*peer)->process);
        read_program(process, (*peer)->program);
        wanted->found++;
    }
}

/* Returns the number of descriptors looked at. */
static unsigned look_at_process(int process, int pid, struct wanted *wanted)
{
    int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    unsigned n = 0;

    if (!directory) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    while ((entry = readdir(directory))) {
        char link[64];
        unsigned inode;
        ssize_t length = readlinkat(fd, entry->d_name, link, sizeof(link) - 1);

        n++;
        if (length < 0)
            continue;
        link[length] = '\0';
        if (sscanf(link, "socket:[%u]", &inode) == 1)
            take(wanted, inode, process, pid);
    }
    (void)closedir(directory);
    return n;
}

static void walk(struct wanted *wanted)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    unsigned looked_at = 0;

    if (!proc)
        return;
    while (looked_at < DESCRIPTORS_MAX && wanted->found < wanted->count &&
           (entry = readdir(proc))) {
        int pid = atoi(entry->d_name), process;

        if (pid <= 0)
            continue;
        process = openat(dirfd(proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (process < 0)
            continue;
        looked_at += look_at_process(process, pid, wanted);
        (void)close(process);
    }
    (void)closedir(proc);
}

void owners_find(struct peers *peers)
{
    struct wanted wanted = {.items = calloc(peers->count + 1, sizeof(*wanted.items))};

    if (!wanted.items)
        return;
    for (size_t i = 0; i < peers->count; i++)
        if (peers->items[i].inode != 0 && peers->items[i].pid == 0)
            wanted.items[wanted.count++] = &peers->items[i];
    qsort(wanted.items, wanted.count, sizeof(*wanted.items), by_inode);
    if (wanted.count > 0)
        walk(&wanted);
    free(wanted.items);
}
