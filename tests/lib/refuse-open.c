/* Preloaded into a program: while the file that REFUSE_SYNC names exists, no directory is safely on
 * the disk, as where that fails (EIO); and while the file that REFUSE_OPEN names exists, the path
 * that is its first line cannot be opened, as when the system is out of file descriptors. Each time
 * a line is added to it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

typedef int open_function(const char *path, int flags, ...);

static int open_or_refuse(const char *path, int flags, mode_t mode)
{
    open_function *next = (open_function *)dlsym(RTLD_NEXT, "open");
    const char *refuse = getenv("REFUSE_OPEN");
    int fd = refuse ? next(refuse, O_RDWR | O_APPEND | O_CLOEXEC) : -1;
    char refused[PATH_MAX] = "";
    bool refuses;

    if (fd < 0)
        return next(path, flags, mode);
    if (read(fd, refused, sizeof(refused) - 1) < 0)
        refused[0] = '\0';
    refused[strcspn(refused, "\n")] = '\0';
    refuses = strcmp(path, refused) == 0 && write(fd, "refused\n", 8) == 8;
    close(fd);
    if (!refuses)
        return next(path, flags, mode);
    errno = ENFILE;
    return -1;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_or_refuse(path, flags, mode);
}

int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    const char *refuse = getenv("REFUSE_SYNC");
    struct stat st;

    if (!refuse || access(refuse, F_OK) < 0 || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
        return next(fd);
    errno = EIO;
    return -1;
}
