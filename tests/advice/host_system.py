"""A system of its own for a host: namespaces, mounts, the steps that build it; and the command in it.

in_system(WORK) forks, and calls WORK where network, processes, /run, /etc/rpfpolicy.d and the directories of
sysctl.d are private; what it returns comes back as JSON. All is gone when it has ended."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import traceback

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWNET, NEWPID = 0x00020000, 0x40000000, 0x20000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG = 1
HIDDEN = ["/var/lib", "/lib/sysctl.d", "/usr/lib/sysctl.d", "/usr/local/lib/sysctl.d"]
POLICY = "/etc/rpfpolicy.d/10-host.conf"


def checked(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0):
    data = b"mode=0755" if kind == "tmpfs" else None
    checked(LIBC.mount(source.encode(), target.encode(), kind and kind.encode(), flags, data), f"mount {target}")


def unshare(flags):
    checked(LIBC.unshare(flags), "unshare")


def setns(descriptor):
    checked(LIBC.setns(descriptor, NEWNET), "setns")


def prepare_etc():
    """Once, for all hosts: a copy of /etc without policy and sysctl.d, over the machine's for us alone."""
    unshare(NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", "/run", "tmpfs")
    subprocess.run(["cp", "-a", "/etc", "/run/etc"], check=True)
    mount("/run/etc", "/etc", None, MS_BIND)
    subprocess.run("rm -rf /etc/sysctl.d /etc/sysctl.conf /etc/rpfpolicy.d; mkdir /etc/sysctl.d /etc/rpfpolicy.d",
                   shell=True, check=True)


def private_mounts():
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    for directory in ["/run", "/etc/rpfpolicy.d"] + [d for d in HIDDEN if os.path.isdir(d) and not os.path.islink(d)]:
        mount("tmpfs", directory, "tmpfs")
    os.makedirs("/run/netns")
    os.mkdir("/run/lock")
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")


def in_system(work, *arguments):
    """(what it returned, None) or (None, why it failed)."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        status = 1
        try:
            unshare(NEWNS | NEWPID | NEWNET)
            first = os.fork()
            if first == 0:
                run_in_system(there, work, arguments)
            os.close(there)
            status = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        finally:
            os._exit(status)
    os.close(there)
    with open(here, encoding="utf-8") as file:
        text = file.read()
    os.waitpid(child, 0)
    if not text:
        return None, "ended without a word"
    return json.loads(text)


def run_in_system(there, work, arguments):
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        private_mounts()
        answer = work(*arguments), None
    except Exception:  # told to who asked, who goes on with others
        answer = None, traceback.format_exc()
    with open(there, "w", encoding="utf-8") as file:
        json.dump(answer, file)
    sys.stdout.flush()
    os._exit(0)


class System:
    """A host that is built, and its neighbours' namespaces."""

    def __init__(self, host):
        self.host = host
        self.spaces = {"": os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)}
        self.quiet("")
        for name in host.namespaces:
            self.add_namespace(name)
        self.enter("")
        self.take(host.steps)

    def enter(self, name):
        setns(self.spaces[name])

    def quiet(self, name):
        """No IPv6, which would only take time, and everything of IPv4 known."""
        write("net.ipv6.conf.all.disable_ipv6", 1)
        write("net.ipv6.conf.default.disable_ipv6", 1)
        for key in "rp_filter", "accept_local", "src_valid_mark", "arp_ignore", "arp_announce":
            for device in "all", "default":
                write(f"net.ipv4.conf.{device}.{key}", 1 if name and key.startswith("arp") and device == "all" else 0)
        write("net.ipv4.ip_forward", 1 if name else 0)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def add_namespace(self, name):
        unshare(NEWNET)
        self.spaces[name] = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        path = f"/run/netns/{name}"
        open(path, "w", encoding="ascii").close()
        mount(f"/proc/self/fd/{self.spaces[name]}", path, None, MS_BIND)
        self.quiet(name)

    def take(self, steps):
        """In their order; those of ip that follow each other in one namespace by one process."""
        batch = []
        for n, (where, tool, text) in enumerate(steps):
            if tool == "ip":
                batch.append(text)
                if n + 1 < len(steps) and steps[n + 1][:2] == (where, "ip"):
                    continue
                self.run(where, ["ip", "-batch", "-"], "\n".join(batch) + "\n")
                batch = []
            elif tool == "nft":
                self.run(where, ["nft", "-f", "-"], text + "\n")
            else:
                self.enter(where)
                write(*text.split(" = "))
                self.enter("")

    def run(self, where, words, text):
        self.enter(where)
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
        self.enter("")
        if done.returncode != 0:
            raise RuntimeError(f"{where}: {words}: {done.stderr}{text}")


def write(name, value):
    path = "/proc/sys/" + name.replace(".", "/")
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


def command(*words, **more):
    return subprocess.run(["rpfpolicy", *words], capture_output=True, text=True, check=False, **more)


def add_policy(text):
    """As a person pastes it: at the end of the file."""
    with open(POLICY, "a", encoding="utf-8") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    return command("apply", "--once")


def policy_text():
    if not os.path.exists(POLICY):
        return ""
    with open(POLICY, encoding="utf-8") as file:
        return file.read()
