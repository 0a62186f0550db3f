/* The process that starts guardians, and what is said to it: one packet a request, one an answer,
 * with the guardian's socket. */
#include "agent/daemon/trials.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    uint64_t hash; /* comes back with the answer */
    uint64_t timeout_usec;
    bool keeps;
    size_t n_probes;
    struct probe probes[PROBES_MAX];
};

struct answer {
    uint64_t hash;
    int error, exposed;
    uint32_t failed;
};

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static int begin(const struct path_options *options, const struct engine *const *engines,
                 const struct request *request, struct confirm *ret)
{
    const struct confirm_terms terms = {.timeout_usec = request->timeout_usec,
                                        .keeps = request->keeps,
                                        .alone = true,
                                        .probes = request->probes,
                                        .n_probes = request->n_probes};
    _cleanup_paths_ struct paths paths = {0};
    int r = request->n_probes > PROBES_MAX ? -EINVAL : paths_init(options, &paths);

    return r < 0 ? r : confirm_begin(&paths, engines, &terms, NULL, NULL, ret);
}

static void put_descriptor(struct msghdr *message, union control *control, int fd)
{
    struct cmsghdr *head;

    message->msg_control = control->bytes;
    message->msg_controllen = sizeof(control->bytes);
    head = CMSG_FIRSTHDR(message);
    *head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
}

static void answer(int fd, uint64_t hash, int error, const struct confirm *confirm)
{
    struct answer answer = {
        .hash = hash, .error = error, .exposed = confirm->exposed, .failed = confirm->failed};
    struct iovec bytes = {&answer, sizeof(answer)};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    union control control = {{0}};

    if (error >= 0)
        put_descriptor(&message, &control, confirm->fd);
    /* The agent may be gone: then the guardian sees the end of it, and puts everything back. */
    (void)sendmsg(fd, &message, MSG_NOSIGNAL);
}

_Noreturn static void serve(int fd, const struct path_options *options,
                            const struct engine *const *engines)
{
    struct request request;

    (void)signal(SIGCHLD, SIG_DFL); /* a valid signal */
    while (recv(fd, &request, sizeof(request), 0) == sizeof(request)) {
        struct confirm confirm = CONFIRM_INIT;
        int r = begin(options, engines, &request, &confirm);

        answer(fd, request.hash, r, &confirm);
        confirm_done(&confirm);
    }
    _exit(0);
}

int trials_start(const struct path_options *options, const struct engine *const *engines,
                 struct trials *ret)
{
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    /* Nobody waits for it, nor for guardians where this is the first process of a container. */
    (void)signal(SIGCHLD, SIG_IGN); /* a valid signal */
    pid = fork();
    if (pid == 0) {
        (void)close(fds[0]);
        serve(fds[1], options, engines);
    }
    (void)close(fds[1]);
    if (pid < 0) {
        int r = -errno;

        (void)close(fds[0]);
        return r;
    }
    *ret = (struct trials){.fd = fds[0], .engines = engines};
    return 0;
}

int trials_ask(const struct trials *trials, const struct policy *policy)
{
    struct request request = {.hash = policy->hash,
                              .timeout_usec = policy->agent.trial_usec,
                              .keeps = policy->agent.trial_keeps,
                              .n_probes = policy->agent.n_probes};

    memcpy(request.probes, policy->agent.probes, sizeof(request.probes));
    if (trials->fd < 0)
        return -EPIPE;
    return send(trials->fd, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno
                                                                                        : 0;
}

/* -1: none came. */
static int take_descriptor(struct msghdr *message)
{
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    return fd;
}

int trials_take(const struct trials *trials, uint64_t hash, struct confirm *ret)
{
    struct answer answer;
    union control control;
    struct iovec bytes = {&answer, sizeof(answer)};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(trials->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    int fd = n == sizeof(answer) ? take_descriptor(&message) : -1;

    if (n != sizeof(answer))
        return n < 0 ? -errno : -EPIPE;
    if (answer.hash != hash) {
        if (fd >= 0)
            (void)close(fd); /* its guardian sees the end, and has nothing to put back */
        return -EAGAIN;
    }
    if (answer.error < 0 || fd < 0)
        return answer.error < 0 ? answer.error : -EPROTO;
    *ret = (struct confirm){
        .fd = fd, .engines = trials->engines, .exposed = answer.exposed, .failed = answer.failed};
    return 0;
}
