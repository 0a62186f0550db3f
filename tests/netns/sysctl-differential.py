"""Random sysctl.d trees, applied by the real systemd-sysctl (all of it, and device by device as the
udev rule runs it) or by the real `sysctl --system`, in a private namespace: afterwards every key of
every device must hold what our resolver says.

usage: sysctl-differential.py HELPER systemd|procps [COUNT [SEED]]"""

import fnmatch
import os
import random
import subprocess
import sys

import sysctl_world as world

NAMES = [b"eth0", b"eth0.100", b"eth1..3", b"lxc1", b"lxcab", b".dot", b"-rf", b"...", b"[a]",
         b"a*", b"{x,y}", b"ab", b"\xc3\xa4x", b"default2"]
SPECIAL = [b"all", b"default", b"lo"]
BASENAMES = [b"10-a.conf", b"20-b.conf", b"50-c.conf", b"99-z.conf", b".h.conf", b".conf",
             b"20-B.conf", b"README", b"x.conf~", b"x.conf.dpkg-old", b"x.confx"]
VALUES = ["0", "1", "2", "3", "0", "1", "2", "0x2", "0X1", "010", "08", "0x", "1 2 3", "1\t2", "-5",
          "- 5", "-0", "+1", "abc", "1abc", "1 abc", "", "  ", "2147483647", "2147483648",
          "-2147483648", "-2147483649", "99999999999999999999999", "000000000000000000001",
          "00000000000000000001", "1=2", "1 # two", "\v1", "1\v", "1,2", "--1", "1 ;", "\xa02"]
DEVICE_GLOBS = ["*", "*", "*", "eth*", "lxc*", "lxc?", "e*0", "*.100", "eth0*", "?th0", "[el]*",
                "[!e]*", "[^e]*", ".*", "a*", "d*t", "al?", "[a]", "[[]a]", "[a", "{eth0,lxc1}*",
                "{e*,lxc1}", "{eth,lxc", "e\\th*", "\\*", "-*", "eth1..[0-9]", "*{0,1}", "{x,y}*",
                "*,y}", "[[:alpha:]]*", "eth?", "{,e}th*", "{}*", "[a-z]*[0-9]"]
KEY_GLOBS = ["rp_*", "*_filter", "arp_*", "a*e", "[rs]*_*", "{rp_filter,arp_ignor?}",
             "{rp_filter,arp_ignore}", "rp_filte?", "*_redirects", "rp\\_filter*"]
BASES = [["net", "ipv4", "conf"]] * 30 + [["net", "ipv[4]", "conf"], ["n?t", "ipv4", "conf"],
                                         ["net", "ipv4", "c*f"], ["net", "ipv4", "neigh"],
                                         ["net", "ipv4"], ["proc", "sys", "net", "ipv4", "conf"]]
DEVICE_WORDS = ["eth0", "eth0.100", "eth1..3", "lxc1", "lxcab", ".dot", "-rf", "...", "[a]", "a*",
                "{x,y}", "ab", "all", "default", "lo", "gone0"]
assert not any(fnmatch.fnmatch("forwarding", g) for g in KEY_GLOBS)


def random_key(rng, pool):
    """pool: keys used before in this tree, so that lines meet."""
    if pool and rng.random() < 0.45:
        return rng.choice(pool)
    device = rng.choice(DEVICE_GLOBS if rng.random() < 0.5 else DEVICE_WORDS)
    key = rng.choice(world.KEYS[:3] if rng.random() < 0.8 else
                     KEY_GLOBS if rng.random() < 0.6 else world.KEYS)
    components = rng.choice(BASES) + [device, key]
    pool.append(components)
    return components


def spell(rng, components, flavor):
    """procps compares paths as they are spelled; what glob(3) makes of three slashes or of one at
    the end is not modelled for it."""
    slashes = 2 if flavor == "procps" else 3
    if rng.random() < 0.55:
        text = ".".join(c.replace(".", "/") for c in components)
    else:
        text = "/".join(components)
        for _ in range(2):
            if rng.random() < 0.04:
                at = rng.choice([i for i, c in enumerate(text) if c == "/"])
                text = text[:at] + rng.choice(["//", "/./", "///"][:slashes]) + text[at + 1:]
        if rng.random() < 0.06:
            text = "/" + text
    if rng.random() < 0.03:
        text = rng.choice(["." + text, "./" + text, text.replace(".", "/"), text.upper()] +
                          ([text + "/", text + "."] if flavor == "systemd" else []))
    return text


