"""The fragments that are shipped in sysctl.d: with nothing but one of them, or one for hardening and
one for a plugin, also on top of systemd's own 50-default.conf, the real systemd-sysctl makes every
device what `rpfpolicy check` wants by the preset, in a full run and for new devices as the rule of
udev runs it. Every other setting stays as it is without the fragment, and only what the fragment
itself calls not expressed is not had.

usage: sysctl-presets.py RPFPOLICY SOURCES"""

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import sysctl_world as world

# For each wildcard of the presets a name that it reaches, with N in it; and names of others.
NAMES = ["lxcN", "lxc_hN", "cilium_hostN", "cilium_vxlanN", "caliN2ab34cd56e", "bpfinN.cali",
         "vxlanN.calico", "wireguardN.cali", "tunl0N", "ensN", "enpNs31f6", "wlpNs0", "wwPN", "sloN",
         "ibsN", "ethN", "wlanN", "wwanN", "bondN", "eniN1a2b3c", "vlan.eth.N", "ovn-k8s-mpN", "wgN",
         "tailscaleN", "flannel.N", "flannelN", "flannel-wgN", "antrea-gwN", "antrea-ext.N",
         "kube-bridgeN", "kube-dummy-ifN", "vx-submarinerN", "vxlan-tunnelN", "virbrN", "tunN", "tun0N",
         "tapN", "vtiN", "ipsecN", "xfrmN", "vrrp.N", "podmanN", "cni-podmanN", "docker0N",
         "br-0123456789aN", "brN", "dockerN", "br-exN", "vethN", "dumN"]
PRESENT = [name.replace("N", "1").encode() for name in NAMES]
ADDED = [name.replace("N", "2").encode() for name in NAMES]
SYSTEMD = b"""net.ipv4.conf.default.rp_filter = 2
net.ipv4.conf.*.rp_filter = 2
-net.ipv4.conf.all.rp_filter
"""
POLICY = b"/run/policy.conf"
GROUP = b"7"  # all devices of a run, so that one request removes them
failures = 0


def fail(text):
    global failures
    failures += 1
    print("FAILED: " + text)


def systemd_sysctl(*args):
    subprocess.run([world.SYSTEMD_SYSCTL] + list(args), stderr=subprocess.DEVNULL, check=True)


def add_devices(devices):
    batch = b"".join(b"link add name %s group %s type veth peer name %s group %s\n" % (
        a, GROUP, b, GROUP) for a, b in zip(devices[::2], devices[1::2]))
    subprocess.run(["ip", "-batch", "-"], input=batch, check=True)


def add_as_udev_does(devices):
    """systemd-sysctl runs for each device when it is there."""
    add_devices(devices)
    for device in devices:
        systemd_sysctl(*(b"--prefix=/net/%s/%s" % (group, device)
                         for group in (b"ipv4/conf", b"ipv4/neigh", b"ipv6/conf", b"ipv6/neigh")))


def run(files, boot):
    """A boot with these files, then new devices: every value afterwards."""
    world.clear()
    for path, content in files.items():
        world.put(path, "file", content)
    subprocess.run([b"ip", b"link", b"del", b"group", GROUP], stderr=subprocess.DEVNULL,
                   check=False)  # there are none in the first run
    for (device, key), value in boot.items():
        world.write(device, key, value)
    add_devices(PRESENT)
    systemd_sysctl()
    add_as_udev_does(ADDED)
    return world.values([b"all", b"default", b"lo"] + PRESENT + ADDED)


def check(program):
    """What check says of each key that a rule speaks of, and whether all is well."""
    r = subprocess.run([program, "check", "--json", "--policy=" + POLICY.decode()],
                       stdout=subprocess.PIPE, check=False)
    if r.returncode not in (0, 2):
        sys.exit("check ended with %d" % r.returncode)
    report = json.loads(r.stdout)
    found = {(device["name"].encode(), key["key"]): key
             for device in report["devices"] for key in device["keys"] if key["accepted"]}
    for name in ("all", "default"):
        found.update({(name.encode(), key): value for key, value in report[name].items()
                      if value["wanted"] is not None})
    return found, r.returncode == 0


def prove(program, what, policies, fragments, before, after, boot):
    """The fragments do what the policies say, and nothing else."""
    world.put(POLICY, "file", b"\n".join(policies))
    found, clean = check(program)
    text = b"\n".join(fragments.values()).decode()
    missing = re.findall(r"^# not expressed: (\S+) (\S+): ", text, re.M)
    lines = re.findall(r"^net/ipv4/conf/(\S+)/(\w+) = \d+$", text, re.M)
    for (device, key), said in found.items():
        reached = any(k == key and fnmatch.fnmatchcase(device.decode(), p) for k, p in missing)
        if (said["state"] != "ok") != reached:
            fail("%s: %s %s is %s, %s" % (what, device.decode(), key, said["state"],
                                          said["message"] or "and called not expressed"))
        elif said["state"] == "ok" and "effective" in said and \
                said["effective"] not in said["accepted"]:
            fail("%s: %s %s is called ok" % (what, device.decode(), key))
    for device, key in after:
        # An exclusion holds off wildcards of other files, too. Only lo has one.
        excluded = device == b"lo" and "\n-net/ipv4/conf/lo/%s\n" % key in text
        wanted = (boot if excluded else before)[device, key]
        if (device, key) not in found and after[device, key] != wanted:
            fail("%s: %s %s is no matter of it and became %d, should be %d" % (
                what, device.decode(), key, after[device, key], wanted))
    for pattern, key in lines:
        for devices in PRESENT + [b"all", b"default"], ADDED + [b"all", b"default"]:
            if not any(fnmatch.fnmatchcase(d.decode(), pattern) and (d, key) in found
                       for d in devices):
                fail("%s: no device here is named %s" % (what, pattern))
    if clean == any(not p.startswith("@") for _, p in missing):
        fail("%s: check is %s" % (what, "clean" if clean else "not clean"))
    print("%s: %d settings" % (what, len(found)), flush=True)


def main():
    program, sources = sys.argv[1], Path(sys.argv[2])
    world.enter(world.SYSTEMD_SYSCTL)
    policies = {path.stem: path.read_bytes() for path in (sources / "policy/presets").glob("*.conf")}
    fragments = {re.sub(r"^\d+-rpfpolicy-", "", path.stem): (str(path.name), path.read_bytes())
                 for path in (sources / "sysctl.d").glob("*.conf")}
    if not policies or policies.keys() != fragments.keys():
        fail("presets %s, fragments %s" % (sorted(policies), sorted(fragments)))
    boot = world.values([b"all", b"default", b"lo"])
    cases = [[name] for name in sorted(policies)]
    cases += [["hardened-ipv4", name] for name in sorted(policies) if name != "hardened-ipv4"]
    for below in {}, {b"/usr/lib/sysctl.d/50-default.conf": SYSTEMD}:
        before = run(below, boot)
        for names in cases:
            files = {b"/etc/sysctl.d/" + fragments[name][0].encode(): fragments[name][1]
                     for name in names}
            after = run({**below, **files}, boot)
            prove(program, " and ".join(names) + (" over systemd's own" if below else ""),
                  [policies[name] for name in names], files, before, after, boot)
    print("%d failed" % failures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
