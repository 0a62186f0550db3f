/* System calls in the place of libc's: each lets the test decide who is next, and keeps book of
 * what is on the disk. */
#include "trial_steps.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "policy/base/util.h"

#define STACK_SIZE ((size_t)1 << 19)

struct world *world;
static ucontext_t scheduler;

uint64_t hash_mix(uint64_t hash, uint64_t value)
{
    hash ^= value + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
    hash *= 0xff51afd7ed558ccd;
    return hash ^ hash >> 32;
}

static struct actor *who(void)
{
    return world ? world->current : NULL;
}

static uint64_t id_of(int file)
{
    return file > 0 ? world->disk.files[file].id : (uint64_t)file;
}

uint64_t world_hash(void)
{
    const struct disk *disk = &world->disk;
    uint64_t hash = (uint64_t)world->lock * 4 + world->timer_runs * 2U + world->time_is_up;

    for (int i = 0; i < ENTRY_COUNT; i++) {
        hash = hash_mix(hash, id_of(disk->now[i]));
        hash = hash_mix(hash, disk->now[i] ? (uint64_t)disk->files[disk->now[i]].holder : 0);
    }
    for (int i = 0; i < ENTRY_DURABLE; i++)
        hash = hash_mix(hash, id_of(disk->durable[i]));
    for (unsigned i = 0; i < disk->n_pending; i++)
        for (int j = 0; j < ENTRY_DURABLE; j++)
            hash = hash_mix(hash, id_of(disk->pending[i].entries[j]));
    for (int i = 0; i < world->n_actors; i++) {
        const struct actor *actor = &world->actors[i];

        hash = hash_mix(hash, actor->seen);
        hash = hash_mix(hash, actor->killed * 2U + actor->done);
    }
    return hash;
}

/* The call is made when it is the actor's turn. False: it was killed instead. */
static bool step(const char *call)
{
    struct actor *actor = who();

    if (!actor)
        return true;
    if (!actor->killed) {
        actor->call = call;
        (void)swapcontext(&actor->context, &scheduler);
    }
    if (actor->killed)
        errno = EIO;
    return !actor->killed;
}

static bool step_when(const char *call, enum wait wait)
{
    bool r;

    who()->wait = wait;
    r = step(call);
    who()->wait = WAIT_NOT;
    return r;
}

static long saw(long result)
{
    struct actor *actor = who();

    if (actor && !actor->killed)
        actor->seen = hash_mix(actor->seen, (uint64_t)(result < 0 ? -errno : result));
    return result;
}

/* Not the number of the file, which differs from order to order. */
static long saw_entry(long result, enum entry entry)
{
    struct actor *actor = who();

    if (actor && result >= 0 && entry != ENTRY_NONE)
        actor->seen = hash_mix(actor->seen, id_of(world->disk.now[entry]));
    (void)saw(result < 0 ? result : 0);
    return result;
}

static enum entry entry_of(const char *path)
{
    const struct paths *paths = &world->paths;
    const char *const names[ENTRY_COUNT] = {paths->accepted, paths->accepted_before,
                                            paths->failed_trial, paths->accepted_trial,
                                            paths->confirm};

    for (int i = 0; i < ENTRY_COUNT; i++)
        if (streq(path, names[i]))
            return (enum entry)i;
    return ENTRY_NONE;
}

static void note_change(struct pending change)
{
    struct disk *disk = &world->disk;

    for (int i = 0; i < ENTRY_DURABLE; i++)
        if (change.entries[i] >= 0)
            disk->now[i] = change.entries[i];
    if (disk->n_pending == PENDING_MAX)
        abort();
    disk->pending[disk->n_pending++] = change;
}

static void note_entry(enum entry entry, int file)
{
    struct pending change = {{-1, -1, -1}};

    if (entry >= ENTRY_DURABLE) {
        world->disk.now[entry] = file;
        return;
    }
    change.entries[entry] = file;
    note_change(change);
}

