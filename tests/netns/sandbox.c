/* Private namespaces for tests, and the few things that all of them do in there. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Skip, or fail where skipping would hide that the test never runs. */
static void give_up(const char *what)
{
    const char *ci = getenv("CI");

    printf("%s: %s: %s\n", ci && strcmp(ci, "true") == 0 ? "failed" : "skipped", what,
           strerror(errno));
    exit(ci && strcmp(ci, "true") == 0 ? 1 : 77);
}

void sandbox_enter(struct sandbox *ret)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
        give_up("no private namespaces");
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        give_up("mount");
    snprintf(ret->directory, sizeof(ret->directory), "/tmp/rpfpolicy-test-XXXXXX");
    /* Below a /tmp of our own, which goes with the namespace. */
    if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777") < 0 || !mkdtemp(ret->directory))
        give_up("temporary directory");
    chmod(ret->directory, 0755);
    run("ip link set lo up");
}

void run(const char *format, ...)
{
    char command[1024];
    va_list ap;
    int n, status;

    va_start(ap, format);
    n = vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(command))
        abort();
    status = system(command);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        printf("failed: %s\n", command);
        exit(1);
    }
}

int index_of(const char *name)
{
    unsigned ifindex = if_nametoindex(name);

    if (ifindex == 0) {
        printf("no device %s\n", name);
        exit(1);
    }
    return (int)ifindex;
}

int file_read(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, buf, size - 1);
    close(fd);
    if (n < 0)
        return -errno;
    buf[n] = '\0';
    return 0;
}

static void conf_path(const char *name, const char *key, char *buf, size_t size)
{
    if (snprintf(buf, size, "/proc/sys/net/ipv4/conf/%s/%s", name, key) >= (int)size)
        abort();
}

void conf_write(const char *name, const char *key, int value)
{
    char path[256];
    FILE *f;

    conf_path(name, key, path, sizeof(path));
    f = fopen(path, "we");
    if (!f || fprintf(f, "%d\n", value) < 0 || fclose(f) != 0) {
        printf("cannot write %s: %s\n", path, strerror(errno));
        exit(1);
    }
}

int conf_read(const char *name, const char *key)
{
    char path[256], text[32];
    int r;

    conf_path(name, key, path, sizeof(path));
    r = file_read(path, text, sizeof(text));
    if (r < 0) {
        printf("cannot read %s: %s\n", path, strerror(-r));
        exit(1);
    }
    return atoi(text);
}