def random_line(rng, pool, flavor):
    r = rng.random()
    if r < 0.05:
        return rng.choice(["# comment", "; comment", "", "   ", "garbage", "=", "= 1", "-", "- = 2",
                           "-=", "x", "[section]", "#net.ipv4.conf.eth0.rp_filter = 1"])
    text = spell(rng, random_key(rng, pool), flavor)
    blank = lambda: rng.choice(["", "", "", " ", "\t", "  "])
    dash = rng.choice(["", "", "", "", "", "-"]) + rng.choice([""] * 30 + ["-", "- "])
    if r < 0.2:
        return blank() + "-" + rng.choice([""] * 20 + [" ", "-"]) + text + blank()
    return blank() + dash + text + blank() + "=" + blank() + rng.choice(VALUES) + blank()


def random_content(rng, pool, flavor):
    out = ""
    for _ in range(rng.randrange(0, 24)):
        out += random_line(rng, pool, flavor)
        out += rng.choice(["\n"] * 40 + ["\r\n", "\r", "\0", "\n\n", "\n\r"])
    if out and rng.random() < 0.2:
        out = out[:-1]
    return out.encode("latin-1")


def random_tree(rng, flavor):
    tree, pool = [], []
    for d in world.DIRECTORIES:
        for name in rng.sample(BASENAMES, rng.choice([0, 1, 1, 2, 3])):
            path = d + b"/" + name
            r = rng.random()
            if r < 0.06:
                tree.append((path, "link", rng.choice([b"/dev/null", b"../../dev/null"])))
            elif r < 0.10:
                target = rng.choice([t[0] for t in tree] + [b"/nowhere", b"nowhere.conf", name])
                tree.append((path, "link", target))
            elif r < 0.13:
                tree.append((path, "directory", b""))
            elif r < 0.18:
                tree.append((path, "file", b""))
            else:
                tree.append((path, "file", random_content(rng, pool, flavor)))
    if flavor == "procps" and os.path.exists("/etc/sysctl.conf") and rng.random() < 0.5:
        tree.append((b"/etc/sysctl.conf", "file", random_content(rng, pool, flavor)))
    return tree


def our_answers(helper, flavor, devices):
    out = subprocess.run([helper, flavor] + devices, check=True, stdout=subprocess.PIPE).stdout
    answers = {"full": {}, "add": {}}
    for line in out.decode().splitlines():
        run, index, key, value = line.split()
        answers[run][devices[int(index)], key] = world.SENTINEL if value == "-" else int(value)
    return answers


def real_run(command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def compare(run, real, ours, tree, seed):
    bad = [k for k in real if real[k] != ours[k]]
    if bad:
        print("seed %d, %s run: %d keys differ" % (seed, run, len(bad)))
        world.show(tree)
        for device, key in bad[:12]:
            print("%s/%s: really %d, we say %d" % (device, key, real[device, key],
                                                   ours[device, key]))
    return not bad


def one_tree(helper, flavor, seed):
    rng = random.Random(seed)
    tree = random_tree(rng, flavor)
    devices = NAMES + SPECIAL
    world.clear()
    for entry in tree:
        world.put(*entry)
    ours = our_answers(helper, flavor, devices)
    world.reset(devices)
    real_run(["sysctl", "--system"] if flavor == "procps" else [world.SYSTEMD_SYSCTL])
    good = compare("full", world.values(devices), ours["full"], tree, seed)
    for device in rng.sample(NAMES, 4) if flavor == "systemd" else []:
        world.reset([device])
        real_run([world.SYSTEMD_SYSCTL] + [b"--prefix=/net/ipv4/" + what + b"/" + device
                                           for what in (b"conf", b"neigh")])
        good &= compare("add", world.values([device]), ours["add"], tree, seed)
    written = sum(v != world.SENTINEL for v in ours["full"].values())
    return good, written


def main():
    helper, flavor = sys.argv[1], sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(10**9)
    sys.argv = sys.argv[:3] + [str(count), str(seed)]
    world.enter("sysctl" if flavor == "procps" else world.SYSTEMD_SYSCTL)
    world.add_devices(NAMES)
    print("%s: %d trees from seed %d" % (flavor, count, seed), flush=True)
    bad = written = 0
    for i in range(count):
        good, n = one_tree(helper, flavor, seed + i)
        written += n
        bad += not good
        if bad == 5:
            break
    print("%d trees, %d values given, %d trees with a mismatch" % (i + 1, written, bad))
    sys.exit(1 if bad or written == 0 else 0)


if __name__ == "__main__":
    main()
