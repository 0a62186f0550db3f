/* Both sides that talk to a guardian: the one who applies, and `confirm` from elsewhere. */
#include "agent/change/confirm.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/change/confirm_private.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/before.h"
#include "agent/store/lock.h"

static int send_word(int fd, const struct confirm_packet *packet)
{
    ssize_t n;

    do
        n = send(fd, packet, sizeof(*packet), MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* -EPIPE at the end. */
static int receive_word(int fd, struct confirm_packet *ret)
{
    ssize_t n;

    do
        n = recv(fd, ret, sizeof(*ret), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == sizeof(*ret) ? 0 : -EPIPE;
}

/* By a descriptor, since a path in sockaddr_un is short: of the directory, where bind(2) follows no
 * link, or of the socket itself, since connect(2) would. */
int confirm_socket(const struct paths *paths, bool listening)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int at, fd, r;

    at = listening ? open(paths->run, O_PATH | O_DIRECTORY | O_CLOEXEC)
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
        r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)close(at);
    if (r < 0 && fd >= 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

/* The child of the child: nobody waits for it, no terminal is its own. */
_Noreturn static void become_guardian(const struct guardian_options *options)
{
    int null;

    if (fork() != 0)
        _exit(0);
    (void)setsid();
    (void)!chdir("/");
    null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (null >= 0 && null != fd)
            (void)dup2(null, fd);
    if (options->parent > STDERR_FILENO + 1)
        (void)close_range(STDERR_FILENO + 1, (unsigned)options->parent - 1, 0);
    (void)close_range((unsigned)options->parent + 1, ~0U, 0);
    guardian_run(options);
    _exit(0);
}

static int await_ready(int fd)
{
    struct confirm_packet packet;
    int r = receive_word(fd, &packet);

    if (r < 0)
        return r;
    return packet.word == WORD_READY ? packet.error : -EPROTO;
}

int confirm_begin(const struct paths *paths, uint64_t timeout_usec,
                  void (*ended)(const struct confirm_result *result, void *data), void *data,
                  struct confirm *ret)
{
    struct guardian_options options = {
        .paths = paths, .timeout_usec = timeout_usec, .ended = ended, .data = data};
    int fds[2], r;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    options.parent = fds[1];
    pid = fork();
    if (pid == 0)
        become_guardian(&options);
    r = pid < 0 ? -errno : 0;
    (void)close(fds[1]);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    if (r >= 0)
        r = await_ready(fds[0]);
    if (r < 0) {
        (void)close(fds[0]);
        return r;
    }
    ret->fd = fds[0];
    return 0;
}

/* While the lock is held nobody else begins a trial, also where our guardian dies meanwhile. */
int confirm_check(const struct paths *paths, const struct confirm *own)
{
    struct pollfd guardian = {.fd = own ? own->fd : -1};
    int r;

    if (guardian.fd >= 0) {
        r = poll(&guardian, 1, 0);
        return r < 0 ? -errno : r > 0 ? -EOWNERDEAD : 0;
    }
    r = accepted_trial_lives(paths);
    return r > 0 ? -EINPROGRESS : r;
}

int confirm_announce(struct confirm *confirm, const struct before_record *records, size_t n)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < n; i++)
        r = send_word(confirm->fd,
                      &(struct confirm_packet){.word = WORD_WRITE, .record = records[i]});
    return r;
}

int confirm_start_time(struct confirm *confirm)
{
    return send_word(confirm->fd, &(struct confirm_packet){.word = WORD_START});
}

int confirm_answer(struct confirm *confirm, bool keep)
{
    return send_word(confirm->fd,
                     &(struct confirm_packet){.word = keep ? WORD_KEEP : WORD_PUT_BACK});
}

void confirm_receive(struct confirm *confirm, struct confirm_result *ret)
{
    struct confirm_packet packet;
    int r = receive_word(confirm->fd, &packet);

    if (r == 0 && packet.word == WORD_RESULT)
        *ret = packet.result;
    else if (r == 0 && packet.word == WORD_STATE)
        *ret = (struct confirm_result){.outcome = CONFIRM_WAITS, .error = packet.error};
    else
        *ret = (struct confirm_result){.outcome = CONFIRM_GONE};
}

void confirm_done(struct confirm *confirm)
{
    if (confirm->fd >= 0)
        (void)close(confirm->fd);
    confirm->fd = -1;
}

static int talk(const struct paths *paths, enum confirm_word word, struct confirm_packet *ret)
{
    struct timeval patience = {.tv_sec = 5};
    int fd = confirm_socket(paths, false), r;

    if (fd == -ECONNREFUSED)
        return -ENOENT;
    if (fd < 0)
        return fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    r = send_word(fd, &(struct confirm_packet){.word = word});
    if (r >= 0)
        r = receive_word(fd, ret);
    (void)close(fd);
    return r;
}

int confirm_keep(const struct paths *paths, int *ret_error)
{
    struct confirm_packet packet;
    int r = talk(paths, WORD_KEEP, &packet);

    if (r == -EPIPE || r == -ECONNRESET)
        return -ECANCELED;
    if (r < 0)
        return r;
    if (packet.word == WORD_STATE && packet.error < 0) {
        *ret_error = packet.error;
        return 1;
    }
    return packet.word == WORD_RESULT && packet.result.outcome == CONFIRM_KEPT ? 0 : -EAGAIN;
}

int confirm_pending(const struct paths *paths, uint64_t *ret_left_usec)
{
    struct confirm_packet packet;
    int r = talk(paths, WORD_ASK, &packet);

    if (r == -EPIPE || r == -ECONNRESET || r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0 && r != -EAGAIN)
        return r;
    *ret_left_usec = r < 0 ? 0 : packet.left; /* silent: it is putting everything back */
    return 1;
}
