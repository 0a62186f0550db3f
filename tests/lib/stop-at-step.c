/* Preloaded into a program: it stops by SIGSTOP at its Nth step (STOP_AT=N), and writes its process
 * ID to the file STOP_FILE before. A step is what others can see: before and after it takes a lock,
 * and before it renames, links or removes a file, binds a socket, or writes to a setting below
 * /proc/sys/net. With STOP_CHILD=1 the steps of processes that it forks count, else its own. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static pid_t first;
static int counted, refused;

__attribute__((constructor)) static void remember(void)
{
    first = getpid();
}

static void step(void)
{
    const char *n = getenv("STOP_AT"), *file = getenv("STOP_FILE");
    char text[16];
    int fd, length;

    if (!n || !file || (getpid() != first) != (getenv("STOP_CHILD") != NULL) ||
        ++counted != atoi(n))
        return;
    fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (fd < 0 || write(fd, text, (size_t)length) != length)
        abort();
    (void)close(fd);
    (void)raise(SIGSTOP);
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))next("rename");

    step();
    return real(from, to);
}

int link(const char *from, const char *to)
{
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))next("link");

    step();
    return real(from, to);
}

int unlink(const char *path)
{
    int (*real)(const char *) = (int (*)(const char *))next("unlink");

    step();
    return real(path);
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))next("bind");

    if (address->sa_family == AF_UNIX)
        step();
    return real(fd, address, size);
}

/* Waiting is one step. */
int flock(int fd, int operation)
{
    int (*real)(int, int) = (int (*)(int, int))next("flock");
    int r;

    if (!refused)
        step();
    r = real(fd, operation);
    refused = r < 0;
    if (r == 0)
        step();
    return r;
}

static int is_setting(int fd)
{
    char of[64], path[256] = "";

    snprintf(of, sizeof(of), "/proc/self/fd/%d", fd);
    return readlink(of, path, sizeof(path) - 1) > 0 && strncmp(path, "/proc/sys/net/", 14) == 0;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))next("pwrite");

    if (is_setting(fd))
        step();
    return real(fd, bytes, n, at);
}