static int new_file(uint64_t id)
{
    struct disk *disk = &world->disk;

    if (++disk->n_files == FILES_MAX)
        abort();
    disk->files[disk->n_files] = (struct content){.id = id, .holder = -1};
    return (int)disk->n_files;
}

static int new_file_of(struct actor *actor)
{
    return new_file(hash_mix(hash_mix(0, (uint64_t)actor->number + 1), ++actor->n_made));
}

void world_put(enum entry entry, const char *bytes, size_t n, uint64_t id)
{
    struct disk *disk = &world->disk;
    int file = new_file(id);

    if (n > CONTENT_MAX)
        abort();
    memcpy(disk->files[file].bytes, bytes, n);
    disk->files[file].n = n;
    disk->files[file].synced = true;
    disk->now[entry] = file;
    if (entry < ENTRY_DURABLE)
        disk->durable[entry] = file;
}

/* --- Actors. */

static void run_actor(unsigned number)
{
    struct actor *actor = &world->actors[number];

    if (step("begin"))
        actor->run(actor);
    /* As the end of the process does. */
    if (actor->n_open > 0)
        (void)step("end");
    for (unsigned i = 0; i < actor->n_open; i++)
        (void)syscall(SYS_close, actor->open[i]);
    actor->done = true;
}

void actor_begin(struct actor *actor)
{
    actor->number = (int)(actor - world->actors);
    actor->held = actor->timer = -1;
    if (!actor->stack)
        actor->stack = malloc(STACK_SIZE);
    if (!actor->stack || getcontext(&actor->context) < 0)
        abort();
    actor->context.uc_stack.ss_sp = actor->stack;
    actor->context.uc_stack.ss_size = STACK_SIZE;
    actor->context.uc_link = &scheduler;
    makecontext(&actor->context, (void (*)(void))run_actor, 1, (unsigned)actor->number);
    actor_go_on(actor); /* to its first step */
}

static bool timer_rang(const struct actor *actor, const struct pollfd *fd)
{
    return world->time_is_up && actor->timer >= 0 && fd->fd == actor->timer;
}

static bool is_ready(const struct actor *actor)
{
    for (nfds_t i = 0; i < actor->n_fds; i++)
        if (timer_rang(actor, &actor->fds[i]))
            return true;
    return syscall(SYS_poll, actor->fds, actor->n_fds, 0) > 0;
}

bool actor_can_go_on(const struct actor *actor)
{
    if (actor->done)
        return false;
    switch (actor->wait) {
    case WAIT_LOCK:
        return world->lock < 0;
    case WAIT_FDS:
        return is_ready(actor);
    case WAIT_TIMER:
        return world->timer_runs;
    default:
        return true;
    }
}

void actor_go_on(struct actor *actor)
{
    world->current = actor;
    (void)swapcontext(&scheduler, &actor->context);
    world->current = NULL;
}

static void let_go(struct actor *actor)
{
    for (unsigned i = 1; i <= world->disk.n_files; i++)
        if (world->disk.files[i].holder == actor->number)
            world->disk.files[i].holder = -1;
}

void actor_kill(struct actor *actor)
{
    struct flock unlock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    actor->killed = true;
    if (actor->held >= 0)
        (void)syscall(SYS_fcntl, actor->held, F_OFD_SETLK, &unlock);
    let_go(actor);
    if (world->lock == actor->number)
        world->lock = -1;
    while (!actor->done)
        actor_go_on(actor);
}

void let_time_pass(struct actor *actor)
{
    if (step_when("the time is up", WAIT_TIMER))
        world->time_is_up = true;
}

/* --- Files. */

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    enum entry entry = ENTRY_NONE;
    va_list ap;

    va_start(ap, flags);
    if (flags & (O_CREAT | __O_TMPFILE))
        mode = va_arg(ap, mode_t);
    va_end(ap);
    if (startswith(path, "/proc/self/oom")) {
        errno = EACCES;
        return -1;
    }
    if (who())
        entry = entry_of(path);
    if (entry != ENTRY_NONE && !step("open"))
        return -1;
    return (int)saw_entry(syscall(SYS_openat, AT_FDCWD, path, flags, mode), entry);
}

