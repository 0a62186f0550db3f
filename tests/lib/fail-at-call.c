/* Preloaded into a program: its Nth call (FAIL_AT=N) of those that can fail with the error
 * FAIL_WITH fails with that, with FAIL_FOR_EVER=1 all from there on, as on a full disk; then the
 * file FAIL_FILE is there. With FAIL_CHILD=1 the calls of processes that it forks count, else its
 * own. What is printed, and what goes to sockets, does not count.
 *
 * ENOSPC, EROFS, EIO: files are made, written, synced, named. EMFILE: descriptors. ENOMEM: memory,
 * sockets, processes; but not the memory of libseccomp, which does not survive that. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum kind { CHANGE = 1, REMOVAL = 2, DESCRIPTOR = 4, MEMORY = 8, PROCESS = 16 };

static const struct {
    const char *name;
    int error;
    unsigned kinds;
} errors[] = {
    {"ENOSPC", ENOSPC, CHANGE},           {"EROFS", EROFS, CHANGE | REMOVAL},
    {"EIO", EIO, CHANGE | REMOVAL},       {"EMFILE", EMFILE, DESCRIPTOR},
    {"ENOMEM", ENOMEM, MEMORY | PROCESS},
};

static pid_t first;
static bool of_child, for_ever;
static long at, counted;
static int error;
static unsigned kinds;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t n);

__attribute__((constructor)) static void begin(void)
{
    const char *with = getenv("FAIL_WITH"), *n = getenv("FAIL_AT");

    for (size_t i = 0; with && n && i < sizeof(errors) / sizeof(*errors); i++)
        if (strcmp(with, errors[i].name) == 0) {
            error = errors[i].error;
            kinds = errors[i].kinds;
            at = atol(n);
        }
    of_child = getenv("FAIL_CHILD") != NULL;
    for_ever = getenv("FAIL_FOR_EVER") != NULL;
    first = getpid();
}

static bool fails(unsigned kind)
{
    const char *file;

    if (!(kinds & kind) || (getpid() != first) != of_child || ++counted < at ||
        (counted > at && !for_ever))
        return false;
    file = counted == at ? getenv("FAIL_FILE") : NULL;
    if (file)
        (void)syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, file, O_CREAT | O_WRONLY, 0600));
    errno = error;
    return true;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int open_at(int directory, const char *path, int flags, mode_t mode)
{
    unsigned kind = DESCRIPTOR | (flags & (O_CREAT | O_WRONLY | O_RDWR) ? CHANGE : 0);

    return fails(kind) ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_at(directory, path, flags, mode);
}

int mkostemp(char *path, int flags)
{
    return fails(CHANGE | DESCRIPTOR) ? -1 : NEXT(mkostemp)(path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(CHANGE) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int rename(const char *from, const char *to)
{
    return fails(CHANGE) ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int link(const char *from, const char *to)
{
    return fails(CHANGE) ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
    return fails(REMOVAL) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int fsync(int fd)
{
    return fails(CHANGE) ? -1 : (int)syscall(SYS_fsync, fd);
}

static bool is_told(int fd)
{
    struct stat st;

    return fd <= STDERR_FILENO || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    return !is_told(fd) && fails(CHANGE) ? -1 : syscall(SYS_write, fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return !is_told(fd) && fails(CHANGE) ? -1 : syscall(SYS_pwrite64, fd, bytes, n, offset);
}

int socket(int domain, int type, int protocol)
{
    return fails(DESCRIPTOR | PROCESS) ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    return fails(DESCRIPTOR | PROCESS) ? -1
                                       : (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    return fails(DESCRIPTOR | PROCESS) ? -1 : (int)syscall(SYS_accept4, fd, address, size, flags);
}

int timerfd_create(clockid_t clock, int flags)
{
    return fails(DESCRIPTOR | PROCESS) ? -1 : (int)syscall(SYS_timerfd_create, clock, flags);
}

pid_t fork(void)
{
    return fails(PROCESS) ? -1 : NEXT(fork)();
}

static bool memory_fails(const void *caller)
{
    Dl_info info;

    if (kinds & MEMORY && dladdr(caller, &info) && strstr(info.dli_fname, "/libseccomp"))
        return false;
    return fails(MEMORY);
}

void *malloc(size_t n)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t n)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, n);
}
