/* Talking to a guardian: the packets, its socket, and what is asked from elsewhere. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/change/confirm_private.h"
#include "agent/store/accepted_hold.h"

#define PATIENCE_S 5
#define KEEP_PATIENCE_S 15 /* probes may be asked, and the lock waited for */

int confirm_send(int fd, const struct confirm_packet *packet)
{
    ssize_t n;

    do
        n = send(fd, packet, sizeof(*packet), MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* -EPIPE at the end. */
int confirm_receive_packet(int fd, struct confirm_packet *ret)
{
    ssize_t n;

    do
        n = recv(fd, ret, sizeof(*ret), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == sizeof(*ret) ? 0 : -EPIPE;
}

/* Below --root, where the directory may be somebody else's, others could listen there, too. */
static bool is_trusted(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

bool confirm_is_trusted(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && is_trusted(peer.uid);
}

void confirm_limit(int fd, unsigned seconds)
{
    struct timeval patience = {.tv_sec = seconds};

    /* Cannot fail for a socket and a valid time. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); /* likewise */
}

/* connect(2) waits where somebody listens and does not accept. */
static int connect_trusted(int at, int fd, const struct sockaddr_un *address)
{
    struct stat st;

    if (fstat(at, &st) < 0)
        return -errno;
    if (!S_ISSOCK(st.st_mode) || !is_trusted(st.st_uid))
        return -EKEYREJECTED;
    confirm_limit(fd, PATIENCE_S);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        return -errno;
    return confirm_is_trusted(fd) ? 0 : -EKEYREJECTED;
}

/* By a descriptor, since a path in sockaddr_un is short: of the directory, where bind(2) follows no
 * link, or of the socket itself, since connect(2) would. */
int confirm_socket(const struct paths *paths, bool listening)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int at, fd, r;

    at = listening ? open(paths->orders, O_PATH | O_DIRECTORY | O_CLOEXEC)
                   : open(paths->confirm, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0)
        return -errno;
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d%s", at,
             listening ? "/confirm" : "");
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        r = -errno;
    else if (listening)
        r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0 ? -errno
                                                                                            : 0;
    else
        r = connect_trusted(at, fd, &address);
    (void)close(at);
    if (r < 0 && fd >= 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

int confirm_tell(int fd, const struct confirm_packet *packet)
{
    struct pollfd guardian = {.fd = fd};
    int r = confirm_send(fd, packet);

    if (r != -EPIPE && r != -ECONNRESET)
        return r;
    return poll(&guardian, 1, 0) > 0 ? -EOWNERDEAD : -ECANCELED;
}

/* While the lock is held nobody else begins a trial, also where our guardian dies meanwhile. */
int confirm_check(const struct paths *paths, const struct confirm *own)
{
    int r;

    if (own && own->fd >= 0)
        return confirm_tell(own->fd, &(struct confirm_packet){.word = WORD_PROBE});
    r = accepted_trial_lives(paths);
    return r > 0 ? -EINPROGRESS : r;
}

/* Nobody listens any more: it is decided. */
static int is_over(const struct paths *paths, int r)
{
    if (r != -ECONNREFUSED && r != -EPIPE && r != -ECONNRESET)
        return r;
    return accepted_trial_lives(paths) > 0 ? -ECANCELED : -ENOENT;
}

static int talk(const struct paths *paths, enum confirm_word word, struct confirm_packet *ret)
{
    int fd = confirm_socket(paths, false), r;

    if (fd < 0)
        return is_over(paths, fd);
    r = confirm_send(fd, &(struct confirm_packet){.word = word});
    if (r >= 0 && word == WORD_KEEP)
        confirm_limit(fd, KEEP_PATIENCE_S);
    if (r >= 0) {
        r = confirm_receive_packet(fd, ret);
        r = r == -EAGAIN ? -ETIMEDOUT : r;
    }
    (void)close(fd);
    return is_over(paths, r);
}

int confirm_keep(const struct paths *paths, int *ret_error)
{
    struct confirm_packet packet;
    int r = talk(paths, WORD_KEEP, &packet);

    if (r < 0)
        return r;
    if (packet.word == WORD_STATE && packet.error < 0) {
        *ret_error = packet.error;
        return 1;
    }
    if (packet.word != WORD_RESULT || packet.result.outcome != CONFIRM_KEPT)
        return -EAGAIN;
    *ret_error = packet.result.error;
    return 0;
}

int confirm_pending(const struct paths *paths, uint64_t *ret_left_usec)
{
    struct confirm_packet packet;
    int r = talk(paths, WORD_ASK, &packet);

    if (r == -ECANCELED)
        return 2;
    if (r == -ENOENT || r == -ENOTDIR || r == -EKEYREJECTED)
        return 0;
    if (r < 0)
        return r;
    *ret_left_usec = packet.left;
    return 1;
}