int stat(const char *path, struct stat *ret)
{
    enum entry entry = who() ? entry_of(path) : ENTRY_NONE;

    if (entry != ENTRY_NONE && !step("stat"))
        return -1;
    return (int)saw_entry(syscall(SYS_newfstatat, AT_FDCWD, path, ret, 0), entry);
}

int access(const char *path, int mode)
{
    if (who() && entry_of(path) != ENTRY_NONE && !step("access"))
        return -1;
    return (int)saw(syscall(SYS_faccessat, AT_FDCWD, path, mode));
}

/* What is renamed to an entry is a temporary file, or what was before. */
static int moved_in(const char *from)
{
    struct actor *actor = who();
    int file = new_file_of(actor);
    struct content *content = &world->disk.files[file];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, from, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > CONTENT_MAX)
        abort();
    content->n = (size_t)read(fd, content->bytes, CONTENT_MAX);
    /* Its time tells: see fsync(). */
    content->synced = st.st_atim.tv_sec == 1;
    (void)syscall(SYS_close, fd);
    return file;
}

int rename(const char *from, const char *to)
{
    enum entry entry = who() ? entry_of(to) : ENTRY_NONE;
    struct pending change = {{-1, -1, -1}};
    int file = 0;

    if (entry == ENTRY_NONE)
        return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    if (!step("rename"))
        return -1;
    if (entry_of(from) == ENTRY_BEFORE) {
        if (saw(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to)) < 0)
            return -1;
        /* Of two names of one file both stay: rename(2). */
        if (world->disk.now[ENTRY_BEFORE] == world->disk.now[entry])
            return 0;
        change.entries[entry] = world->disk.now[ENTRY_BEFORE];
        change.entries[ENTRY_BEFORE] = 0;
        note_change(change);
        return 0;
    }
    file = moved_in(from);
    if (saw(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to)) < 0)
        return -1;
    if (entry == ENTRY_TRIAL)
        world->disk.files[file].holder = who()->number;
    note_entry(entry, file);
    return 0;
}

int link(const char *from, const char *to)
{
    if (!step("link"))
        return -1;
    if (saw(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0)) < 0)
        return -1;
    if (who())
        note_entry(entry_of(to), world->disk.now[entry_of(from)]);
    return 0;
}

int unlink(const char *path)
{
    enum entry entry = who() ? entry_of(path) : ENTRY_NONE;

    if (entry != ENTRY_NONE && !step("unlink"))
        return -1;
    if (saw(syscall(SYS_unlinkat, AT_FDCWD, path, 0)) < 0)
        return -1;
    if (entry != ENTRY_NONE)
        note_entry(entry, 0);
    return 0;
}

/* A file that was synced is marked by its time of access, a directory is as it is now. */
int fsync(int fd)
{
    static const struct timespec mark[2] = {{.tv_sec = 1}, {.tv_nsec = UTIME_OMIT}};
    struct stat st;

    if (!who())
        return 0;
    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        return futimens(fd, mark);
    if (!step("fsync"))
        return -1;
    memcpy(world->disk.durable, world->disk.now, sizeof(world->disk.durable));
    world->disk.n_pending = 0;
    return 0;
}

/* Which file it is was seen when it was opened. */
int fcntl(int fd, int command, ...)
{
    struct actor *actor = who();
    struct flock *lock;
    va_list ap;
    long r;

    va_start(ap, command);
    lock = va_arg(ap, struct flock *);
    va_end(ap);
    if (command == F_OFD_GETLK && !step("is it held?"))
        return -1;
    r = syscall(SYS_fcntl, fd, command, lock);
    if (command == F_OFD_GETLK)
        (void)saw(r < 0 ? r : lock->l_type);
    if (command == F_OFD_SETLK && r == 0 && actor)
        actor->held = fd;
    return (int)r;
}

/* The lock itself: nobody asks in vain. */
int flock(int fd, int operation)
{
    struct actor *actor = who();

    if (!actor)
        return (int)syscall(SYS_flock, fd, operation);
    if (!step_when("lock", WAIT_LOCK))
        return -1;
    world->lock = actor->number;
    actor->open[actor->n_open++] = fd;
    return 0;
}

