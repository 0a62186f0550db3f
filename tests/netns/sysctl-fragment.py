"""Random policies as sysctl.d fragments, alone or behind random other files: after the real
systemd-sysctl ran, in full and for single devices as the udev rule runs it, every device is
effectively as the policy wants, and every other one as it was without the fragment, except what the
fragment itself calls not expressed.

usage: sysctl-fragment.py HELPER [COUNT [SEED]]"""

import fnmatch
import random
import re
import subprocess
import sys

import sysctl_world as world

NAMES = [b"eth0", b"eth1", b"eth2", b"eth3", b"eth0.100", b"lxc1", b"lxcab", b"veth0", b"-rf",
         b"al2", b"{x}1", b"defaul"]
KEYS = ["rp_filter"] * 5 + ["log_martians", "arp_ignore", "send_redirects", "accept_redirects",
                            "accept_source_route", "accept_local"]
GLOBS = ["*", "*", "eth*", "lxc*", "e*", "eth[12]", "veth*", "?*", "*0", "[!e]*", "a*", "d*", "l*",
         "eth0*", "{x*", "*}?", "e?h*[0-9]"]
EXACT = ["eth0", "eth0.100", "lxc1", "lxcab", "lo", "veth0", "-rf", "{x}1", "gone0"]
POLICY = b"/run/policy.conf"
FRAGMENT = b"/etc/sysctl.d/99-zz-rpfpolicy.conf"


def random_value(rng, key):
    names = {"rp_filter": ["off", "strict", "loose", "0", "1", "2", "strict|loose", "loose|off"],
             "arp_ignore": ["0", "1", "2", "1|2"]}.get(key, ["yes", "no", "0", "1"])
    if rng.random() < 0.12:
        return "unmanaged"
    return rng.choice(names) + (", observe" if rng.random() < 0.08 else "")


def random_pattern(rng):
    r = rng.random()
    return (rng.choice(GLOBS) if r < 0.6 else rng.choice(EXACT) if r < 0.85 else
            rng.choice(["eth1..3", "eth0..1", "eth0..2.100"]) if r < 0.95 else "@named")


def random_policy(rng):
    text = "[agent]\nmode = enforce\n[set named]\nname = lxc1 eth2\n"
    for _ in range(rng.choice([1, 1, 2])):
        key = rng.choice(KEYS)
        text += "[%s]\n" % key
        if rng.random() < 0.2:
            text += "all = %s\n" % rng.choice(["0", "1", "unmanaged"])
        if rng.random() < 0.2:
            text += "default = %s\n" % rng.choice(["0", "1", "unmanaged"])
        for _ in range(rng.randrange(1, 7)):
            text += "%s = %s\n" % (random_pattern(rng), random_value(rng, key))
    if rng.random() < 0.25:
        text += "[exception one]\nreason = test\ndevices = %s %s\n%s = %s\n" % (
            random_pattern(rng), rng.choice(EXACT), key, random_value(rng, key))
    return text.encode()


def random_others(rng):
    files = {}
    for name in rng.sample([b"10-x.conf", b"50-y.conf", b"60-z.conf", b"99-zzz.conf"],
                           rng.choice([0, 1, 2, 2])):
        lines = []
        for _ in range(rng.randrange(1, 7)):
            device = rng.choice(GLOBS[:10] + EXACT + ["all", "all", "default"])
            text = "net/ipv4/conf/%s/%s" % (device, rng.choice(KEYS))
            r = rng.random()
            lines.append("-" + text if r < 0.12 else
                         text + " = " + rng.choice(["0", "1", "2", "0", "1", "2", "3", "-1", "x"]))
        files[b"/etc/sysctl.d/" + name] = "\n".join(lines).encode()
    return files


def boot(helper, devices, default):
    """Values as they are before systemd-sysctl runs; devices follow `default` then."""
    out = subprocess.run([helper, "boot"], check=True, stdout=subprocess.PIPE).stdout.decode()
    for key, boot_all, boot_default in (line.split() for line in out.splitlines()):
        if key not in default:  # forwarding, which no policy and so no fragment sets
            continue
        world.write(b"all", key, int(boot_all))
        world.write(b"default", key, int(boot_default))
        for d in devices:
            world.write(d, key, default[key])


