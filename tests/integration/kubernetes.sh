#!/bin/bash
# The DaemonSet: its manifest against the API's types, and its container under a real OCI runtime with
# the restrictions and mounts that the manifest asks for; the ConfigMap as kubelet lays it out.

# shellcheck source=tests/integration/inside.sh
. /source/tests/integration/inside.sh

manifest=/source/packaging/kubernetes/rpfpolicy.yaml
tests=/source/tests/integration

# --- the manifest

schema() {
    python3 "$tests/kubernetes-schema.py" "$1" >/out/schema 2>&1
}

# refuses TEXT SED: the manifest, changed by SED, is no manifest any more.
refuses() {
    sed "$2" "$manifest" >/out/changed.yaml
    cmp -s "$manifest" /out/changed.yaml && fail "$1: nothing was changed"
    expect "the schema refuses $1" eval '! schema /out/changed.yaml'
    expect_no_output /out/schema Traceback
}

expect "the manifest fits the schema" schema "$manifest"
cat /out/schema
refuses "a field that there is not" 's/readOnlyRootFilesystem/readonlyRootFilesystem/'
refuses "a value of the wrong type" 's/runAsUser: 0/runAsUser: "root"/'
refuses "a missing field" '/mountPath: \/etc/s/mountPath: [^,]*, //'

# --- the node: a host without packages of ours, but for the program that the image would bring

install_our_packages rpfpolicy rpfpolicy-agent
systemctl disable -q --now rpfpolicy-agent
rm -rf /run/rpfpolicy /var/lib/rpfpolicy /usr/lib/udev/rules.d/99-zz-rpfpolicy.rules
udevadm control --reload
add_device lxc1 2
add_device eno1 0

# --- a ConfigMap volume, as kubelet's atomic writer makes it

volume=/volume
mkdir -m 0777 "$volume"
version=0