static bool forget_open(struct actor *actor, int fd)
{
    for (unsigned i = 0; i < actor->n_open; i++)
        if (actor->open[i] == fd) {
            actor->open[i] = actor->open[--actor->n_open];
            return true;
        }
    return false;
}

int close(int fd)
{
    struct actor *actor = who();

    if (actor && forget_open(actor, fd)) {
        struct stat st;

        if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
            (void)step("close");
        else if (world->lock == actor->number)
            world->lock = -1;
    } else if (actor && fd == actor->held) {
        (void)step("let go");
        let_go(actor);
        actor->held = -1;
    }
    return (int)syscall(SYS_close, fd);
}

/* --- Sockets, signals, time. */

static int opened(long fd)
{
    struct actor *actor = who();

    if (actor && fd >= 0)
        actor->open[actor->n_open++] = (int)fd;
    return (int)fd;
}

int socket(int domain, int type, int protocol)
{
    return domain == AF_UNIX ? opened(syscall(SYS_socket, domain, type, protocol))
                             : (int)syscall(SYS_socket, domain, type, protocol);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    return opened(saw_entry(syscall(SYS_accept4, fd, address, size, flags), ENTRY_NONE));
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    bool is_ours = who() && address->sa_family == AF_UNIX;

    if (is_ours && !step("bind"))
        return -1;
    if (saw(syscall(SYS_bind, fd, address, size)) < 0)
        return -1;
    if (is_ours)
        note_entry(ENTRY_CONFIRM, new_file_of(who()));
    return 0;
}

int listen(int fd, int backlog)
{
    return step("listen") ? (int)saw(syscall(SYS_listen, fd, backlog)) : -1;
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    return step("connect") ? (int)saw(syscall(SYS_connect, fd, address, size)) : -1;
}

int shutdown(int fd, int how)
{
    return step("shutdown") ? (int)saw(syscall(SYS_shutdown, fd, how)) : -1;
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    return step("send") ? saw(syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0)) : -1;
}

/* Nobody sees it, so that it is a step only where it has to wait. */
ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    struct actor *actor = who();
    ssize_t r;

    if (!actor)
        return syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL);
    actor->fds = &wanted;
    actor->n_fds = 1;
    if (actor->killed ||
        (flags & MSG_DONTWAIT ? !step("recv") : !is_ready(actor) && !step_when("recv", WAIT_FDS))) {
        errno = EIO;
        return -1;
    }
    r = saw(syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL));
    /* The word and the error that packets begin with; the time in them is of no interest. */
    for (size_t i = 0; r > 0 && i < 2; i++)
        actor->seen = hash_mix(actor->seen, ((const unsigned *)bytes)[i]);
    return r;
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    struct actor *actor = who();
    int r;

    if (!actor)
        return (int)syscall(SYS_poll, fds, n, timeout);
    actor->fds = fds;
    actor->n_fds = n;
    if (!(timeout < 0 ? step_when("poll", WAIT_FDS) : step("poll")))
        return -1;
    r = (int)syscall(SYS_poll, fds, n, 0);
    for (nfds_t i = 0; i < n; i++) {
        if (timer_rang(actor, &fds[i])) {
            fds[i].revents = POLLIN;
            r++;
        }
        (void)saw(fds[i].revents);
    }
    return r;
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
    sigset_t none;

    sigemptyset(&none);
    return opened(syscall(SYS_signalfd4, fd, &none, 8, flags));
}

int timerfd_create(clockid_t clock, int flags)
{
    return opened(syscall(SYS_timerfd_create, clock, flags));
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *ret)
{
    if (who() && !who()->killed) {
        who()->timer = fd;
        world->timer_runs = true;
    }
    return 0;
}

/* Those of the test stay. */
int sigprocmask(int how, const sigset_t *mask, sigset_t *ret)
{
    return 0;
}

mode_t umask(mode_t mode)
{
    return mode;
}
