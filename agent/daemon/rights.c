/* The capability by system calls of our own, since memory that runs out must not look like a right
 * that is missing; the filter by libseccomp.
 *
 * A call that is not listed fails with EPERM instead of ending the process: a libc or a kernel that
 * takes another way than those known here costs what it wanted to do, which is logged where it was
 * wanted, and not the agent. The kernel's log names the call (audit type 1326). Alternatives of a
 * call are therefore listed, too, for other architectures, kernels and versions of libc; names that
 * this libseccomp does not know are left out. */
#include "agent/daemon/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/base/util.h"

#define CAPABILITY (1u << CAP_NET_ADMIN)

/* More than libseccomp takes, in pieces below M_MMAP_THRESHOLD of mallopt(3), which stay at hand
 * when they are freed below another one. Where memory runs out on its way libseccomp (2.5) crashes,
 * or makes another filter. */
#define RESERVE_SIZE (100 * 1024)
#define RESERVE_COUNT 6

struct capabilities {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
};

static int capabilities_get(struct capabilities *ret)
{
    *ret = (struct capabilities){.header.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &ret->header, ret->sets) < 0 ? -errno : 0;
}

static int capabilities_set(struct capabilities *to)
{
    return syscall(SYS_capset, &to->header, to->sets) < 0 ? -errno : 0;
}

/* Under no_new_privs somebody limits it who starts it again, too: a unit, a container. Else root
 * keeps as permitted what it puts down: it owns all files anyway, and nobody would start it again.
 */
struct rights rights_at_start(void)
{
    return (struct rights){.returns =
                               geteuid() == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0};
}

bool rights_take_up(void)
{
    struct capabilities is;

    if (capabilities_get(&is) < 0 || !(is.sets[0].permitted & CAPABILITY))
        return false;
    if (is.sets[0].effective & CAPABILITY)
        return true;
    for (size_t i = 0; i < ELEMENTSOF(is.sets); i++)
        is.sets[i].effective = is.sets[i].permitted;
    return capabilities_set(&is) >= 0;
}

int rights_put_down(const struct rights *rights)
{
    struct capabilities is;
    int r = capabilities_get(&is);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(is.sets); i++)
        is.sets[i] = (struct __user_cap_data_struct){
            .permitted = rights->returns ? is.sets[i].permitted : 0};
    return capabilities_set(&is);
}

/* What it calls from then on, by itself or by libc, libsystemd, libudev, libmnl and jansson. */
static const char *const calls[] = {
#ifdef __SANITIZE_ADDRESS__ /* at the end a thread looks for leaks in what it has stopped */
    "clone", "prctl", "ptrace", "wait4",
#endif
    /* memory */
    "brk", "futex", "futex_time64", "madvise", "mmap", "mmap2", "mprotect", "mremap", "munmap",
    /* files */
    "access", "chmod", "close", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fchmod",
    "fchmodat", "fchmodat2", "fchown", "fchown32", "fcntl", "fcntl64", "fdatasync", "flock",
    "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64",
    "getdents", "getdents64", "lseek", "_llseek", "lstat", "lstat64", "mkdir", "mkdirat",
    "name_to_handle_at", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "pwrite64",
    "pwritev", "read", "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2",
    "rmdir", "stat", "stat64", "statfs", "statfs64", "statx", "unlink", "unlinkat", "write",
    "writev",
    /* events and time */
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd2", "gettimeofday", "inotify_add_watch", "inotify_init1",
    "inotify_rm_watch", "nanosleep", "poll", "ppoll", "ppoll_time64", "signalfd", "signalfd4",
    "time", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
    "timerfd_settime64",
    /* sockets; memfd_create for entries of the journal that are too long for a message */
    "bind", "connect", "getpeername", "getsockname", "getsockopt", "memfd_create", "recv",
    "recvfrom", "recvmsg", "send", "sendmsg", "sendto", "setsockopt", "shutdown",
    /* signals, and the process itself */
    "capget", "capset", "exit", "exit_group", "getegid", "getegid32", "geteuid", "geteuid32",
    "getgid", "getgid32", "getpid", "getppid", "getrandom", "getrlimit", "gettid", "getuid",
    "getuid32", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigreturn", "sched_getaffinity", "sched_yield", "sigaltstack", "sigreturn", "sysinfo",
    "ugetrlimit", "umask", "uname"};

