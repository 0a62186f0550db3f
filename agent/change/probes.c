/* Connections that are opened only to see whether they come about. */
#include "agent/change/probes.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/clock.h"

/* A descriptor that becomes writable when it is decided; -1: it failed. */
static int begin(const struct probe *probe)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr = probe->address, .sin_port = htons(probe->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 &&
        errno != EINPROGRESS) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool succeeded(int fd)
{
    socklen_t size = sizeof(int);
    int error = 0;

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static void wait_for_all(struct pollfd *fds, size_t n, uint32_t *failed)
{
    uint64_t end = clock_usec(CLOCK_BOOTTIME) + PROBES_LIMIT_MS * 1000, now;
    size_t open = n;

    while (open > 0 && (now = clock_usec(CLOCK_BOOTTIME)) < end) {
        if (poll(fds, n, (int)((end - now) / 1000) + 1) < 0 && errno != EINTR)
            break;
        open = 0;
        for (size_t i = 0; i < n; i++) {
            if (fds[i].fd < 0)
                continue;
            if (!fds[i].revents) {
                open++;
                continue;
            }
            if (succeeded(fds[i].fd))
                *failed &= ~(UINT32_C(1) << i);
            (void)close(fds[i].fd);
            fds[i].fd = -1;
        }
    }
}

uint32_t probes_ask(const struct probe *probes, size_t n)
{
    struct pollfd fds[PROBES_MAX];
    uint32_t failed = 0;

    for (size_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){.fd = begin(&probes[i]), .events = POLLOUT};
        failed |= UINT32_C(1) << i;
    }
    wait_for_all(fds, n, &failed);
    for (size_t i = 0; i < n; i++)
        if (fds[i].fd >= 0)
            (void)close(fds[i].fd);
    return failed;
}
