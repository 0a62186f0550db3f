/* The side of the one who applies: starting a guardian, and what is said to it. */
#include "agent/change/confirm.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/change/confirm_private.h"
#include "agent/store/before.h"

/* The child of the child: nobody waits for it, no terminal is its own. */
_Noreturn static void become_guardian(const struct guardian_options *options)
{
    int null;

    if (fork() != 0)
        _exit(0);
    (void)setsid(); /* a child that was just forked leads no group */
    (void)!chdir("/");
    null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (null >= 0 && null != fd)
            (void)dup2(null, fd); /* the same descriptors as before would do no harm */
    if (options->parent > STDERR_FILENO + 1)
        /* What stays open is only not used. */
        (void)close_range(STDERR_FILENO + 1, (unsigned)options->parent - 1, 0);
    (void)close_range((unsigned)options->parent + 1, ~0U, 0); /* likewise */
    guardian_run(options);
    _exit(0);
}

static int await_ready(int fd, struct confirm *ret)
{
    struct confirm_packet packet;
    int r = confirm_receive_packet(fd, &packet);

    if (r < 0)
        return r;
    if (packet.word != WORD_READY)
        return -EPROTO;
    ret->exposed = packet.exposed;
    ret->failed = packet.failed;
    return packet.error;
}

int confirm_begin(const struct paths *paths, const struct engine *const *engines,
                  const struct confirm_terms *terms,
                  void (*ended)(const struct confirm_result *result, void *data), void *data,
                  struct confirm *ret)
{
    struct guardian_options options = {
        .paths = paths, .engines = engines, .terms = terms, .ended = ended, .data = data};
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
        (void)waitpid(pid, NULL, 0); /* it only forks; whether the guardian stands it says itself */
    if (r >= 0)
        r = await_ready(fds[0], ret);
    if (r < 0) {
        (void)close(fds[0]);
        return r;
    }
    ret->fd = fds[0];
    ret->engines = engines;
    return 0;
}

int confirm_announce(struct confirm *confirm, const struct change_announcement *what)
{
    struct confirm_packet packet = {.word = WORD_WRITE};
    int r = 0;

    if (!what->engine || !what->engine->remember)
        return 0;
    while (confirm->engines[packet.engine] && confirm->engines[packet.engine] != what->engine)
        packet.engine++;
    for (size_t i = 0; r >= 0 && i < what->n; i++) {
        size_t size = what->engine->record_size;

        memcpy(packet.record, (const char *)what->records + i * size, size);
        r = confirm_tell(confirm->fd, &packet);
    }
    return r;
}

int confirm_start_time(struct confirm *confirm)
{
    return confirm_send(confirm->fd, &(struct confirm_packet){.word = WORD_START});
}

int confirm_answer(struct confirm *confirm, bool keep)
{
    return confirm_send(confirm->fd,
                        &(struct confirm_packet){.word = keep ? WORD_KEEP : WORD_PUT_BACK});
}

void confirm_receive(struct confirm *confirm, struct confirm_result *ret)
{
    struct confirm_packet packet;
    int r = confirm_receive_packet(confirm->fd, &packet);

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
