"""A system of its own for the sysctl.d tests: private network and mounts, empty sysctl.d
directories, a few devices with interesting names, and their settings as one dictionary."""

import errno
import os
import shutil
import subprocess
import sys

KEYS = ["rp_filter", "log_martians", "accept_local", "src_valid_mark", "arp_ignore",
        "arp_announce", "arp_filter", "route_localnet", "send_redirects", "accept_redirects",
        "secure_redirects", "accept_source_route", "proxy_arp", "arp_notify",
        "ignore_routes_with_linkdown", "drop_gratuitous_arp"]
SENTINEL = 7741  # no tree holds it: a key that still has it was not written
CONF = b"/proc/sys/net/ipv4/conf/"
DIRECTORIES = [b"/etc/sysctl.d", b"/run/sysctl.d", b"/usr/local/lib/sysctl.d",
               b"/usr/lib/sysctl.d"]
SYSTEMD_SYSCTL = next((p for p in ("/usr/lib/systemd/systemd-sysctl",
                                   "/lib/systemd/systemd-sysctl") if os.access(p, os.X_OK)), None)
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc"]


def skip(why):
    print("skipped: " + why)
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


def enter(needed):
    """Start this script again inside; what is missing means 77."""
    if os.environ.get("SYSCTL_WORLD") == "inside":
        build()
        return
    if needed is None or not shutil.which(needed):
        skip("the real program is not installed")
    tried = subprocess.run(UNSHARE + ["true"], stderr=subprocess.PIPE, text=True)
    if tried.returncode != 0:
        skip("namespaces cannot be made here: " + tried.stderr.strip())
    os.environ["SYSCTL_WORLD"] = "inside"
    os.environ["LC_ALL"] = "C"
    os.execvp("unshare", UNSHARE + [sys.executable] + sys.argv)


def build():
    def mount(*args):
        subprocess.run(["mount"] + list(args), check=True)

    mount("-t", "tmpfs", "tmpfs", "/run")
    mount("-t", "tmpfs", "tmpfs", "/usr/local/lib")
    for d in DIRECTORIES:
        if d.startswith((b"/run", b"/usr/local")):
            os.mkdir(d)
        elif os.path.isdir(d):
            mount("-t", "tmpfs", "tmpfs", d.decode())
        else:
            skip(d.decode() + " is missing: nothing can be mounted over it")
    if os.path.exists("/etc/sysctl.conf"):
        open("/run/sysctl.conf", "wb").close()
        mount("--bind", "/run/sysctl.conf", "/etc/sysctl.conf")


def add_devices(names):
    assert len(names) % 2 == 0
    for a, b in zip(names[::2], names[1::2]):
        subprocess.run([b"ip", b"link", b"add", b"name", a, b"type", b"veth",
                        b"peer", b"name", b], check=True)


def write(device, key, value):
    with open(CONF + device + b"/" + key.encode(), "wb", buffering=0) as f:
        f.write(b"%d\n" % value)


def read(device, key):
    with open(CONF + device + b"/" + key.encode(), "rb", buffering=0) as f:
        return int(f.read(64))


def reset(devices):
    """Writing also ends a device's following of `default`."""
    for d in devices:
        for k in KEYS:
            write(d, k, SENTINEL)


def values(devices):
    return {(d, k): read(d, k) for d in devices for k in KEYS}


def clear():
    for d in DIRECTORIES:
        for name in os.listdir(d):
            path = os.path.join(d, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    if os.path.exists("/etc/sysctl.conf"):
        open("/etc/sysctl.conf", "wb").close()


def put(path, kind, content):
    """kind: file, link (content is its target) or directory."""
    if kind == "file":
        with open(path, "wb") as f:
            f.write(content)
    elif kind == "link":
        os.symlink(content, path)
    else:
        os.mkdir(path)


def show(tree):
    for path, kind, content in tree:
        print("--- %s (%s)" % (path.decode(errors="backslashreplace"), kind))
        for number, line in enumerate(content.split(b"\n"), 1):
            print("%4d  %r" % (number, line))
