#!/bin/bash
# Runs inside the booted system of boot.sh: one phase per boot, named in /test/phase.

set -u -o pipefail
failures=0
conf=/proc/sys/net/ipv4/conf
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

ok() {
    echo "ok: $*"
}

fail() {
    echo "FAILED: $*"
    # What the agent's unit went through, once: the first failure is the one to explain.
    [ "$failures" -gt 0 ] || journalctl -b --no-pager -o short-monotonic -u rpfpolicy-agent | tail -n 30
    failures=$((failures + 1))
}

# expect TEXT COMMAND…
expect() {
    local text=$1

    shift
    if "$@"; then ok "$text"; else fail "$text"; fi
}

# eventually TEXT COMMAND…: true within 20 s.
eventually() {
    local text=$1 tries=200

    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || break
        sleep 0.1
    done
    if [ "$tries" -gt 0 ]; then ok "$text"; else fail "$text"; fi
}

has() {
    [ "$(cat "$conf/$1/rp_filter" 2>/dev/null)" = "$2" ]
}

all_values() {
    (cd /proc/sys/net && grep -rs . ipv4 ipv6) | grep -v -e '/stable_secret:' -e 'tcp_fastopen_key' |
        sort
}

no_failed_unit() {
    [ -z "$(systemctl list-units --failed --plain --no-legend)" ] || {
        systemctl list-units --failed --plain --no-legend
        return 1
    }
}