def judge(helper, devices):
    out = subprocess.run([helper, "judge", POLICY] + devices, check=True,
                         stdout=subprocess.PIPE).stdout.decode()
    return {(devices[int(i)], key): (int(effective), verdict)
            for i, key, effective, verdict in (line.split() for line in out.splitlines())}


def systemd_sysctl(*args):
    subprocess.run([world.SYSTEMD_SYSCTL] + list(args), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)


def one_run(helper, devices, added, default):
    boot(helper, devices, default)
    systemd_sysctl()
    full = judge(helper, devices)
    for device in added:
        for key in world.KEYS:
            world.write(device, key, default[key])
        systemd_sysctl(b"--prefix=/net/ipv4/conf/" + device)
    return full, judge(helper, added)


def excuses(fragment):
    """(key, glob) of everything the fragment calls not expressed."""
    found = re.findall(rb"^# not expressed: (\S+) (\S+): ", fragment, re.M)
    return [(k.decode(), "*" if p.startswith(b"@") else p.decode()) for k, p in found]


def excused(found, device, key):
    return any(k == key and (fnmatch.fnmatchcase(device.decode(), p) or device.decode() == p or
                             p == "all") for k, p in found)


def raised(fragment):
    """Keys whose `all` is pinned higher than it was."""
    return set(re.findall(r"# this pin of `all` reaches .*\nnet/ipv4/conf/all/(\S+)",
                          fragment.decode("latin-1")))


def find_bad(before, after, found, pinned):
    bad = []
    for (device, key), (effective, verdict) in after.items():
        wrong = verdict == "bad" or (verdict == "keep" and key not in pinned and
                                     effective != before[device, key][0])
        if wrong and not excused(found, device, key):
            bad.append("%s %s: %s, effective %d, without the fragment %d" % (
                device, key, verdict, effective, before[device, key][0]))
    return bad


def generate(helper):
    r = subprocess.run([helper, "generate", POLICY], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    if r.returncode == 3:
        return None, 0
    r.check_returncode()
    return r.stdout, int(r.stderr)


def one_policy(helper, seed):
    """None where the policy is not valid, else what is wrong, and how much was excused."""
    rng = random.Random(seed)
    world.clear()
    policy, others = random_policy(rng), random_others(rng)
    devices = NAMES + [b"lo"]
    added = rng.sample(NAMES, 3)
    for path, content in list(others.items()) + [(POLICY, policy)]:
        world.put(path, "file", content)
    fragment, missing = generate(helper)
    if fragment is None:
        return None, 0
    found = excuses(fragment)
    boot(helper, devices, dict.fromkeys(world.KEYS, 0))
    systemd_sysctl()
    default = {key: world.read(b"default", key) for key in world.KEYS}
    before = one_run(helper, devices, added, default)
    world.put(FRAGMENT, "file", fragment)
    bad = [] if missing == len(found) else ["%d are counted, %d told" % (missing, len(found))]
    if generate(helper)[0] != fragment:
        bad.append("with the fragment in place another one is written")
    for name, b, a in zip(("full", "add"), before, one_run(helper, devices, added, default)):
        bad += [name + " run: " + line for line in find_bad(b, a, found, raised(fragment))]
    if bad:
        print("seed %d" % seed)
        world.show([(p, "file", c) for p, c in others.items()] +
                   [(POLICY, "file", policy), (FRAGMENT, "file", fragment)])
        print("\n".join(bad))
    return bad, missing


def main():
    helper = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(10**9)
    sys.argv = sys.argv[:2] + [str(count), str(seed)]
    world.enter(world.SYSTEMD_SYSCTL)
    world.add_devices(NAMES)
    print("%d policies from seed %d" % (count, seed), flush=True)
    done = wrong = clean = 0
    while done < count and wrong < 5:
        bad, missing = one_policy(helper, seed)
        seed += 1
        if bad is None:
            continue
        done += 1
        wrong += bool(bad)
        clean += missing == 0
    print("%d policies, %d of them without anything missing, %d wrong" % (done, clean, wrong))
    sys.exit(1 if wrong or clean == 0 else 0)


if __name__ == "__main__":
    main()