/* Names of devices and what ethtool tells of them; whose namespace a socket is of; streams. */
static const unsigned long requests[] = {SIOCGIFNAME, SIOCGIFINDEX, SIOCETHTOOL,
                                         SIOCGSKNS,   FIONREAD,     TCGETS};

static struct scmp_arg_cmp argument_is(unsigned argument, uint32_t value)
{
    /* The upper half of a register that holds an int is anything. */
    return SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, value);
}

/* 0, too, where this architecture, or this libseccomp, has no such call. */
static int allow(scmp_filter_ctx filter, const char *call, unsigned n,
                 const struct scmp_arg_cmp *conditions)
{
    int number = seccomp_syscall_resolve_name(call);
    int r = number == __NR_SCMP_ERROR
                ? 0
                : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, n, conditions);

    return r == -EDOM ? 0 : r;
}

static int allow_sockets(scmp_filter_ctx filter, uint64_t protocols)
{
    const struct scmp_arg_cmp local = argument_is(0, AF_UNIX);
    int r = allow(filter, "socket", 1, &local);

    for (unsigned protocol = 0; r >= 0 && protocol < MAX_LINKS; protocol++) {
        const struct scmp_arg_cmp netlink[] = {argument_is(0, AF_NETLINK),
                                               argument_is(2, protocol)};

        if (protocols & (UINT64_C(1) << protocol))
            r = allow(filter, "socket", ELEMENTSOF(netlink), netlink);
    }
    return r;
}

static int allow_all(scmp_filter_ctx filter, uint64_t protocols)
{
    const struct scmp_arg_cmp itself = argument_is(0, (uint32_t)getpid()); /* abort(3) */
    const struct scmp_arg_cmp asks[] = {argument_is(0, 0), SCMP_A2(SCMP_CMP_EQ, 0)};
    int r = allow_sockets(filter, protocols);

    if (r >= 0)
        r = allow(filter, "tgkill", 1, &itself);
    if (r >= 0)
        r = allow(filter, "prlimit64", ELEMENTSOF(asks), asks);
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(requests); i++) {
        const struct scmp_arg_cmp request = argument_is(1, (uint32_t)requests[i]);

        r = allow(filter, "ioctl", 1, &request);
    }
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(calls); i++)
        r = allow(filter, calls[i], 0, NULL);
    return r;
}

static uint64_t needed_protocols(bool tracks)
{
    /* Links, addresses, routes, rules; udev, whose messages go that way; connections. Whom a policy
     * would cut asks connection tracking, too: protecting.h, evidence.h. */
    return UINT64_C(1) << NETLINK_ROUTE | UINT64_C(1) << NETLINK_KOBJECT_UEVENT |
           UINT64_C(1) << NETLINK_SOCK_DIAG | (tracks ? UINT64_C(1) << NETLINK_NETFILTER : 0);
}

/* Returns what is to be freed behind its use; NULL where memory is short. */
static void *reserve_memory(void)
{
    void *pieces[RESERVE_COUNT], *above;
    bool had = true;

    for (size_t i = 0; i < RESERVE_COUNT; i++) {
        pieces[i] = malloc(RESERVE_SIZE);
        had = had && pieces[i];
    }
    above = had ? malloc(RESERVE_SIZE) : NULL;
    for (size_t i = 0; i < RESERVE_COUNT; i++)
        free(pieces[i]);
    return above;
}

static int load_filter(scmp_filter_ctx filter, uint64_t protocols)
{
    /* The same for calls of another architecture; and refused ones are logged, since Linux 4.14. */
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));

    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1); /* an older kernel only logs nothing */
    if (r >= 0)
        r = allow_all(filter, protocols);
    return r < 0 ? r : seccomp_load(filter); /* with no_new_privs */
}

int rights_filter(struct rights *rights, bool tracks)
{
    scmp_filter_ctx filter;
    void *reserve;
    int r;

    if (rights->filtered)
        return 0;
    rights->tracks = tracks;
    reserve = reserve_memory();
    filter = reserve ? seccomp_init(SCMP_ACT_ERRNO(EPERM)) : NULL;
    r = filter ? load_filter(filter, needed_protocols(tracks)) : -ENOMEM;
    if (filter)
        seccomp_release(filter);
    free(reserve);
    if (r >= 0)
        rights->filtered = true;
    return r;
}
