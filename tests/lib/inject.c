/* inject PID: lets a running process make system calls, by ptrace(2), and prints what each gives.
 * Most of them have arguments with which nothing happens where they are not refused: the error is
 * another one then. Where this architecture is not known it says so and ends with 77. */
#include <elf.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

static const struct {
    const char *name;
    long number, arguments[3];
} calls[] = {
    {"getpid", SYS_getpid, {0}},
    {"socket local", SYS_socket, {AF_UNIX, SOCK_DGRAM, 0}},
    {"socket netlink route", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}},
    {"socket netlink uevent", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT}},
    {"socket netlink sock_diag", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG}},
    {"socket netlink netfilter", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER}},
    {"socket netlink generic", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_GENERIC}},
    {"socket inet", SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
    {"socket inet6", SYS_socket, {AF_INET6, SOCK_STREAM, 0}},
    {"socket packet", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
    {"execve", SYS_execve, {0}},
    {"execveat", SYS_execveat, {-1}},
    {"clone", SYS_clone, {-1}},
    {"ptrace", SYS_ptrace, {PTRACE_PEEKDATA, 0}},
    {"mount", SYS_mount, {0}},
    {"setns", SYS_setns, {-1}},
    {"unshare", SYS_unshare, {-1}},
    {"bpf", SYS_bpf, {-1}},
    {"init_module", SYS_init_module, {0}},
    {"finit_module", SYS_finit_module, {-1}},
    {"open_by_handle_at", SYS_open_by_handle_at, {-1}},
    {"io_uring_setup", SYS_io_uring_setup, {0}},
    {"perf_event_open", SYS_perf_event_open, {0}},
    {"kill", SYS_kill, {1, 0}},
    {"setuid", SYS_setuid, {-1}},
    {"ioctl TIOCSTI", SYS_ioctl, {-1, 0x5412}},
};

#ifdef __x86_64__
static int stopped(pid_t pid)
{
    int status;

    return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) ? 0 : -1;
}

/* It waits in a system call, so that the instruction before is one. -1 as orig_rax: nothing is
 * started again behind it. */
static int call(pid_t pid, const struct user_regs_struct *before, long number,
                const long arguments[3], long *ret)
{
    struct user_regs_struct regs = *before;
    struct iovec iov = {.iov_base = &regs, .iov_len = sizeof(regs)};

    regs.rip -= 2;
    regs.rax = (unsigned long)number;
    regs.orig_rax = -1UL;
    regs.rdi = (unsigned long)arguments[0];
    regs.rsi = (unsigned long)arguments[1];
    regs.rdx = (unsigned long)arguments[2];
    regs.r10 = 0;
    if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0 ||
        ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 || stopped(pid) < 0 ||
        ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
        return -1;
    *ret = (long)regs.rax;
    return 0;
}

static int inject(pid_t pid)
{
    struct user_regs_struct before;
    struct iovec iov = {.iov_base = &before, .iov_len = sizeof(before)};
    long r;

    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || stopped(pid) < 0 ||
        ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (call(pid, &before, calls[i].number, calls[i].arguments, &r) < 0)
            return -1;
        printf("%s: %s\n", calls[i].name, r < 0 ? strerrorname_np((int)-r) : "done");
    }
    return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0 ||
                   ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0
               ? -1
               : 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 || inject(atoi(argv[1])) < 0) {
        perror("inject");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
#else
int main(void)
{
    fputs("inject: not known how on this architecture\n", stderr);
    return 77;
}
#endif