no_warnings() {
    local found

    found=$(journalctl -b -o cat -p warning -t rpfpolicy-agent -t rpfpolicy-helper -t rpfpolicy)
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

policy() {
    cat >/etc/rpfpolicy.d/10-node.conf
}

node_policy() {
    policy <<POLICY
[agent]
mode = $1
[rp_filter]
lxc*     = off
cilium_* = off
*        = strict
POLICY
}

agent_pid() {
    systemctl show -p MainPID --value rpfpolicy-agent
}

agent_is() {
    [ "$(systemctl is-active rpfpolicy-agent)" = "$1" ]
}

another_agent() {
    agent_is active && [ "$(agent_pid)" != "$1" ]
}

phase_install() {
    local before

    printf 'net.ipv4.conf.default.rp_filter=2\nnet.ipv4.conf.all.rp_filter=2\n' \
        >/etc/sysctl.d/10-network-security.conf
    echo 'net.ipv4.conf.*.rp_filter = 2' >/etc/sysctl.d/20-distribution.conf
    systemctl restart systemd-sysctl
    ip link add lxcfirst type veth peer name eno1
    ip address add 192.0.2.1/24 dev eno1
    ip link set eno1 up
    udevadm settle
    before=$(all_values)

    expect "apt installs the packages" apt-get install -y -qq \
        /test/rpfpolicy_*.deb /test/rpfpolicy-agent_*.deb
    expect "the agent is active" agent_is active
    expect "the agent is enabled" systemctl --quiet is-enabled rpfpolicy-agent
    expect "nothing was accepted" test ! -e /var/lib/rpfpolicy/accepted.conf
    sleep 1
    expect "installing changes no setting" test "$before" = "$(all_values)"

    node_policy observe
    expect "an observing policy is accepted" rpfpolicy accept
    ip link add lxcsecond type veth peer name eno2
    udevadm settle
    ip link delete lxcsecond
    udevadm settle
    expect "observing changes no setting" test "$before" = "$(all_values)"
    rpfpolicy check
    expect "check finds the drift" test $? = 2
    expect "no unit failed" no_failed_unit

    node_policy enforce
    expect "reload takes the policy" systemctl reload rpfpolicy-agent
    eventually "the agent enforces" has lxcfirst 0
    expect "the other device is strict" has eno1 1
    expect "all has moved" has all 0
    expect "check is clean" rpfpolicy check
    expect "no warnings in the journal" no_warnings
}

phase_enforce() {
    local pid

    expect "the agent is active after boot" agent_is active
    expect "no unit failed" no_failed_unit
    expect "check is clean after boot" rpfpolicy check --strict
    ip link add cilium_host type veth peer name cilium_net
    ip link add lxc4f21a9 type veth peer name eno1
    udevadm settle
    eventually "lxc4f21a9 is off" has lxc4f21a9 0
    eventually "cilium_host is off" has cilium_host 0
    eventually "eno1 is strict" has eno1 1
    ip link set eno1 name lxcrenamed
    eventually "a renamed device is judged by its new name" has lxcrenamed 0
    ip link set lxcrenamed name eno1
    eventually "and back" has eno1 1

    systemctl restart systemd-sysctl
    eventually "after systemd-sysctl: lxc4f21a9" has lxc4f21a9 0
    eventually "after systemd-sysctl: eno1" has eno1 1
    eventually "after systemd-sysctl: all" has all 0
    sysctl -q --system >/dev/null
    eventually "after sysctl --system: lxc4f21a9" has lxc4f21a9 0
    eventually "after sysctl --system: eno1" has eno1 1
    udevadm trigger --action=add --subsystem-match=net --settle
    eventually "after a triggered add: lxc4f21a9" has lxc4f21a9 0
    eventually "after a triggered add: eno1" has eno1 1
    eventually "check is clean" rpfpolicy check

    pid=$(agent_pid)
    kill -KILL "$pid"
    eventually "a killed agent comes back" another_agent "$pid"
    echo 2 >"$conf/lxc4f21a9/rp_filter"
    eventually "and repairs" has lxc4f21a9 0

    echo 'lxc* = offf' >>/etc/rpfpolicy.d/10-node.conf
    systemctl reload rpfpolicy-agent
    expect "a reload of a broken policy fails" test $? != 0
    expect "the agent goes on" agent_is active
    echo 2 >"$conf/lxc4f21a9/rp_filter"
    eventually "by the good policy" has lxc4f21a9 0
    node_policy enforce
    expect "a reload of a good policy works" systemctl reload rpfpolicy-agent

    systemctl stop rpfpolicy-agent
    expect "a stop leaves values" has lxc4f21a9 0
    echo 2 >"$conf/lxc4f21a9/rp_filter"
    udevadm trigger --action=add --settle /sys/class/net/lxc4f21a9
    expect "and the helper stands back" has lxc4f21a9 2
    systemctl start rpfpolicy-agent
    eventually "a start puts right" has lxc4f21a9 0

    sandbox
    expect "no unit failed" no_failed_unit
    echo "lxc* = offf" >>/etc/rpfpolicy.d/10-node.conf
}

# What the unit can write: the two trees and nothing else.
sandbox() {
    local pid

    pid=$(agent_pid)
    expect "the agent runs as its own user" test "$(stat -c %U "/proc/$pid")" = rpfpolicy
    expect "with CAP_NET_ADMIN alone" grep -q '^CapEff:.*0000000000001000$' "/proc/$pid/status"
    expect "ip_forward is read-only for it" not_writable "$pid" /proc/sys/net/ipv4/ip_forward
    expect "kernel.* is read-only for it" not_writable "$pid" /proc/sys/kernel/printk
    expect "/etc is read-only for it" not_writable "$pid" /etc/rpfpolicy.d/10-node.conf
}

not_writable() {
    ! nsenter -t "$1" -m -- sh -c ": >>$2" 2>/dev/null
}

phase_invalid() {
    expect "the agent is active although the policy on disk is bad" agent_is active
    ip link add lxc1 type veth peer name eno1
    udevadm settle
    eventually "the accepted policy is in force" has lxc1 0
    eventually "for all devices" has eno1 1
    rpfpolicy check
    expect "check says that the policy on disk is bad" test $? = 1
    expect "no unit failed" no_failed_unit
}

phase_remove() {
    node_policy enforce
    ip link add lxc1 type veth peer name eno1
    udevadm settle
    eventually "lxc1 is off" has lxc1 0
    expect "the packages are removed" apt-get remove -y -qq rpfpolicy-agent rpfpolicy
    expect "values stay" has lxc1 0
    expect "the agent is gone" test ! -e /usr/lib/rpfpolicy
    expect "the configuration stays" test -e /etc/rpfpolicy.d/10-node.conf
    expect "purge" apt-get purge -y -qq rpfpolicy-agent rpfpolicy
    expect "nothing is left" nothing_left
    expect "no unit failed" no_failed_unit
}

nothing_left() {
    local found

    found=$(find / -xdev \( -path /proc -o -path /sys -o -path /test -o -path /var/log \) -prune -o \
        -name '*rpfpolicy*' -print; getent passwd rpfpolicy)
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

"phase_$(cat /test/phase)"
echo "$failures" >/test/status
exit 0