# configmap NAME=TEXT…: the whole of it.
configmap() {
    local item old new link

    version=$((version + 1))
    new=..2026_11_22_20_00_$version.$RANDOM
    mkdir -m 0755 "$volume/$new"
    for item in "$@"; do
        printf '%b' "${item#*=}" >"$volume/$new/${item%%=*}"
    done
    chmod 0644 "$volume/$new"/*
    old=$(readlink "$volume/..data")
    ln -s "$new" "$volume/..data_tmp"
    mv -T "$volume/..data_tmp" "$volume/..data"
    for item in "$@"; do
        item=${item%%=*}
        [ -L "$volume/$item" ] || ln -s "..data/$item" "$volume/$item"
    done
    for link in "$volume"/*; do
        [ -e "$link" ] || rm "$link"
    done
    [ -z "$old" ] || rm -r "${volume:?}/$old"
}

# --- the container, as kubelet would have it started

mkdir -p /bundle/rootfs
mount --bind / /bundle/rootfs

# start [OPTION]: of oci-bundle.py.
start() {
    : >/out/agent # before anybody asks what this one said
    python3 "$tests/oci-bundle.py" "$manifest" "$volume" /bundle/rootfs "$@" >/bundle/config.json
    crun --cgroup-manager=disabled run --no-new-keyring --bundle /bundle agent >/out/agent 2>&1 &
    container=$!
}

stop() {
    crun --cgroup-manager=disabled kill agent TERM
    wait "$container"
}

inside() {
    crun --cgroup-manager=disabled exec --no-new-privs agent "$@" 2>&1
}

# probe NAME: the command of the manifest's probe, in the container.
probe() {
    local words

    mapfile -t words < <(python3 -c '
import sys, yaml
for document in yaml.safe_load_all(open(sys.argv[1])):
    if document["kind"] == "DaemonSet":
        container = document["spec"]["template"]["spec"]["containers"][0]
        print("\n".join(container[sys.argv[2]]["exec"]["command"]))' "$manifest" "$1")
    inside "${words[@]}" >/out/probe
}

cli() {
    inside rpfpolicy --proc-sys-net=/host/proc/sys/net --sysctl-root=/host "$@"
}

drift_is_counted() {
    jq -e '.devices.drift == 1' /run/rpfpolicy/status.json >/dev/null
}

said() {
    grep -Eq -- "$1" /out/agent
}

policy='[agent]\nmode = enforce\n[rp_filter]\nlxc* = off\n* = strict\n'
configmap "10-node.conf=$policy"
start
eventually "the policy of the ConfigMap puts eno1 right" has eno1 1
eventually "and lxc1" has lxc1 0
eventually "the agent has started" said '^rpfpolicy-agent: Started'
said '^rpfpolicy-agent: Started' || {
    cat /out/agent
    ls -lan /run/rpfpolicy /var/lib/rpfpolicy
    exit 1
}
pid=$(crun --cgroup-manager=disabled state agent | jq .pid)
expect_equal "it has one right" "$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status")" 0000000000001000
expect_equal "and could get no other" "$(sed -n 's/^CapBnd:\t//p' "/proc/$pid/status")" 0000000000001000
expect_equal "nor new ones" "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$pid/status")" 1
expect_equal "under seccomp" "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")" 2
expect "it is process 1 of its own" test "$(inside cat /proc/1/comm)" = rpfpolicy-agent
expect "the root is read-only" eval '! inside touch /usr/file >/out/touch'
expect_output /out/touch 'Read-only file system'
expect "and /proc/sys" eval '! inside sh -c ": >/proc/sys/net/ipv4/conf/all/rp_filter" >/out/touch'
expect_output /out/touch 'Read-only file system'
expect "the ConfigMap, too" eval '! inside touch /etc/rpfpolicy.d/20-more.conf >/out/touch'
expect_output /out/touch 'Read-only file system'
eventually "ready" probe readinessProbe
expect "alive" probe livenessProbe
expect "check in the container finds all well" cli check

ip link add name lxc2 type bridge
eventually "a new device is given its value" has lxc2 0
echo 2 >"$CONF/eno1/rp_filter"
eventually "what the host writes is put back" has eno1 1
echo 'net.ipv4.conf.eno1.rp_filter = 2' >/etc/sysctl.d/60-host.conf
echo 2 >"$CONF/eno1/rp_filter"
expect "the host's sysctl.d is read" eval \
    'cli explain eno1 | grep -q "/etc/sysctl.d/60-host.conf:1"'
rm /etc/sysctl.d/60-host.conf

configmap "10-node.conf=${policy/strict/loose}"
eventually "a new policy is taken when ..data is swapped" has eno1 2
configmap "10-node.conf=${policy/strict/loose}" '20-more.conf=[rp_filter]\neno1 = off\n'
eventually "also of a file that is new" has eno1 0
configmap "10-node.conf=$policy"
eventually "or gone" has eno1 1

# --- a bad policy

accepted=$(sha256sum </var/lib/rpfpolicy/accepted.conf)
: >/out/agent
configmap "10-node.conf=${policy/strict/strictt}"
eventually "a bad policy is named" said \
    "10-node.conf:5: unknown value 'strictt' for rp_filter"
eventually "and not accepted" said 'is not accepted: it has errors; what was accepted before stays'
expect_equal "the good one stays accepted" "$(sha256sum </var/lib/rpfpolicy/accepted.conf)" "$accepted"
echo 2 >"$CONF/eno1/rp_filter"
eventually "and in force" has eno1 1
eventually "not ready" eval '! probe readinessProbe'
expect "but alive" probe livenessProbe
expect "a stop" stop
expect "leaves values" has eno1 1
start
eventually "after a start with a bad ConfigMap" said '^rpfpolicy-agent: Started'
eventually "it is named again" said "unknown value 'strictt'"
echo 2 >"$CONF/eno1/rp_filter"
eventually "the good policy is in force" has eno1 1

# --- observe and back

configmap "10-node.conf=${policy/enforce/observe}"
eventually "a policy that only observes is taken" said 'is in force \(observe'
eventually "and ready" probe readinessProbe
echo 2 >"$CONF/eno1/rp_filter"
eventually "what is wrong is counted" drift_is_counted
expect "and left" has eno1 2
stop
start
eventually "a container that starts so gives its right away" said '^rpfpolicy-agent: Started'
pid=$(crun --cgroup-manager=disabled state agent | jq .pid)
expect_equal "gone" "$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status")" 0000000000000000
configmap "10-node.conf=$policy"
wait "$container"
expect_equal "to enforce it ends, to be started again" $? 75
start
eventually "which kubelet does" has eno1 1

# --- on trial when the container ends

trial=${policy/enforce/enforce\\ntrial = 300s}
configmap "10-node.conf=${trial/strict/loose}"
eventually "a policy is tried" said 'is accepted on trial for 300 s'
eventually "and carried out" has eno1 2
eventually "meanwhile ready" probe readinessProbe
stop
start
eventually "the next container goes on with the policy of before" has eno1 1
eventually "and says so" said 'is not accepted: its trial failed: the process that watched over it was ended'
eventually "the container's status tells" eval 'cli status | grep "The trial of the policy on disk failed"'
eventually "not ready" eval '! probe readinessProbe'
configmap "10-node.conf=${trial/strict/off}"
eventually "another one is tried" has eno1 0
eventually "confirm" cli confirm
eventually "it is kept" said 'The policy on trial is kept: it was confirmed'
stop
start
eventually "for good" said '^rpfpolicy-agent: Started'
eventually "and ready" probe readinessProbe
expect "it stays" has eno1 0
configmap "10-node.conf=$policy"
eventually "without trial as ever" has eno1 1
stop

# --- without a writable `all`

echo 2 >"$CONF/all/rp_filter"
configmap '10-node.conf=[agent]\nmode = enforce\n[rp_filter]\nlxc* = off\neno* = strict\n* = loose\n'
start --read-only=proc-sys-net
eventually "where all cannot be written, it starts" said '^rpfpolicy-agent: Started'
eventually "says so" said 'rp_filter of .all. is 2 and cannot be moved'
eventually "and why" said 'since /proc/sys is read-only'
eventually "names the rules that it cannot honour" said \
    'not honoured: lxc\*=off \(/etc/rpfpolicy.d/10-node.conf:4\), eno\*=strict \(/etc/rpfpolicy.d/10-node.conf:5\)$'
expect "all stays" has all 2
cli check >/out/check
expect "check lists what cannot be had" grep -q '^impossible *lxc1 ' /out/check
echo 0 >"$CONF/all/rp_filter"
eventually "where all allows it, devices are still put right" has eno1 1
stop
inside_end
