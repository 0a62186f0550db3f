#!/usr/bin/env python3
"""From the DaemonSet of a manifest to the configuration of an OCI runtime: what kubelet and a container
runtime make of its security context, volumes and host network, so that the real restrictions hold.

usage: oci-bundle.py MANIFEST POLICY_DIRECTORY ROOTFS [--read-only=VOLUME]"""

import json
import os
import platform
import sys

import yaml

SECCOMP = "/opt/usr/share/containers/seccomp.json"  # RuntimeDefault, as of the containers project
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def seccomp(capabilities):
    """The default profile, in the words of the OCI specification, for these capabilities."""
    with open(SECCOMP, encoding="utf-8") as file:
        profile = json.load(file)

    def applies(entry):
        includes, excludes = entry.get("includes", {}), entry.get("excludes", {})
        return (
            set(includes.get("caps", [])) <= capabilities
            and ARCH in includes.get("arches", [ARCH])
            and not set(excludes.get("caps", [])) & capabilities
            and ARCH not in excludes.get("arches", [])
        )

    kept = ("names", "action", "errnoRet", "args")
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
        "syscalls": [
            {key: entry[key] for key in kept if entry.get(key) is not None}
            for entry in profile["syscalls"]
            if applies(entry)
        ],
    }


def volume_mount(mount, volume, policy, read_only):
    options = ["ro" if mount.get("readOnly") or volume["name"] == read_only else "rw", "nosuid", "nodev"]
    if "emptyDir" in volume:
        assert volume["emptyDir"]["medium"] == "Memory"
        return {
            "destination": mount["mountPath"],
            "type": "tmpfs",
            "source": "tmpfs",
            "options": options + ["mode=0777"],
        }
    source = policy if "configMap" in volume else volume["hostPath"]["path"]
    if volume.get("hostPath", {}).get("type") == "DirectoryOrCreate":
        os.makedirs(source, exist_ok=True)
    return {
        "destination": mount["mountPath"],
        "type": "bind",
        "source": source,
        "options": options + ["rbind", "rprivate"],
    }


def bundle(pod, policy, rootfs, read_only):
    container = pod["containers"][0]
    security = container["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"] and not security["privileged"]
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    capabilities = ["CAP_" + name for name in security["capabilities"]["add"]]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    namespaces = ["pid", "ipc", "uts", "mount"] + ([] if pod.get("hostNetwork") else ["network"])
    return {
        "ociVersion": "1.0.2",
        "root": {"path": rootfs, "readonly": security["readOnlyRootFilesystem"]},
        "process": {
            "terminal": False,
            "user": {"uid": security["runAsUser"], "gid": 0},
            "cwd": "/",
            "args": container["command"] + container["args"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "noNewPrivileges": not security["allowPrivilegeEscalation"],
            "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755"],
            },
            {
                "destination": "/sys",
                "type": "sysfs",
                "source": "sysfs",
                "options": ["nosuid", "noexec", "nodev", "ro"],
            },
        ]
        + [
            volume_mount(mount, volumes[mount["name"]], policy, read_only)
            for mount in container["volumeMounts"]
        ],
        "linux": {
            "namespaces": [{"type": name} for name in namespaces],
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            "seccomp": seccomp(set(capabilities)),
        },
    }


def main():
    manifest, policy, rootfs, *rest = sys.argv[1:]
    read_only = rest[0].split("=", 1)[1] if rest else None
    with open(manifest, encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    pod = next(d for d in documents if d["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    json.dump(bundle(pod, policy, rootfs, read_only), sys.stdout, indent=2)


main()
